"""What follows from what became of comments: figures, and the steps of rules, over months of simulated answers."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from inline_snapshot import snapshot

from postil.review.fate import Fate
from postil.review.figures import Tally, due, figures, in_force, lines
from postil.review.standing import Figures, Scope, Standing, Step, judged, wilson

ACCOUNT = 1
REPOSITORIES = (10, 11, 12)
RULES = {"good": 0.05, "middling": 0.30, "bad": 0.60}
"""The true rates of the kinds of rules that are simulated."""


def tally(fate: Fate, count: int, rule: str = "bare-except", repository: int = 10, liked: int = 0) -> Tally:
    """So many comments came to this fate."""
    return Tally(rule, ACCOUNT, repository, fate, count, liked)


def test_every_comment_is_counted_once() -> None:
    """What people refused in whatever way is one figure, and what nobody will know of stays open."""
    tallies = [tally(fate, 2**number, liked=number % 2) for number, fate in enumerate(Fate)]
    found = figures(tallies, {})["bare-except"]

    assert found == snapshot(Figures(fixed=2, refused=28, allowed=32, open=129, left=64, liked=4))
    assert found.said == sum(each.count for each in tallies)
    assert found.answered == found.fixed + found.refused + found.allowed


def test_a_renamed_rule_keeps_its_figures() -> None:
    """They are written down under the name that it had."""
    tallies = [tally(Fate.FIXED, 3, "naked-except"), tally(Fate.RESOLVED, 1)]

    assert figures(tallies, {"naked-except": "bare-except"}) == {"bare-except": Figures(fixed=3, refused=1)}


def test_what_was_open_at_the_merge_says_nothing_about_a_rule() -> None:
    """A team that merges quickly would switch off everything."""
    assert Figures(fixed=1, left=99).rate == 0.0
    assert Figures(left=99).rate is None
    assert judged(Figures(left=99)) is Standing.ON


@pytest.mark.parametrize(
    ("hits", "of", "interval"),
    # By statsmodels 0.15.0, proportion_confint(hits, of, alpha=0.01, method="wilson").
    [(0, 10, (0.0, 0.3989)), (4, 10, (0.1279, 0.7518)), (10, 100, (0.0460, 0.2038)), (10, 10, (0.6011, 1.0))],
    ids=["none", "some", "one in ten of many", "all"],
)
def test_the_interval_is_wilsons(hits: int, of: int, interval: tuple[float, float]) -> None:
    """Another one would put rules aside for few answers."""
    assert wilson(hits, of) == pytest.approx(interval, abs=1e-4)


@pytest.mark.parametrize(
    ("refused", "fixed", "standing"),
    [
        (3, 6, Standing.ON),
        (9, 0, Standing.ON),
        (3, 7, Standing.ON),
        (4, 6, Standing.PROBATION),
        (6, 4, Standing.OFF),
        (17, 83, Standing.ON),
        (18, 82, Standing.PROBATION),
        (31, 69, Standing.OFF),
    ],
)
def test_a_rule_is_judged_by_enough_answers_and_by_the_low_end_of_its_rate(
    refused: int, fixed: int, standing: Standing
) -> None:
    """Nine refusals of nine are few answers; 17 of a hundred may well be less than ten per cent."""
    assert judged(Figures(fixed=fixed, refused=refused)) is standing


def test_an_account_is_judged_by_all_its_repositories() -> None:
    """Where each of them has few answers, all of them together may have enough."""
    tallies = [tally(Fate.RESOLVED, 3, repository=each) for each in (10, 11, 12)]
    tallies += [tally(Fate.ALLOWED, 3, repository=13)]

    assert list(due(tallies, [], ACCOUNT, 10, {})) == [
        Step(Scope.ACCOUNT, ACCOUNT, "bare-except", Standing.OFF, Figures(refused=9, allowed=3))
    ]


def test_one_repository_does_not_speak_for_its_account() -> None:
    """What its people don't want to hear may be right in all the others."""
    tallies = [tally(Fate.RESOLVED, 12, repository=10), tally(Fate.FIXED, 1, repository=11)]
    agreeing = [*tallies, tally(Fate.ALLOWED, 1, repository=11)]

    assert [step.scope for step in due(tallies, [], ACCOUNT, 10, {})] == [Scope.REPOSITORY]
    assert [step.scope for step in due(agreeing, [], ACCOUNT, 10, {})] == [Scope.REPOSITORY, Scope.ACCOUNT]


