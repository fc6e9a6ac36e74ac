"""What GitHub says, as thin values of our own: only the fields that are used, unknown ones are ignored.

The aliases are the names of GitHub's GraphQL answers. GitHub adds and drops fields without notice, and strict models of
its answers refuse many of its own examples.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from postil.review.marker import read_marker

Text = Annotated[str, BeforeValidator(lambda value: value or "")]
"""A text that GitHub may leave out or give as null."""

FullName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$")]
"""A repository as "owner/name"; it becomes part of addresses."""

Bot = Annotated[bool, BeforeValidator(lambda kind: kind == "Bot" if isinstance(kind, str) else kind)]
"""Whether the type of an account is that of an App."""


class Wire(BaseModel):
    """A frozen value that is read from GitHub's names or built with our own."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)


class ThreadComment(Wire):
    """One comment of a review thread. `ours` says that this App wrote it; `author` is "" for a deleted account."""

    node_id: str = Field(validation_alias="id")
    id: int = Field(default=0, validation_alias="fullDatabaseId")
    body: str
    ours: bool = Field(validation_alias="viewerDidAuthor")
    minimized: bool = Field(default=False, validation_alias="isMinimized")
    author: Text = Field(default="", validation_alias=AliasPath("author", "login"))


class ReactionGroup(Wire):
    """How many reacted with one emoji, by GitHub's name of it. Who it was isn't told: an App counts like a person."""

    content: str
    count: int = Field(validation_alias=AliasPath("reactors", "totalCount"))


class Thread(Wire):
    """One review thread. `line` is None where the diff has moved on; `comments` are the first twenty.

    `resolver` is the login of who resolved it, "" where nobody did or GitHub doesn't say who, as of Apps. `reactions`
    are those to its first comment.
    """

    id: str
    resolved: bool = Field(validation_alias="isResolved")
    outdated: bool = Field(default=False, validation_alias="isOutdated")
    path: str
    line: int | None = None
    resolver: Text = Field(default="", validation_alias=AliasPath("resolvedBy", "login"))
    comments: tuple[ThreadComment, ...] = Field(validation_alias=AliasPath("comments", "nodes"))
    reactions: Annotated[tuple[ReactionGroup, ...], BeforeValidator(lambda groups: groups or ())] = Field(
        default=(), validation_alias=AliasPath("reacted", "nodes", 0, "reactionGroups")
    )

    @property
    def closed_by_us(self) -> bool:
        """Whether a thread that we began was resolved, and by us.

        GitHub names only users as resolvers, and so there may be nobody where an App resolved it.
        """
        return self.resolved and bool(self.comments) and self.resolver in ("", self.comments[0].author)

    def reacted(self, content: str) -> int:
        """How many reacted to its first comment with an emoji, as "THUMBS_UP"."""
        return sum(each.count for each in self.reactions if each.content == content)


class OwnWords(Wire):
    """A review, or a comment of the conversation, that this App posted."""

    node_id: str = Field(validation_alias="id")
    id: int = Field(validation_alias="fullDatabaseId")
    body: str

    @property
    def run(self) -> str | None:
        """The run that posted it, by the marker in its body."""
        found = read_marker(self.body)
        return found.run if found else None

    @property
    def orders(self) -> str:
        """The orders that hold since then, by the marker in its body; "" where it tells of none."""
        found = read_marker(self.body)
        return found.orders if found else ""


class PullContext(Wire):
    """A pull request as it stands now, what was said on it, and the project files of its base branch.

    `repository` is what its repository is called now, though it was asked for under a former name. `state` is OPEN,
    CLOSED or MERGED. `base_sha` is the base branch as the pull request knows it, `config_sha` the branch's tip that
    `base_files` are from ("" where the branch is gone), and `unread` says why others of these can't be read. `author`
    is "" for a deleted account; `bot` says that it is an App. `comments` are our own in the conversation, oldest first,
    back to the last orders.
    """

    number: int
    state: str
    draft: bool = Field(validation_alias="isDraft")
    head_sha: str = Field(validation_alias="headRefOid")
    base_sha: str = Field(validation_alias="baseRefOid")
    base_ref: str = Field(validation_alias="baseRefName")
    author: Text = Field(default="", validation_alias=AliasPath("author", "login"))
    bot: Bot = Field(default=False, validation_alias=AliasPath("author", "__typename"))
    title: str
    changed_files: int = Field(validation_alias="changedFiles")
    repository: FullName
    repository_id: int | None = None
    config_sha: str = ""
    reviews: tuple[OwnWords, ...] = ()
    comments: tuple[OwnWords, ...] = ()
    threads: tuple[Thread, ...] = ()
    base_files: Mapping[str, str] = Field(default_factory=dict)
    unread: Mapping[str, str] = Field(default_factory=dict)


class Texts(Wire):
    """File contents by path, and for each path that has none the reason, as a sentence without the path."""

    texts: Mapping[str, str] = Field(default_factory=dict)
    missing: Mapping[str, str] = Field(default_factory=dict)


class CheckRun(Wire):
    """A check run. `external_id` is what we gave it; `annotations` counts those that arrived."""

    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None = None
    external_id: Text = ""
    annotations: int = Field(default=0, validation_alias=AliasPath("output", "annotations_count"))


class App(Wire):
    """The App as GitHub knows it."""

    id: int
    slug: Text = ""
    name: Text = ""
    owner: Text = Field(default="", validation_alias=AliasPath("owner", "login"))
    owner_kind: Text = Field(default="", validation_alias=AliasPath("owner", "type"))
    permissions: Mapping[str, str] = Field(default_factory=dict)
    events: tuple[str, ...] = ()


class Hook(Wire):
    """Where the App's deliveries go, and how."""

    url: Text = ""
    content_type: Text = ""
    insecure_ssl: Annotated[str, BeforeValidator(str)] = ""


class Installed(Wire):
    """An account on which the App is installed. `suspended_at` is None while it isn't suspended."""

    id: int
    account: Text = Field(default="", validation_alias=AliasPath("account", "login"))
    html_url: Text = ""
    permissions: Mapping[str, str] = Field(default_factory=dict)
    suspended_at: str | None = None


Moment = Annotated[float, BeforeValidator(lambda value: datetime.fromisoformat(value).timestamp())]
"""Seconds since 1970, written as a date and a time."""


class Attempt(Wire):
    """One attempt to deliver a webhook, from GitHub's log; `guid` is the delivery's, the same for each attempt.

    `status_code` is 0 where nobody answered; `status` says it in words.
    """

    id: int
    guid: str
    at: Moment = Field(validation_alias="delivered_at")
    event: Text = ""
    status: Text = ""
    status_code: int

    @property
    def succeeded(self) -> bool:
        """Whether it was answered as GitHub expects it."""
        return 200 <= self.status_code < 300


class Reachable(Wire):
    """A repository that an installation of the App reaches."""

    id: int
    full_name: FullName
    installation: int = 0


class OpenPull(Wire):
    """An open pull request in a list. `at` is its last change, of whatever kind."""

    number: int
    head: str = Field(validation_alias=AliasPath("head", "sha"))
    at: Moment = Field(validation_alias="updated_at")
