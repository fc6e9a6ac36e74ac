"""Finds failures that are dealt with on the spot and still logged as errors."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.handlers import hands_on, log_lines, raises, reports

_TOO_HIGH = frozenset({"error", "exception", "critical"})


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if not file.is_service or file.is_broad(handler) or not isinstance(handler.body, cst.IndentedBlock):
        return
    how = _goes_on(handler.body)
    if how is None or raises(handler) or reports(handler) or hands_on(handler, file):
        return
    line = next((line for line in log_lines(handler, file) if line.level in _TOO_HIGH), None)
    function = file.enclosing_def(handler)
    # At the door of a request or a job nobody else hears of it.
    if line is None or function is None or file.is_request_handler(function) or file.is_task(function):
        return
    yield Note(
        line.call,
        f"`{line.level}` calls somebody, and this handler {how}",
        fix=_lower(line.call),
    )


def _goes_on(body: cst.IndentedBlock) -> str | None:
    """How a handler deals with the failure, in words: with a value in place of the result, or with the next round."""
    last = body.body[-1]
    statement = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else None
    if isinstance(statement, cst.Continue):
        return "goes on with the next"
    if isinstance(statement, cst.Return) and isinstance(
        statement.value, (cst.List, cst.Dict, cst.Tuple, cst.SimpleString, cst.Integer, cst.Name)
    ):
        return (
            None
            if isinstance(statement.value, cst.Name) and statement.value.value in ("None", "False")
            else "has a fallback"
        )
    return None


def _lower(call: cst.Call) -> Fix | None:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in ("error", "critical"):
        return None
    return Fix((Replace(func.attr, "warning"),), FixKind.SUGGESTION)
