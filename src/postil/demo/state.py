"""What the stand-in remembers: accounts, installations, pull requests, reviews, comments, check runs."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from postil.demo.history import History

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

LEVELS = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read", "none": "none"}


def node_id(kind: str, number: int) -> str:
    """A global id as GraphQL wants it: opaque, and different for each kind."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class Account:
    """A user, an organisation or a bot. `login` is the REST login, which for a bot ends with `[bot]`."""

    id: int
    login: str
    type: str = "User"

    @property
    def graphql_login(self) -> str:
        """The login as GraphQL tells it: without `[bot]`."""
        return self.login.removesuffix("[bot]")


@dataclass(slots=True)
class Installation:
    """The App on one account: which repositories it may see, and what it may do there."""

    id: int
    account: Account
    permissions: dict[str, str]
    repositories: list["FakeRepository"] = field(default_factory=list)
    suspended: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """An installation token: for one hour, for these repositories, with these permissions."""

    value: str
    installation: Installation
    permissions: dict[str, str]
    repositories: tuple[int, ...] | None
    expires_at: datetime


@dataclass(slots=True)
class Reaction:
    """One emoji under something."""

    id: int
    user: Account
    content: str
    created_at: datetime


@dataclass(slots=True)
class IssueComment:
    """A comment in the conversation of a pull request."""

    id: int
    pull: "FakePull"
    user: Account
    body: str
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = field(default_factory=list)
    minimized: str | None = None

    @property
    def node_id(self) -> str:
        """The comment's global id."""
        return node_id("IC", self.id)


@dataclass(slots=True)
class ReviewComment:
    """A comment on a line (or on a file). `line` is None once the line is no longer in the diff: it is outdated."""

    id: int
    pull: "FakePull"
    review: "Review | None"
    user: Account
    body: str
    path: str
    side: str
    line: int | None
    start_line: int | None
    start_side: str | None
    original_line: int | None
    original_start_line: int | None
    commit_id: str
    original_commit_id: str
    diff_hunk: str
    position: int | None
    original_position: int
    subject_type: str
    created_at: datetime
    updated_at: datetime
    in_reply_to: int | None = None
    reactions: list[Reaction] = field(default_factory=list)
    minimized: str | None = None

    @property
    def node_id(self) -> str:
        """The comment's global id."""
        return node_id("PRRC", self.id)

    @property
    def is_outdated(self) -> bool:
        """Whether a later push changed the commented line."""
        return self.line is None and self.subject_type == "line"


@dataclass(slots=True)
class Thread:
    """A line comment with its replies, and whether somebody resolved it."""

    id: int
    pull: "FakePull"
    resolved_by: Account | None = None

    @property
    def node_id(self) -> str:
        """The thread's global id."""
        return node_id("PRRT", self.id)

    @property
    def comments(self) -> list[ReviewComment]:
        """The first comment and its replies, oldest first."""
        return [one for one in self.pull.comments if self.id in (one.id, one.in_reply_to)]


@dataclass(slots=True)
class Review:
    """One review. `state` is PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED or DISMISSED."""

    id: int
    pull: "FakePull"
    user: Account
    body: str
    state: str
    commit_id: str
    original_commit_id: str
    submitted_at: datetime | None
    minimized: str | None = None

    @property
    def node_id(self) -> str:
        """The review's global id."""
        return node_id("PRR", self.id)

    @property
    def comments(self) -> list[ReviewComment]:
        """The comments that came with this review."""
        return [one for one in self.pull.comments if one.review is self]


@dataclass(slots=True)
class CheckSuite:
    """All check runs of the App on one commit."""

    id: int
    repository: "FakeRepository"
    head_sha: str
    created_at: datetime

    @property
    def runs(self) -> list["CheckRun"]:
        """The suite's runs, oldest first."""
        return [run for run in self.repository.check_runs if run.suite is self]


@dataclass(slots=True)
class CheckRun:
    """One check run, with all annotations that were appended to it."""

    id: int
    suite: CheckSuite
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class FakeRepository:
    """One repository: its git history, its pull requests and its people."""

    id: int
    owner: Account
    name: str
    history: History
    default_branch: str = "main"
    private: bool = True
    pulls: dict[int, "FakePull"] = field(default_factory=dict)
    check_runs: list[CheckRun] = field(default_factory=list)
    suites: list[CheckSuite] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    former_names: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"

    def is_called(self, full_name: str) -> bool:
        """Whether this is, or was, its name: the former ones redirect."""
        return full_name == self.full_name or full_name in self.former_names

    def branch(self, name: str) -> str | None:
        """The commit at the tip of a branch, or None."""
        return self.history.commit_of(f"refs/heads/{name}")


