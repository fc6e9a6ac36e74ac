"""What became of a comment that we posted.

Pure. What GitHub shows of the comment, what the analysis of a head says about its finding, and what was known before
come in; one word comes out. Who did something has no part in it: a fault is fixed whoever resolved the thread.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, TypeAlias

from postil.review import compose as words
from postil.review.marker import Marker, read_marker
from postil.review.model import Analysis, Introduced
from postil.review.plan import Plan

YOUNG = 60.0
"""Seconds in which GitHub may not show yet what we posted, so that nobody is taken to have deleted it."""


class Fate(StrEnum):
    """What became of a comment."""

    OPEN = "open"
    """Nothing yet."""
    FIXED = "fixed"
    """Its finding is gone at a later commit."""
    RESOLVED = "resolved"
    """A person resolved or hid it, and its finding is still there."""
    DELETED = "deleted"
    """A person deleted it, and its finding is still there."""
    DISLIKED = "disliked"
    """More reacted to it with a thumb down than with one up."""
    ALLOWED = "allowed"
    """Its finding is allowed in the code, or its rule ignored by a command."""
    LEFT = "left"
    """It was open when the pull request was merged."""
    DROPPED = "dropped"
    """Nobody will know: closed without a merge, or the file isn't part of the pull request any more."""


REFUSED = frozenset({Fate.RESOLVED, Fate.DELETED, Fate.DISLIKED})
"""What counts as a refusal."""
_LASTING = frozenset({Fate.RESOLVED, Fate.DISLIKED})

End: TypeAlias = Literal["merged", "closed"]


