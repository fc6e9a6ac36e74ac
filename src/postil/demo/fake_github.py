"""A stand-in for GitHub: an ASGI application that keeps state, backed by real git repositories.

It answers the REST and GraphQL operations that a reviewing App needs, with GitHub's rules for tokens, permissions,
anchors, limits and errors, and shows each pull request as a page. `postil demo` serves it on loopback; the tests run it
in process behind a wrapper that validates every exchange against GitHub's own descriptions. Rules that no description
states are implemented as observed on GitHub. It may not be reached from outside of the machine: it knows no users.
"""

import asyncio
import base64
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import structlog
from starlette.responses import Response

from postil.demo import page, rest, reviews, smart_http
from postil.demo.deliveries import Deliveries, Delivery, Webhook
from postil.demo.exchange import Answer, Call, Refused, Route, not_found
from postil.demo.faults import SECONDARY, Fault, Plan
from postil.demo.graph import Graph
from postil.demo.history import History, commit_at
from postil.demo.registration import Draft
from postil.demo.shapes import Shapes, stamp
from postil.demo.state import (
    LEVELS,
    Account,
    FakePull,
    FakeRepository,
    Installation,
    IssueComment,
    Review,
    ReviewComment,
    Thread,
    Token,
)

if TYPE_CHECKING:
    from graphql import GraphQLSchema

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STORY_STARTS = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PERMISSIONS = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "checks": "write",
    "issues": "read",
}
API_VERSIONS = ("2022-11-28", "2026-03-10")
RANK = {"read": 1, "write": 2, "admin": 3}
LONGEST_JWT = timedelta(minutes=10)


def utc_now() -> datetime:
    """The clock, unless a test gives another."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """GitHub's limits for one installation. `None` in the stand-in's constructor means none, as on GHES.

    Content is whatever is created for people to see: reviews, comments, reactions, and, to be careful, check runs.
    """

    requests_per_hour: int = 5_000
    content_per_minute: int = 80
    content_per_hour: int = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request that was answered."""

    method: str
    path: str
    status: int

    @property
    def is_token(self) -> bool:
        """Whether it asked for a token."""
        return self.path.endswith("/access_tokens")

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


@dataclass(slots=True)
class _Usage:
    """What one installation used: requests per bucket in the present hour, and the times of its writes."""

    window: dict[str, tuple[int, int]] = field(default_factory=dict)
    content: list[float] = field(default_factory=list)


