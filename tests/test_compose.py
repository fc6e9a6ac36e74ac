"""The words of a review, and that nothing in a pull request can speak through them."""

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from markdown_it import MarkdownIt
from markdown_it.token import Token

from postil.lint import Finding, Problem, Related, Severity
from postil.review import compose as words
from postil.review.compose import Marker, accounting_line, compose, marker, read_marker
from postil.review.markup import escaped, fenced, prose, quoted
from postil.review.model import (
    Analysis,
    ChangedFile,
    Conclusion,
    FileStatus,
    Introduced,
    Occasion,
    Review,
    RuleWords,
    Suggestion,
)
from postil.review.standing import Figures, Scope, Standing, Step

KEY = b"a secret of the installation"
GUIDE = "https://postil.example/guide/1.3"
BLOB = "https://github.com/acme/shop/blob/abc1234"


def page(name: str, title: str, why: str) -> RuleWords:
    """The words of a rule's page."""
    return RuleWords(
        name, title, why, "Errors", "Keep the cause", f"{GUIDE}/errors/{name}", f"{GUIDE}/errors#keep-the-cause"
    )


OCCASION = Occasion(
    head_sha="abc1234def",
    run="acme/shop#7@run 12",
    words={
        "raise-without-from": page(
            "raise-without-from",
            "Chain the new exception to its cause",
            "Without `from` the traceback reads like a second bug.\nWith it error trackers show the cause.",
        ),
        "sleep-in-async": page("sleep-in-async", "Don't stop the event loop", "Everybody waits."),
    },
    guideline="1.3",
    config="main@abc1234",
    blob_url=BLOB,
    key=KEY,
)
MARKER = re.compile(r"<!-- postil:.*? -->")


def found(
    line: int,
    rule: str = "raise-without-from",
    path: str = "shop.py",
    severity: Severity = Severity.WARNING,
    message: str = "`ConfigError` is raised without `from`",
    related: tuple[Related, ...] = (),
    suggestion: Suggestion | None = None,
    allowed: str | None = None,
) -> Introduced:
    """A finding on one line, with a fingerprint made of its place."""
    finding = Finding(rule, path, line, line, 5, 20, severity, message, related=related, allowed=allowed)
    place = repr((rule, path, line, message)).encode()
    return Introduced(finding, hashlib.blake2b(place, digest_size=8).hexdigest(), suggestion)


def file(*hunks: range, path: str = "shop.py") -> ChangedFile:
    """A changed file whose patch has these head lines, all of them added."""
    patch = "\n".join(
        f"@@ -{hunk.start - 1},0 +{hunk.start},{len(hunk)} @@\n" + "\n".join("+x" for _ in hunk) for hunk in hunks
    )
    return ChangedFile(path, FileStatus.MODIFIED, patch=patch)


def reviewed(
    *introduced: Introduced,
    files: Sequence[ChangedFile] = (file(range(1, 11), range(40, 60)),),
    suppressed: tuple[Introduced, ...] = (),
    problems: tuple[Problem, ...] = (),
    **circumstances: Any,
) -> Review:
    """The review of these findings."""
    analysis = Analysis(introduced, suppressed, problems, 3)
    return compose(analysis, files, replace(OCCASION, **circumstances))


def visible(body: str | None) -> str:
    """A text as its reader sees it: without the hidden marker, and its addresses cut short."""
    return MARKER.sub("", body or "").rstrip().replace(f"{GUIDE}/errors", "GUIDE").replace(BLOB, "BLOB")


def assert_sum_holds(review: Review) -> None:
    """Every finding is somewhere, once."""
    a = review.accounting
    assert a.found == a.inline + a.beside + a.folded + a.suppressed + a.probation + a.said_before
    assert (a.inline, a.beside, a.folded, a.suppressed) == (
        len(review.comments),
        len(review.beside),
        len(review.folded),
        len(review.suppressed),
    )


# What people read


def test_a_comment_says_what_why_and_where_it_is_written() -> None:
    """The title and the reason are the page's, the message is about this place, the links lead to both."""
    (comment,) = reviewed(found(4)).comments

    assert (comment.path, comment.line, comment.start_line, comment.side) == ("shop.py", 4, None, "RIGHT")
    assert visible(comment.body) == snapshot("""\
**Chain the new exception to its cause**

`ConfigError` is raised without `from`.

Without `from` the traceback reads like a second bug. With it error trackers show the cause.

[Errors › Keep the cause](GUIDE#keep-the-cause) · [`raise-without-from`](GUIDE/raise-without-from)\
""")


