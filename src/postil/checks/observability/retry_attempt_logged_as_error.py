"""Finds attempts that will be repeated and are logged as errors."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument, string_value
from postil.lint.logs import LogCall, log_call
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("before_sleep_log", "retry", "retries", "attempt", "tries", "sleep")

_BEFORE_SLEEP = frozenset({"tenacity.before_sleep_log", "tenacity.before_sleep.before_sleep_log"})
_TOO_HIGH = frozenset({"logging.ERROR", "logging.CRITICAL", "logging.FATAL"})
_COUNTS = re.compile(r"retr(?:y|ies)|attempt|(?:^|_)tries", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if file.is_test:
        return
    if file.name_of(call.func) in _BEFORE_SLEEP:
        level = argument(call, "log_level", 1)
        if level is not None and (file.name_of(level) in _TOO_HIGH or string_value(level) in ("ERROR", "CRITICAL")):
            yield Note(level, "each attempt that will be repeated is logged as an error", fix=_warning(level))
        return
    if not isinstance(call.func, cst.Attribute):
        return
    line = log_call(call, file)
    if line is None or line.level not in ("error", "exception", "critical"):
        return
    statement = file.enclosing_statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.IndentedBlock):
        return
    lines = list(block.body)
    behind = lines[next(i for i, each in enumerate(lines) if each is statement) + 1 :]
    how = "`self.retry` repeats it" if _asks_again(behind) else None
    if how is None and _in_retry_loop(block, behind, file):
        how = "the loop goes on"
    if how is not None:
        yield Note(call, f"a failed attempt is logged as {_article(line.level)}, and {how}", fix=_lower(line))


def _article(level: str) -> str:
    return f"an {level}" if level[0] in "aeiou" else f"{level}"


def _lower(line: LogCall) -> Fix | None:
    """The same line as a warning, with the traceback that `exception` writes by itself."""
    func, args = cst.ensure_type(line.call.func, cst.Attribute), line.call.args
    method = "awarning" if func.attr.value.startswith("a") else "warning"
    edits: list[Replace | Insert] = [Replace(func.attr, method)]
    if line.level == "exception" and argument(line.call, "exc_info") is None:
        if line.library not in ("logging", "structlog") or not args:
            return None
        edits.append(Insert(args[-1], ", exc_info=True", after=True))
    return Fix(tuple(edits), FixKind.SUGGESTION)


def _warning(level: cst.BaseExpression) -> Fix | None:
    if isinstance(level, cst.Attribute):
        return Fix.replace(level.attr, "WARNING")
    return None if isinstance(level, cst.Name) else Fix.replace(level, '"WARNING"')


def _asks_again(behind: list[cst.BaseStatement]) -> bool:
    """Whether Celery is asked to run the task again: `raise self.retry(…)`."""
    for line in behind:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.Raise) and isinstance(statement.exc, cst.Call):
                return dotted(statement.exc.func) == "self.retry"
    return False


def _in_retry_loop(block: cst.IndentedBlock, behind: list[cst.BaseStatement], file: SourceFile) -> bool:
    """Whether a block is a handler of a loop that repeats what failed, and leaves it when it worked."""
    handler = file.parent(block)
    tried = file.parent(handler) if isinstance(handler, cst.ExceptHandler) else None
    body = file.parent(tried) if isinstance(tried, cst.Try) else None
    loop = file.parent(body) if isinstance(body, cst.IndentedBlock) else None
    if not isinstance(tried, cst.Try) or not isinstance(loop, (cst.For, cst.While)) or not _is_counted(loop):
        return False
    if not any(isinstance(node, (cst.Return, cst.Break)) for part in _worked(tried) for node in walk(part)):
        return False
    return any(_waits(line, file) for line in behind) and not any(
        isinstance(node, (cst.Raise, cst.Return, cst.Break)) for line in behind for node in walk(line)
    )


def _is_counted(loop: cst.For | cst.While) -> bool:
    """Whether a loop counts attempts."""
    parts = [loop.test] if isinstance(loop, cst.While) else [loop.target, loop.iter]
    return any(isinstance(n, cst.Name) and _COUNTS.search(n.value) for part in parts for n in walk(part))


def _worked(tried: cst.Try) -> Iterator[cst.CSTNode]:
    yield tried.body
    if tried.orelse is not None:
        yield tried.orelse


def _waits(line: cst.BaseStatement, file: SourceFile) -> bool:
    for node in walk(line):
        if isinstance(node, cst.Continue):
            return True
        if isinstance(node, cst.Call) and (file.name_of(node.func) or dotted(node.func) or "").endswith("sleep"):
            return True
    return False
