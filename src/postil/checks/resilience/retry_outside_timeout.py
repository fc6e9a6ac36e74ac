"""Finds decorators in another order than: trace, time limit, retry."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.names import dotted

MENTIONS = ("retry", "retries", "backoff")

_TIMEOUT = re.compile(r"(^|_)(with_)?(timeout|time_limit|deadline)(_after)?$")
_TRACE = re.compile(r"^(traced?|instrument(ed)?|observed?|traceable|span|start_as_current_span|with_span)$")
_RETRY = re.compile(r"(^|_)(retry|retries|retrying|retryable|with_retr(y|ies)|on_exception)(_|$)")


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if len(function.decorators) < 2:
        return
    kinds = [_kind(each) for each in function.decorators]
    if "retry" not in kinds or file.in_test(function):
        return
    place = kinds.index("retry")
    below = next((index for index in range(place + 1, len(kinds)) if kinds[index] in ("timeout", "trace")), None)
    if below is None:
        return
    upper, lower = function.decorators[place], function.decorators[below]
    if kinds[below] == "timeout":
        says = (
            f"the limit of `{_name(lower)}` holds for each attempt, and nothing limits all that `{_name(upper)}` makes"
        )
    else:
        says = f"`{_name(lower)}` stands below `{_name(upper)}`, so each attempt is a trace and none shows the pauses"
    swap = (Replace(upper.decorator, file.code(lower.decorator)), Replace(lower.decorator, file.code(upper.decorator)))
    yield Note(upper, says, fix=Fix(swap, FixKind.SUGGESTION))


def _name(decorator: cst.Decorator) -> str:
    target = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
    return dotted(target) or ""


def _kind(decorator: cst.Decorator) -> str | None:
    last = _name(decorator).rpartition(".")[2]
    if _TIMEOUT.search(last):
        return "timeout"
    if _TRACE.search(last):
        return "trace"
    return "retry" if _RETRY.search(last) else None
