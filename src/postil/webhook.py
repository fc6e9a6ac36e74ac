"""What a delivery of GitHub means: verify its signature, read it tolerantly, decide what is to be done.

Pure functions: nothing here stores, sends or logs. The models take from a payload the few fields that decisions need
and let everything else be missing or of any type, because GitHub's own examples, older GitHub Enterprise Servers and
tomorrow's payloads all differ from any published schema.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, WrapValidator
from pydantic.functional_validators import ModelWrapValidatorHandler

from postil.review.command import RECHECK, Command, parse
from postil.review.compose import CHECK_AGAIN

MAX_BODY = 25 * 1024 * 1024
"""GitHub doesn't send events that are larger (docs: webhook events and payloads, payload cap of 25 MB)."""
MAX_VALUES = 2_000_000
"""As many values may stand in a body: some 130 bytes of memory go to each, whatever its length. 25 MB of what GitHub
sends, which would be an installation with 200,000 repositories, hold 1.4 million."""

REVIEWED = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
OUTDATING = frozenset({"synchronize", "edited"})
DROPPED = frozenset({"closed", "converted_to_draft"})
RERUN = frozenset({("check_run", "rerequested"), ("check_suite", "rerequested")})
PRESSED = ("check_run", "requested_action")
QUEUED = ("merge_group", "checks_requested")
REVIVING = frozenset({("installation", "unsuspend"), ("installation", "new_permissions_accepted")})
SHOWING = frozenset({("installation", "created"), ("installation_repositories", "added")})
COMMENTED = frozenset(
    {("issue_comment", "created"), ("pull_request_review_comment", "created"), ("pull_request_review", "submitted")}
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as one installation of the App sees it. Everything is read through it, for forks too."""

    installation: int
    id: int
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Review:
    """The pull request's diff is new, or is to be judged for the first time.

    `at` is when that was so, in seconds since 1970 by GitHub's clock (0 where it isn't said), as deliveries come in any
    order. `outdates` says that a review under way judges a diff that is no more.
    """

    repository: Repository
    number: int
    head: str
    at: float
    outdates: bool
    why: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """The pull request needs no review any more: it is a draft again or, `for_good`, closed."""

    repository: Repository
    number: int
    at: float
    why: str
    for_good: bool


@dataclass(frozen=True, slots=True)
class Commanded:
    """A person gave commands. Who may is asked of GitHub later: the payload's author association can't be trusted.

    `where` is the event that told of the comment, as reactions need it, or "check_run" for a button that was pressed;
    `id` is that of the comment, the review or the check run.
    """

    repository: Repository
    number: int
    commands: tuple[Command, ...]
    where: str
    id: int
    login: str


@dataclass(frozen=True, slots=True)
class Rerun:
    """Somebody pressed "Re-run". GitHub names no pull request for forks: then `numbers` is empty and `head` tells."""

    repository: Repository
    numbers: tuple[int, ...]
    head: str
    why: str


@dataclass(frozen=True, slots=True)
class Queued:
    """A merge queue waits for the check of its own commit `head`, which belongs to no pull request."""

    repository: Repository
    head: str
    why: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The installation's rights or repositories changed: what is remembered of its tokens is wrong.

    `revives` says that the App may do more than before, so that what failed for it may succeed: in the whole
    installation or, where they are named, in `repositories`, which it sees only now.
    """

    installation: int
    why: str
    revives: bool = False
    repositories: tuple[Repository, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is to be done, and why; the delivery is acknowledged all the same."""

    why: str


Decision: TypeAlias = Review | Cancel | Commanded | Rerun | Queued | Forget | Ignored


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery: GitHub's id (the same when it is sent again), the event, its action, and the decision."""

    id: str
    event: str
    action: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is no delivery of our App: the HTTP status, and a sentence that gives nothing away."""

    status: int
    why: str


def verify(secrets: Iterable[str], body: bytes | bytearray, signature: str) -> bool:
    """Tell whether `signature` (the X-Hub-Signature-256 header) is that of the raw `body` under one of `secrets`.

    Every secret is tried, also after a match, so that the time taken doesn't tell which one is in use.
    """
    given = signature.encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode(), given)
        for secret in secrets
    ]
    return any(matches)


def read(
    secrets: Iterable[str], body: bytes | bytearray, *, event: str, delivery: str, signature: str
) -> Delivery | Refusal:
    """Turn a request into a delivery with its decision, or into the refusal to answer with. Never raises.

    The signature comes first: what somebody else sent isn't even parsed.
    """
    if not verify(secrets, body, signature):
        return Refusal(401, "The signature is missing or wrong.")
    if not re.fullmatch(r"[a-z_]{1,64}", event) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", delivery):
        return Refusal(400, "The headers X-GitHub-Event and X-GitHub-Delivery are missing or malformed.")
    # Each value but the first has a bracket or a comma before it; those within texts count as well.
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        return Refusal(413, "The body holds more values than anything that GitHub sends.")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(400, "The body is no JSON. The App's webhook must use the content type application/json.")
    if not isinstance(payload, dict):
        return Refusal(400, "The body is no JSON object.")
    parsed = _Payload.model_validate(payload)
    return Delivery(delivery, event, parsed.action or "", _decide(event, parsed))


def decide(event: str, payload: dict[str, object]) -> Decision:
    """Say what a verified delivery asks for. Total: a payload that can't be understood is ignored, with the reason."""
    return _decide(event, _Payload.model_validate(payload))


_T = TypeVar("_T")


def _or_none(value: object, handler: ModelWrapValidatorHandler[_T]) -> _T | None:
    """Take a value of the wrong type as missing: only the decision that needs it may mind."""
    try:
        return handler(value)
    except ValidationError:
        return None


_Maybe: TypeAlias = Annotated[_T | None, WrapValidator(_or_none)]
# A signed 64-bit column is where ids end up.
_Id: TypeAlias = Annotated[int, Field(ge=1, lt=2**63)]
# Letters, digits, hyphen, underscore and dot are all that GitHub allows; both names become part of addresses.
_Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
_FullName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}/[A-Za-z0-9_.-]{1,100}$")]
_Login: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}(\[bot\])?$")]
_Sha: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
_Word: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Model):
    login: _Maybe[_Login] = None
    type: _Maybe[str] = None