def test_a_step_never_leads_forward_and_is_taken_once() -> None:
    """Better figures afterwards are those of the comments that were under way; nothing is said any more."""
    elsewhere = tally(Fate.RESOLVED, 1, repository=11)
    worse, better = [tally(Fate.RESOLVED, 12), elsewhere], [tally(Fate.RESOLVED, 4), tally(Fate.FIXED, 6), elsewhere]
    off = [Step(scope, of, "naked-except", Standing.OFF) for scope, of in ((Scope.REPOSITORY, 10), (Scope.ACCOUNT, 1))]
    probation = [replace(step, standing=Standing.PROBATION) for step in off]
    aliases = {"naked-except": "bare-except"}

    assert list(due(worse, off, ACCOUNT, 10, aliases)) == []
    assert list(due(better, off, ACCOUNT, 10, aliases)) == []
    assert [step.standing for step in due(worse, probation, ACCOUNT, 10, aliases)] == [Standing.OFF] * 2


def test_the_step_that_leads_furthest_back_holds_unless_the_repository_was_restored() -> None:
    """An operator who restores a rule in one repository means that one, whatever the others say."""
    account = Step(Scope.ACCOUNT, ACCOUNT, "bare-except", Standing.OFF)
    own = Step(Scope.REPOSITORY, 10, "naked-except", Standing.PROBATION)
    aliases = {"naked-except": "bare-except"}

    assert in_force([account, own], aliases) == {"bare-except": account}
    assert in_force([own], aliases) == {"bare-except": own}
    assert in_force([account, replace(own, standing=Standing.ON)], aliases) == {}


def test_the_list_begins_with_what_is_worst() -> None:
    """It is what operators look for; a rule of which only a step is left is there as well."""
    tallies = [tally(Fate.FIXED, 5, "a"), tally(Fate.RESOLVED, 5, "b"), tally(Fate.OPEN, 9, "c")]
    step = Step(Scope.REPOSITORY, 10, "d", Standing.OFF)

    assert [(each.rule, each.count(Standing.OFF)) for each in lines(tallies, [step], {})] == [
        ("b", 0),
        ("c", 0),
        ("a", 0),
        ("d", 1),
    ]


def answers_until_probation(rate: float, chance: random.Random) -> int | None:
    """After how many of 300 answers a rule with this true rate is first judged too loud; None where it never is."""
    refused = 0
    for number in range(1, 301):
        refused += chance.random() < rate
        if judged(Figures(fixed=number - refused, refused=refused)) is not Standing.ON:
            return number
    return None


def test_looking_after_each_answer_puts_few_good_rules_aside() -> None:
    """Each look is a chance to be wrong; an interval of 95 % would put four times as many on probation."""
    chance = random.Random(1)  # noqa: S311
    good = [answers_until_probation(0.05, chance) for _ in range(1000)]
    loud = [answers_until_probation(0.30, chance) for _ in range(300)]

    assert sum(each is not None for each in good) == snapshot(6)
    assert None not in loud
    assert sorted(each or 0 for each in loud)[150] == snapshot(14)