def test_a_comments_sentence_begins_as_sentences_do() -> None:
    """Messages begin small for terminals, where they follow a path; in a comment nothing stands before them."""
    (comment,) = reviewed(found(2, message="nothing ends this retry")).comments
    assert "\n\nNothing ends this retry.\n\n" in comment.body


def test_a_proved_fix_is_offered_on_its_lines() -> None:
    """GitHub replaces exactly the lines that the comment stands on."""
    suggestion = Suggestion(4, 5, "    raise ConfigError(\n        path) from error", "…")
    (comment,) = reviewed(found(4, suggestion=suggestion)).comments

    assert (comment.start_line, comment.line, comment.suggestion) == (4, 5, suggestion.text)
    assert visible(comment.body) == snapshot("""\
**Chain the new exception to its cause**

`ConfigError` is raised without `from`.

Without `from` the traceback reads like a second bug. With it error trackers show the cause.

```suggestion
    raise ConfigError(
        path) from error
```

[Errors › Keep the cause](GUIDE#keep-the-cause) · [`raise-without-from`](GUIDE/raise-without-from)\
""")


def test_the_reviews_body_lists_what_no_comment_shows() -> None:
    """Beside the diff with its words, folded under the rule's name, problems by name, and the sum."""
    review = reviewed(
        *(found(line, message=f"`E{line}` is raised without `from`") for line in (2, 3, 4, 5, 6)),
        found(30, "sleep-in-async", severity=Severity.ERROR, message="`time.sleep` stops the event loop"),
        suppressed=(found(9, allowed="a test of the loop"),),
        problems=(
            Problem("app/deep.py", "too-deep", "nesting deeper than 100 brackets"),
            Problem("app/odd.py", "check-crash", "the check `bare-except` crashed (KeyError: 'x')"),
        ),
    )

    assert visible(review.body) == snapshot("""\
**6 new findings**: 1 error, 5 warnings.

**Beside the diff**

- [`shop.py` line 30](BLOB/shop.py#L30): `time.sleep` stops the event loop. ([`sleep-in-async`](GUIDE/sleep-in-async))

**Not analysed**

- `app/deep.py` could not be analysed: nesting deeper than 100 brackets.
- `app/odd.py` was analysed only in part: the check `bare-except` crashed (KeyError: 'x').

<details>
<summary>2 folded</summary>

- **Chain the new exception to its cause** · [`raise-without-from`](GUIDE/raise-without-from)
  - [`shop.py` line 5](BLOB/shop.py#L5)
  - [`shop.py` line 6](BLOB/shop.py#L6)

</details>

7 found: 3 inline, 1 beside the diff, 2 folded, 1 suppressed · config main@abc1234 · guideline 1.3\
""")
    assert_sum_holds(review)


def test_the_check_run_shows_every_rule_and_the_verdict() -> None:
    """It carries the verdict; whoever looks there first finds the sum, the rules and what could not be read."""
    review = reviewed(
        found(2),
        found(3),
        found(30, "sleep-in-async", severity=Severity.ERROR, message="`time.sleep` stops the event loop"),
        suppressed=(found(9, allowed="a test of the loop"), found(10, allowed="")),
        problems=(Problem("app/deep.py", "too-deep", "nesting deeper than 100 brackets"),),
    )

    assert review.check.title == snapshot("3 findings: 1 error, 2 warnings; 1 file not fully analysed")
    assert visible(review.check.summary) == snapshot("""\
3 changed Python files read.

5 found: 1 inline, 1 beside the diff, 1 folded, 2 suppressed · config main@abc1234 · guideline 1.3

| Rule | Severity | Found |
| --- | --- | ---: |
| [`sleep-in-async`](GUIDE/sleep-in-async) | error | 1 |
| [`raise-without-from`](GUIDE/raise-without-from) | warning | 2 |

**Not analysed**

- `app/deep.py` could not be analysed: nesting deeper than 100 brackets.

**Allowed in the code**

- [`shop.py` line 9](BLOB/shop.py#L9): [`raise-without-from`](GUIDE/raise-without-from), a test of the loop
- [`shop.py` line 10](BLOB/shop.py#L10): [`raise-without-from`](GUIDE/raise-without-from), without a reason

This check fails on errors and warnings.\
""")
    assert review.check.conclusion is Conclusion.FAILURE
    first = review.check.annotations[0]
    assert (first.start_line, first.level, first.title, visible(first.message)) == snapshot(
        (
            30,
            "failure",
            "Don't stop the event loop",
            """\
`time.sleep` stops the event loop
sleep-in-async · GUIDE/sleep-in-async\
""",
        )
    )


