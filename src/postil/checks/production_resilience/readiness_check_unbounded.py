"""Finds readiness endpoints that wait for a dependency without a limit."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.probes import outside_calls, probes
from postil.lint.tree import walk

MENTIONS = ("ready", "readiness")

_LIMITS = frozenset(
    {"asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for", "anyio.fail_after", "anyio.move_on_after",
     "async_timeout.timeout"}
)  # fmt: skip
# They give up after seconds by themselves.
_LIMITED = ("httpx", "httpx2", "boto3", "botocore", "urllib3", "elasticsearch", "pymongo", "motor")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    seen: set[int] = set()
    for probe in probes(file):
        if not probe.readiness or id(probe.function) in seen:
            continue
        seen.add(id(probe.function))
        for function in file.calls.reached(probe.function):
            if _is_limited_by_caller(probe.function, function, file):
                continue
            for call in outside_calls(function, file):
                if not _is_limited(call, file):
                    yield Note(call, f"`{probe.path}` waits for `{file.code(call.func)}` without a limit of its own")
                    break


def _is_limited(call: cst.Call, file: SourceFile) -> bool:
    if any(arg.keyword is not None and "timeout" in arg.keyword.value for arg in call.args) or len(call.args) > 2:
        return True
    if isinstance(call.func, cst.Attribute):
        owner = file.value_of(call.func.value)
        if isinstance(owner, cst.Call) and "timeout" in file.code(owner):
            return True
        kind = file.type_of(call.func.value) or ""
        if kind.partition(".")[0] in _LIMITED:
            return True
        # A client that isn't asynchronous is limited where it is made, which this file doesn't show.
        function = file.enclosing_def(call)
        if not isinstance(owner, cst.Call) and function is not None and function.asynchronous is None:
            return True
    if (file.name_of(call.func) or "").partition(".")[0] in _LIMITED:
        return True
    return _under_limit(call, file)


def _under_limit(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether `async with asyncio.timeout(…)`, or `wait_for(…)`, is around a node in its own function.

    Or around a coroutine where another function of the file awaits it: `answers(redis.ping())`.
    """
    arg = file.parent(node)
    taken_by = file.parent(arg) if isinstance(arg, cst.Arg) else None
    awaiting = file.definition_of(taken_by.func) if isinstance(taken_by, cst.Call) else None
    if isinstance(awaiting, cst.FunctionDef) and awaiting.asynchronous is not None:
        return any(isinstance(inner, cst.Call) and file.name_of(inner.func) in _LIMITS for inner in walk(awaiting.body))
    for above in file.ancestors(node):
        if isinstance(above, cst.With) and any(
            isinstance(item.item, cst.Call) and file.name_of(item.item.func) in _LIMITS for item in above.items
        ):
            return True
        if isinstance(above, cst.Call) and file.name_of(above.func) in _LIMITS:
            return True
        if isinstance(above, cst.FunctionDef):
            return False
    return False


def _is_limited_by_caller(probe: cst.FunctionDef, function: cst.FunctionDef, file: SourceFile) -> bool:
    if function is probe:
        return False
    calls = [
        call for each in file.calls.reached(probe) for call, callee in file.calls.callees(each) if callee is function
    ]
    return all(_under_limit(call, file) for call in calls)
