"""Webhook deliveries: payloads as GitHub writes them, signed, with an id that stays the same on redelivery."""

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx

from postil.demo.exchange import Json
from postil.demo.shapes import stamp
from postil.demo.state import (
    Account,
    CheckRun,
    FakePull,
    FakeRepository,
    IssueComment,
    Review,
    ReviewComment,
    Thread,
    node_id,
)

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

EXAMPLE_KEY = "It's a Secret to Everybody"  # the example of GitHub's documentation
TIMEOUT = 10.0
SERVER_TIMEOUT = 30.0
NEWER = frozenset({
    "active_lock_reason", "allow_auto_merge", "allow_update_branch", "archived_by", "auto_merge", "draft",
    "has_discussions", "is_template", "node_id", "performed_via_github_app", "reactions", "state_reason",
    "timeline_url", "topics", "use_squash_pr_title_as_default", "user_view_type", "visibility",
    "web_commit_signoff_required",
})  # fmt: skip
"""Fields that the example payloads of Enterprise Server 3.1 lack, or that are later than those."""
Thing = TypeVar("Thing")


class Delivery(NamedTuple):
    """One signed delivery. Sending the same object again is a redelivery."""

    headers: dict[str, str]
    body: bytes

    @property
    def guid(self) -> str:
        """Its id."""
        return self.headers["X-GitHub-Delivery"]

    @property
    def event(self) -> str:
        """The event's name."""
        return self.headers["X-GitHub-Event"]

    @property
    def payload(self) -> Json:
        """What it says."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where deliveries go and what signs them; `transport` reaches an application in this process instead."""

    url: str = ""
    secret: str = EXAMPLE_KEY
    transport: httpx.AsyncBaseTransport | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of the delivery log that the App may read. `status_code` 0: nobody answered."""

    id: int
    delivery: Delivery
    delivered_at: str
    duration: float
    status_code: int
    redelivery: bool
    answer: str

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted it."""
        return 200 <= self.status_code < 300


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class Deliveries:
    """Builds, signs, sends and remembers deliveries for one stand-in."""

    def __init__(self, fake: "FakeGitHub") -> None:
        self.fake = fake
        self.log: list[Sent] = []

    def sign(self, event: str, payload: Json, guid: str | None = None) -> Delivery:
        """Any payload as a delivery, with GitHub's headers."""
        server = {}
        if self.fake.enterprise:
            payload = _without(NEWER, payload)
            host = urlsplit(self.fake.url).netloc
            server = {"X-GitHub-Enterprise-Version": self.fake.enterprise, "X-GitHub-Enterprise-Host": host}
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return Delivery(
            {
                **server,
                "Accept": "*/*",
                "Content-Type": "application/json",
                "User-Agent": "GitHub-Hookshot/044aadd",
                "X-GitHub-Delivery": guid or str(uuid.uuid4()),
                "X-GitHub-Event": event,
                "X-GitHub-Hook-ID": "1",
                "X-GitHub-Hook-Installation-Target-ID": self.fake.app_id,
                "X-GitHub-Hook-Installation-Target-Type": "integration",
                "X-Hub-Signature-256": signature(self.fake.webhook.secret, body),
            },
            body,
        )

    def build(
        self,
        event: str,
        action: str | None = None,
        *,
        pull: FakePull | None = None,
        comment: IssueComment | ReviewComment | None = None,
        run: CheckRun | None = None,
        review: Review | None = None,
        sender: str | None = None,
        guid: str | None = None,
        **more: Any,
    ) -> Delivery:
        """The delivery of an event about a pull request, a comment, a check run or a review.

        `sender` is a login (default: who would have done it); `more` is laid over the payload (`before`, `changes`, …).
        Raises LookupError for an event that lacks its subject or that the stand-in does not know.
        """
        if review is not None:
            pull, more = review.pull, {"review": self._person_s_review(review), **more}
            sender = sender or review.user.login
        pull = pull or (comment.pull if comment else None)
        parts = {
            "pull_request": self._pull_request,
            "issue_comment": self._issue_comment,
            "pull_request_review": self._pull_request_review,
            "pull_request_review_comment": self._review_comment,
            "pull_request_review_thread": self._review_thread,
            "check_run": self._check_run,
            "check_suite": self._check_suite,
            "merge_group": self._merge_group,
        }
        if event in parts:
            repository, who, payload = parts[event](action, pull, comment, run)
            payload = {
                "action": action,
                **payload,
                "repository": self.fake.shapes.repository(repository),
                "organization": self._organization(),
                "sender": self.fake.shapes.user(self.fake.account(sender) if sender else who),
                "installation": self._installation(),
            }
        else:
            payload = self._about_the_app(event, action, sender)
        return self.sign(event, {**payload, **more}, guid)

    def _installation(self) -> Json:
        number = self.fake.installation.id
        return {"id": number, "node_id": node_id("INST", number)}

    def _organization(self) -> Json:
        owner = self.fake.shapes.user(self.fake.owner)
        return {"login": owner["login"], "id": owner["id"], "node_id": owner["node_id"], "url": owner["url"]}

    def _pull_request(
        self, action: str | None, pull: FakePull | None, *_: object
    ) -> tuple[FakeRepository, Account, Json]:
        pull = _needed(pull, "pull=")
        payload: Json = {"number": pull.number, "pull_request": self.fake.shapes.pull(pull)}
        if action == "synchronize":
            payload |= {"before": pull.heads[-2] if len(pull.heads) > 1 else pull.head_sha, "after": pull.head_sha}
        if action in ("labeled", "unlabeled") and pull.labels:
            payload["label"] = self.fake.shapes.label(pull, pull.labels[-1])
        return pull.repository, pull.author, payload

    def _pull_request_review(
        self, _action: str | None, pull: FakePull | None, *_: object
    ) -> tuple[FakeRepository, Account, Json]:
        pull = _needed(pull, "review=")
        return pull.repository, pull.author, {"pull_request": self.fake.shapes.pull(pull, whole=False)}

    def _person_s_review(self, review: Review) -> Json:
        """A review as webhooks tell it: its state in lower case, and no words as null."""
        shape = self.fake.shapes.review(review)
        return {**shape, "state": review.state.lower(), "body": review.body or None}

    def _merge_group(
        self, _action: str | None, pull: FakePull | None, *_: object
    ) -> tuple[FakeRepository, Account, Json]:
        pull = _needed(pull, "pull=")
        repository = pull.repository
        sha = repository.branch(pull.queue_ref)
        commit = repository.history.describe(sha) if sha else None
        if commit is None:
            raise LookupError("merge_group needs a pull request that was enqueued")
        group = {
            "head_sha": commit.sha,
            "head_ref": f"refs/heads/{pull.queue_ref}",
            "base_sha": pull.base_sha,
            "base_ref": f"refs/heads/{pull.base_ref}",
            "head_commit": self.fake.shapes.simple_commit(commit),
        }
        return repository, pull.author, {"merge_group": group}

    def _issue_comment(
        self, _action: str | None, _pull: FakePull | None, comment: object, _run: object
    ) -> tuple[FakeRepository, Account, Json]:
        comment = _of_kind(IssueComment, comment, "issue_comment needs comment=, a comment of the conversation")
        payload = {"issue": self.issue(comment.pull), "comment": self.fake.shapes.issue_comment(comment)}
        return comment.pull.repository, comment.user, payload

    def issue(self, pull: FakePull) -> Json:
        """The issue that a pull request also is; `pull_request` in it tells that it is one."""
        shape = self.fake.shapes.pull(pull)
        url = f"{self.fake.url}/repos/{pull.repository.full_name}"
        same = ("number", "title", "user", "labels", "state", "locked", "assignee", "assignees", "milestone", "body")
        times = ("created_at", "updated_at", "closed_at", "author_association", "active_lock_reason", "draft")
        return {
            "url": f"{url}/issues/{pull.number}",
            "repository_url": url,
            "labels_url": f"{url}/issues/{pull.number}/labels{{/name}}",
            "comments_url": f"{url}/issues/{pull.number}/comments",
            "events_url": f"{url}/issues/{pull.number}/events",
            "html_url": shape["html_url"],
            "id": pull.id + 1_000_000,
            "node_id": shape["node_id"],
            **{name: shape[name] for name in (*same, *times)},
            "comments": len(pull.issue_comments),
            "pull_request": {
                **{name: shape[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")}
            },
            "reactions": self.fake.shapes.rollup(f"{url}/issues/{pull.number}", pull.reactions),
            "timeline_url": f"{url}/issues/{pull.number}/timeline",
            "performed_via_github_app": None,
            "state_reason": None,
        }

    def _review_comment(
        self, _action: str | None, _pull: FakePull | None, comment: object, _run: object
    ) -> tuple[FakeRepository, Account, Json]:
        comment = _of_kind(ReviewComment, comment, "pull_request_review_comment needs comment=, a comment on a line")
        payload = {
            "comment": self.fake.shapes.review_comment(comment),
            "pull_request": self.fake.shapes.pull(comment.pull, whole=False),
        }
        return comment.pull.repository, comment.user, payload

    def _review_thread(
        self, _action: str | None, _pull: FakePull | None, comment: object, _run: object
    ) -> tuple[FakeRepository, Account, Json]:
        comment = _of_kind(ReviewComment, comment, "pull_request_review_thread needs comment=, a comment on a line")
        pull = comment.pull
        thread: Thread = pull.threads[comment.in_reply_to or comment.id]
        shape = {
            "node_id": thread.node_id,
            "comments": [self.fake.shapes.review_comment(one) for one in thread.comments],
        }
        payload = {"thread": shape, "pull_request": self.fake.shapes.pull(pull, whole=False)}
        return pull.repository, thread.resolved_by or pull.author, payload

    def _check_run(
        self, action: str | None, pull: FakePull | None, _comment: object, run: CheckRun | None
    ) -> tuple[FakeRepository, Account, Json]:
        run = _needed(run or (pull.check_runs[-1] if pull and pull.check_runs else None), "run=")
        shape = self.fake.shapes.check_run(run)
        suite = {name: value for name, value in self.fake.shapes.check_suite(run.suite).items() if name != "repository"}
        payload: Json = {"check_run": {**shape, "check_suite": suite}}
        if action == "requested_action":
            identifier = run.actions[0]["identifier"] if run.actions else ""
            payload["requested_action"] = {"identifier": identifier}
        return run.suite.repository, pull.author if pull else self.fake.owner, payload

    def _check_suite(
        self, _action: str | None, pull: FakePull | None, _comment: object, run: CheckRun | None
    ) -> tuple[FakeRepository, Account, Json]:
        run = _needed(run or (pull.check_runs[-1] if pull and pull.check_runs else None), "run=")
        shape = self.fake.shapes.check_suite(run.suite)
        payload = {"check_suite": {name: value for name, value in shape.items() if name != "repository"}}
        return run.suite.repository, pull.author if pull else self.fake.owner, payload

    def _about_the_app(self, event: str, action: str | None, sender: str | None) -> Json:
        shapes, installation = self.fake.shapes, self.fake.installation
        who = shapes.user(self.fake.account(sender) if sender else self.fake.owner)
        repositories = [
            {
                "id": one.id,
                "node_id": node_id("R", one.id),
                "name": one.name,
                "full_name": one.full_name,
                "private": one.private,
            }
            for one in installation.repositories
        ]
        if event == "ping":
            hook = {"type": "App", "id": 1, "name": "web", "active": True, "events": ["pull_request"]}
            return {"zen": "Speak like a human.", "hook_id": 1, "hook": {**hook, "app_id": int(self.fake.app_id)}}
        whole = {"action": action, "installation": shapes.installation(installation), "sender": who}
        if event == "installation":
            return {**whole, "repositories": repositories, "requester": None}
        if event == "installation_repositories":
            changed = {"repositories_added": [], "repositories_removed": []}
            changed[f"repositories_{action}"] = [one for one in repositories if one["id"] == self.fake.repository.id]
            return {**whole, **changed, "repository_selection": "selected", "requester": None}
        raise LookupError(f"the stand-in sends no {event} events")

    async def send(self, delivery: Delivery, *, redelivery: bool = False) -> int:
        """Send to the webhook's URL, with GitHub's patience, and log what came back (0: nothing)."""
        webhook = self.fake.webhook
        started = time.perf_counter()
        async with httpx.AsyncClient(
            transport=webhook.transport, timeout=SERVER_TIMEOUT if self.fake.enterprise else TIMEOUT
        ) as client:
            try:
                response = await client.post(webhook.url, content=delivery.body, headers=delivery.headers)
                status, answer = response.status_code, response.text
            except httpx.TransportError as problem:
                status, answer = 0, f"{type(problem).__name__}: {problem}"
        spent = time.perf_counter() - started
        at = stamp(self.fake.clock())
        self.log.append(Sent(self.fake.next_id(), delivery, at, spent, status, redelivery, answer))
        return status

    def item(self, sent: Sent) -> Json:
        """A `hook-delivery-item`."""
        payload = sent.delivery.payload
        return {
            "id": sent.id,
            "guid": sent.delivery.guid,
            "delivered_at": sent.delivered_at,
            "redelivery": sent.redelivery,
            "duration": round(sent.duration, 2),
            "status": "OK"
            if 200 <= sent.status_code < 300
            else "failed to connect"
            if not sent.status_code
            else "Invalid",
            "status_code": sent.status_code,
            "event": sent.delivery.event,
            "action": payload.get("action"),
            "installation_id": (payload.get("installation") or {}).get("id"),
            "repository_id": (payload.get("repository") or {}).get("id"),
            "throttled_at": None,
        }

    def whole(self, sent: Sent) -> Json:
        """A `hook-delivery`: with what was sent and what came back."""
        return {
            **self.item(sent),
            "url": self.fake.webhook.url,
            "request": {"headers": sent.delivery.headers, "payload": sent.delivery.payload},
            "response": {"headers": {}, "payload": sent.answer},
        }


def _without(names: frozenset[str], value: Any) -> Any:
    """The same payload without some fields, however deep."""
    if isinstance(value, list):
        return [_without(names, item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _without(names, item) for key, item in value.items() if key not in names}


def _needed(thing: Thing | None, name: str) -> Thing:
    if thing is None:
        raise LookupError(f"this event needs {name}")
    return thing


def _of_kind(kind: type[Thing], thing: object, otherwise: str) -> Thing:
    if isinstance(thing, kind):
        return thing
    raise LookupError(otherwise)
