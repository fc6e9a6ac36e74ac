"""What `postil check` found, and the words that several formats share."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from postil.lint.finding import Finding, Problem, Severity
from postil.review.compose import counted, left_out_as
from postil.review.model import Analysis, Introduced, Skipped

_NO_TEXT = re.compile("[\ud800-\udfff]")
"""What Python reads for the bytes of a file's name that are no UTF-8."""


@dataclass(frozen=True)
class Checked:
    """The outcome of `postil check`, with paths as the user typed them.

    `shown` is what was found, in order of place, and `allowed` what an allowance silences; `left_out` counts what the
    configuration leaves out where it stands. What weighs less than `threshold` doesn't fail the check.
    """

    shown: tuple[Introduced, ...]
    allowed: tuple[Introduced, ...]
    left_out: int
    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...]
    files: int
    config: str
    threshold: Severity = Severity.WARNING

    @classmethod
    def of(cls, settled: Analysis, config: str, threshold: Severity) -> Self:
        """The outcome of one settled analysis, under the paths that it names; `config` says what it went by."""
        return cls(
            shown=tuple(sorted(settled.introduced, key=_place)),
            allowed=tuple(sorted(settled.suppressed, key=_place)),
            left_out=len(settled.left_out),
            problems=tuple(sorted(settled.problems, key=lambda problem: problem.path)),
            skipped=settled.skipped,
            files=settled.files,
            config=config,
            threshold=threshold,
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, without identities and fixes."""
        return tuple(each.finding for each in self.shown)

    @property
    def found(self) -> int:
        """Everything that was found, shown or not."""
        return len(self.shown) + len(self.allowed) + self.left_out

    @property
    def fixable(self) -> int:
        """How many of the shown findings have a proved fix."""
        return sum(each.suggestion is not None for each in self.shown)

    def fails(self, finding: Finding) -> bool:
        """Whether this finding alone fails the check."""
        return finding.severity.rank >= self.threshold.rank

    @property
    def gravest_first(self) -> list[Introduced]:
        """What was found, errors first, each severity in order of place."""
        return sorted(self.shown, key=lambda each: -each.finding.severity.rank)

    @property
    def accounting(self) -> str:
        """The line that says where everything went."""
        weights = _counts(self.findings)
        left_out = f", {self.left_out} left out" if self.left_out else ""
        reasons = Counter(each.why for each in self.skipped)
        skipped = ", ".join(left_out_as(why, number) for why, number in reasons.items())
        files = f"{counted(self.files, 'file')}{f' ({skipped} left out)' if skipped else ''}"
        return (
            f"{self.found} found: {weights}, {len(self.allowed)} suppressed{left_out} · "
            f"{files} · {counted(len(self.problems), 'problem')} · config {self.config}"
        )


def _counts(findings: Iterable[Finding]) -> str:
    severities = [finding.severity for finding in findings]
    return ", ".join(counted(severities.count(severity), str(severity)) for severity in reversed(Severity))


def said(problem: Problem) -> str:
    """A problem as one sentence, without its path."""
    if problem.kind == "config":
        return problem.message
    # A check that crashed costs what it would have found, and nothing else.
    return f"{'analysed only in part' if problem.kind == 'check-crash' else 'not analysed'}: {problem.message}"


def printable(text: str) -> str:
    """`text` without control characters, so that a file under review can't drive the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def document(body: object) -> str:
    """`body` as JSON. What is no text in a file's name is escaped, as no encoding has a place for it."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return _NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _place(each: Introduced) -> tuple[str, int, int, str]:
    return (each.finding.path, each.finding.line, each.finding.column, each.finding.rule)
