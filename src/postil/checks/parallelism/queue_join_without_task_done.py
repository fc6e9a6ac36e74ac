"""Finds queues whose end is awaited, and of which nothing is ever said to be done."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import dotted

MENTIONS = (".join()",)

_QUEUES = frozenset(
    {f"{module}.{kind}" for module in ("asyncio", "asyncio.queues") for kind in ("Queue", "LifoQueue", "PriorityQueue")}
)
_METHODS = frozenset({"get", "get_nowait", "put", "put_nowait", "join", "qsize", "empty", "full"})


def check(awaited: cst.Await, file: SourceFile) -> Notes:
    call = awaited.expression
    if not isinstance(call, cst.Call) or call.args or not isinstance(call.func, cst.Attribute):
        return
    queue = call.func.value
    if call.func.attr.value != "join" or file.type_of(queue) not in _QUEUES:
        return
    name = dotted(queue)
    if file.mentions("task_done") or name is None or file.in_test(awaited):
        return
    if _is_emptied_here(file) and _stays_here(name.rpartition(".")[2], file):
        yield Note(
            call, f"`{name}.join()` never returns, as nothing calls `task_done` for what is taken from the queue"
        )


def _is_emptied_here(file: SourceFile) -> bool:
    """Whether the file takes something from a queue, so that it would have to say when it is done."""
    return any(
        isinstance(call.func, cst.Attribute) and call.func.attr.value in ("get", "get_nowait") and not call.args
        for call in file.nodes(cst.Call)
    )


def _stays_here(last: str, file: SourceFile) -> bool:
    """Whether a queue is only used by this file: by its methods, and as argument of functions that stand here."""
    for word in file.nodes(cst.Name):
        if word.value != last:
            continue
        above = file.parent(word)
        used: cst.CSTNode = word
        if isinstance(above, cst.Attribute) and above.attr is word:
            used, above = above, file.parent(above)
        if isinstance(above, cst.Attribute) and above.value is used and above.attr.value in _METHODS:
            continue
        if isinstance(above, (cst.AssignTarget, cst.AnnAssign, cst.Param)):
            continue
        call = file.parent(above) if isinstance(above, cst.Arg) else None
        if isinstance(above, cst.Arg) and above.keyword is word:
            continue
        if not isinstance(call, cst.Call) or file.definition_of(call.func) is None:
            return False
    return True
