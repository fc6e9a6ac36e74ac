"""Finds handlers that catch everything and only leave a line at a level that production doesn't keep."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.handlers import hands_on, log_lines, raises, reports

_LOW = frozenset({"debug", "info"})
# Words of people who thought about it.
_ON_PURPOSE = re.compile(
    r"best.?effort|optional|ignor|harmless|non.?(?:critical|fatal|essential|blocking)|not (?:critical|fatal|essential)"
    r"|expected|nice.to.have|does(?:n't| not) matter|swallow|skip|fall(?:ing)?.?back|cosmetic|telemetry|analytics"
    r"|may not|might not|not available|unavailable|not installed|not supported|never (?:fail|break|block|crash)",
    re.IGNORECASE,
)
_TENTATIVE = re.compile(
    r"(?:^|_)(?:try|maybe|safe\w*|best_effort|quiet\w*|suppress\w*|probe|detect|is|has|can|guess)(?:_|$)"
)


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if not file.is_service or not file.is_broad(handler):
        return
    lines = list(log_lines(handler, file))
    if not lines or any(line.level not in _LOW for line in lines):
        return
    if raises(handler) or reports(handler) or hands_on(handler, file) or file.is_cleanup(handler):
        return
    function = file.enclosing_def(handler)
    if _ON_PURPOSE.search(file.code(handler)) or (function is not None and _TENTATIVE.search(function.name.value)):
        return
    level = "info" if any(line.level == "info" for line in lines) else "debug"
    yield Note(lines[0].call, f"any failure ends here, and the log has it only as {level}", anchor=lines[0].call)