class FakeGitHub:
    """One GitHub with one App on it, and one repository to start with.

    `folder` holds the git repositories; `public_key` (PEM) proves the App's JWTs (None: signatures are not checked);
    `clock` is what tokens, limits and time stamps go by (JWTs go by the machine's time, as their makers do);
    `enterprise` is the version of the Enterprise Server that it is: its API is below /api and nowhere else, it has no
    limits, waits 30 seconds for the answer to a delivery, and its payloads lack what is newer; `api_versions` are those
    of the REST API that it knows. `webhook` is where `deliver` sends to; `schema` is the GraphQL schema to execute on
    (default: the package's own).
    """

    def __init__(
        self,
        folder: Path,
        app_id: str = "1",
        owner: str = "acme",
        name: str = "shop",
        *,
        webhook: Webhook | None = None,
        public_key: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        limits: Limits | None = Limits(),
        patch_lines: int = 2_000,
        url: str = "http://github.test",
        slug: str = "postil",
        schema: "GraphQLSchema | None" = None,
        enterprise: str = "",
        api_versions: tuple[str, ...] = API_VERSIONS,
    ) -> None:
        self.folder, self.app_id, self.public_key, self.clock = folder, app_id, public_key, clock
        self.limits, self.patch_lines, self.url, self.slug = limits, patch_lines, url.rstrip("/"), slug
        self.enterprise, self.api_versions = enterprise, api_versions
        if enterprise:
            self.limits = None
        self.calls: list[Recorded] = []
        self.complaints: list[str] = []
        self.accounts: dict[str, Account] = {}
        self.installations: list[Installation] = []
        self.repositories: list[FakeRepository] = []
        self.tokens: dict[str, Token] = {}
        self.webhook = webhook or Webhook()
        self.deliveries = Deliveries(self)
        self.schema = schema
        self.app_permissions = dict(PERMISSIONS)
        self.app_events: tuple[str, ...] = ("pull_request", "issue_comment")
        self.setup_url = ""
        self.drafts: dict[str, Draft] = {}
        self.manifests: dict[str, Draft] = {}
        self.reaches_loopback = True
        self.lock = threading.RLock()
        self._plans: list[Plan] = []
        self._usage: dict[int, _Usage] = {}
        self._ids = 1_000
        self._story = STORY_STARTS
        self.bot = self.account(f"{slug}[bot]", "Bot")
        self.owner = self.account(owner, "Organization")
        self.installation = self.install(self.owner)
        self.repository = self.add_repository(name)

    # ------------------------------------------------------------------------------------- people and repositories

    def next_id(self) -> int:
        """A number that nothing else here has."""
        self._ids += 1
        return self._ids

    def account(self, login: str, kind: str = "User") -> Account:
        """The account with this login, made when it is new."""
        if login not in self.accounts:
            self.accounts[login] = Account(self.next_id(), login, kind)
        return self.accounts[login]

    def install(self, account: Account, permissions: Mapping[str, str] = PERMISSIONS) -> Installation:
        """The App is installed on an account, on no repository yet."""
        made = Installation(self.next_id(), account, dict(permissions))
        self.installations.append(made)
        return made

    def add_repository(self, name: str, owner: str | None = None, *, installed: bool = True) -> FakeRepository:
        """A new repository with an empty default branch; `installed` puts it into the App's installation."""
        account = self.account(owner) if owner else self.owner
        history = History.create(self.folder / account.login / f"{name}.git")
        made = FakeRepository(self.next_id(), account, name, history)
        self.repositories.append(made)
        if installed:
            self.installation.repositories.append(made)
        if made.branch(made.default_branch) is None:
            self._write(made, made.default_branch, {"README.md": f"# {name}\n"}, None, account.login, "Start")
        return made

    def rename(self, name: str) -> None:
        """The repository gets another name; the old one redirects."""
        self.repository.former_names.append(self.repository.full_name)
        self.repository.name = name

    def transfer(self, login: str) -> tuple[Delivery, Delivery]:
        """The repository goes to another account, where the App is installed as well; its old name redirects.

        Gives what GitHub tells the two installations.
        """
        removed = self.hide()
        self.repository.former_names.append(self.repository.full_name)
        self.owner = self.repository.owner = self.account(login, "Organization")
        self.installation = self.install(self.owner)
        return removed, self.show()

    def hide(self) -> Delivery:
        """The repository is taken from those that the App sees; gives what GitHub tells it."""
        removed = self.delivery("installation_repositories", "removed")
        self.installation.repositories.remove(self.repository)
        return removed

    def show(self) -> Delivery:
        """The repository is among those that the App sees from now on; gives what GitHub tells it."""
        self.installation.repositories.append(self.repository)
        return self.delivery("installation_repositories", "added")

    def grant(self, **permissions: str) -> None:
        """The account's owner accepts more (or, with "none", fewer) permissions of the App."""
        for name, level in permissions.items():
            if level == "none":
                self.installation.permissions.pop(name, None)
            else:
                self.installation.permissions[name] = level

    def collaborator(self, login: str, role: str) -> Account:
        """Give an account a role in the repository: admin, maintain, write, triage or read."""
        self.repository.roles[login] = role
        return self.account(login)

    def permission(self, repository: FakeRepository, account: Account) -> tuple[str, str]:
        """An account's permission (admin, write, read, none) and role name."""
        role = "admin" if account == repository.owner else repository.roles.get(account.login, "")
        if not role:
            role = "none" if repository.private else "read"
        return LEVELS[role], role

    # --------------------------------------------------------------------------------------------- pull requests

    def _moment(self) -> datetime:
        """The next date for a commit: fixed, so that the same story has the same object ids everywhere."""
        self._story += timedelta(minutes=1)
        return self._story

    def _write(
        self,
        repository: FakeRepository,
        branch: str,
        files: Mapping[str, str | bytes | None],
        parent: str | None,
        author: str,
        message: str,
    ) -> str:
        ref = f"refs/heads/{branch}"
        return repository.history.commit(ref, files, parent=parent, author=author, at=self._moment(), message=message)

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        branch: str | None = None,
        message: str = "Work",
        repository: FakeRepository | None = None,
    ) -> str:
        """Commit onto a branch of the repository (the default branch, unless told); gives the new tip."""
        with self.lock:
            there = repository or self.repository
            name = branch or there.default_branch
            return self._write(there, name, files, there.branch(name), there.owner.login, message)

    def open_pull(
        self,
        *,
        base_files: Mapping[str, str | bytes | None] | None = None,
        head_files: Mapping[str, str | bytes | None] | None = None,
        base: str | None = None,
        head: str | None = None,
        title: str = "A change",
        body: str = "",
        author: str = "ada",
        draft: bool = False,
        fork: bool = False,
        labels: tuple[str, ...] = (),
        repository: FakeRepository | None = None,
    ) -> FakePull:
        """Open a pull request.

        Either from files: `base_files` is committed on the base branch first, `head_files` (None removes a file) on
        a new branch; or from `base` and `head`, names of branches that exist. `fork`: the head is the author's fork.
        """
        with self.lock:
            there = repository or self.repository
            base_ref = base or there.default_branch
            number = len(there.pulls) + 1
            if base_files:
                self._write(there, base_ref, base_files, there.branch(base_ref), there.owner.login, "What was there")
            head_ref = head or f"change-{number}"
            if head_files is not None:
                head_sha = self._write(there, head_ref, head_files, there.branch(base_ref), author, title)
            else:
                head_sha = there.branch(head_ref)
            if head_sha is None:
                raise LookupError(f"there is no branch {head_ref}")
            who, now = self.account(author), self.clock()
            pull = FakePull(
                fake=self,
                repository=there,
                id=self.next_id(),
                number=number,
                title=title,
                body=body,
                author=who,
                base_ref=base_ref,
                head_ref=head_ref,
                head_sha=head_sha,
                created_at=now,
                updated_at=now,
                fork=who.login if fork else None,
                draft=draft,
                labels=list(labels),
                heads=[head_sha],
            )
            there.pulls[number] = pull
            there.history.set_ref(f"refs/pull/{number}/head", head_sha)
            return pull

    def open_pull_of(self, source: Path, base: str, head: str, *, title: str, author: str = "ada") -> FakePull:
        """Open a pull request over a range of a local repository, read in place, never written to.

        Raises `GitFailed` where it is no repository or has no such commit.
        """
        with self.lock:
            history = self.repository.history
            history.borrow(source)
            found = [commit_at(source, revision) for revision in (base, head)]
            history.set_ref(f"refs/heads/{self.repository.default_branch}", found[0])
            history.set_ref("refs/heads/change", found[1])
            return self.open_pull(head="change", title=title, author=author)

    def push(self, pull: FakePull, files: Mapping[str, str | bytes | None], *, force: bool, message: str) -> str:
        """Commit on a pull request's head branch; see `FakePull.push`."""
        with self.lock:
            old = pull.head_sha
            parent = pull.merge_base if force else old
            pull.head_sha = self._write(pull.repository, pull.head_ref, files, parent, pull.author.login, message)
            return self._moved(pull, old, forced=force)

    def rebase(self, pull: FakePull, files: Mapping[str, str | bytes | None], *, message: str = "Work") -> str:
        """Force-push one commit with these changes on the tip of the base branch."""
        with self.lock:
            old = pull.head_sha
            author = pull.author.login
            pull.head_sha = self._write(pull.repository, pull.head_ref, files, pull.base_sha, author, message)
            return self._moved(pull, old, forced=True)

    def _moved(self, pull: FakePull, old: str, *, forced: bool) -> str:
        pull.heads.append(pull.head_sha)
        pull.updated_at = self.clock()
        pull.repository.history.set_ref(f"refs/pull/{pull.number}/head", pull.head_sha)
        reviews.head_moved(pull, old, forced=forced)
        return pull.head_sha

    def write_comment(self, pull: FakePull, body: str, *, by: str | None = None) -> IssueComment:
        """Somebody comments in the conversation."""
        with self.lock:
            now = self.clock()
            who = self.account(by) if by else pull.author
            made = IssueComment(self.next_id(), pull, who, body, now, now)
            pull.issue_comments.append(made)
            pull.updated_at = now
            return made

    def write_reply(self, pull: FakePull, comment: ReviewComment, body: str, *, by: str | None = None) -> ReviewComment:
        """Somebody answers below a line comment."""
        with self.lock:
            who = self.account(by) if by else pull.author
            return reviews.reply(self, pull, who, comment.in_reply_to or comment.id, body)

    def write_review(self, pull: FakePull, body: str, *, by: str | None = None) -> Review:
        """Somebody submits a review without comments on lines."""
        with self.lock:
            who, now = self.account(by) if by else pull.author, self.clock()
            made = Review(self.next_id(), pull, who, body, "COMMENTED", pull.head_sha, pull.head_sha, now)
            pull.reviews.append(made)
            return made

    def enqueue(self, pull: FakePull) -> str:
        """A merge queue makes its own commit of a pull request, and waits for that one's checks."""
        with self.lock:
            message = f"Merge pull request #{pull.number}"
            here = pull.repository
            return self._write(here, pull.queue_ref, {}, pull.head_sha, pull.author.login, message)

    def every_pull(self) -> list[FakePull]:
        """All pull requests of all repositories."""
        return [pull for repository in self.repositories for pull in repository.pulls.values()]

    def by_node_id(self, wanted: str) -> FakePull | Review | ReviewComment | IssueComment | Thread | None:
        """What a global id stands for."""
        for pull in self.every_pull():
            things = [pull, *pull.reviews, *pull.comments, *pull.issue_comments, *pull.threads.values()]
            for thing in things:
                if thing.node_id == wanted:
                    return thing
        return None

    # ------------------------------------------------------------------------------------------------- webhooks

    def delivery(self, event: str, action: str | None = None, **about: Any) -> Delivery:
        """A signed delivery, ready to be sent; see `Deliveries.build` for what it may be about."""
        with self.lock:
            return self.deliveries.build(event, action, **about)

    async def deliver(self, delivery: Delivery) -> int:
        """Send a delivery to the webhook's URL as GitHub would, keep it in the log, and give the status back."""
        return await self.deliveries.send(delivery)

    # ---------------------------------------------------------------------------------------------------- faults

    def misbehave(self, method: str, path_regex: str, fault: Fault, times: int = 1, skip: int = 0) -> None:
        """Let the next `times` matching requests meet a fault, after `skip` that pass. `*` is any method."""
        self._plans.append(Plan(method, re.compile(path_regex), fault, times, skip))

    @property
    def calls_without_tokens(self) -> list[Recorded]:
        """The requests so far, those for tokens left out."""
        return [call for call in self.calls if not call.is_token]

    def expect(self, complaint: str) -> None:
        """Take back complaints that a test provoked on purpose (those that contain the text)."""
        self.complaints = [one for one in self.complaints if complaint not in one]

    def revoke_tokens(self) -> None:
        """All installation tokens stop working."""
        self.tokens.clear()

    # ------------------------------------------------------------------------------------------------------ ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["type"] != "http":
            raise RuntimeError(f"there is nothing here for {scope['type']}")
        call = await self._read(scope, receive)
        if call.method in ("GET", "HEAD") and page.is_page(call.path):
            shown = await asyncio.to_thread(page.respond, self, call)
            await shown(scope, receive, send)
            return
        if smart_http.is_git(call.path):
            given = await asyncio.to_thread(smart_http.respond, self, call)
            self.calls.append(Recorded(call.method, call.path, given.status_code))
            await given(scope, receive, send)
            return
        fault = next((plan.fault for plan in self._plans if plan.strikes(call.method, call.path)), None) or Fault()
        if not fault.after_the_work:
            await fault.wait()
        replaced = fault.status is not None or fault.reset or fault.moved
        answer = Answer()
        if not replaced or fault.after_the_work:
            answer = await asyncio.to_thread(self._answer, call)
        if fault.after_the_work:
            await fault.wait()
        if fault.moved:
            answer = self._redirect(call)
        if fault.status is not None:
            answer = Answer(fault.status, fault.body)
        if fault.spoil is not None and isinstance(answer.body, dict):
            answer.body = fault.spoil(answer.body)
        if answer.then is not None:
            await answer.then()
        answer.headers.update(fault.headers)
        self.calls.append(Recorded(call.method, call.path, 0 if fault.reset else answer.status))
        if fault.reset:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise httpx.ReadError("the connection was reset")
        server = {"x-github-enterprise-version": self.enterprise} if self.enterprise else {}
        headers = {**answer.headers, **server, "x-github-request-id": secrets.token_hex(8).upper()}
        body = answer.encoded()
        response = Response(body, answer.status, headers, answer.media_type if body else None)
        await response(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> Call:
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        origin = f"{scope.get('scheme', 'http')}://{headers.get('host', 'github.test')}"
        for prefix in ("/api/v3", "/api"):
            if path == f"{prefix}/graphql" or (prefix == "/api/v3" and path.startswith("/api/v3/")):
                path = path.removeprefix(prefix)
                origin += prefix
                break
        query = scope.get("query_string", b"").decode("latin-1")
        return Call(self, scope["method"], path, query, headers, b"".join(parts), origin)

    def _answer(self, call: Call) -> Answer:
        """Find the route, see who asks and whether they may, do it. Runs in a thread, one at a time."""
        with self.lock:
            try:
                self._check_headers(call)
                here, params = self._route(call)
                if self.enterprise and here.auth != "none" and not call.origin.endswith(("/api/v3", "/api")):
                    self.complaints.append(f"an Enterprise Server has no API there: {call.method} {call.path}")
                    raise not_found()
                call.params = params
                answer = self._authorised(call, here)
            except Refused as refusal:
                return refusal.answer()
            return self._conditional(call, answer)

    def _check_headers(self, call: Call) -> None:
        if not call.headers.get("user-agent"):
            raise Refused(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
            )
        version = call.headers.get("x-github-api-version")
        if version is not None and version not in self.api_versions:
            raise Refused(400, f"{version!r} is not a supported version of the API.")

    def _route(self, call: Call) -> tuple[Route, dict[str, Any]]:
        permanent = re.match(r"/repositories/(\d+)(/.*)?$", call.path)
        path = call.path
        if permanent:
            there = next((one for one in self.repositories if one.id == int(permanent[1])), None)
            path = f"/repos/{there.full_name}{permanent[2] or ''}" if there else path
        for here in rest.ROUTES:
            params = here.match(call.method, path)
            if params is not None:
                return here, params
        self.complaints.append(f"no such route: {call.method} {call.path}")
        log.warning("route_unknown", method=call.method, path=call.path)
        raise Refused(501, f"The stand-in for GitHub does not know {call.method} {call.path}")

    def _authorised(self, call: Call, here: Route) -> Answer:
        if here.auth == "none":
            return here.handler(call)
        scheme, _, secret = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token") or not secret:
            raise Refused(401, "Requires authentication")
        if here.auth == "app":
            self._check_jwt(secret)
            return here.handler(call)
        call.token = self._token(secret)
        resource = "graphql" if here.template == "/graphql" else "core"
        free = here.template == "/rate_limit"
        headers = {} if free else self._spend(call.token.installation, resource, content=here.content)
        try:
            self._find_repository(call)
            if call.found is not None and call.found.full_name != f"{call.params['owner']}/{call.params['repo']}":
                return self._redirect(call)
            self._check_permission(call, here)
            answer = here.handler(call)
        except Refused as refusal:
            refusal.headers = {**headers, **refusal.headers}
            raise
        answer.headers = {**headers, **answer.headers}
        return answer

    def _check_jwt(self, secret: str) -> None:
        """The App's own proof. See GitHub's page on JSON web tokens for Apps: RS256, issuer, at most ten minutes."""
        try:
            if self.public_key is None:
                claims = jwt.decode(secret, options={"verify_signature": False})
            else:
                claims = jwt.decode(
                    secret, self.public_key, algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]}
                )
        except jwt.ExpiredSignatureError as problem:
            raise Refused(
                401, "'Expiration time' claim ('exp') must be a numeric value representing the future"
            ) from problem
        except jwt.PyJWTError as problem:
            raise Refused(401, "A JSON web token could not be decoded") from problem
        if str(claims.get("iss")) != self.app_id:
            raise Refused(
                401, "Integration must generate a public key" if not claims.get("iss") else "Integration not found"
            )
        if claims.get("exp", 0) > time.time() + LONGEST_JWT.total_seconds():
            raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")

    def mint(
        self, installation: Installation, permissions: dict[str, str], repositories: tuple[int, ...] | None
    ) -> Token:
        """A new installation token of the present format: `ghs_`, the App's id, and what looks like a JWT."""
        parts = [base64.urlsafe_b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (24, 180, 171)]
        made = Token(
            f"ghs_{self.app_id}_{'.'.join(parts)}",
            installation,
            permissions,
            repositories,
            self.clock() + timedelta(hours=1),
        )
        self.tokens[made.value] = made
        return made

    def _token(self, secret: str) -> Token:
        token = self.tokens.get(secret)
        if token is None or token.expires_at <= self.clock() or token.installation.removed:
            raise Refused(401, "Bad credentials")
        if token.installation.suspended:
            raise Refused(403, "This installation has been suspended")
        return token

    def may_see(self, token: Token, repository: FakeRepository) -> bool:
        """Whether a token reaches a repository."""
        installed = any(one is repository for one in token.installation.repositories)
        return installed and (token.repositories is None or repository.id in token.repositories)

    def _find_repository(self, call: Call) -> None:
        owner, name = call.params.get("owner"), call.params.get("repo")
        if not owner or not name or call.token is None:
            return
        for repository in self.repositories:
            if repository.is_called(f"{owner}/{name}") and self.may_see(call.token, repository):
                call.found = repository
                return
        raise not_found()

    @staticmethod
    def allows(token: Token, need: str) -> bool:
        """Whether a token has a permission, written `checks=write`."""
        name, _, level = need.partition("=")
        return RANK.get(token.permissions.get(name, ""), 0) >= RANK[level]

    def _check_permission(self, call: Call, here: Route) -> None:
        if not here.needs or call.token is None or any(self.allows(call.token, need) for need in here.needs):
            return
        wanted = {"x-accepted-github-permissions": "; ".join(here.needs)}
        raise Refused(403, "Resource not accessible by integration", headers=wanted)

    def _spend(self, installation: Installation, resource: str, *, content: bool) -> dict[str, str]:
        """Count a request against the installation's limits and give GitHub's headers for it."""
        if self.limits is None:
            return {}
        now = self.clock().timestamp()
        usage = self._usage.setdefault(installation.id, _Usage())
        reset, used = usage.window.get(resource, (0, 0))
        if now >= reset:
            reset, used = int(now) + 3600, 0
        limit = self.limits.requests_per_hour
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(limit - used - 1, 0)),
            "x-ratelimit-used": str(min(used + 1, limit)),
            "x-ratelimit-reset": str(reset),
            "x-ratelimit-resource": resource,
        }
        if used >= limit:
            raise Refused(403, f"API rate limit exceeded for installation ID {installation.id}.", headers=headers)
        usage.window[resource] = (reset, used + 1)
        if content:
            usage.content = [moment for moment in usage.content if moment > now - 3600]
            lately = sum(moment > now - 60 for moment in usage.content)
            if lately >= self.limits.content_per_minute or len(usage.content) >= self.limits.content_per_hour:
                raise Refused(403, SECONDARY, headers={**headers, "retry-after": "60"})
            usage.content.append(now)
        return headers

    def rate_limit(self, installation: Installation) -> dict[str, Any]:
        """What is left in each bucket, as `/rate_limit` tells it."""
        limit = self.limits.requests_per_hour if self.limits else 5_000
        now = self.clock().timestamp()
        buckets = {}
        for resource in ("core", "search", "graphql"):
            reset, used = self._usage.setdefault(installation.id, _Usage()).window.get(resource, (0, 0))
            if now >= reset:
                reset, used = int(now) + 3600, 0
            buckets[resource] = {"limit": limit, "used": used, "remaining": limit - used, "reset": reset}
        return {"resources": buckets, "rate": buckets["core"]}

    def _redirect(self, call: Call) -> Answer:
        """301 (307 where the method must stay) to the address that no renaming changes."""
        rest_of_path = re.sub(r"^/repos/[^/]+/[^/]+", "", call.path)
        repository = call.found or self.repository
        query = f"?{call.query_string}" if call.query_string else ""
        location = f"{call.origin}/repositories/{repository.id}{rest_of_path}{query}"
        status = 301 if call.method in ("GET", "HEAD") else 307
        body = {"message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest"}
        return Answer(status, body, {"location": location})

    def _conditional(self, call: Call, answer: Answer) -> Answer:
        if call.method != "GET" or answer.status != 200:
            return answer
        tag = f'W/"{hashlib.sha256(answer.encoded()).hexdigest()}"'
        answer.headers["etag"] = tag
        if call.headers.get("if-none-match") != tag:
            return answer
        if call.token is not None:
            self._give_back(call.token.installation)
        return Answer(304, None, answer.headers)

    def _give_back(self, installation: Installation) -> None:
        """An answer that has not changed does not count against the hourly limit."""
        window = self._usage.setdefault(installation.id, _Usage()).window
        if "core" in window:
            reset, used = window["core"]
            window["core"] = (reset, used - 1)

    # ------------------------------------------------------------------------------------------------- what others ask

    @property
    def shapes(self) -> Shapes:
        """How things are written as JSON at the present addresses."""
        return Shapes(
            f"{self.url}/api/v3" if self.enterprise else self.url,
            self.url,
            int(self.app_id),
            self.slug,
            self.bot,
            self.owner,
            dict(self.app_permissions),
            self.app_events,
        )

    @property
    def graph(self) -> Graph:
        """The GraphQL side."""
        return Graph(self)

    def now(self) -> str:
        """The clock as GitHub writes it."""
        return stamp(self.clock())
