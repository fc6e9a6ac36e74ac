"""What may carry a comment, and what is the same finding: random edits of random files, through real git.

`tests/test_diff.py` holds single texts; here whole pull requests go through a repository, and a reader of `git diff`
of its own says what is right.
"""

import itertools
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postil.demo.history import History, run_git
from postil.lint import Change, Project
from postil.review.analysis import analyse
from postil.review.diff import Hunks, commentable, reverse_apply
from postil.review.identity import carried_over
from tiny_rules import RULES

Files = dict[str, bytes]

PATHS = st.sampled_from(["a.py", "shop/b.py", "shop/with space.py", "shop/prix-é.py", 'shop/"quoted".py', "e.py"])
WORDS = [
    "x = 1",
    "y = 2",
    "",
    "    pass",
    "# é 🙂",
    "-- x",
    "++ y",
    "@@ -1 +1 @@",
    "\\ No newline",
    "\tz",
    "a\rb",
    "\x0c",
]
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"])
LINES = st.lists(st.tuples(st.sampled_from(WORDS), ENDS).map(lambda made: made[0].encode() + made[1]), max_size=25)


@dataclass(frozen=True)
class Shown:
    """One file of a diff, as it reads: the head lines that it shows, and those that it adds."""

    shown: frozenset[int]
    added: frozenset[int]


def read_diff(diff: bytes) -> dict[str, Shown]:
    """A whole `git diff -U3` by path at head. It counts lines, and knows nothing else."""
    found: dict[str, Shown] = {}
    for section in re.split(rb"(?m)^diff --git ", diff)[1:]:
        header, at, rest = section.partition(b"\n@@ -")
        if not at:
            continue
        path = re.search(rb"(?m)^\+\+\+ (?:b/)?(.*)$", header)
        assert path is not None
        shown, added, line, left, right = set[int](), set[int](), 0, 0, 0
        for row in (b"@@ -" + rest).split(b"\n"):
            if not left and not right:
                numbers = re.match(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", row)
                if numbers:
                    left, line, right = int(numbers[1] or 1), int(numbers[2]), int(numbers[3] or 1)
            elif row[:1] in b"+ ":
                shown.add(line)
                added |= {line} if row[:1] == b"+" else set()
                line, right, left = line + 1, right - 1, left - (row[:1] == b" ")
            elif row[:1] == b"-":
                left -= 1
        found[path[1].rstrip(b"\t").decode()] = Shown(frozenset(shown), frozenset(added))
    return found


@st.composite
def edits(draw: st.DrawFn) -> tuple[Files, Files]:
    """A few files, and the same after edits, removals and renames; a file may be empty or lack its last line's end."""
    base: Files = {}
    for path in draw(st.lists(PATHS, min_size=1, max_size=3, unique=True)):
        base[path] = _whole(draw(LINES), draw(st.booleans()))
    head: Files = {}
    for path, text in base.items():
        lines = text.splitlines(keepends=True) if b"\r" not in text else re.findall(rb"[^\n]*\n|[^\n]+", text)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(lines)))
            lines[at : at + draw(st.integers(0, 3))] = draw(LINES)[:4]
        fate = draw(st.sampled_from(["kept", "kept", "kept", "renamed", "removed"]))
        if fate != "removed":
            head["moved/" * (fate == "renamed") + path] = _whole(lines, draw(st.booleans()))
    for path in draw(st.lists(PATHS, max_size=1)):
        head.setdefault(path, _whole(draw(LINES), draw(st.booleans())))
    return base, head


