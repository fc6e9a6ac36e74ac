"""Finds semaphores that are made anew by each call that they should limit."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.tree import walk

MENTIONS = ("Semaphore",)

_SEMAPHORES = frozenset({"asyncio.Semaphore", "asyncio.BoundedSemaphore"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if file.name_of(call.func) not in _SEMAPHORES or file.in_test(call):
        return
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        return
    if not _is_entered(call, file) and not _is_only_entered(call, function, file):
        return
    yield Note(call, f"each call of `{function.name.value}` makes a semaphore of its own, which limits nothing")


def _is_entered(node: cst.CSTNode, file: SourceFile) -> bool:
    item = file.parent(node)
    statement = file.parent(item) if isinstance(item, cst.WithItem) and item.item is node else None
    return isinstance(statement, cst.With) and statement.asynchronous is not None


def _is_only_entered(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the local variable that holds the semaphore is used by `async with` in the function itself only."""
    statement = file.parent(call)
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target: cst.CSTNode = statement.targets[0].target
    elif isinstance(statement, cst.AnnAssign):
        target = statement.target
    else:
        return False
    if not isinstance(target, cst.Name):
        return False
    entered = 0
    for node in walk(function.body):
        if not isinstance(node, cst.Name) or node.value != target.value or node is target:
            continue
        if not _is_entered(node, file) or file.enclosing_function(node) is not function:
            return False
        entered += 1
    return entered > 0
