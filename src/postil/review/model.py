"""The nouns of a review: a pull request's files, what was found in them, and what the bot will say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from postil.lint.finding import Finding, Problem, Severity
from postil.review.config import Config
from postil.review.orders import Ignore
from postil.review.standing import Step


class FileStatus(StrEnum):
    """What a pull request did to a file, in GitHub's words."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RENAMED = "renamed"
    COPIED = "copied"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a pull request, as GitHub lists it.

    `sha` is the blob's object id at head (None where GitHub leaves it out); `patch` is the unified diff of this file
    against the merge base, without file headers (None for binary, very large and merely renamed files).
    """

    path: str
    status: FileStatus
    sha: str | None = None
    previous_path: str | None = None
    additions: int = 0
    deletions: int = 0
    patch: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proved fix as whole lines: `text` replaces lines `start_line`..`end_line` (1-based, inclusive) of head.

    `text` has no final newline; it is empty when the lines are deleted. `replaced` holds the lines as analysed.
    """

    start_line: int
    end_line: int
    text: str
    replaced: str


@dataclass(frozen=True, slots=True)
class Introduced:
    """A finding that head has and the merge base has not, with its stable identity and its proved fix, if any."""

    finding: Finding
    fingerprint: str
    suggestion: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out; `why` is one word, such as "vendored" or "excluded"."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything the pure part found in a change set; what the fenced child process sends back.

    `left_out` are the findings that the repository wants to hear nothing of where they stand, `skipped` the files that
    were not looked at, `ignored` the findings of rules that somebody had ignored in this pull request.
    """

    introduced: tuple[Introduced, ...] = ()
    suppressed: tuple[Introduced, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: int = 0
    left_out: tuple[Introduced, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    ignored: tuple[Introduced, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    """One inline comment. `start_line` is None for a comment on a single line. `body` is the finished Markdown."""

    path: str
    line: int
    start_line: int | None
    side: str
    rule: str
    body: str
    suggestion: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding that is no inline comment: shown beside the diff, folded or suppressed. `url` is the rule's page."""

    path: str
    line: int
    rule: str
    message: str
    severity: Severity
    url: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of the check run, in GitHub's words (`level`: notice, warning or failure)."""

    path: str
    start_line: int
    end_line: int
    level: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """The sum that every review prints.

    found = inline + beside + folded + suppressed + left out + ignored + on probation + already said.

    `inline` is the number of comments; what such a comment only links to, as it repeats, is counted as folded. What is
    on `probation` is annotated only.
    """

    found: int
    inline: int
    beside: int
    folded: int
    suppressed: int
    said_before: int
    config: str
    guideline: str
    left_out: int = 0
    ignored: int = 0
    probation: int = 0


class Conclusion(StrEnum):
    """The check run's verdict, in GitHub's words."""

    SUCCESS = "success"
    NEUTRAL = "neutral"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """What the check run shows. `title` is one line, `summary` Markdown within GitHub's limit."""

    title: str
    summary: str
    conclusion: Conclusion
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """One review, ready to be posted. With nothing new to say `body` is None and only the check run is written."""

    body: str | None
    comments: tuple[Comment, ...]
    beside: tuple[Mention, ...]
    folded: tuple[Mention, ...]
    suppressed: tuple[Mention, ...]
    problems: tuple[Problem, ...]
    accounting: Accounting
    check: CheckOutput


@dataclass(frozen=True, slots=True)
class RuleWords:
    """What a comment says about a rule, taken from the rule's page and its links."""

    name: str
    title: str
    why: str
    chapter_title: str
    section_title: str
    rule_url: str
    section_url: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pull request that changes the configuration would bring about, once it is merged.

    With the configuration at `source` there would be so many findings `more` and `fewer`, and `unread` files would be
    looked at that are left out now. `faults` are its mistakes, as lines for its author.
    """

    source: str
    more: int
    fewer: int
    unread: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """The circumstances of a review that are not findings: what was judged, under what, and what was said before.

    A review has at most `inline` comments, and `per_rule` of one rule: more of them bury what people say.
    `blob_url` is the address of the repository's files at head, without a final slash ("" where there is none to
    link to); `key` signs the hidden markers. `settings` is the configuration that was found at `source`, None where the
    defaults hold; `preview` is what the pull request would make of it.
    `ignored` are the rules, by name, that somebody had ignored here, `steps` those of rules that stepped back.
    """

    head_sha: str
    run: str
    words: Mapping[str, RuleWords]
    guideline: str
    config: str = "defaults"
    threshold: Severity = Severity.WARNING
    inline: int = 20
    per_rule: int = 3
    said: frozenset[str] = field(default_factory=frozenset)
    blob_url: str = ""
    key: bytes = b""
    source: str = ""
    settings: Config | None = None
    preview: Preview | None = None
    ignored: Mapping[str, Ignore] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