def test_with_nothing_found_only_the_check_run_speaks() -> None:
    """Every review is a mail to somebody."""
    review = reviewed()

    assert review.body is None
    assert not review.comments
    assert review.check.title == snapshot("No findings")
    assert visible(review.check.summary) == snapshot("""\
3 changed Python files read.

0 found: 0 inline, 0 beside the diff, 0 folded, 0 suppressed · config main@abc1234 · guideline 1.3\
""")
    assert review.check.conclusion is Conclusion.SUCCESS


def test_a_cause_on_the_diff_carries_the_comment_for_an_untouched_line() -> None:
    """The `def` that became `async def` is what the author wrote, so that is where it is said."""
    cause = Related("shop.py", 7, "this function is a coroutine")
    message = "`time.sleep` stops the event loop"
    (comment,) = reviewed(found(30, "sleep-in-async", message=message, related=(cause,))).comments

    assert comment.line == 7
    assert visible(comment.body) == snapshot("""\
**Don't stop the event loop**

`time.sleep` stops the event loop.

This is about [`shop.py` line 30](BLOB/shop.py#L30). Here: this function is a coroutine.

Everybody waits.

[Errors › Keep the cause](GUIDE#keep-the-cause) · [`sleep-in-async`](GUIDE/sleep-in-async)\
""")


def test_the_same_thing_in_one_hunk_is_said_once() -> None:
    """Equal comments on neighbouring lines are noise; the other lines are linked, and counted as folded."""
    review = reviewed(found(2), found(4), found(6), found(41))

    assert [comment.line for comment in review.comments] == [2, 41]
    assert visible(review.comments[0].body) == snapshot("""\
**Chain the new exception to its cause**

`ConfigError` is raised without `from`.

Without `from` the traceback reads like a second bug. With it error trackers show the cause.

The same at [`shop.py` line 4](BLOB/shop.py#L4), [`shop.py` line 6](BLOB/shop.py#L6).

[Errors › Keep the cause](GUIDE#keep-the-cause) · [`raise-without-from`](GUIDE/raise-without-from)\
""")
    assert_sum_holds(review)


def mended(line: int, **details: Any) -> Introduced:
    """A finding with a suggestion for its line."""
    return found(line, suggestion=Suggestion(line, line, f"fixed {line}", f"line {line}"), **details)


def test_repeats_with_a_suggestion_keep_it_in_comments_of_their_own() -> None:
    """A fix to commit with a click is worth more than a shorter review."""
    review = reviewed(mended(2), found(4), mended(6))

    assert [(comment.line, comment.suggestion) for comment in review.comments] == [(2, "fixed 2"), (6, "fixed 6")]
    assert [mention.line for mention in review.folded] == [4]
    assert "The same at" in review.comments[0].body
    assert "The same at" not in review.comments[1].body
    assert_sum_holds(review)


def test_repeats_come_after_everything_that_is_different() -> None:
    """Else the third of one kind takes the place of the first of another."""
    other = found(50, message="`UnknownCoupon` is raised without `from`")
    review = reviewed(mended(2), mended(3), mended(4), other, per_rule=2)

    assert [comment.line for comment in review.comments] == [2, 50]
    assert [mention.line for mention in review.folded] == [3, 4]
    assert_sum_holds(review)


@pytest.mark.parametrize(
    ("repeats", "sentence"),
    [
        ((mended(3), mended(4)), "line 4](BLOB/shop.py#L4). `postil check --fix` mends them as well."),
        ((mended(3),), "line 3](BLOB/shop.py#L3). `postil check --fix` mends it as well."),
        ((mended(3), found(4)), "line 4](BLOB/shop.py#L4). `postil check --fix` mends 1 place as well."),
        ((found(3), found(4)), "line 4](BLOB/shop.py#L4).\n"),
    ],
    ids=["all", "one", "some", "none"],
)
def test_a_repeat_without_room_is_named_together_with_its_cure(repeats: Sequence[Introduced], sentence: str) -> None:
    """Nobody has to mend by hand what was proved."""
    review = reviewed(mended(2), *repeats, per_rule=1)

    assert len(review.comments) == 1
    assert sentence in visible(review.comments[0].body)
    assert_sum_holds(review)


