"""What the fates of comments say about their rules, and which steps follow.

Pure: numbers in, values out. A comment is one person's reading, so it counts once, however many places it is about.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from postil.review.fate import REFUSED, Fate
from postil.review.standing import Figures, Scope, Standing, Step, judged

SEVERAL = 2
"""Repositories of an account in which people must not want to hear a rule before it steps back in all of them."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many comments about a rule came to one fate in one repository, and how many of them somebody liked.

    `rule` is what the rule was called when that was written down.
    """

    rule: str
    installation: int
    repository_id: int
    fate: Fate
    count: int
    liked: int = 0


def figures(tallies: Iterable[Tally], aliases: Mapping[str, str]) -> dict[str, Figures]:
    """The figures of each rule, by its present name."""
    sums: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_FIELDS, 0))
    for each in tallies:
        counted = sums[aliases.get(each.rule, each.rule)]
        counted[_field(each.fate)] += each.count
        counted["liked"] += each.liked
    return {rule: Figures(**counted) for rule, counted in sums.items()}


_FIELDS = ("fixed", "refused", "allowed", "open", "left", "liked")


def _field(fate: Fate) -> str:
    if fate in REFUSED:
        return "refused"
    return "open" if fate is Fate.DROPPED else fate.value


def due(
    tallies: Iterable[Tally], steps: Iterable[Step], installation: int, repository_id: int, aliases: Mapping[str, str]
) -> Iterator[Step]:
    """The steps that have become due in a repository, by its own comments, and in its account, by all of these.

    One repository doesn't speak for its account: a rule steps back there if it isn't wanted in `SEVERAL` at least.
    `tallies` are those of the account, without what was said before a rule was restored; `steps` those that hold. A
    step only leads further back, so that nothing flaps: what would speak for the rule again, its comments, has ceased.
    """
    tallies = list(tallies)
    own = [each for each in tallies if each.repository_id == repository_id]
    now: dict[tuple[Scope, str], Standing] = {}
    for step in steps:
        place = (step.scope, aliases.get(step.rule, step.rule))
        now[place] = max(step.standing, now.get(place, Standing.ON), key=lambda each: each.rank)
    unwanted: defaultdict[str, set[int]] = defaultdict(set)
    for each in tallies:
        if each.fate in REFUSED or each.fate is Fate.ALLOWED:
            unwanted[aliases.get(each.rule, each.rule)].add(each.repository_id)
    for scope, of, counted in ((Scope.REPOSITORY, repository_id, own), (Scope.ACCOUNT, installation, tallies)):
        for rule, sums in sorted(figures(counted, aliases).items()):
            if scope is Scope.ACCOUNT and len(unwanted[rule]) < SEVERAL:
                continue
            standing = judged(sums)
            if standing.rank > now.get((scope, rule), Standing.ON).rank:
                yield Step(scope, of, rule, standing, sums)


def in_force(steps: Iterable[Step], aliases: Mapping[str, str]) -> dict[str, Step]:
    """The steps that hold in one repository, of those of it and of its account: for each rule the one furthest back.

    Where an operator restored a rule in the repository, the account's step doesn't hold there.
    """
    by_rule: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_rule[aliases.get(step.rule, step.rule)].append(step)
    held = {}
    for rule, found in by_rule.items():
        own = [step for step in found if step.scope is Scope.REPOSITORY]
        restored = any(step.standing is Standing.ON for step in own)
        last = max(own if restored else [*own, *found], key=lambda step: step.standing.rank)
        if last.standing is not Standing.ON:
            held[rule] = last
    return held


@dataclass(frozen=True, slots=True)
class Line:
    """A rule's line in the list of all: its figures everywhere, and the steps that it made."""

    rule: str
    figures: Figures
    steps: tuple[Step, ...]

    @property
    def is_back(self) -> bool:
        """Whether it has stepped back somewhere."""
        return any(step.standing is not Standing.ON for step in self.steps)

    def count(self, standing: Standing) -> int:
        """In how many places the rule stands so."""
        return sum(step.standing is standing for step in self.steps)


def lines(tallies: Iterable[Tally], steps: Iterable[Step], aliases: Mapping[str, str]) -> list[Line]:
    """The list of all rules that said something or stepped back: the one with the highest rate first.

    The operators' page, the metrics and the command line show this list.
    """
    sums = figures(tallies, aliases)
    by_rule: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        by_rule[aliases.get(step.rule, step.rule)].append(step)
    found = [Line(rule, sums.get(rule, Figures()), tuple(by_rule[rule])) for rule in {*sums, *by_rule}]
    return sorted(found, key=lambda line: (-(line.figures.rate or 0.0), -line.figures.said, line.rule))
