"""Finds connections that are opened without a limit on how long that may take."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.names import dotted

MENTIONS = ("open_connection", "create_connection", "sock_connect")

_METHODS = frozenset({"create_connection", "sock_connect"})
_LOOP = "asyncio.AbstractEventLoop"
_LIMITS = re.compile(r"timeout|deadline|^(fail|move_on)_(after|at)$|^wait_for$", re.IGNORECASE)
_LOCAL = re.compile(r"""^["'](localhost|127\.\d+\.\d+\.\d+|::1)["']$""")


def check(awaited: cst.Await, file: SourceFile) -> Notes:
    call = awaited.expression
    if not isinstance(call, cst.Call) or not _opens(call, file) or _is_limited(awaited, file):
        return
    function = file.enclosing_function(awaited)
    if not isinstance(function, cst.FunctionDef) or file.is_script or file.in_test(awaited):
        return
    calls = [each for each in file.nodes(cst.Call) if file.definition_of(each.func) is function]
    if calls and all(_is_limited(each, file) for each in calls):
        return
    yield Note(
        call,
        f"`{dotted(call.func)}` waits for as long as the system tries to connect, which is minutes if nobody answers",
    )


def _opens(call: cst.Call, file: SourceFile) -> bool:
    if any(_LOCAL.match(file.code(arg.value)) for arg in call.args) or argument(call, "sock") is not None:
        return False
    if file.name_of(call.func) == "asyncio.open_connection":
        return True
    func = call.func
    return isinstance(func, cst.Attribute) and func.attr.value in _METHODS and file.type_of(func.value) == _LOOP


def _is_limited(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether `node` runs under a timeout that its own function sets."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return False
        limits: list[cst.BaseExpression] = []
        if isinstance(above, cst.With) and child is above.body:
            limits = [each.item.func for each in above.items if isinstance(each.item, cst.Call)]
        elif isinstance(above, cst.Call) and child is not above.func:
            limits = [above.func]
        if any(_LIMITS.search((dotted(limit) or "").rpartition(".")[2]) for limit in limits):
            return True
        child = above
    return False
