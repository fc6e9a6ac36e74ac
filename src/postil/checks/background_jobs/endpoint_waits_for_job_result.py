"""Finds request handlers that wait until a background job is done."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.names import dotted
from postil.lint.queues import calls_in, job_result, number
from postil.lint.tree import is_generator, walk, walk_scope

MENTIONS = ("delay", "apply_async", "send", "kiq", "enqueue", "AsyncResult")

_WAITS = frozenset({"get", "wait", "join", "join_native", "get_result", "wait_result"})
_ASKS = frozenset({"ready", "successful", "failed", "is_finished", "is_failed", "get_status", "is_ready"})
_STATES = _ASKS | {"state", "status"}
_POLLED = _STATES | {"result", "return_value"}
_SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep"})
_MOMENT = 1  # seconds: a wait that long is a look


def check(node: cst.Call | cst.While | cst.For, file: SourceFile) -> Notes:
    if file.is_test:
        return
    handle = _waited_for(node, file) if isinstance(node, cst.Call) else _polled(node, file)
    if handle is None or not job_result(handle, file):
        return
    function = file.enclosing_def(node)
    handler = file.served_by(node)
    if function is None or handler is None or not file.is_request_handler(handler):
        return
    if is_generator(function):
        return  # it streams how far the job is
    if isinstance(node, cst.Call) and _is_known_to_be_done(handle, function):
        return
    waits = f"`{file.code(node.func)}`" if isinstance(node, cst.Call) else "this loop"
    yield Note(
        node,
        f"{waits} keeps the request of `{handler.name.value}` waiting until the job is done",
        secondary=() if handler is function else (Secondary(handler, "the endpoint that gets here"),),
        anchor=node.test if isinstance(node, cst.While) else node.iter if isinstance(node, cst.For) else node,
        severity="error" if function.asynchronous is not None and not _is_awaited(node, file) else None,
    )


def _is_awaited(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether others get their turn meanwhile: an awaited call, a loop that sleeps by `await`."""
    if isinstance(node, (cst.While, cst.For)):
        return any(isinstance(inner, cst.Await) for inner in walk_scope(node.body))
    return isinstance(file.parent(node), cst.Await)


def _waited_for(call: cst.Call, file: SourceFile) -> cst.BaseExpression | None:
    """The handle on which a call waits; None where it doesn't, or for a moment only."""
    func = call.func
    if not isinstance(func, cst.Attribute):
        return None
    # Arq's is a coroutine function; Celery's and RQ's is a property that only looks.
    is_arqs = func.attr.value == "result" and isinstance(file.parent(call), cst.Await)
    if func.attr.value not in _WAITS and not is_arqs:
        return None
    if func.attr.value == "get_result":
        block = argument(call, "block")
        # Dramatiq's only looks unless it is told to block; taskiq's never waits.
        return func.value if isinstance(block, cst.Name) and block.value == "True" else None
    limit = number(argument(call, "timeout", 0), file)
    return None if limit is not None and limit < _MOMENT else func.value


def _polled(loop: cst.While | cst.For, file: SourceFile) -> cst.BaseExpression | None:
    """The handle that a loop asks how far it is, sleeping in between."""
    if not any(file.name_of(call.func) in _SLEEPS for call in calls_in(loop.body)):
        return None
    tests = [loop.test] if isinstance(loop, cst.While) else []
    tests += [node.test for node in walk_scope(loop.body) if isinstance(node, cst.If)]
    for test in tests:
        for inner in walk(test):
            if isinstance(inner, cst.Attribute) and inner.attr.value in _POLLED and job_result(inner.value, file):
                return inner.value
    return None


def _is_known_to_be_done(handle: cst.BaseExpression, function: cst.FunctionDef) -> bool:
    """Whether the function asks the handle for its state, and takes the result of what is done."""
    name = dotted(handle)
    return name is not None and any(
        isinstance(node, cst.Attribute) and node.attr.value in _STATES and dotted(node.value) == name
        for node in walk_scope(function.body)
    )
