"""Finds clients that wait for an answer without limit."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, has_unpacking
from postil.lint.catalogue.clients import REDIS_CLIENTS, REDIS_LIMITED_SINCE, UNLIMITED_CLIENTS
from postil.lint.dependencies import is_older
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("redis", "pymongo", "motor", "ldap3", "pb2_grpc")

_LAST = frozenset(name.rpartition(".")[2] for name in (*REDIS_CLIENTS, *UNLIMITED_CLIENTS))
# What may hold the limit, whatever the client: an address with options, a pool, a policy.
_ELSEWHERE = re.compile(r"timeout", re.IGNORECASE)
_STUB = re.compile(r"_pb2_grpc\.\w+Stub$")


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    last = file.called(call)
    if last not in _LAST:
        if func.__class__ is cst.Attribute and file.mentions("pb2_grpc"):
            yield from _of_stub(call, file)
        return
    name = file.name_of(func)
    if name is None or not file.is_service or has_unpacking(call):
        return
    if name in UNLIMITED_CLIENTS:
        options = UNLIMITED_CLIENTS[name]
    elif name in REDIS_CLIENTS:
        options = ("socket_timeout",)
    else:
        return
    given = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    limits = [given[option] for option in options if option in given]
    if any(dotted(limit) != "None" for limit in limits) or "connection_pool" in given:
        return
    if name in REDIS_CLIENTS and not limits and not is_older(file.project, file.path, "redis", REDIS_LIMITED_SINCE):
        return
    if not limits and _ELSEWHERE.search(file.code(call)) and not name.startswith("redis"):
        return
    if any(_ELSEWHERE.search(file.code(arg.value)) for arg in call.args if arg.value not in limits):
        return
    option = options[0]
    number = "10_000" if option.endswith("MS") else "10"
    fix = None
    if limits:
        fix = Fix.replace(limits[0], number, FixKind.SUGGESTION)
    elif call.args:
        fix = Fix((Insert(call.args[-1], f", {option}={number}", after=True),), FixKind.SUGGESTION)
    yield Note(
        call,
        f"`{name}` waits for ever for an answer without `{option}`",
        fix=fix,
        severity="warning" if file.served_by(call) is not None else None,
    )


def _of_stub(call: cst.Call, file: SourceFile) -> Notes:
    """`stub.GetOrder(request)` of gRPC, which has no limit but the one that is given."""
    func = cst.ensure_type(call.func, cst.Attribute)
    if not func.attr.value[:1].isupper() or not call.args or not _STUB.search(file.type_of(func.value) or ""):
        return
    if has_unpacking(call) or any(arg.keyword is not None and arg.keyword.value == "timeout" for arg in call.args):
        return
    if _is_stream(call, file) or not file.is_service:
        return
    yield Note(
        call,
        f"`{dotted(func) or func.attr.value}` waits for ever for an answer without `timeout`",
        fix=Fix((Insert(call.args[-1], ", timeout=10", after=True),), FixKind.SUGGESTION),
        severity="warning" if file.served_by(call) is not None else None,
    )


def _is_stream(call: cst.Call, file: SourceFile) -> bool:
    """Whether an answer is read bit by bit, so that it may last as long as the process: `for … in stub.List(…)`."""
    above = file.parent(call)
    if isinstance(above, (cst.For, cst.CompFor, cst.Attribute)):
        return True
    function = file.enclosing_function(call)
    if not isinstance(above, cst.Assign) or function is None:
        return False
    name = dotted(above.targets[0].target)
    return any(isinstance(node, (cst.For, cst.CompFor)) and dotted(node.iter) == name for node in walk(function.body))
