"""`--format github`: workflow commands, which GitHub Actions shows as annotations beside the code.

Actions shows ten warnings and ten errors of a step, so the gravest come first:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
"""

from postil.lint.finding import Severity
from postil.report.checked import Checked, said
from postil.review.model import Introduced, Review

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}
_CHECK_LEVEL = {"failure": "error", "warning": "warning", "notice": "notice"}
"""A check run's annotation levels, as workflow commands call them."""


def of_check(checked: Checked) -> str:
    """A command for each finding and each problem, and the accounting as plain text."""
    lines = [
        _command(
            _LEVEL[each.finding.severity],
            each.finding.path,
            each.finding.message,
            line=each.finding.line,
            endLine=each.finding.end_line,
            # GitHub takes columns only where they are of one line.
            **({"col": each.finding.column, "endColumn": each.finding.end_column} if _on_one_line(each) else {}),
            title=each.finding.rule,
        )
        for each in checked.gravest_first
    ]
    lines += [_command("warning", problem.path, said(problem)) for problem in checked.problems]
    return "\n".join([*lines, _plain(checked.accounting)])


def _on_one_line(each: Introduced) -> bool:
    return each.finding.line == each.finding.end_line


def of_review(review: Review) -> str:
    """The annotations of the check run as commands, the problems, and the check run's title as plain text."""
    lines = [
        _command(_CHECK_LEVEL[a.level], a.path, a.message, line=a.start_line, endLine=a.end_line, title=a.title)
        for a in review.check.annotations
    ]
    lines += [_command("warning", problem.path, said(problem)) for problem in review.problems]
    return "\n".join([*lines, _plain(review.check.title)])


def _command(level: str, path: str, message: str, **properties: str | int) -> str:
    # A name that is no UTF-8 can't be printed as it is, and GitHub knows it by no other.
    path = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    given = {"file": path, **properties} if path else properties
    listed = ",".join(f"{name}={_escaped(str(value), value=True)}" for name, value in given.items())
    return f"::{level} {listed}::{_escaped(message)}" if listed else f"::{level}::{_escaped(message)}"


def _escaped(text: str, *, value: bool = False) -> str:
    """As the toolkit of GitHub Actions escapes: a message's line ends, and in a property's value what separates."""
    pairs = [("%", "%25"), ("\r", "%0D"), ("\n", "%0A")]
    for plain, escaped in [*pairs, (":", "%3A"), (",", "%2C")] if value else pairs:
        text = text.replace(plain, escaped)
    return text


def _plain(text: str) -> str:
    """A line that can't be taken for a command."""
    return " ".join(text.split()).lstrip(":#")
