"""Finds database engines whose number of connections nobody chose."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, has_unpacking
from postil.lint.catalogue.clients import ENGINES
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("create_engine", "create_async_engine")

_CHOSEN = frozenset({"pool_size", "max_overflow", "poolclass", "pool", "creator", "async_creator", "strategy"})
# Where another pool stands behind it, or there is none.
_ELSEWHERE = ("sqlite", "pgbouncer", "serverless", "duckdb")
_NO_POOLS = ("NullPool", "StaticPool")


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in ("create_engine", "create_async_engine") or file.name_of(call.func) not in ENGINES:
        return
    if not file.is_service or file.is_command or has_unpacking(call) or not call.args:
        return
    if any(arg.keyword is not None and arg.keyword.value in _CHOSEN for arg in call.args):
        return
    if any(file.mentions(word) for word in _ELSEWHERE) or _has_no_pool(call, file) or _is_used_once(call, file):
        return
    yield Note(
        call,
        f"`{last}` takes 5 connections, and 10 more under load, which nobody chose",
        fix=Fix((Insert(call.args[-1], ", pool_size=5, max_overflow=10", after=True),), FixKind.SUGGESTION),
    )


def _has_no_pool(call: cst.Call, file: SourceFile) -> bool:
    """Whether an engine may be made without a pool; what other functions do with theirs says nothing."""
    if not any(file.mentions(word) for word in _NO_POOLS):
        return False
    around = file.enclosing_def(call)
    return around is None or any(word in file.code(around) for word in _NO_POOLS)


def _is_used_once(call: cst.Call, file: SourceFile) -> bool:
    """Whether an engine makes one connection: asked for at once, or by a local value of one function."""
    above = file.parent(call)
    if isinstance(above, cst.Attribute):
        return True
    function = file.enclosing_def(call)
    if function is None or not isinstance(above, cst.Assign) or not isinstance(above.targets[0].target, cst.Name):
        return False
    name = above.targets[0].target.value
    if any(isinstance(node, cst.Call) and dotted(node.func) == f"{name}.dispose" for node in walk(function.body)):
        return True
    # Returned, handed on, stored, global: somebody else goes on with it.
    return not any(
        (isinstance(node, (cst.Return, cst.Yield, cst.Arg, cst.Assign)) and dotted(node.value) == name)
        or (isinstance(node, cst.Global) and any(item.name.value == name for item in node.names))
        for node in walk(function.body)
    )