def test_the_one_comment_is_one_with_a_suggestion() -> None:
    """What can be mended by a click is the best example."""
    review = reviewed(found(2), mended(4), per_rule=1)

    assert [(comment.line, comment.suggestion) for comment in review.comments] == [(4, "fixed 4")]
    assert [mention.line for mention in review.folded] == [2]


def test_a_repeat_whose_lines_are_taken_gets_no_comment() -> None:
    """GitHub takes one suggestion a line."""
    wide = Suggestion(2, 3, "fixed", "lines")
    review = reviewed(found(2, suggestion=wide), found(3, suggestion=wide))

    assert [comment.suggestion for comment in review.comments] == ["fixed"]
    assert [mention.line for mention in review.folded] == [3]


def test_other_words_of_the_check_run() -> None:
    """Short and factual, and always with a way on."""
    said = [
        words.checking("abc1234def", "1.3"),
        words.superseded("def5678abc"),
        words.draft(),
        words.closed(),
        words.unfinished("GitHub was silent"),
        words.paused("ada"),
        words.of_a_merge_group(),
    ]

    assert [(each.title, each.summary) for each in said] == snapshot(
        [
            ("Checking", "Reading the changes up to `abc1234` against guideline 1.3."),
            (
                "Superseded by def5678",
                "A newer push, `def5678`, came before this one was judged. The verdict is in its check run.",
            ),
            ("Not reviewed: a draft", "Postil reviews this pull request when it is marked as ready for review."),
            ("Not reviewed: closed", "The pull request was closed before it was judged."),
            (
                "Could not be reviewed",
                "Postil could not finish: GitHub was silent. Press “Re-run” or comment `/recheck` to try again.",
            ),
            (
                "Not reviewed: paused",
                "`ada` paused reviews here. Comment `/postil resume` to go on, or `/recheck` for one review.",
            ),
            (
                "Judged on each pull request",
                "What is in this queue was reviewed on its own pull requests, and nothing is said about it twice.",
            ),
        ]
    )


def test_the_button_fits_on_a_check_run() -> None:
    """GitHub refuses the whole check run for one character more (docs: check runs, `actions`)."""
    button = words.CHECK_AGAIN

    assert (len(button.label) <= 20, len(button.description) <= 40, len(button.identifier) <= 20) == (True, True, True)


# What is chosen


def test_the_worst_comes_first_then_path_and_line() -> None:
    """Whoever reads only the beginning reads what matters most."""
    review = reviewed(
        found(3, "hints", severity=Severity.HINT),
        found(9, "sleep-in-async", severity=Severity.ERROR),
        found(5, path="app/a.py"),
        found(2),
        files=[file(range(1, 11)), file(range(1, 11), path="app/a.py")],
    )

    assert [(comment.path, comment.line) for comment in review.comments] == [
        ("shop.py", 9),
        ("app/a.py", 5),
        ("shop.py", 2),
        ("shop.py", 3),
    ]


def test_no_more_than_three_comments_of_one_rule_and_twenty_in_all() -> None:
    """Noisy bots are removed, not tuned."""
    many = [found(line, f"rule-{line % 9}", message=f"message {line}") for line in range(1, 41)]
    few = [found(line, message=f"message {line}") for line in range(1, 8)]
    capped = reviewed(*many, files=[file(range(1, 50))])
    of_one = reviewed(*few, files=[file(range(1, 50))])

    assert (len(capped.comments), len(capped.folded)) == (20, 20)
    assert [comment.line for comment in of_one.comments] == [1, 2, 3]
    assert_sum_holds(capped)


def test_what_was_said_is_not_said_again_but_counts() -> None:
    """The verdict is about the change, not about the last push."""
    old, new = found(2, severity=Severity.ERROR), found(3, message="another", severity=Severity.HINT)
    both = reviewed(old, new, said=frozenset({old.fingerprint}), config="defaults")
    nothing = reviewed(old, said=frozenset({old.fingerprint}))

    assert [comment.fingerprint for comment in both.comments] == [new.fingerprint]
    assert accounting_line(both.accounting) == snapshot(
        "2 found: 1 inline, 0 beside the diff, 0 folded, 0 suppressed, 1 said before · config defaults · guideline 1.3"
    )
    assert (nothing.body, nothing.comments, nothing.check.conclusion) == (None, (), Conclusion.FAILURE)
    assert len(nothing.check.annotations) == 1
    assert_sum_holds(both)


