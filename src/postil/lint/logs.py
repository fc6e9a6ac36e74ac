"""Which calls write a log line, through which library, at which level.

A logger is known by its type. Where the file doesn't show one, what is called a logger and comes from elsewhere counts
as one of an unknown library: enough for rules on which all libraries agree.
"""

import re
from dataclasses import dataclass

import libcst as cst

from postil.lint.catalogue.loggers import LOGURU_CHAIN, STDLIB_LOGGERS, STRUCTLOG_LOGGERS
from postil.lint.source import SourceFile

_LEVELS: dict[str, str] = {
    **{name: name for name in ("debug", "info", "warning", "error", "critical", "exception")},
    "trace": "debug",
    "success": "info",
    "msg": "info",
    "warn": "warning",
    "fatal": "critical",
    **{f"a{name}": name for name in ("debug", "info", "warning", "error", "critical", "exception")},
}
_LIKE_A_LOGGER = re.compile(r"^_*(?:\w*_)?log(?:ger)?$", re.IGNORECASE)
_LOGGER_CLASS = re.compile(r"Logger(?:Adapter)?$")


@dataclass(frozen=True, eq=False)
class LogCall:
    """A call that writes a log line.

    `library` is "structlog", "logging" or "loguru", and "" where only the name tells that this is a logger.
    `level` is one of debug, info, warning, error, critical, exception.
    """

    call: cst.Call
    logger: cst.BaseExpression
    library: str
    level: str


def log_call(call: cst.CSTNode, file: SourceFile) -> LogCall | None:
    """The log line that a call writes; None where it writes none, or takes its level as an argument."""
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        return None
    level = _LEVELS.get(call.func.attr.value)
    if level is None:
        return None
    library = library_of(call.func.value, file)
    return None if library is None else LogCall(call, call.func.value, library, level)


def library_of(logger: cst.BaseExpression, file: SourceFile) -> str | None:
    """The library whose logger an expression is ("" for an unknown one); None where it is no logger."""
    name = file.name_of(logger)
    if name == "logging":
        return "logging"
    if name == "loguru.logger":
        return "loguru"
    kind = file.type_of(logger)
    if kind in STRUCTLOG_LOGGERS:
        return "structlog"
    if kind in STDLIB_LOGGERS:
        return "logging"
    if isinstance(logger, cst.Call) and isinstance(logger.func, cst.Attribute):
        return library_of(logger.func.value, file) if logger.func.attr.value in LOGURU_CHAIN else None
    # `log = logger.bind(…)` of loguru, `log = app.logger`
    value = file.value_of(logger) if isinstance(logger, cst.Name) else None
    if isinstance(value, cst.Call) and (found := library_of(value, file)):
        return found
    if kind is not None:
        return "" if _LOGGER_CLASS.search(kind) else None
    if isinstance(logger, (cst.Name, cst.Attribute)):
        last = logger.value if isinstance(logger, cst.Name) else logger.attr.value
        return "" if _LIKE_A_LOGGER.search(last) else None
    return None
