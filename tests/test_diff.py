"""What `postil.review.diff` reads out of patches, held against real git."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postil.review.diff import Hunks, commentable, reverse_apply

# Every break that Python knows and git doesn't, and what else has disturbed readers of diffs.
PIECES = [
    "a",
    "b",
    "",
    " ",
    "\t",
    "\r",
    "\f",
    "\x0b",
    "\x1c",
    "\x85",
    "\u2028",
    "-",
    "+",
    "@@ -1 +1 @@",
    "\\ No",
    "é",
    "🙂",
]

LINE = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)
TEXT = st.tuples(st.lists(LINE, max_size=30), st.sampled_from(["", "\n"])).map(
    lambda made: "\n".join(made[0]) + made[1]
)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A text and the same text after a few edits, so that hunks with context come about."""
    base = draw(TEXT)
    lines = base.split("\n")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines)))
        until = draw(st.integers(at, min(len(lines), at + 3)))
        lines[at:until] = draw(st.lists(LINE, max_size=3))
    return base, "\n".join(lines)


def git_patch(folder: Path, base: str, head: str, context: int = 3) -> str:
    """What `git diff` says of two texts, as GitHub shows it: without the file's headers."""
    (folder / "base").write_bytes(base.encode())
    (folder / "head").write_bytes(head.encode())
    command = ["git", "diff", "--no-index", "--text", "--no-color", f"-U{context}", "base", "head"]
    said = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=30).stdout.decode()
    start = said.find("\n@@ ")
    return said[start + 1 :] if start >= 0 else ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=edited(), context=st.sampled_from([0, 1, 3]), ended=st.booleans())
def test_a_patch_of_git_taken_back_gives_the_base(
    tmp_path: Path, texts: tuple[str, str], context: int, ended: bool
) -> None:
    """The base side of a review costs no call only if it is exact, whatever characters stand in the file."""
    base, head = texts
    patch = git_patch(tmp_path, base, head, context)
    if patch:
        # GitHub's JSON has no line break at the end of a patch, git has.
        patch = patch if ended else patch.removesuffix("\n")

        assert reverse_apply(head, patch) == base


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=edited())
def test_added_lines_are_those_that_git_blames_on_the_change(tmp_path: Path, texts: tuple[str, str]) -> None:
    """An anchor off the diff costs the whole review: what we call added must be what git calls added."""
    base, head = texts
    patch = git_patch(tmp_path, base, head)
    hunks = Hunks.of(patch)
    head_lines = head.split("\n")
    added = ["".join(head_lines[line - 1]) for line in sorted(hunks.added)]

    assert added == [line[1:] for line in patch.split("\n") if line.startswith("+")]
    assert hunks.added <= hunks.commentable
    assert all(0 < line <= len(head_lines) for line in hunks.commentable)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=edited(), pick=st.integers(0, 1000))
def test_a_patch_of_another_text_is_refused(tmp_path: Path, texts: tuple[str, str], pick: int) -> None:
    """A wrong base would make old findings look new; it is better to ask GitHub for the text."""
    base, head = texts
    patch = git_patch(tmp_path, base, head)
    hunks = Hunks.of(patch)
    lines = head.split("\n")
    touched = [line for line in sorted(hunks.commentable) if lines[line - 1] or line < len(lines)]
    if touched:
        lines[touched[pick % len(touched)] - 1] += "?"

        assert reverse_apply("\n".join(lines), patch) is None


PATCH = "\n".join(
    [
        "@@ -1,4 +1,5 @@",
        " import time",
        "+import asyncio",
        " ",
        " ",
        " def wait():",
        "@@ -20,3 +21,3 @@ def later():",
        "     one()",
        "-    two()",
        "+    three()",
        "     four()",
        "\\ No newline at end of file",
    ]
)


def test_added_and_context_lines_may_carry_a_comment() -> None:
    """GitHub takes comments on both; a deleted line belongs to the left side, which Postil doesn't use."""
    hunks = Hunks.of(PATCH)

    assert sorted(hunks.commentable) == [1, 2, 3, 4, 5, 21, 22, 23]
    assert sorted(hunks.added) == [2, 22]


def test_a_range_belongs_to_a_hunk_only_as_a_whole() -> None:
    """GitHub refuses a comment whose first and last line stand in different hunks, and with it the review."""
    hunks = Hunks.of(PATCH)

    assert [hunks.holding(2), hunks.holding(3, 5), hunks.holding(22, 23)] == [0, 0, 1]
    assert [hunks.holding(6), hunks.holding(5, 21), hunks.holding(23, 24)] == [None, None, None]


def test_a_new_file_of_one_line_is_read_without_counts() -> None:
    """Git leaves out a count of one."""
    patch = "@@ -0,0 +1 @@\n+x = 1\n\\ No newline at end of file"

    assert commentable(patch) == {1}
    assert reverse_apply("x = 1", patch) == ""


def test_a_removed_file_has_no_line_to_comment_on() -> None:
    """Only its left side is left."""
    patch = "@@ -1,2 +0,0 @@\n-x = 1\n-y = 2"

    assert not Hunks.of(patch)
    assert reverse_apply("", patch) == "x = 1\ny = 2\n"


def test_a_byte_order_mark_that_decoding_took_off_is_no_difference() -> None:
    """GitHub's patch keeps the mark, the decoded text doesn't."""
    patch = "@@ -1 +1 @@\n-\ufeffx = 1\n+\ufeffx = 2"

    assert reverse_apply("x = 2\n", patch) == "x = 1\n"
    assert reverse_apply("\ufeffx = 2\n", patch) == "\ufeffx = 1\n"


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "Binary files a/x and b/x differ",
        "@@ -1,2 +1,2 @@\n a",
        "@@ -1 +1 @@\n+a\n+b",
        "@@ -1 +1 @@\n-a\n+b\nrest",
        f"@@ -1 +{'9' * 5000} @@\n-a\n+b",
    ],
)
def test_what_is_no_whole_patch_allows_no_comment(patch: str) -> None:
    """What can't be read to its end proves no anchor: such findings are shown beside the diff."""
    assert not commentable(patch)
    assert reverse_apply("b\n", patch) is None


def test_a_file_without_a_patch_allows_no_comment() -> None:
    """GitHub leaves the patch out for binary, very large and merely renamed files."""
    assert not Hunks.of(None)
