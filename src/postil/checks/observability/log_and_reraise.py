"""Finds failures that are logged and passed on, and so are logged again."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.handlers import log_lines
from postil.lint.logs import LogCall
from postil.lint.names import dotted
from postil.lint.tree import walk


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if not file.is_service or handler.type is None:
        return
    last = handler.body.body[-1] if handler.body.body else None
    raised = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else None
    if not isinstance(raised, cst.Raise):
        return
    name = dotted(handler.name.name) if handler.name is not None else None
    if raised.exc is not None and (raised.cause is None or dotted(raised.cause.item) != name):
        return
    function = file.enclosing_def(handler)
    if function is None or function.name.value == "main" or file.is_startup(handler):
        return
    if file.is_request_handler(function) or file.is_task(function):
        return
    lines = [line for line in log_lines(handler, file) if line.level in ("error", "exception", "critical")]
    if lines and not any(_adds(line, name) for line in lines):
        yield Note(lines[0].call, "the failure is logged here and raised, so whoever catches it logs it again")


def _adds(line: LogCall, exception: str | None) -> bool:
    """Whether a line holds values besides the exception, which the exception perhaps doesn't know."""
    for arg in line.call.args:
        if arg.keyword is not None and arg.keyword.value == "exc_info":
            continue
        for node in walk(arg.value):
            if isinstance(node, cst.Name) and node.value not in (exception, "str", "repr", "type"):
                return True
    return False