class _Installation(_Model):
    id: _Maybe[_Id] = None


class _Repository(_Model):
    id: _Maybe[_Id] = None
    name: _Maybe[_Name] = None
    owner: _Maybe[_User] = None


class _Listed(_Model):
    """A repository as events about an installation list it: without its owner."""

    id: _Maybe[_Id] = None
    full_name: _Maybe[_FullName] = None


class _Head(_Model):
    sha: _Maybe[_Sha] = None


class _Pull(_Model):
    number: _Maybe[_Id] = None
    head: _Maybe[_Head] = None
    updated_at: _Maybe[AwareDatetime] = None

    @property
    def at(self) -> float:
        """The time of the payload's state in seconds since 1970, or 0."""
        return self.updated_at.timestamp() if self.updated_at is not None else 0.0


class _Issue(_Model):
    number: _Maybe[_Id] = None
    pull_request: _Maybe[dict[str, object]] = None


class _Comment(_Model):
    id: _Maybe[_Id] = None
    body: _Maybe[str] = None
    user: _Maybe[_User] = None


class _Check(_Model):
    """A check run or a check suite."""

    id: _Maybe[_Id] = None
    head_sha: _Maybe[_Sha] = None
    external_id: _Maybe[str] = None
    pull_requests: _Maybe[Annotated[list[_Maybe[_Pull]], Field(max_length=1_000)]] = None


class _Button(_Model):
    identifier: _Maybe[str] = None


class _MergeGroup(_Model):
    head_sha: _Maybe[_Sha] = None


class _Changes(_Model):
    base: _Maybe[dict[str, object]] = None


# More of them GitHub's 25 MB don't hold; each takes half a kilobyte.
_Owned: TypeAlias = Annotated[list[_Maybe[_Listed]], Field(max_length=200_000)]


class _Payload(_Model):
    action: _Maybe[_Word] = None
    installation: _Maybe[_Installation] = None
    repository: _Maybe[_Repository] = None
    repositories: _Maybe[_Owned] = None
    repositories_added: _Maybe[_Owned] = None
    sender: _Maybe[_User] = None
    pull_request: _Maybe[_Pull] = None
    changes: _Maybe[_Changes] = None
    issue: _Maybe[_Issue] = None
    comment: _Maybe[_Comment] = None
    review: _Maybe[_Comment] = None
    requested_action: _Maybe[_Button] = None
    merge_group: _Maybe[_MergeGroup] = None
    check_run: _Maybe[_Check] = None
    check_suite: _Maybe[_Check] = None

    def place(self) -> Repository | None:
        """The repository and installation that the payload speaks of, when it names both wholly."""
        match self:
            case _Payload(
                installation=_Installation(id=int(installation)),
                repository=_Repository(id=int(repository), name=str(name), owner=_User(login=str(owner))),
            ):
                return Repository(installation, repository, owner, name)
        return None


