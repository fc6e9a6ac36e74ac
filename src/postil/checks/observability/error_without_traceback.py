"""Finds errors that are logged in a handler without saying where they came from."""

import libcst as cst

from postil.lint import Fix, Note, Notes, SourceFile, has_unpacking
from postil.lint.handlers import hands_on, log_lines, raises, reports
from postil.lint.logs import LogCall
from postil.lint.names import dotted
from postil.lint.tree import walk


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if not file.is_service or not file.is_broad(handler):
        return
    lines = [line for line in log_lines(handler, file) if line.level in ("error", "critical", "exception")]
    if not lines or any(_has_traceback(line) for line in lines):
        return
    if (
        raises(handler)
        or reports(handler)
        or hands_on(handler, file)
        or _names_the_type(handler)
        or _waits(handler, file)
    ):
        return
    line = lines[-1]
    if line.library and isinstance(line.call.func, cst.Attribute):
        logger = file.code(line.logger)
        yield Note(
            line.call, f"`{logger}.{line.call.func.attr.value}` in a handler keeps no traceback", fix=_exception(line)
        )


def _names_the_type(handler: cst.ExceptHandler) -> bool:
    """Whether a handler puts the exception's class in words itself: somebody decided to say it in one line."""
    return any(
        isinstance(node, cst.Attribute) and node.attr.value == "__name__" and isinstance(node.value, cst.Call)
        for node in walk(handler.body)
    )


def _waits(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether a handler sleeps before the next attempt: a lost connection has no traceback worth reading."""
    return any(
        isinstance(node, cst.Call) and file.name_of(node.func) in ("time.sleep", "asyncio.sleep", "anyio.sleep")
        for node in walk(handler.body)
    )


def _has_traceback(line: LogCall) -> bool:
    if line.level == "exception" or has_unpacking(line.call):
        return True
    if any(
        arg.keyword is not None and arg.keyword.value in ("exc_info", "exception", "stack_info")
        for arg in line.call.args
    ):
        return True
    # `logger.opt(exception=True)`, `logger.bind(exc_info=…)`
    for node in walk(line.logger):
        if isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value in ("exception", "exc_info"):
            return True
    return any(
        isinstance(node, cst.Call) and (dotted(node.func) or "").startswith("traceback.") for node in walk(line.call)
    )


def _exception(line: LogCall) -> Fix | None:
    func = line.call.func
    if not isinstance(func, cst.Attribute) or line.level != "error":
        return None
    return Fix.replace(func.attr, "aexception" if func.attr.value.startswith("a") else "exception")
