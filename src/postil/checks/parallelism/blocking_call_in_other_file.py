"""Finds calls on the event loop of functions that this change holds in another file, and that block."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from postil.lint import ChangeSet, Fix, Note, Notes, Secondary, SourceFile
from postil.lint.blocking import blocks, is_awaitable, may_block
from postil.lint.catalogue.blocking import BLOCKING_CALLS, BLOCKING_METHODS, BOUND_TO_THEIR_THREAD
from postil.lint.modules import Modules, importing
from postil.lint.names import dotted, last_name
from postil.lint.offload import in_thread
from postil.lint.tree import is_generator, walk, walk_scope

_FUNCTIONS = re.compile(r"^[ \t]*def (\w+)", re.MULTILINE)
_LIBRARIES = {name.partition(".")[0] for name in (*BLOCKING_CALLS, *BLOCKING_METHODS)}
# These may have something ready, or be done.
_MAY_BE_READY = ("queue.", "multiprocessing.", "subprocess.Popen", "concurrent.futures.", "threading.")
_STEPS = 4


@dataclass(frozen=True, eq=False)
class Way:
    """How a function comes to a blocking call: the functions from the one that is called on, and that call."""

    functions: tuple[cst.FunctionDef, ...]
    end: cst.Call
    name: str


def check(changes: ChangeSet) -> Notes:
    if not changes.compared or not any("async def" in (change.head_text or "") for change in changes.files):
        return
    concerned = importing(changes.files, lambda text: any(library in text for library in _LIBRARIES))
    found = list(_blocking([change.head for change in concerned if change.head is not None]))
    if not found:
        return
    bases = [change.base for change in concerned if change.base is not None]
    before = {(file.path, file.scope_of(call), _path(call, way, file)) for file, call, _, way in _blocking(bases)}
    paths = {change.path: change.previous_path or change.path for change in changes.files}
    for file, call, owner, way in found:
        path = _path(call, way, file)
        if (paths[file.path], file.scope_of(call), path) in before:
            continue
        yield Note(
            file.at(call),
            f"{path} blocks the event loop",
            fix=_in_thread(call, way, file),
            secondary=(
                Secondary(owner.at(way.functions[0].name), "the function that is called"),
                Secondary(owner.at(way.end), "the call that blocks"),
            ),
            severity="hint" if file.is_script or file.is_startup(call) or file.is_cleanup(call) else None,
        )


def _blocking(files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, cst.Call, SourceFile, Way]]:
    """The calls on the loop of plain functions of other files that come to a blocking call."""
    modules = Modules(files)
    names = {name for file in files for name in _FUNCTIONS.findall(file.text)}
    for file in files:
        if file.is_test or "async def" not in file.text:
            continue
        for call in file.nodes(cst.Call):
            if last_name(call.func) not in names or file.definition_of(call.func) is not None:
                continue
            if not file.runs_on_loop(call) or is_awaitable(call, file) or file.in_test(call):
                continue
            led = modules.called_in(call.func, file)
            if led is None or led[0] is file or not isinstance(led[1], cst.FunctionDef):
                continue
            way = _way((led[1],), led[0])
            # What is called where it should be handed to a thread has another cure, and a rule of its own.
            if way is not None and not any(handover.value is call for handover in file.handovers):
                yield file, call, led[0], way


def _way(functions: tuple[cst.FunctionDef, ...], file: SourceFile) -> Way | None:
    """How a function comes to a blocking call that nothing but the call itself decides on; None where it doesn't."""
    function = functions[-1]
    if len(functions) > _STEPS or not file.calls.runs_when_called(function) or is_generator(function):
        return None
    for node in walk_scope(function.body):
        if not isinstance(node, cst.Call) or _is_optional(node, function, file):
            continue
        name = blocks(node, file) if may_block(node, file) else None
        if name is not None and not name.startswith(_MAY_BE_READY):
            return Way(functions, node, name)
        called = file.definition_of(node.func)
        if isinstance(called, cst.FunctionDef) and called not in functions:
            way = _way((*functions, called), file)
            if way is not None:
                return way
    return None


def _is_optional(node: cst.CSTNode, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a call stands under a condition: on what is asked for, on what is there already."""
    for above in file.ancestors(node):
        if above is function:
            return False
        if isinstance(above, (cst.If, cst.IfExp, cst.ExceptHandler)) and not _is_of(above, node):
            return True
    return False


def _is_of(above: cst.If | cst.IfExp | cst.ExceptHandler, node: cst.CSTNode) -> bool:
    """Whether a call is in the test itself, which is always asked."""
    return not isinstance(above, cst.ExceptHandler) and any(each is node for each in walk(above.test))


def _path(call: cst.Call, way: Way, file: SourceFile) -> str:
    caller = file.enclosing_function(call)
    start = f"`{caller.name.value}`" if isinstance(caller, cst.FunctionDef) else "a callback"
    steps = (dotted(call.func) or way.functions[0].name.value, *(each.name.value for each in way.functions[1:]))
    return " → ".join((start, *(f"`{step}()`" for step in steps), f"`{way.name}`"))


def _in_thread(call: cst.Call, way: Way, file: SourceFile) -> Fix | None:
    fix = in_thread(call, file) if not way.name.startswith(BOUND_TO_THEIR_THREAD) else None
    if fix is None:
        return None
    here = (replace(e, place=file.at(e.place)) if isinstance(e.place, cst.CSTNode) else e for e in fix.edits)
    return replace(fix, edits=tuple(here))