def test_a_file_without_a_patch_is_shown_beside_the_diff() -> None:
    """An anchor that nothing proves would cost the whole review."""
    review = reviewed(found(2), files=[ChangedFile("shop.py", FileStatus.RENAMED)])

    assert [mention.line for mention in review.beside] == [2]
    assert not review.comments


def test_two_suggestions_never_share_a_line() -> None:
    """GitHub applies one a line; the second is said without."""
    first = found(4, suggestion=Suggestion(4, 5, "a", "…"))
    second = found(5, message="another", suggestion=Suggestion(5, 5, "b", "…"))
    review = reviewed(first, second)

    assert [(comment.line, comment.suggestion) for comment in review.comments] == [(5, "a"), (5, None)]


@pytest.mark.parametrize(("start", "end"), [(10, 11), (10, 40), (11, 12)])
def test_a_suggestion_that_leaves_its_hunk_is_not_offered(start: int, end: int) -> None:
    """GitHub refuses the range, and with it the review."""
    review = reviewed(found(10, suggestion=Suggestion(start, end, "a", "…")))

    assert [(comment.line, comment.suggestion) for comment in review.comments] == [(10, None)]


@pytest.mark.parametrize(
    ("severity", "threshold", "conclusion"),
    [
        (Severity.ERROR, Severity.WARNING, Conclusion.FAILURE),
        (Severity.WARNING, Severity.WARNING, Conclusion.FAILURE),
        (Severity.WARNING, Severity.ERROR, Conclusion.NEUTRAL),
        (Severity.HINT, Severity.HINT, Conclusion.NEUTRAL),
    ],
)
def test_the_verdict_follows_the_threshold_and_hints_never_fail(
    severity: Severity, threshold: Severity, conclusion: Conclusion
) -> None:
    """Permanent red teaches people to look away."""
    assert reviewed(found(2, severity=severity), threshold=threshold).check.conclusion is conclusion


def test_a_file_that_could_not_be_judged_leaves_the_verdict_open() -> None:
    """Green would say more than we know."""
    review = reviewed(problems=(Problem("a.py", "syntax", "line 3 is no Python"),))

    assert review.check.conclusion is Conclusion.NEUTRAL
    assert review.body is None
    assert review.check.title == snapshot("No findings; 1 file not fully analysed")


def test_nine_hundred_findings_fit_and_none_is_lost() -> None:
    """GitHub refuses longer texts; what is cut is said, and the sum still holds."""
    path = "services/" + "very-long-folder-name/" * 5 + "shop.py"
    many = [found(line, path=path, message=f"`E{line}` " * 20) for line in range(1, 901)]
    problems = tuple(Problem(f"{path}{n}", "syntax", "é" * 400) for n in range(300))
    review = reviewed(*many, files=[file(range(1, 500), path=path)], problems=problems)

    assert_sum_holds(review)
    assert review.body
    assert len(review.body) <= words.ROOM
    assert len(review.check.summary.encode()) <= words.ROOM
    assert accounting_line(review.accounting) in review.body
    assert re.findall(r"- … and .*", review.body)[-1] == snapshot(
        "- … and 878 more lines, which are too many for GitHub to show here. The check run counts every finding."
    )
    assert review.body.count("<details>") == review.body.count("</details>") == 1
    assert len(review.check.annotations) == words.ANNOTATED


# The hidden marker


def test_everything_said_is_in_a_marker_that_only_we_can_write() -> None:
    """That is how the next run knows what it said, and how nobody can make it keep silent."""
    review = reviewed(
        found(2), found(4), found(30, message="beside"), *(found(40 + n, message=f"{n}") for n in range(5))
    )
    comments = [read_marker(comment.body, KEY) for comment in review.comments]
    body = read_marker(review.body or "", KEY)
    assert body
    said = {*body.fingerprints, *(each for comment in comments if comment for each in comment.fingerprints)}

    assert (body.run, body.head) == ("acme/shop#7@run 12", "abc1234def")
    assert said == {each.fingerprint for each in (*review.comments, *review.beside, *review.folded)}
    assert len(said) == 8


