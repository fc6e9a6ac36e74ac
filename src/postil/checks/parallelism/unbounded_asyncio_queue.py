"""Finds queues of the loop that grow without limit."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument, has_unpacking
from postil.lint.around import is_in_loop
from postil.lint.names import dotted

MENTIONS = ("asyncio",)

_QUEUES = frozenset({"asyncio.Queue", "asyncio.LifoQueue", "asyncio.PriorityQueue"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    name = file.name_of(call.func)
    if name not in _QUEUES or has_unpacking(call) or not file.is_service:
        return
    size = argument(call, "maxsize", 0)
    if size is not None and not (isinstance(size, cst.Integer) and size.evaluated_value <= 0):
        return
    filled = _filled_in_a_loop(call, file)
    if filled is None:
        return
    edit = Replace(size, "1000") if size is not None else None
    bracket = call.func
    yield Note(
        call,
        f"`{filled}` has no `maxsize`, so it grows for as long as what fills it is faster than what empties it",
        fix=Fix((edit or Insert(bracket, "(maxsize=1000)", after=True),), FixKind.SUGGESTION) if edit else None,
    )


def _filled_in_a_loop(made: cst.Call, file: SourceFile) -> str | None:
    """The name of the queue, if a loop of this file waits to put something in."""
    above = file.parent(made)
    target = above.target if isinstance(above, cst.AnnAssign) else None
    if isinstance(above, cst.Assign):
        target = above.targets[0].target
    name = dotted(target)
    if name is None:
        return None
    last = name.rpartition(".")[2]
    for call in file.nodes(cst.Call):
        owner, _, method = (dotted(call.func) or "").rpartition(".")
        is_put = method == "put" and owner.rpartition(".")[2] == last and isinstance(file.parent(call), cst.Await)
        if is_put and is_in_loop(call, file.enclosing_function(call), file):
            return name
    return None
