"""What became of a comment, by what GitHub shows and what an analysis found."""

from dataclasses import replace

import pytest

from postil import packs
from postil.lint.finding import Finding, Problem, Severity
from postil.review import compose as words
from postil.review.config import Reading
from postil.review.fate import End, Fate, Posted, Reception, Verdict, receptions
from postil.review.marker import marker
from postil.review.model import Analysis, Introduced
from postil.review.orders import Ignore
from postil.review.plan import plan

GUIDELINE = packs.load()
RULE = "raise-without-from"
PLAN = plan(Reading(), GUIDELINE.rules, GUIDELINE.aliases)
OLD, NEW = "a" * 40, "b" * 40
PRINT, OTHER = "1" * 16, "2" * 16
RUN = "acme/shop#7@run 1 aaaaaaaaaaaa"
BODY = f"**Chain it**\n\nWhy.\n\n{marker(RUN, OLD, [PRINT], rules=[RULE])}"
POSTED = Posted("pay.py", BODY)
KNOWN = Reception(RUN, PRINT, RULE, OLD, age=3600.0)


def found(fingerprint: str = PRINT) -> Introduced:
    """A finding with this fingerprint."""
    return Introduced(Finding(RULE, "pay.py", 5, 8, 5, 20, Severity.WARNING, "it hides its cause"), fingerprint)


def verdict(analysis: Analysis, head: str = NEW, changed: tuple[str, ...] = ("pay.py",)) -> Verdict:
    """What an analysis of a head says."""
    return Verdict.of(analysis, {}, PLAN, head, changed)


HERE = verdict(Analysis((found(),)))
GONE = verdict(Analysis())
ALLOWED = verdict(Analysis(suppressed=(found(),)))


def fate(
    posted: Posted | None,
    judged: Verdict | None,
    known: Reception | None = KNOWN,
    head: str = NEW,
    end: End | None = None,
) -> Fate:
    """What became of the one comment."""
    (now,) = receptions([posted] if posted else [], [known] if known else [], judged, head, {}, end)
    return now.fate


RESOLVED, CLOSED = replace(POSTED, resolved=True), replace(POSTED, closed=True)
DISLIKED, IGNORED = replace(POSTED, down=1), replace(POSTED, body=words.ignored(BODY, Ignore(RULE, "ada")))
FIXED, WITHDRAWN = (replace(POSTED, body=edit(BODY, NEW)) for edit in (words.fixed, words.withdrawn))


@pytest.mark.parametrize(
    ("posted", "judged", "expected"),
    [
        (POSTED, HERE, Fate.OPEN),
        (POSTED, GONE, Fate.FIXED),
        (RESOLVED, GONE, Fate.FIXED),
        (DISLIKED, GONE, Fate.FIXED),
        (RESOLVED, HERE, Fate.RESOLVED),
        (DISLIKED, HERE, Fate.DISLIKED),
        (replace(DISLIKED, up=1), HERE, Fate.OPEN),
        (None, HERE, Fate.DELETED),
        (None, GONE, Fate.DROPPED),
        (POSTED, ALLOWED, Fate.ALLOWED),
        (None, ALLOWED, Fate.ALLOWED),
        (POSTED, verdict(Analysis(ignored=(found(),))), Fate.ALLOWED),
        (POSTED, verdict(Analysis(), changed=("a.py",)), Fate.DROPPED),
        (CLOSED, HERE, Fate.OPEN),
    ],
)
def test_an_analysis_says_what_became_of_a_comment(posted: Posted | None, judged: Verdict, expected: Fate) -> None:
    """A fault that is gone was fixed, whatever people did to the comment; otherwise what they did is their answer."""
    assert fate(posted, judged) is expected


@pytest.mark.parametrize(
    "judged",
    [
        verdict(Analysis(), head=OLD),
        verdict(Analysis(problems=(Problem("pay.py", "unreadable", "no"),))),
        verdict(Analysis(problems=(Problem("a.py", "check-crash", "no"),))),
        Verdict.of(Analysis(), {}, replace(PLAN, choice=replace(PLAN.choice, rules=())), NEW, None),
    ],
    ids=["the same commit", "a file that could not be read", "a check that crashed", "a rule that is off"],
)
def test_what_could_not_be_found_is_not_taken_for_fixed(judged: Verdict) -> None:
    """Nobody looked for it, so nobody knows: an open comment stays open, and a resolved one is no refusal yet."""
    assert fate(POSTED, judged) is Fate.OPEN
    assert fate(RESOLVED, judged, head="c" * 40) is Fate.OPEN


