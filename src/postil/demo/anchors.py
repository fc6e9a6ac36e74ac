"""Which lines of a pull request's diff may carry a comment, by the rules and in the words of GitHub's API.

Written apart from `postil.review.diff` on purpose: the tests compare the two.
"""

import re
from dataclasses import dataclass, field

HEADER = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")

LINE = "Pull request review thread line must be part of the diff"
HUNK = "Pull request review thread diff hunk can't be blank"
ORDER = "Pull request review thread start line must precede the end line."
ONE_HUNK = "Pull request review thread start line must be part of the same hunk as the line."
PATH = "Path could not be resolved"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a patch. `position` counts from the line below the first hunk header, as GitHub's old anchors do."""

    sign: str
    text: str
    left: int | None
    right: int | None
    position: int

    def number(self, side: str) -> int | None:
        """This row's line number on a side (LEFT: before, RIGHT: after)."""
        return self.left if side == "LEFT" else self.right


@dataclass(slots=True)
class Hunk:
    """One hunk: its header and its rows."""

    header: str
    rows: list[Row] = field(default_factory=list)

    def row(self, side: str, line: int) -> Row | None:
        """The row that stands at a line of a side, if this hunk shows it."""
        return next((row for row in self.rows if row.number(side) == line), None)


def hunks(patch: str | None) -> list[Hunk]:
    """The hunks of a patch (none for None)."""
    found: list[Hunk] = []
    left = right = 0
    for position, line in enumerate((patch or "").split("\n")):
        header = HEADER.match(line)
        if header:
            left, right = int(header[1]), int(header[2])
            found.append(Hunk(line))
        elif found and line[:1] in (" ", "+", "-"):
            sign = line[0]
            row = Row(sign, line[1:], left if sign != "+" else None, right if sign != "-" else None, position)
            found[-1].rows.append(row)
            left += sign != "+"
            right += sign != "-"
    return found


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a comment wants to stand."""

    path: str
    line: int
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None


def refusals(anchor: Anchor, patch: str | None) -> list[str]:
    """GitHub's words for what is wrong with an anchor; empty when it holds."""
    shown = [hunk for hunk in hunks(patch) if hunk.row(anchor.side, anchor.line)]
    if not shown:
        return [LINE, HUNK]
    if anchor.start_line is None:
        return []
    start_side = anchor.start_side or anchor.side
    start = shown[0].row(start_side, anchor.start_line)
    if start_side == anchor.side and anchor.start_line >= anchor.line:
        return [ORDER]
    end = shown[0].row(anchor.side, anchor.line)
    if start is None or end is None or start.position >= end.position:
        return [ONE_HUNK]
    return []


def at_position(patch: str | None, position: int) -> tuple[int, str] | None:
    """The line and side that an old-style position means, or None when it is outside of the diff."""
    for hunk in hunks(patch):
        for row in hunk.rows:
            if row.position == position:
                side = "LEFT" if row.sign == "-" else "RIGHT"
                return (row.left if side == "LEFT" else row.right) or 0, side
    return None


def excerpt(patch: str | None, side: str, line: int) -> str:
    """The `diff_hunk` of a comment: its hunk down to its line."""
    for hunk in hunks(patch):
        row = hunk.row(side, line)
        if row:
            return "\n".join([hunk.header, *(r.sign + r.text for r in hunk.rows if r.position <= row.position)])
    return ""


def position_of(patch: str | None, side: str, line: int) -> int | None:
    """The old-style position of a line, or None when the diff does not show it."""
    return next((row.position for hunk in hunks(patch) if (row := hunk.row(side, line))), None)
