"""Finds retries that leave no trace of their attempts."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.logs import log_call
from postil.lint.names import dotted
from postil.lint.retries import Retry, spellings, with_option
from postil.lint.tree import walk

MENTIONS = ("tenacity",)

_TOLD = frozenset({"before", "after", "before_sleep", "retry_error_callback"})


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    seen: set[int] = set()
    for retry in file.retries:
        key = id(retry.call or retry.place)
        if key in seen or retry.library != "tenacity" or not retry.complete or retry.options.keys() & _TOLD:
            continue
        seen.add(key)
        if not _logs_itself(retry, file) and not file.in_test(retry.function or retry.place):
            yield Note(retry.place, f"nobody learns of {retry.what}", fix=_with_log(retry, file))


def _logs_itself(retry: Retry, file: SourceFile) -> bool:
    """Whether the code that is tried again logs what went wrong, or the block logs its attempts."""
    for node in walk(retry.body) if retry.body is not None else ():
        if log_call(node, file) is not None and (
            retry.block is not None or any(isinstance(above, cst.ExceptHandler) for above in file.ancestors(node))
        ):
            return True
    return False


def _with_log(retry: Retry, file: SourceFile) -> Fix | None:
    """`before_sleep=before_sleep_log(logger, logging.WARNING)`, where the file has a logger of the standard library."""
    logger = next((name for name in ("logger", "log", "LOGGER", "_logger", "LOG") if _is_logger(name, file)), None)
    level = file.spelling_of("logging.WARNING")
    written = spellings(("before_sleep_log",), file)
    if logger is None or level is None or written is None:
        return None
    (name,), imported = written
    given = with_option(retry, f"before_sleep={name}({logger}, {level})", file)
    return Fix((*imported, given), FixKind.SUGGESTION) if given is not None else None


def _is_logger(name: str, file: SourceFile) -> bool:
    for line in file.module.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.Assign) and dotted(statement.targets[0].target) == name:
                return file.type_of(statement.value) == "logging.Logger"
    return False
