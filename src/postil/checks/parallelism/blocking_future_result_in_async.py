"""Finds coroutines that wait for a future of another thread in a way that stops the loop."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument
from postil.lint.blocking import blocks, is_awaitable

MENTIONS = ("concurrent", "run_coroutine_threadsafe")

_FUTURE = "concurrent.futures.Future"
_WAITS = frozenset({"concurrent.futures.wait", "concurrent.futures.as_completed"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("result", "exception"):
        if not file.runs_on_loop(call) or blocks(call, file) != f"{_FUTURE}.{call.func.attr.value}":
            return
        owner, method = call.func.value, call.func.attr.value
        made = owner if isinstance(owner, cst.Call) else file.value_of(owner)
        if file.in_test(call):
            return
        if isinstance(made, cst.Call) and file.name_of(made.func) == "asyncio.run_coroutine_threadsafe":
            how = "for ever if the coroutine runs on this loop"
        else:
            how = "until another thread is done"
        yield Note(call, f"`.{method}()` of a future stops the event loop {how}", fix=_wrapped(call, file))
    elif file.name_of(call.func) in _WAITS and file.runs_on_loop(call) and not file.in_test(call):
        timeout = argument(call, "timeout", 1)
        if (isinstance(timeout, cst.Integer) and timeout.evaluated_value == 0) or is_awaitable(call, file):
            return
        yield Note(call, f"`{file.name_of(call.func)}` stops the event loop until other threads are done")


def _wrapped(call: cst.Call, file: SourceFile) -> Fix | None:
    """`await asyncio.wrap_future(f)` for `f.result()`."""
    wrap = file.spelling_of("asyncio.wrap_future")
    function = file.enclosing_function(call)
    owner = cst.ensure_type(call.func, cst.Attribute)
    if wrap is None or call.args or owner.attr.value != "result" or not isinstance(function, cst.FunctionDef):
        return None
    if function.asynchronous is None or any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call)):
        return None
    text = f"await {wrap}({file.code(owner.value)})"
    is_base = isinstance(file.parent(call), (cst.Attribute, cst.Subscript, cst.Call))
    return Fix.replace(call, f"({text})" if is_base else text, FixKind.SUGGESTION)
