"""How a call that holds the event loop is moved off it: the fixes of several rules."""

import libcst as cst

from postil.lint.catalogue.blocking import BOUND_TO_THEIR_THREAD
from postil.lint.check import Fix, FixKind, Insert, Replace
from postil.lint.source import SourceFile


def without_blocking(call: cst.Call, name: str, file: SourceFile) -> Fix | None:
    """`await asyncio.sleep(…)` for `time.sleep(…)`, else the same call in a thread; `name` is what it calls."""
    if name != "time.sleep":
        return None if name.startswith(BOUND_TO_THEIR_THREAD) else in_thread(call, file)
    sleep = file.spelling_of("asyncio.sleep")
    if sleep is None or len(call.args) != 1 or call.args[0].star or not _may_await(call, file):
        return None
    opening, closing = _brackets(call, file)
    return Fix((Replace(call.func, f"{opening}await {sleep}"), *closing))


def in_thread(call: cst.Call, file: SourceFile) -> Fix | None:
    """`await asyncio.to_thread(f, …)` for `f(…)`, where the file imports asyncio and the call may be awaited."""
    to_thread = file.spelling_of("asyncio.to_thread")
    if to_thread is None or not _may_await(call, file) or isinstance(file.parent(call), cst.WithItem):
        return None
    opening, closing = _brackets(call, file)
    function = file.code(call.func)
    if not call.args:
        text = f"{opening}await {to_thread}({function}){')' if closing else ''}"
        return Fix.replace(call, text, FixKind.SUGGESTION)
    edits = (Replace(call.func, f"{opening}await {to_thread}"), Insert(call.args[0], f"{function}, "), *closing)
    return Fix(edits, FixKind.SUGGESTION)


def _may_await(call: cst.Call, file: SourceFile) -> bool:
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        return False
    return not any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call))


def _brackets(call: cst.Call, file: SourceFile) -> tuple[str, tuple[Insert, ...]]:
    """Brackets around an `await` of which an attribute or an item is taken."""
    is_base = isinstance(file.parent(call), (cst.Attribute, cst.Subscript, cst.Call))
    return ("(", (Insert(call, ")", after=True),)) if is_base else ("", ())
