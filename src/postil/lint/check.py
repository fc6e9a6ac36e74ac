"""What a check is: a function from a piece of code to notes.

The annotation of its first parameter is its subscription.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import libcst as cst


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file that is not a syntax tree: 1-based lines and columns, the end exclusive in its column."""

    path: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """A node together with the path of the file it stands in, for checks that see several files."""

    path: str
    node: cst.CSTNode


Place: TypeAlias = cst.CSTNode | Located | Span


class FixKind(StrEnum):
    """`safe` keeps the meaning of the program; `suggestion` is likely right, and the author decides."""

    SAFE = "safe"
    SUGGESTION = "suggestion"


@dataclass(frozen=True, slots=True)
class Replace:
    """Put `text` in the place of a node (its own text, without the white space and comments around it) or a span.

    An empty text takes the blanks behind it away too.
    """

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Put `text` directly before or after a node or a span."""

    place: Place
    text: str
    after: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit that cures a note, of the one file that the note is shown in. The edits must not overlap.

    Texts are written with line feeds as line ends; in a file with others they get those.
    """

    edits: tuple[Replace | Insert, ...]
    kind: FixKind = FixKind.SAFE

    @classmethod
    def replace(cls, place: Place, text: str, kind: FixKind = FixKind.SAFE) -> "Fix":
        """The common fix: one node or span becomes `text`."""
        return cls((Replace(place, text),), kind)


@dataclass(frozen=True, slots=True)
class Secondary:
    """A second place that explains a note, with its words ("called from here")."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a check has to say about one place.

    `place` is what is wrong; `message` is one present-tense sentence about what is wrong *here*, with code in
    back-ticks. `anchor` is where it is shown, when that reads better than `place`. `severity` ("error", "warning" or
    "hint") overrides the page's where the cases of one rule weigh differently.
    """

    place: Place
    message: str
    fix: Fix | None = None
    secondary: tuple[Secondary, ...] = ()
    anchor: Place | None = None
    severity: str | None = None


Notes: TypeAlias = Iterator[Note]
Check: TypeAlias = Callable[..., Notes]
Handler: TypeAlias = Callable[[Any], Notes]