def _decide(event: str, payload: _Payload) -> Decision:
    action = payload.action or ""
    if event in ("installation", "installation_repositories"):
        return _installation(event, action, payload)
    if event == "pull_request" and action in REVIEWED | DROPPED | {"edited"}:
        handle = _pull_request
    elif (event, action) in COMMENTED:
        handle = _comment
    elif (event, action) in RERUN:
        handle = _rerun
    elif (event, action) == PRESSED:
        handle = _pressed
    elif (event, action) == QUEUED:
        handle = _queued
    else:
        return Ignored(f"{event} {action} asks for nothing".replace("  ", " "))
    place = payload.place()
    if place is None:
        return Ignored("the payload names no repository or no installation")
    return handle(event, action, payload, place)


def _installation(event: str, action: str, payload: _Payload) -> Decision:
    if payload.installation is None or payload.installation.id is None:
        return Ignored("the payload names no installation")
    installation, why = payload.installation.id, f"{event} {action}".strip()
    if (event, action) not in SHOWING:
        return Forget(installation, why, (event, action) in REVIVING)
    listed = payload.repositories if event == "installation" else payload.repositories_added
    shown = []
    for each in listed or ():
        if each is not None and each.id is not None and each.full_name is not None:
            owner, _, name = each.full_name.partition("/")
            shown.append(Repository(installation, each.id, owner, name))
    return Forget(installation, why, bool(shown), tuple(shown))


def _pull_request(event: str, action: str, payload: _Payload, place: Repository) -> Decision:
    pull = payload.pull_request
    if pull is None or pull.number is None:
        return Ignored("the payload names no pull request")
    if action in DROPPED:
        return Cancel(place, pull.number, pull.at, f"{event} {action}", action == "closed")
    if action == "edited" and (payload.changes is None or payload.changes.base is None):
        return Ignored("the pull request's base is the same, and so is its diff")
    if pull.head is None or pull.head.sha is None:
        return Ignored("the payload names no head commit")
    outdates = action in OUTDATING
    return Review(place, pull.number, pull.head.sha, pull.at, outdates, f"{event} {action}")


def _comment(event: str, action: str, payload: _Payload, place: Repository) -> Decision:
    comment = payload.review if event == "pull_request_review" else payload.comment
    commands = parse(comment.body) if comment is not None and comment.body is not None else ()
    if comment is None or not commands:
        return Ignored("the comment gives no command")
    if any(user is not None and user.type == "Bot" for user in (comment.user, payload.sender)):
        return Ignored("commands are for people, not for bots")
    if event == "issue_comment":
        is_pull = payload.issue is not None and payload.issue.pull_request is not None
        number = payload.issue.number if payload.issue is not None and is_pull else None
    else:
        number = payload.pull_request.number if payload.pull_request is not None else None
    if number is None:
        return Ignored("the comment stands on no pull request")
    if comment.id is None or comment.user is None or comment.user.login is None:
        return Ignored(f"the payload of {event} {action} doesn't say who wrote the comment")
    return Commanded(place, number, commands, event, comment.id, comment.user.login)


def _pressed(event: str, action: str, payload: _Payload, place: Repository) -> Decision:
    check, button, presser = payload.check_run, payload.requested_action, payload.sender
    if check is None or check.id is None or button is None or button.identifier != CHECK_AGAIN.identifier:
        return Ignored("the button is none of ours")
    if presser is None or presser.login is None or presser.type == "Bot":
        return Ignored("buttons are for people, not for bots")
    number = _number(check)
    if not number:
        return Ignored("the check run belongs to no pull request of ours")
    return Commanded(place, number, (Command(RECHECK, "/recheck"),), event, check.id, presser.login)


def _queued(event: str, action: str, payload: _Payload, place: Repository) -> Decision:
    if payload.merge_group is None or payload.merge_group.head_sha is None:
        return Ignored("the payload names no head commit")
    return Queued(place, payload.merge_group.head_sha, f"{event} {action}")


def _number(check: _Check) -> int | None:
    """The number in the id that we gave a check run: a pull request's, or 0 for a merge queue's."""
    ours = re.match(r"[\w.-]+/[\w.-]+#(0|[1-9][0-9]{0,17})\b", check.external_id or "")
    return int(ours[1]) if ours else None


def _rerun(event: str, action: str, payload: _Payload, place: Repository) -> Decision:
    check = payload.check_run if event == "check_run" else payload.check_suite
    if check is None or check.head_sha is None:
        return Ignored("the payload names no head commit")
    number = _number(check)
    if number == 0:
        return Queued(place, check.head_sha, f"{event} {action}")
    if number is not None:
        numbers = (number,)
    else:
        numbers = tuple(pull.number for pull in check.pull_requests or () if pull is not None and pull.number)
    return Rerun(place, numbers, check.head_sha, f"{event} {action}")
