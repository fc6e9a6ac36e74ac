"""Read GitHub's patches: which lines of a file may carry a comment, and what the file was before.

Pure: takes text and gives values. May not read a repository or ask for anything.

A patch is a unified diff of one file without its two header lines. Only a line feed ends a line, in a patch as in
GitHub's line numbers: carriage returns, form feeds and the other breaks that `str.splitlines` knows belong to the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@(?: .*|\r)?", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk. Line numbers are 1-based; `base` and `head` hold its lines on either side with their ends.

    `added` holds the numbers of the head lines that the change wrote.
    """

    base_start: int
    head_start: int
    base: tuple[str, ...]
    head: tuple[str, ...]
    added: frozenset[int]

    @property
    def lines(self) -> range:
        """The head lines of this hunk, added or context: those that may carry a comment on the right side."""
        return range(self.head_start, self.head_start + len(self.head))


@dataclass(frozen=True, slots=True)
class Hunks:
    """The hunks of one file's patch, in order of line. Falsy when nothing may carry a comment."""

    hunks: tuple[Hunk, ...] = ()

    @classmethod
    def of(cls, patch: str | None) -> "Hunks":
        """The hunks of `patch`; none where GitHub left it out, or where it can't be read to its end."""
        return cls(tuple(_parsed(patch) or ())) if patch else cls()

    def __bool__(self) -> bool:
        return any(hunk.head for hunk in self.hunks)

    @property
    def commentable(self) -> frozenset[int]:
        """The head lines that may carry a comment on the right side."""
        return frozenset(line for hunk in self.hunks for line in hunk.lines)

    @property
    def added(self) -> frozenset[int]:
        """The head lines that the change wrote."""
        return frozenset(line for hunk in self.hunks for line in hunk.added)

    def holding(self, line: int, end_line: int | None = None) -> int | None:
        """The index of the hunk that holds the whole of `line`..`end_line`; None if no single one does."""
        for index, hunk in enumerate(self.hunks):
            if line in hunk.lines and (end_line or line) in hunk.lines:
                return index
        return None


def commentable(patch: str | None) -> frozenset[int]:
    """The head lines that may carry a comment on the right side, by GitHub's patch."""
    return Hunks.of(patch).commentable


def reverse_apply(head_text: str, patch: str) -> str | None:
    """The text that `patch` was made from; None when it doesn't fit `head_text` exactly or can't be read."""
    hunks = _parsed(patch)
    if hunks is None:
        return None
    if not head_text.startswith(_BYTE_ORDER_MARK):
        hunks = [_without_mark(hunk) for hunk in hunks]
    lines = _LINE.findall(head_text)
    base: list[str] = []
    position = 0
    for hunk in hunks:
        # A side without lines is named by the line before it.
        start = hunk.head_start - 1 if hunk.head else hunk.head_start
        before = hunk.base_start - 1 if hunk.base else hunk.base_start
        if start < position or before != len(base) + start - position:
            return None
        if tuple(lines[start : start + len(hunk.head)]) != hunk.head:
            return None
        base += lines[position:start]
        base += hunk.base
        position = start + len(hunk.head)
    base += lines[position:]
    if any(not line.endswith("\n") for line in base[:-1]):
        return None
    return "".join(base)


def _parsed(patch: str) -> list[Hunk] | None:
    lines = patch.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return None
    hunks: list[Hunk] = []
    rest = _Lines(lines)
    while not rest.done:
        hunk = _hunk(rest)
        if hunk is None:
            return None
        hunks.append(hunk)
    return hunks


class _Lines:
    """The lines of a patch, taken one by one."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0

    @property
    def done(self) -> bool:
        return self._next >= len(self._lines)

    def take(self) -> str:
        line = self._lines[self._next] if not self.done else ""
        self._next += 1
        return line

    def unended(self) -> bool:
        """Whether "No newline at end of file" is said of the line just taken. Git may say it in other words."""
        if not self.done and self._lines[self._next].startswith("\\"):
            self._next += 1
            return True
        return False


def _hunk(lines: _Lines) -> Hunk | None:
    header = _HEADER.fullmatch(lines.take())
    if header is None:
        return None
    base_start, base_left, head_start, head_left = (int(number) if number else 1 for number in header.groups())
    base: list[str] = []
    head: list[str] = []
    added: set[int] = set()
    while base_left or head_left:
        mark, text = _marked(lines.take())
        line = text if lines.unended() else f"{text}\n"
        if mark in (" ", "-"):
            base.append(line)
            base_left -= 1
        if mark in (" ", "+"):
            if mark == "+":
                added.add(head_start + len(head))
            head.append(line)
            head_left -= 1
        if not mark or min(base_left, head_left) < 0:
            return None
    return Hunk(base_start, head_start, tuple(base), tuple(head), frozenset(added))


def _marked(line: str) -> tuple[str, str]:
    return (line[0], line[1:]) if line[:1] in {" ", "-", "+"} else ("", "")


def _without_mark(hunk: Hunk) -> Hunk:
    """The hunk for a text whose byte order mark was taken off when it was decoded."""
    if hunk.head_start > 1 and hunk.base_start > 1:
        return hunk

    def bare(lines: tuple[str, ...]) -> Iterator[str]:
        for index, line in enumerate(lines):
            yield line.removeprefix(_BYTE_ORDER_MARK) if index == 0 else line

    return Hunk(hunk.base_start, hunk.head_start, tuple(bare(hunk.base)), tuple(bare(hunk.head)), hunk.added)
