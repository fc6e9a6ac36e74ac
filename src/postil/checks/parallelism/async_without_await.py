"""Finds new coroutine functions that never wait."""

import re

import libcst as cst

from postil.lint import FileChange, Fix, FixKind, Note, Notes, Replace, Secondary, SourceFile
from postil.lint.blocking import blocks, may_block
from postil.lint.tree import is_generator, suspensions, walk_scope

MENTIONS = ("async def",)

_COROUTINES = re.compile(r"async def (\w+)")


def check(change: FileChange) -> Notes:
    # Without a name that was no coroutine function before, nothing need be parsed.
    if not change.compared or not set(_COROUTINES.findall(change.head_text or "")) - set(
        _COROUTINES.findall(change.base_text or "")
    ):
        return
    head, base = change.head, change.base
    if head is None or not head.is_service or (base is None and change.base_text is not None):
        return
    known = {base.scope_of(each) for each in base.nodes(cst.FunctionDef) if each.asynchronous} if base else set()
    for function in head.nodes(cst.FunctionDef):
        if function.asynchronous is None or not _never_waits(function, head) or head.scope_of(function) in known:
            continue
        callers = _awaited_calls(function, head)
        # What blocks has to wait in another way, and rules of its own say so.
        if not callers or _blocks(function, head):
            continue
        yield Note(
            head.at(function),
            f"`{function.name.value}` is declared `async`, and awaits nothing",
            fix=_plain(function, callers, head),
            secondary=tuple(Secondary(head.at(caller), "awaited here for nothing") for caller in callers),
        )


def _never_waits(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function without an interface to keep waits for nothing and does something."""
    if function.decorators or file.enclosing_class(function) is not None:
        return False
    if next(suspensions(function.body), None) is not None or is_generator(function) or file.is_startup(function.body):
        return False
    # A stub may wait one day.
    does = [node for node in walk_scope(function.body) if isinstance(node, (cst.Call, cst.Return, cst.Assign))]
    return bool(does) and not any(isinstance(node, cst.Raise) for node in function.body.body) and not _is_stub(function)


def _blocks(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function comes to a blocking call, itself or through functions of this file."""
    return any(
        isinstance(node, cst.Call) and may_block(node, file) and blocks(node, file) is not None
        for reached in file.calls.reached(function)
        for node in walk_scope(reached.body)
    )


def _is_stub(function: cst.FunctionDef) -> bool:
    return any(isinstance(node, cst.Name) and node.value == "NotImplementedError" for node in walk_scope(function.body))


def _awaited_calls(function: cst.FunctionDef, file: SourceFile) -> list[cst.Await]:
    """Where this file awaits a function; nothing if it is also used in another way, or not here at all."""
    found = []
    for word in file.nodes(cst.Name):
        if word.value != function.name.value or word is function.name:
            continue
        call = file.parent(word)
        awaited = file.parent(call) if isinstance(call, cst.Call) and call.func is word else None
        if not isinstance(awaited, cst.Await) or file.definition_of(word) is not function:
            return []
        found.append(awaited)
    return found


def _plain(function: cst.FunctionDef, callers: list[cst.Await], file: SourceFile) -> Fix | None:
    """The same as a plain function, and its calls without `await`, where no other file can call it."""
    if not function.name.value.startswith("_") and file.enclosing_function(function) is None:
        return None
    text = file.laid_out(function.with_changes(asynchronous=None), function)
    if text is None or any(above is function for caller in callers for above in file.ancestors(caller)):
        return None
    edits = [Replace(function, text), *(Replace(each, file.code(each.expression)) for each in callers)]
    return Fix(tuple(edits), FixKind.SUGGESTION)