@dataclass
class Account:
    """An account with some repositories, where rules say something and people answer weeks later."""

    chance: random.Random
    rates: dict[str, float]
    steps: dict[tuple[Scope, int, str], Step] = field(default_factory=dict)
    taken: list[Step] = field(default_factory=list)
    told: dict[tuple[str, int], Counter[Fate]] = field(default_factory=dict)
    waiting: list[tuple[int, str, int]] = field(default_factory=list)
    explicit: frozenset[str] = frozenset()

    def is_heard(self, rule: str, repository: int) -> bool:
        """Whether the rule posts comments there: as `Plan.stepped_back` decides it."""
        return rule in self.explicit or rule not in in_force(self._here(repository), {})

    def _here(self, repository: int) -> list[Step]:
        return [s for (scope, of, _), s in self.steps.items() if scope is Scope.ACCOUNT or of == repository]

    def tallies(self) -> Iterator[Tally]:
        """What became of comments by now."""
        for (rule, repository), counted in self.told.items():
            yield from (Tally(rule, ACCOUNT, repository, fate, count) for fate, count in counted.items())

    def live(self, days: int) -> None:
        """Let days pass: rules speak, people answer within three weeks, and rules step back."""
        for day in range(days):
            for rule in self.rates:
                for repository in REPOSITORIES:
                    if self.chance.random() < 0.5 and self.is_heard(rule, repository):
                        self.waiting.append((day + self.chance.randrange(21), rule, repository))
            answered = [each for each in self.waiting if each[0] <= day]
            self.waiting = [each for each in self.waiting if each[0] > day]
            for _, rule, repository in answered:
                self.told.setdefault((rule, repository), Counter())[self._answer(rule)] += 1
            for repository in {repository for _, _, repository in answered}:
                self._step(repository)

    def _answer(self, rule: str) -> Fate:
        if self.chance.random() < 0.3:
            return self.chance.choice([Fate.LEFT, Fate.DROPPED, Fate.OPEN])
        if self.chance.random() < self.rates[rule]:
            return self.chance.choice([Fate.RESOLVED, Fate.DELETED, Fate.DISLIKED, Fate.ALLOWED])
        return Fate.FIXED

    def _step(self, repository: int) -> None:
        for step in due(self.tallies(), self._here(repository), ACCOUNT, repository, {}):
            self.steps[step.scope, step.of, step.rule] = step
            self.taken.append(step)

    def restore(self, rule: str) -> None:
        """An operator has the rule judged anew."""
        self.steps = {key: step for key, step in self.steps.items() if key[2] != rule}
        self.told = {key: counted for key, counted in self.told.items() if key[0] != rule}
        self.waiting = [each for each in self.waiting if each[1] != rule]


def kinds(rules: Iterable[str]) -> Counter[str]:
    """How many rules of each kind."""
    return Counter(rule.split("-")[0] for rule in rules)


def half_a_year(seed: int, *, of_each: int) -> Account:
    """Half a year of so many rules of each kind in three repositories."""
    rates = {f"{kind}-{number}": rate for kind, rate in RULES.items() for number in range(of_each)}
    account = Account(random.Random(seed), rates)  # noqa: S311
    account.live(180)
    return account


@pytest.fixture(scope="module")
def account() -> Account:
    """Half a year."""
    return half_a_year(7, of_each=100)


def test_bad_rules_step_back_and_good_ones_hardly_ever(account: Account) -> None:
    """The promise of the whole loop."""
    silent = {rule for rule in account.rates if not any(account.is_heard(rule, each) for each in REPOSITORIES)}
    off = {rule for rule, step in in_force(account._here(10), {}).items() if step.standing is Standing.OFF}
    stepped = {step.rule for step in account.taken}

    assert kinds(silent) == snapshot(Counter({"bad": 100, "middling": 100}))
    assert kinds(off) == snapshot(Counter({"bad": 100, "middling": 28}))
    assert kinds(stepped) == snapshot(Counter({"bad": 100, "middling": 100, "good": 2}))


def test_no_rule_flaps_between_two_restores(account: Account) -> None:
    """Each rule takes each step once in each place, and only backwards."""
    ways: dict[tuple[Scope, int, str], list[int]] = {}
    for step in account.taken:
        ways.setdefault((step.scope, step.of, step.rule), []).append(step.standing.rank)

    assert len(ways) > 50
    assert all(way in ([1], [2], [1, 2]) for way in ways.values())


def test_a_restored_rule_is_judged_by_what_it_says_from_then_on() -> None:
    """Whoever mended it deserves that; if it is as bad as before it is found out again."""
    account = half_a_year(8, of_each=4)
    for rule in ("bad-1", "bad-2"):
        account.restore(rule)
    heard = [account.is_heard(rule, 10) for rule in ("bad-1", "bad-2", "bad-3")]
    account.rates["bad-1"] = 0.02
    account.live(120)

    assert heard == [True, True, False]
    assert account.is_heard("bad-1", 10)
    assert not account.is_heard("bad-2", 10)


def test_a_repository_that_wants_a_rule_hears_it_all_the_same() -> None:
    """Its people have said so, and their figures go on."""
    account = Account(random.Random(9), {"bad-1": 0.6}, explicit=frozenset({"bad-1"}))  # noqa: S311
    account.live(180)
    before = sum(counted.total() for counted in account.told.values())
    account.live(30)

    assert account.steps
    assert sum(counted.total() for counted in account.told.values()) > before
