"""Finds locks that are made anew by each call of the function that they should guard."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.tree import walk

MENTIONS = ("Lock", "Condition")

_LOCKS = frozenset({"asyncio.Lock", "asyncio.locks.Lock", "asyncio.Condition", "asyncio.locks.Condition", "anyio.Lock"})
_USES = frozenset({"acquire", "release", "locked", "wait", "wait_for", "notify", "notify_all"})


def check(statement: cst.With, file: SourceFile) -> Notes:
    if statement.asynchronous is None:
        return
    function = file.enclosing_function(statement)
    if not isinstance(function, cst.FunctionDef):
        return
    for each in statement.items:
        lock = each.item
        made = file.value_of(lock) if isinstance(lock, cst.Name) else lock
        if not isinstance(made, cst.Call) or file.name_of(made.func) not in _LOCKS:
            continue
        if isinstance(lock, cst.Name) and not _is_only_used_here(lock, made, function, file):
            continue
        if not file.in_test(statement):
            yield Note(
                made, f"each call of `{function.name.value}` makes a lock of its own, which no other call waits for"
            )


def _is_only_used_here(lock: cst.Name, made: cst.Call, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a lock never leaves the function that makes it, and no function inside sees it."""
    if file.enclosing_function(made) is not function:
        return False
    for node in walk(function.body):
        if not isinstance(node, cst.Name) or node.value != lock.value:
            continue
        if file.enclosing_function(node) is not function:
            return False
        above = file.parent(node)
        if not (
            isinstance(above, (cst.AssignTarget, cst.WithItem, cst.AnnAssign))
            or (isinstance(above, cst.Attribute) and above.value is node and above.attr.value in _USES)
        ):
            return False
    return True