@dataclass(slots=True, eq=False)
class FakePull:
    """A pull request, as a test or the demo holds it: look at what was posted, or act as a person would."""

    fake: "FakeGitHub" = field(repr=False)
    repository: FakeRepository
    id: int
    number: int
    title: str
    body: str
    author: Account
    base_ref: str
    head_ref: str
    head_sha: str
    created_at: datetime
    updated_at: datetime
    fork: str | None = None
    fork_gone: bool = False
    draft: bool = False
    state: str = "open"
    merged: bool = False
    closed_at: datetime | None = None
    labels: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[ReviewComment] = field(default_factory=list)
    issue_comments: list[IssueComment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    threads: dict[int, Thread] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    @property
    def node_id(self) -> str:
        """The pull request's global id."""
        return node_id("PR", self.id)

    @property
    def base_sha(self) -> str:
        """The tip of the base branch (on GitHub too this is not the merge base)."""
        sha = self.repository.branch(self.base_ref)
        if sha is None:
            raise LookupError(f"the base branch {self.base_ref} is gone")
        return sha

    @property
    def merge_base(self) -> str:
        """Where head and base parted; the diff starts there."""
        return self.merge_base_of(self.head_sha)

    def merge_base_of(self, head: str) -> str:
        """Like `merge_base`, for an earlier head."""
        found = self.repository.history.merge_base(self.base_sha, head)
        if found is None:
            raise LookupError(f"{self.base_ref} and {head} have no common commit")
        return found

    @property
    def check_runs(self) -> list[CheckRun]:
        """The check runs on any commit that is, or was, this pull request's head."""
        return [run for run in self.repository.check_runs if run.head_sha in self.heads]

    def push(self, files: dict[str, str | bytes | None], *, force: bool = False, message: str = "More work") -> str:
        """Commit on the head branch (None removes a file) and give the new head back.

        With `force` the commit replaces everything the pull request had: it is made on the merge base.
        """
        return self.fake.push(self, files, force=force, message=message)

    def comment(self, body: str, *, by: str | None = None) -> IssueComment:
        """Somebody (the author, unless told) writes into the conversation."""
        return self.fake.write_comment(self, body, by=by)

    def reply(self, comment: ReviewComment, body: str, *, by: str | None = None) -> ReviewComment:
        """Somebody (the author, unless told) answers below a line comment."""
        return self.fake.write_reply(self, comment, body, by=by)

    def review(self, body: str, *, by: str | None = None) -> Review:
        """Somebody (the author, unless told) submits a review that only has words."""
        return self.fake.write_review(self, body, by=by)

    @property
    def queue_ref(self) -> str:
        """The branch on which a merge queue tries this pull request."""
        return f"gh-readonly-queue/{self.base_ref}/pr-{self.number}-{self.base_sha}"

    def enqueue(self) -> str:
        """Somebody adds it to the merge queue; gives the commit whose checks the queue waits for."""
        return self.fake.enqueue(self)

    def resolve(self, comment: ReviewComment, *, by: str | None = None) -> None:
        """Somebody (the author, unless told) resolves the thread of a line comment."""
        root = comment.in_reply_to or comment.id
        self.threads[root].resolved_by = self.fake.account(by) if by else self.author

    def react(self, comment: ReviewComment, content: str, *, by: str | None = None) -> None:
        """Somebody (the author, unless told) reacts to a line comment with "+1", "-1" or another of GitHub's words."""
        user = self.fake.account(by) if by else self.author
        comment.reactions.append(Reaction(self.fake.next_id(), user, content, self.fake.clock()))

    def close(self) -> None:
        """Close it without a merge."""
        self.state, self.closed_at = "closed", self.fake.clock()
        self.updated_at = self.closed_at

    def merge(self) -> None:
        """Merge it; the base branch stays as it is, so that other pull requests do too."""
        self.close()
        self.merged = True

    def delete_head(self) -> None:
        """Its branch, or the fork that had it, is deleted: GitHub closes the pull request, and keeps the commits."""
        if self.fork:
            self.fork_gone = True
        else:
            self.repository.history.delete_ref(f"refs/heads/{self.head_ref}")
        self.close()

    def reopen(self) -> None:
        """Open it again, which GitHub does with what wasn't merged."""
        self.state, self.closed_at, self.updated_at = "open", None, self.fake.clock()

    def ready(self) -> None:
        """It is no draft any more."""
        self.draft, self.updated_at = False, self.fake.clock()

    def retarget(self, base_ref: str) -> dict[str, Any]:
        """Choose another base branch; what changed is what `pull_request.edited` has as `changes`."""
        changes = {"base": {"ref": {"from": self.base_ref}, "sha": {"from": self.base_sha}}}
        self.base_ref, self.updated_at = base_ref, self.fake.clock()
        return changes

    def open_threads(self) -> Iterator[Thread]:
        """The threads that nobody resolved."""
        return (thread for thread in self.threads.values() if thread.resolved_by is None)