def _whole(lines: list[bytes], ended: bool) -> bytes:
    text = b"".join(lines)
    return text if ended else text.removesuffix(b"\n")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A repository for all of them; each pair of states gets branches of its own."""
    return History.create(tmp_path_factory.mktemp("git") / "repository.git")


_branches: Iterator[int] = itertools.count()


def committed(history: History, base: Files, head: Files) -> tuple[str, str]:
    """Two commits with these files."""
    at, number = datetime(2026, 1, 1, tzinfo=UTC), next(_branches)

    def commit(name: str, files: Files, parent: str | None) -> str:
        gone = {path: None for path in base if parent and path not in files}
        return history.commit(
            f"refs/heads/{name}{number}", {**gone, **files}, parent=parent, author="ada", at=at, message=name
        )

    first = commit("base", base, None)
    return first, commit("head", head, first)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(states=edits())
def test_commentable_lines_are_those_that_the_diff_shows(history: History, states: tuple[Files, Files]) -> None:
    """GitHub takes comments on what its diff shows, and refuses the whole review for one that stands elsewhere."""
    base, head = states
    first, second = committed(history, base, head)
    diff = run_git(
        "-c", "core.quotePath=false", f"--git-dir={history.folder}", "diff", "--no-color", "-M", "-U3", first, second
    )
    expected = {path: shown for path, shown in _unquoted(read_diff(diff)).items() if path != "/dev/null"}
    files = {file.path: file for file in history.files_between(first, second) if file.status != "removed"}

    assert {path: commentable(file.patch) for path, file in files.items() if file.patch} == {
        path: shown.shown for path, shown in expected.items()
    }
    assert {path: Hunks.of(file.patch).added for path, file in files.items() if file.patch} == {
        path: shown.added for path, shown in expected.items()
    }
    for path, file in files.items():
        if file.patch and file.status in ("modified", "renamed"):
            before = base[file.previous_path or path].decode()

            assert reverse_apply(head[path].decode(), file.patch) == before


def _unquoted(found: dict[str, Shown]) -> dict[str, Shown]:
    """Paths as they are: git writes odd ones in quotes, with the side inside of them."""
    return {
        path[1:-1].replace('\\"', '"').removeprefix("b/") if path.startswith('"') else path: shown
        for path, shown in found.items()
    }


def test_a_reader_of_a_known_diff_is_right() -> None:
    """The judge is judged on one that was counted by hand."""
    diff = b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,3 @@ def f():\n a\n-b\n+c\n+d\n"

    assert read_diff(diff) == {"x.py": Shown(frozenset({1, 2, 3}), frozenset({2, 3}))}


CALLS = ["old_a()", "old_b(1, 2)", "old_c('x', key = [1,2])", "y == None", "old_d( old_a( ) )", "old_b(1,\n        2)"]
SCOPES = ["def f():", "def g(a, b):", "class A:", "async def h():", "class B:\n    def m(self):"]
BLOCKS = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.lists(st.sampled_from(CALLS), min_size=1, max_size=4).map(tuple)),
    min_size=1,
    max_size=4,
    unique_by=lambda block: block[0],
)
Block = tuple[str, tuple[str, ...]]


def source(blocks: list[Block]) -> str:
    """A module with these definitions, in this order."""
    parts = []
    for scope, calls in blocks:
        inside = "    " * (1 + scope.count("\n"))
        parts.append(f"{scope}\n" + "".join(f"{inside}x = {call}\n" for call in calls))
    return "\n".join(parts)


def prints(head: str, path: str = "a.py", base: str | None = None, previous: str | None = None) -> list[str]:
    """The fingerprints of what is introduced."""
    found = analyse(RULES, [Change(path, head, base, previous)], Project(), Project()).introduced
    return sorted(each.fingerprint for each in found)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(blocks=BLOCKS)
def test_what_ruff_lays_out_keeps_its_identity(blocks: list[Block]) -> None:
    """The commit of a formatter is nobody's new finding: by the formatter that most of them use."""
    text = source(blocks)
    command = ["ruff", "format", "--isolated", "-", "--stdin-filename", "a.py"]
    laid_out = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout

    assert prints(laid_out) == prints(text)
    assert prints(laid_out, base=text) == []


@settings(max_examples=80, deadline=None, derandomize=True)
@given(blocks=BLOCKS, seed=st.integers(0, 1000))
def test_moves_and_white_space_keep_the_identity(blocks: list[Block], seed: int) -> None:
    """Definitions in another order, blank lines and comments between the lines, and a file with another name."""
    chance = random.Random(seed)  # noqa: S311
    moved = chance.sample(blocks, len(blocks))
    lines = []
    for line in source(moved).split("\n"):
        lines += [line] if line.startswith(" " * 8) or line.endswith(",") else ["", "# a comment", line]
    head = "\n".join(lines)

    assert prints(head) == prints(source(blocks))
    assert prints(head, base=source(blocks)) == []
    assert prints(head, "b.py", source(blocks), "a.py") == []


@settings(max_examples=80, deadline=None, derandomize=True)
@given(states=st.lists(st.tuples(PATHS, BLOCKS), min_size=1, max_size=4, unique_by=lambda state: state[0]))
def test_no_two_findings_of_a_pull_request_share_an_identity(states: list[tuple[str, list[Block]]]) -> None:
    """One would be taken for said, or for refused, with the other."""
    changes = [Change(path, source(blocks), None) for path, blocks in states]
    found = analyse(RULES, changes, Project(), Project()).introduced

    assert len({each.fingerprint for each in found}) == len(found)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(blocks=BLOCKS, other=BLOCKS)
def test_a_renamed_new_file_carries_its_findings_over(blocks: list[Block], other: list[Block]) -> None:
    """A file that the pull request adds has no name at base. Each finding has one that it was said as."""
    said, beside = prints(source(blocks), "new.py"), prints(source(other), "other.py")
    renamed = prints(source(blocks), "renamed.py")
    carried = carried_over([*renamed, *beside], [*said, *beside], ["renamed.py", "other.py"])

    assert sorted(carried) == renamed
    assert sorted(carried.values()) == said


@settings(max_examples=40, deadline=None, derandomize=True)
@given(blocks=BLOCKS)
def test_a_copy_carries_nothing_over(blocks: list[Block]) -> None:
    """As long as the first file is there, another one with the same code is something new."""
    said, copied = prints(source(blocks), "new.py"), prints(source(blocks), "copy.py")

    assert carried_over([*said, *copied], said, ["new.py", "copy.py"]) == {}
    assert carried_over(copied, said, ["new.py", "copy.py"]) == {}