@given(run=st.text(max_size=40), head=st.text(max_size=10), key=st.binary(max_size=8))
def test_a_marker_is_read_back_and_nothing_in_it_shows(run: str, head: str, key: bytes) -> None:
    """Whatever a repository is called."""
    written = marker(run, head, ["0123456789abcdef"], key)
    readable = run.encode("utf-8", "replace").decode(), head.encode("utf-8", "replace").decode()

    assert read_marker(f"text\n\n{written}", key) == Marker(*readable, ("0123456789abcdef",))
    assert re.fullmatch(r"<!--[^<>\n]*-->", written)
    assert "--" not in written[4:-3]


def test_a_marker_with_another_signature_is_not_believed() -> None:
    """Anybody can write a comment that looks like ours."""
    forged = marker("acme/shop#7@run 12", "abc", ["0123456789abcdef"], b"guess")
    ours = marker("acme/shop#7@run 12", "abc", ["0123456789abcdef"], KEY)

    assert read_marker(forged, KEY) is None
    assert read_marker(ours.replace("0123456789abcdef", "fedcba9876543210"), KEY) is None
    assert read_marker(f"{ours}\n{forged}", KEY) == read_marker(ours, KEY) is not None
    assert read_marker("no marker", KEY) is None


# Hostile text

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                *"`*_~[]()<>!#|&\\$@:-+=\n\r\t .1a\u2028\u202e\x00",
                "``",
                "```",
                "~~~",
                "@admin",
                " @org/team",
                "[x](http://e.vil)",
                "![x](y)",
                "<http://e.vil>",
                "https://e.vil",
                "www.e.vil",
                "a@e.vil",
                "<!--",
                "-->",
                "<b>",
                "</details>",
                "<script>",
                "&lt;",
                "&#64;",
                "#1",
                "GH-1",
                "acme/x#2",
                "0123456789abcdef",
                "```suggestion\nevil()\n```",
                "\n\n# Title",
                "\n> quote",
                "\n    code",
                "\n- [x](y)",
                "\n| a |\n| - |",
                "[^1]",
                marker("acme/shop#7@run 12", "abc", ["0123456789abcdef"], b""),
            ]
        ),
        max_size=8,
    ).map("".join),
)


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    """All tokens with their children."""
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def assert_harmless(markdown: str, allowed: Sequence[str] = ()) -> None:
    """Nothing in `markdown` is a link, an image, HTML, a fence, or text that GitHub would link by itself."""
    for token in flat(GITHUB.parse(markdown)):
        if token.type == "link_open":
            assert str(token.attrGet("href")).startswith(tuple(allowed)), token
        elif token.type == "text":
            text = token.content
            assert not re.search(r"[@#]\w|://|www\.|\bgh-\d", text, re.IGNORECASE), text
            assert not re.search(r"(?<!\w)[0-9a-f]{7,64}(?!\w)", text), text
            assert not re.search("[\x00-\x08\u202e\u2028]", text), text
        else:
            assert token.type not in {"image", "html_inline", "html_block", "fence", "code_block", "hr"}, token


@settings(max_examples=300)
@given(
    text=HOSTILE, write=st.sampled_from([quoted, escaped, prose]), before=st.sampled_from(["", "- ", "Words: ", "x "])
)
def test_text_of_a_pull_request_never_becomes_markup(text: str, write: Callable[[str], str], before: str) -> None:
    """Not at the start of a line, not within one, not in a list."""
    written = f"{before}{write(text)}"
    tokens = [token.type for token in GITHUB.parse(written) if token.type.endswith("_open")]

    assert "\n" not in written
    assert tokens in (
        [],
        ["paragraph_open"],
        ["bullet_list_open", "list_item_open", "paragraph_open"],
        ["bullet_list_open", "list_item_open"],
    )
    assert_harmless(written)


@given(text=HOSTILE)
def test_a_quoted_text_is_one_code_span(text: str) -> None:
    """And reads as it was, but for white space and what can't be seen."""
    (inline,) = (token for token in GITHUB.parse(quoted(text)) if token.type == "inline")

    assert [token.type for token in inline.children or []] == ["code_inline"]


@given(text=st.text(alphabet="`~\n ab", max_size=40))
def test_a_fence_is_ended_by_nothing_in_it(text: str) -> None:
    """A docstring may well hold a fence."""
    (block,) = GITHUB.parse(fenced("suggestion", text))

    assert (block.type, block.info) == ("fence", "suggestion")
    assert block.content == (f"{text}\n" if text else "")


