"""Finds coroutine functions that are handed to a thread, which calls them and gets a coroutine."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.catalogue.coroutines import COROUTINE_FUNCTIONS
from postil.lint.contexts import Handover
from postil.lint.coroutines import coroutine_function
from postil.lint.tree import walk

MENTIONS = ("thread", "Thread", "executor", "Executor", "run_sync", "Process", "sync_to_async", "Pool")

_PASS_ALL = frozenset({"asyncio.to_thread", "starlette.concurrency.run_in_threadpool",
                       "fastapi.concurrency.run_in_threadpool"})  # fmt: skip


def check(file: SourceFile) -> Notes:
    for handover in file.handovers:
        if not handover.certain or file.in_test(handover.call):
            continue
        function = _function(handover.value, file)
        if function is None or not _is_coroutine_function(function, file) or _is_awaited_twice(handover.call, file):
            continue
        taker = "process" if "rocess" in handover.by else "thread"
        yield Note(
            handover.call,
            f"`{file.code(function)}` is a coroutine function, so the {taker} makes a coroutine that nothing awaits",
            fix=_awaited(handover, function, file),
            anchor=handover.value,
        )


def _function(value: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression | None:
    """The function that a thread calls in the end: `f` of `f`, `partial(f, …)` and `lambda: f(…)`."""
    if isinstance(value, cst.Lambda):
        return value.body.func if isinstance(value.body, cst.Call) else None
    if isinstance(value, cst.Call):
        return value.args[0].value if file.name_of(value.func) == "functools.partial" and value.args else None
    return value


def _is_coroutine_function(function: cst.BaseExpression, file: SourceFile) -> bool:
    return file.name_of(function) in COROUTINE_FUNCTIONS or coroutine_function(function, file) is not None


def _is_awaited_twice(call: cst.Call, file: SourceFile) -> bool:
    """Whether what the thread gives back is awaited in turn: `await (await to_thread(f))`, or by its name."""
    result = file.parent(call)
    outer = file.parent(result) if isinstance(result, cst.Await) else result
    if isinstance(outer, cst.Await):
        return True
    if not isinstance(outer, cst.Assign) or not isinstance(outer.targets[0].target, cst.Name):
        return False
    name, around = outer.targets[0].target.value, file.enclosing_function(call)
    return any(
        isinstance(node, cst.Name) and node.value == name and file.enclosing_function(each) is around
        for each in file.nodes(cst.Await)
        for node in walk(each.expression)
    )


def _awaited(handover: Handover, function: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """`await f(…)` for `await to_thread(f, …)`."""
    call = handover.call
    if handover.by not in _PASS_ALL or handover.value is not function or not isinstance(file.parent(call), cst.Await):
        return None
    rest = ", ".join(file.code(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for arg in call.args[1:])
    return Fix.replace(call, f"{file.code(function)}({rest})", FixKind.SUGGESTION) if "\n" not in rest else None