@pytest.mark.parametrize(
    ("posted", "known", "merged", "closed"),
    [
        (POSTED, KNOWN, Fate.LEFT, Fate.DROPPED),
        (POSTED, None, Fate.LEFT, Fate.DROPPED),
        (RESOLVED, KNOWN, Fate.RESOLVED, Fate.RESOLVED),
        (DISLIKED, KNOWN, Fate.DISLIKED, Fate.DISLIKED),
        (FIXED, KNOWN, Fate.FIXED, Fate.FIXED),
        (WITHDRAWN, KNOWN, Fate.DROPPED, Fate.DROPPED),
        (IGNORED, KNOWN, Fate.ALLOWED, Fate.ALLOWED),
        (POSTED, replace(KNOWN, fate=Fate.ALLOWED), Fate.ALLOWED, Fate.ALLOWED),
        (CLOSED, replace(KNOWN, fate=Fate.ALLOWED), Fate.ALLOWED, Fate.ALLOWED),
        (CLOSED, KNOWN, Fate.FIXED, Fate.FIXED),
        (None, KNOWN, Fate.DELETED, Fate.DELETED),
        (None, replace(KNOWN, fate=Fate.FIXED), Fate.FIXED, Fate.FIXED),
        (None, replace(KNOWN, fate=Fate.DROPPED), Fate.DROPPED, Fate.DROPPED),
        (POSTED, replace(KNOWN, fate=Fate.DROPPED), Fate.DROPPED, Fate.DROPPED),
        (CLOSED, replace(KNOWN, fate=Fate.DROPPED), Fate.DROPPED, Fate.DROPPED),
        (RESOLVED, replace(KNOWN, fate=Fate.DROPPED), Fate.DROPPED, Fate.DROPPED),
        (IGNORED, replace(KNOWN, fate=Fate.DROPPED), Fate.DROPPED, Fate.DROPPED),
        (IGNORED, replace(KNOWN, fate=Fate.FIXED), Fate.FIXED, Fate.FIXED),
    ],
)
def test_the_end_of_a_pull_request_judges_what_is_open(
    posted: Posted | None, known: Reception | None, merged: Fate, closed: Fate
) -> None:
    """Nothing is analysed then: what was known of this commit holds."""
    assert fate(posted, None, known, OLD, "merged") is merged
    assert fate(posted, None, known, OLD, "closed") is closed


def test_what_a_last_push_may_have_fixed_is_no_refusal() -> None:
    """A merge can come before that push was judged; then a comment may have been resolved, or deleted, for a reason."""
    assert fate(RESOLVED, None, KNOWN, NEW, "merged") is Fate.LEFT
    assert fate(None, None, KNOWN, NEW, "merged") is Fate.DROPPED


def test_a_refusal_stays_until_the_fault_is_fixed() -> None:
    """Who opens the thread again, or takes the thumb back, has answered all the same."""
    refused = replace(KNOWN, fate=Fate.RESOLVED)

    assert fate(POSTED, HERE, refused) is Fate.RESOLVED
    assert fate(POSTED, GONE, refused) is Fate.FIXED
    assert fate(POSTED, None, refused, NEW, "merged") is Fate.RESOLVED


def test_a_comment_that_shows_again_was_not_deleted() -> None:
    """GitHub's answers may be older than what we posted; what is younger than a minute is not missed at all."""
    assert fate(POSTED, HERE, replace(KNOWN, fate=Fate.DELETED)) is Fate.OPEN
    assert fate(None, HERE, replace(KNOWN, age=5.0)) is Fate.OPEN


def test_a_reopened_pull_request_is_judged_anew() -> None:
    """It was closed without a merge, so that nobody knew; now somebody will."""
    dropped = replace(KNOWN, fate=Fate.DROPPED)

    assert fate(POSTED, HERE, dropped) is Fate.OPEN
    assert fate(None, HERE, dropped) is Fate.DELETED


def test_a_comment_about_several_places_is_fixed_when_all_of_them_are() -> None:
    """It is one comment, which somebody reads once."""
    both = replace(POSTED, body=f"x\n\n{marker(RUN, OLD, [PRINT, OTHER], rules=[RULE])}")

    assert fate(both, verdict(Analysis((found(OTHER),)))) is Fate.OPEN
    assert fate(both, GONE) is Fate.FIXED


def test_a_comment_of_an_older_version_is_read_and_a_renamed_rule_has_its_present_name() -> None:
    """Its marker names no rule; the reader's line above it does. What isn't ours to judge is left out."""
    old = Posted("pay.py", f"x\n\n[C](u) · [`chain`](u)\n\n{marker(RUN, OLD, [PRINT])}", up=1)
    strange = Posted("pay.py", "LGTM")

    assert receptions([old, strange], [], HERE, NEW, {"chain": RULE}) == [
        Reception(RUN, PRINT, RULE, NEW, Fate.OPEN, liked=True)
    ]