def ours(text: str) -> str:
    """A text without the marker at its end."""
    before, start, end = text.rpartition("\n\n<!-- postil:")
    return before if start and MARKER.fullmatch(f"<!-- postil:{end}") else text


@settings(max_examples=200, deadline=None)
@given(path=HOSTILE, message=HOSTILE, reason=HOSTILE, config=HOSTILE, code=HOSTILE)
def test_a_whole_review_of_hostile_text_says_only_our_words(
    path: str, message: str, reason: str, config: str, code: str
) -> None:
    """Paths, messages, reasons, branch names and code: none of them links, mentions, or ends our markup."""
    cause = Related(path, 7, message)
    suggested = found(2, path=path, message=message, suggestion=Suggestion(2, 2, code, "…"))
    review = reviewed(
        suggested,
        found(30, path=path, message=message, related=(cause,)),
        found(31, path=path, message=message),
        *(found(40 + n, path=path, message=f"{message} {n}") for n in range(4)),
        files=[file(range(1, 11), range(40, 60), path=path)],
        suppressed=(found(8, path=path, message=message, allowed=reason),),
        problems=(Problem(path, "syntax", message),),
        config=config,
    )
    assert review.body
    for text in (review.body, review.check.summary):
        assert_harmless(ours(re.sub(r"<details>\n<summary>\d+ folded</summary>|</details>", "", text)), (BLOB, GUIDE))
    for comment in review.comments:
        text = ours(comment.body)
        blocks = [token for token in GITHUB.parse(text) if token.type == "fence"]
        for block in blocks:
            text = text.replace(f"{block.markup}suggestion\n{block.content}{block.markup}", "")

        assert len(blocks) == (comment.suggestion is not None)
        assert_harmless(text, (BLOB, GUIDE))
        assert read_marker(comment.body, KEY)
    assert_sum_holds(review)


def test_broken_unicode_in_a_path_can_be_sent() -> None:
    """JSON can carry half a surrogate pair, UTF-8 can't."""
    review = reviewed(found(30, path="a\ud83d.py", message="`\udc00` is odd \ud83d"))

    assert review.body
    assert "`a\ufffd.py` line 30" in review.body
    assert review.body.encode()


def test_what_is_on_probation_is_annotated_and_only_what_was_said_before_stays() -> None:
    """Neither the review nor the verdict knows of it; the check run counts it, and says why."""
    step = Step(Scope.ACCOUNT, 1, "sleep-in-async", Standing.PROBATION, Figures(fixed=9, refused=5, allowed=1), 1.8e9)
    said = found(8, "sleep-in-async")
    circumstances: dict[str, Any] = {"steps": {step.rule: step}, "said": frozenset({said.fingerprint})}
    alone = reviewed(found(4, "sleep-in-async"), said, **circumstances)
    beside = reviewed(found(3), found(4, "sleep-in-async"), **circumstances)

    assert (alone.body, alone.comments, alone.check.conclusion) == (None, (), Conclusion.NEUTRAL)
    assert alone.check.title == snapshot("2 findings: 2 warnings; 2 on probation")
    assert accounting_line(alone.accounting).partition(" · ")[0] == snapshot(
        "2 found: 0 inline, 0 beside the diff, 0 folded, 0 suppressed, 1 on probation, 1 said before"
    )
    assert {each.level for each in alone.check.annotations} == {"notice"}
    assert textwrap.wrap(visible(alone.check.summary).partition("**Stepped back**")[2], 100) == snapshot(
        [
            "  - [`sleep-in-async`](GUIDE/sleep-in-async) is on probation: it is annotated only, and fails",
            "nothing. Of 15 comments that got an answer in the repositories of this account up to 2027-01-15, 9",
            "were fixed, 5 refused and 1 allowed: 40% weren't wanted (16% to 70%). - An operator of Postil brings",
            "a rule back, and so does a severity for it in the configuration.  This check fails on errors and",
            "warnings.",
        ]
    )
    assert [comment.rule for comment in beside.comments] == ["raise-without-from"]
    assert "sleep-in-async" not in (beside.body or "")
    assert beside.check.conclusion is Conclusion.FAILURE
    for review in (alone, beside):
        assert_sum_holds(review)