@dataclass(frozen=True, slots=True)
class Reception:
    """What is known of one comment.

    `run` and `fingerprint`, the run that posted it and the first finding in its marker, tell it from all others. `rule`
    is the rule by its present name. `head` is the last commit that was judged, with this fate. `age` is in seconds, and
    0 for what wasn't written down yet.
    """

    run: str
    fingerprint: str
    rule: str
    head: str
    fate: Fate = Fate.OPEN
    liked: bool = False
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Posted:
    """One of our comments as GitHub shows it.

    `resolved` says that a person resolved or hid it, `closed` that we did. `up` and `down` count thumbs, those of Apps
    among them: GitHub tells only numbers.
    """

    path: str
    body: str
    resolved: bool = False
    closed: bool = False
    up: int = 0
    down: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the analysis of one head says about findings, by their fingerprints and former ones.

    `changed` are the files of the pull request (None where they aren't all known), `unjudged` those that could not be
    analysed; with `whole` false none of them counts as judged.
    """

    head: str
    here: Collection[str]
    allowed: Collection[str]
    unjudged: frozenset[str]
    whole: bool
    agreed: Plan
    changed: Collection[str] | None

    @classmethod
    def of(
        cls,
        analysis: Analysis,
        former: Mapping[str, str],
        agreed: Plan,
        head: str,
        changed: Collection[str] | None,
    ) -> "Verdict":
        """The verdict of a settled analysis, where findings were said under `former` fingerprints as well."""

        def names(found: Iterable[Introduced]) -> set[str]:
            present = {each.fingerprint for each in found}
            return present | {former[each] for each in present if each in former}

        crashed = any(problem.kind == "check-crash" for problem in analysis.problems)
        unjudged = {problem.path for problem in analysis.problems if problem.kind != "check-crash"}
        unjudged |= {each.path for each in analysis.skipped}
        return cls(
            head=head,
            here=names((*analysis.introduced, *analysis.left_out)),
            allowed=names((*analysis.suppressed, *analysis.ignored)),
            unjudged=frozenset(unjudged),
            whole=not crashed and "" not in unjudged,
            agreed=agreed,
            changed=changed,
        )

    def is_gone(self, path: str, said: Marker, rules: Collection[str]) -> bool:
        """Whether all that a comment said would be found if it were there, and isn't."""
        if any(each in self.here or each in self.allowed for each in said.fingerprints):
            return False
        judged = self.whole and path not in self.unjudged and not self.agreed.leaves_out(path)
        return judged and self.agreed.runs(rules)

    def has(self, path: str) -> bool:
        """Whether the pull request changes a file."""
        return self.changed is None or path in self.changed

    def state(self, path: str, said: Marker, rules: Collection[str]) -> "_State":
        """What is the case with the findings of a comment."""
        if any(each in self.here for each in said.fingerprints):
            return "here"
        if any(each in self.allowed for each in said.fingerprints):
            return "allowed"
        # On the same commit only we can have changed: another version, or another configuration.
        if said.head == self.head or not self.is_gone(path, said, rules):
            return "unknown"
        return "gone" if self.has(path) else "withdrawn"


_State: TypeAlias = Literal["here", "allowed", "gone", "withdrawn", "unknown"]


def receptions(
    posted: Iterable[Posted],
    known: Iterable[Reception],
    verdict: Verdict | None,
    head: str,
    aliases: Mapping[str, str],
    end: End | None = None,
) -> list[Reception]:
    """What is known now of all our comments on a pull request whose head is `head`, those that are gone included.

    `known` is what was known before. Without a `verdict` nothing was analysed; `end` says how it was closed, if it was.
    """
    before = {(each.run, each.fingerprint): each for each in known}
    now = []
    for each in posted:
        said = read_marker(each.body)
        rules = words.rules_of(each.body)
        if said is None or not said.fingerprints or not rules:
            continue
        last = before.pop((said.run, said.fingerprints[0]), None)
        state = verdict.state(each.path, said, rules) if verdict is not None else "unknown"
        judged = head if state != "unknown" else last.head if last is not None else said.head
        fate = _ended(_kept(_fate(each, state, last, is_there=judged == head), last), end)
        rule = aliases.get(rules[0], rules[0])
        now.append(Reception(said.run, said.fingerprints[0], rule, judged, fate, each.up > 0))
    return now + [_missing(each, verdict, head, end) for each in before.values()]


def _fate(posted: Posted, state: _State, last: Reception | None, *, is_there: bool) -> Fate:
    """What became of a comment that is there; `is_there` says that its finding is as well, for all that is known."""
    if words.is_fixed(posted.body):
        return Fate.DROPPED if words.is_withdrawn(posted.body) else Fate.FIXED
    if state in ("gone", "withdrawn"):
        return Fate.FIXED if state == "gone" else Fate.DROPPED
    if state == "unknown" and last is not None and last.fate in (Fate.FIXED, Fate.ALLOWED, Fate.DROPPED):
        return last.fate
    if state == "allowed" or (state == "unknown" and words.is_ignored(posted.body)):
        return Fate.ALLOWED
    if posted.down > posted.up:
        return Fate.DISLIKED
    if posted.resolved and is_there:
        return Fate.RESOLVED
    # What we closed was fixed, or else an earlier run knew why.
    return Fate.FIXED if state == "unknown" and posted.closed else Fate.OPEN


def _kept(fate: Fate, last: Reception | None) -> Fate:
    """A refusal stays, whatever its author thinks better of, until the fault is fixed."""
    lasts = last is not None and last.fate in _LASTING and fate is not Fate.FIXED
    return last.fate if lasts and last is not None else fate


def _ended(fate: Fate, end: End | None) -> Fate:
    """What becomes of what is open when the pull request is closed."""
    if fate is not Fate.OPEN or end is None:
        return fate
    return Fate.LEFT if end == "merged" else Fate.DROPPED


def _missing(last: Reception, verdict: Verdict | None, head: str, end: End | None) -> Reception:
    """What became of a comment that GitHub doesn't show any more: somebody deleted it.

    Which file it stood in nobody knows any more. So where its finding is gone as well, it may have been fixed or not.
    """
    if last.fate not in (Fate.OPEN, Fate.LEFT, Fate.DROPPED):
        return last
    if last.age < YOUNG:
        return replace(last, fate=_ended(last.fate, end))
    if verdict is None:
        was_there = last.head == head and last.fate is not Fate.DROPPED
        return replace(last, fate=Fate.DELETED if was_there else Fate.DROPPED)
    if last.fingerprint in verdict.allowed:
        return replace(last, fate=Fate.ALLOWED, head=head)
    return replace(last, fate=Fate.DELETED if last.fingerprint in verdict.here else Fate.DROPPED, head=head)
