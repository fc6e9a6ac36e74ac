"""What linting gives back: findings with their place, and problems with their reason. Plain values."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: `error` breaks, `warning` is a likely incident, `hint` is a suggestion."""

    HINT = "hint"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for a hint, 1 for a warning, 2 for an error; for comparison with a threshold."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that explains a finding ("called from here"). Lines are 1-based."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Around:
    """Lines elsewhere in the file that a finding's code depends on: `line`..`end_line`, 1-based and inclusive.

    `kind` is "header" or "decorator", of the definition `name` around the code, or "import", which binds `name`.
    """

    line: int
    end_line: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class TextEdit:
    """A replacement of source text. Lines and columns are 1-based; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found. Lines and columns are 1-based; `end_column` is exclusive.

    `scope` is the enclosing definition ("Service.charge", "" at module level) and `code` the found code with its
    white space folded: with rule and path they make the finding's identity, whatever its line number.
    `allowed` is None, or the reason given by a `# postil: allow` comment ("" when it gives none). `around` are the
    lines that may have brought it about from afar: those of the innermost definition first, imports last.
    """

    rule: str
    path: str
    line: int
    end_line: int
    column: int
    end_column: int
    severity: Severity
    message: str
    scope: str = ""
    code: str = ""
    related: tuple[Related, ...] = ()
    edits: tuple[TextEdit, ...] = ()
    allowed: str | None = None
    around: tuple[Around, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept us from judging: a file that doesn't parse, a check that crashed.

    `kind` is one of `syntax`, `encoding`, `too-large`, `too-deep`, `timeout`, `crash`, `check-crash`, `unreadable`,
    `missing`, `config` (a fault in the configuration, which costs only itself). `message` is one sentence for a reader,
    without the path.
    """

    path: str
    kind: str
    message: str
