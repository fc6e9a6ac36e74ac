"""Finds calls on the event loop that come to a blocking call through sync functions of the same file."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.blocking import blocks, is_awaitable, may_block
from postil.lint.calls import Chain
from postil.lint.catalogue.blocking import BOUND_TO_THEIR_THREAD
from postil.lint.offload import in_thread
from postil.lint.tree import walk_scope

MENTIONS = ("async def", "call_soon", "call_later", "on_startup")

# These libraries sleep between two attempts only where they are told how long.
_SLEEP_IF_TOLD = {"tenacity": ("wait",), "retrying": ("wait",)}

_ASKABLE = ("queue.", "multiprocessing.", "subprocess.Popen", "concurrent.futures.")
_ASK = frozenset({"empty", "qsize", "poll", "done"})


def check(file: SourceFile, *, also: tuple[str, ...] = ()) -> Notes:
    """The chains of a file; `also` names functions of the project, by dotted name, that block as well."""
    if file.is_test:
        return
    blocking: dict[int, str] = {}
    ends: list[cst.CSTNode] = []
    for call in file.nodes(cst.Call):
        name = blocks(call, file) if may_block(call, file) else None
        if name is None and also and (known := file.name_of(call.func)) in also:
            name = known
            if name is not None and file.runs_on_loop(call) and not is_awaitable(call, file):
                yield _note(Chain((), (call,)), name, file)
        if name is not None and not file.runs_on_loop(call):
            blocking[id(call)] = name
            ends.append(call)
    for retry in file.retries:
        function, needed = retry.function, _SLEEP_IF_TOLD.get(retry.library, ())
        sleeps = not needed or any(option.startswith(needed) for option in retry.options)
        if sleeps and isinstance(function, cst.FunctionDef) and function.asynchronous is None:
            first = function.body.body[0]
            blocking[id(first)] = f"the pauses of `{retry.library}`"
            ends.append(first)
    for chain in file.calls.chains(ends) if ends else ():
        # What is called where it should be handed to a thread has another cure, and a rule of its own.
        if file.in_test(chain.places[0]) or any(handover.value is chain.places[0] for handover in file.handovers):
            continue
        if not _is_asked(chain, blocking[id(chain.places[-1])], file):
            yield _note(chain, blocking[id(chain.places[-1])], file)


def _is_asked(chain: Chain, name: str, file: SourceFile) -> bool:
    """Whether somebody on the way asks first if there is anything to wait for: `queue.empty()`, `process.poll()`."""
    if not name.startswith(_ASKABLE):
        return False
    functions = [*chain.functions, file.enclosing_function(chain.places[0])]
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in _ASK
        for function in functions
        if function is not None
        for node in walk_scope(function.body)
    )


def _note(chain: Chain, name: str, file: SourceFile) -> Note:
    place = chain.places[0]
    caller = file.enclosing_function(place)
    start = f"`{caller.name.value}`" if isinstance(caller, cst.FunctionDef) else "a callback"
    names = [_name(function, file) for function in chain.functions]
    end = name if name.startswith("the ") else f"`{name}`"
    path = " → ".join((start, *(f"`{each}`" for each in names), end))
    verb = "block" if name.startswith("the ") else "blocks"
    secondary = [
        Secondary(where, f"`{caller}` comes to {callee}")
        for where, caller, callee in zip(
            chain.places[1:], names, [*(f"`{each}`" for each in names), end][1:], strict=True
        )
    ]
    return Note(
        place,
        f"{path} {verb} the event loop ({_count(len(chain.places))})",
        fix=in_thread(place, file)
        if isinstance(place, cst.Call) and not name.startswith(BOUND_TO_THEIR_THREAD)
        else None,
        secondary=tuple(secondary),
        severity=_severity(chain, file),
    )


def _count(calls: int) -> str:
    return f"{calls} calls" if calls > 1 else "1 call"


def _name(function: cst.FunctionDef, file: SourceFile) -> str:
    """A function as code calls it: `load()`, `Stock()` for its constructor, `rates` for a property."""
    name = function.name.value
    owner = file.enclosing_class(function)
    if name in ("__init__", "__enter__") and owner is not None:
        return f"{owner.name.value}()"
    is_property = file.decorator(function, "property", "functools.cached_property") is not None
    return name if is_property else f"{name}()"


def _severity(chain: Chain, file: SourceFile) -> str | None:
    """A hint where nobody can be waiting yet, an error where the blocking call is one step away."""
    place = chain.places[0]
    function = file.enclosing_def(place)
    starts = function is not None and function.name.value != "main" and file.is_startup(place)
    if file.is_script or starts or file.is_cleanup(place):
        return "hint"
    return "error" if len(chain.functions) <= 1 else None
