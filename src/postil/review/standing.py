"""Where a rule stands: its figures, and how far they make it step back.

Pure: numbers in, values out.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

ENOUGH = 10
"""Answers below which a rule isn't judged."""
PROBATION_OVER = 0.10
OFF_OVER = 0.20
"""Effective false-alarm rates; 10 % is where Google's Tricorder puts a check on probation (Sadowski et al., "Lessons
from Building Static Analysis Tools at Google", CACM 61(4), 2018)."""
_Z = 2.576
"""The 99 % interval, and not that of 95 %: a rule is looked at after each answer, and each look is one more chance to
be wrong. So of 250 histories of 300 answers one puts a rule with a rate of 5 % on probation, and a rule with 30 % is
there after 14 answers (the median), as tests/test_figures.py repeats."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a rule: how many comments, and what became of them.

    `open` includes what nobody will know of any more (closed without a merge).
    """

    fixed: int = 0
    refused: int = 0
    allowed: int = 0
    open: int = 0
    left: int = 0
    liked: int = 0

    @property
    def said(self) -> int:
        """All comments."""
        return self.answered + self.open + self.left

    @property
    def answered(self) -> int:
        """Those that got an answer, by which a rule is judged.

        Open at the merge is none: it says that people had no time, or didn't look, and both happen to right findings
        as well. Counted as refusals, such comments would switch off every rule in a team that merges quickly.
        """
        return self.fixed + self.refused + self.allowed

    @property
    def rate(self) -> float | None:
        """The effective false-alarm rate: the share of the answers in which people didn't want to hear it."""
        return (self.refused + self.allowed) / self.answered if self.answered else None

    @property
    def interval(self) -> tuple[float, float]:
        """Between which rates the true one lies with 99 % certainty."""
        return wilson(self.refused + self.allowed, self.answered)


def shown(figures: Figures) -> str:
    """The rate of a rule with its interval, as people read it: "42% (15% to 74%)"; a dash where nobody answered."""
    if figures.rate is None:
        return "–"
    low, high = figures.interval
    return f"{figures.rate:.0%} ({low:.0%} to {high:.0%})"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's score interval for a share, without correction for continuity; (0, 1) for no trials.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927); it holds for few
    trials and for shares near 0, where the textbook's interval doesn't (Brown, Cai, DasGupta 2001).
    """
    if not of:
        return 0.0, 1.0
    share, more = hits / of, _Z * _Z / of
    middle = share + more / 2
    reach = _Z * math.sqrt(share * (1 - share) / of + more / (4 * of))
    return max(0.0, (middle - reach) / (1 + more)), min(1.0, (middle + reach) / (1 + more))


class Standing(StrEnum):
    """How far a rule has stepped back."""

    ON = "on"
    """Restored by an operator; where there is no step it is on as well."""
    PROBATION = "probation"
    """Annotations only: no comment, and no failed check."""
    OFF = "off"
    """Not run."""

    @property
    def rank(self) -> int:
        """How far back that is."""
        return list(Standing).index(self)


class Scope(StrEnum):
    """Where a step holds."""

    REPOSITORY = "repository"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Step:
    """Where a rule stands in a scope, and the figures that brought it there.

    `of` is the id of the repository or, for an account, of its installation; `where` is its name ("" where nobody knows
    it). `at` is in seconds since 1970, 0 for a step that isn't written down yet.
    """

    scope: Scope
    of: int
    rule: str
    standing: Standing
    figures: Figures = field(default_factory=Figures)
    at: float = 0.0
    where: str = ""


def judged(of: Figures) -> Standing:
    """Where a rule should stand: it steps back only when even the low end of the interval is too high."""
    low, _ = of.interval
    if of.answered < ENOUGH or low <= PROBATION_OVER:
        return Standing.ON
    return Standing.OFF if low > OFF_OVER else Standing.PROBATION
