"""GitHub for one App: its credentials, its tokens, its connections, and the pace of its writes."""

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, Self

import githubkit
import httpx
import structlog
from githubkit.auth.base import BaseAuthStrategy
from githubkit.cache import MemCacheStrategy
from pydantic import AwareDatetime, SecretStr

from postil.github.answers import body_of, date_of
from postil.github.budget import Budgets
from postil.github.connection import TIMEOUT, VERSION_HEADER, Connection, read
from postil.github.errors import Invalid, Moot, TryAgain
from postil.github.fetch import Clone
from postil.github.model import App, Attempt, Hook, Installed, OpenPull, Reachable, Wire
from postil.github.repository import Repository
from postil.github.tokens import FETCH, LOOK, REACT, RESOLVE, Scope, Token, TokenAuth, Tokens
from postil.tracing import UNTRACED, Tracer

log = structlog.get_logger(__name__)

LONGEST_WAIT = 20.0
"""Seconds that a write may wait for its turn inside a job."""

Permit = Callable[[], Awaitable[float]]
"""Asked right before each write: for how many seconds from now it may be sent."""

_send_by: ContextVar[float] = ContextVar("send_by", default=math.inf)
"""Until when the request that is being made may be sent (`time.monotonic`)."""
ENDPOINTS = {
    "graphql": r"/graphql$",
    "token": r"/access_tokens$",
    "checks": r"/check-runs(/\d+)?$",
    "files": r"/pulls/\d+/files$",
    "reviews": r"/pulls/\d+/reviews(/\d+)?$",
    "comments": r"/comments(/\d+)?$",
    "reactions": r"/reactions$",
    "deliveries": r"/app/hook/deliveries",
}
"""The kinds of calls that are counted apart, by the end of their paths; all others are "other"."""


class Meter(Protocol):
    """Where calls are measured."""

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """One call to a kind of endpoint, how it ended, and the seconds until its answer began."""
        ...

    def looked_up(self, cache: str, *, hit: bool) -> None:
        """Something was looked for in a cache."""
        ...


class _Unmeasured:
    """Where nobody looks."""

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Forget it."""

    def looked_up(self, cache: str, *, hit: bool) -> None:
        """Forget it."""


@dataclass(slots=True)
class Tally:
    """How many requests were sent to GitHub."""

    calls: int = 0


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counted() -> Generator[Tally]:
    """Count the requests that are sent within the block, by what it calls and by the tasks that it begins."""
    tally = Tally()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


class _Lent(httpx.AsyncBaseTransport):
    """One client's connections, lent to the clients that githubkit makes and closes for every single call.

    What passes here is logged, measured and traced: way, outcome and the time until the answer began, and nothing
    secret. An Enterprise Server that doesn't know our version of the API is asked without naming one, from then on: it
    has one.
    """

    def __init__(self, client: httpx.AsyncClient, meter: Meter, tracer: Tracer) -> None:
        self._client = client
        self._tracer = tracer
        self._names_version = True
        self._meter = meter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._names_version:
            request.headers.pop(VERSION_HEADER, None)
        response = await self._sent(request)
        if response.status_code == httpx.codes.BAD_REQUEST and VERSION_HEADER in request.headers:
            # Nothing was done, so that it may be sent again, whatever it is.
            said = (await response.aread()).lower()
            if b"version" in said:
                log.warning("api_version_unknown", version=request.headers.pop(VERSION_HEADER))
                self._names_version = False
                return await self._sent(request)
        return response

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        started = time.monotonic()
        if started > _send_by.get():
            raise TryAgain(0.0, "this process slept too long to know whether the run is still its own")
        if tally := _tally.get():
            tally.calls += 1
        status: int | str = "cancelled"
        endpoint, outcome = _endpoint(request.url.path), "no answer"
        try:
            with self._tracer.part(f"{request.method} {endpoint}") as note:
                response = await self._client.send(request, stream=True)
                status, outcome = response.status_code, _outcome(response)
                note("status", status)
        except httpx.TransportError as error:
            status = type(error).__name__
            raise
        finally:
            seconds = time.monotonic() - started
            self._meter.called(endpoint, outcome, seconds)
            rounded = round(seconds, 3)
            log.debug("github_call", method=request.method, path=request.url.path, status=status, seconds=rounded)
        return response


def _endpoint(path: str) -> str:
    return next((name for name, form in ENDPOINTS.items() if re.search(form, path)), "other")


def _outcome(response: httpx.Response) -> str:
    """What an answer's head tells: `answers.problem` knows more, but needs the body, which isn't read yet."""
    status, headers = response.status_code, response.headers
    if status == 429 or (status == 403 and (headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers)):
        return "limited"
    return "ok" if status < 400 else "refused" if status < 500 else "failed"


class _Heard(httpx.AsyncBaseTransport):
    """Hears from the answers to an installation's calls what is left of its budget."""

    def __init__(self, lent: _Lent, budgets: Budgets, installation: int) -> None:
        self._lent = lent
        self._budgets = budgets
        self._installation = installation

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._lent.handle_async_request(request)
        self._budgets.hear(self._installation, response.headers)
        return response


class _Signed(BaseAuthStrategy):
    """Makes githubkit sign with our tokens."""

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth

    def get_auth_flow(self, github: githubkit.GitHubCore) -> httpx.Auth:
        del github
        return self._auth


class GitHub:
    """GitHub for one App; the door to its repositories.

    Args:
        app_id: the App's id, or its client id.
        private_key: its private key, PEM.
        api_url: the REST root, "https://api.github.com" or "https://HOST/api/v3".
        web_url: GitHub's address for people and for git, without a final slash.
        transport: carries the requests; None for the network (proxies of the environment are honoured).
        spacing: seconds between two writes of one installation. GitHub asks for a second at least.
        pauses: seconds before the first and second repeat of a read.
        clock: tells seconds, by which budgets and pauses end.
        meter: measures the calls.
        tracer: gets them as parts of what they are made for.
    """

    _kind: type[Repository] = Repository

    def __init__(
        self,
        app_id: str,
        private_key: str,
        api_url: str = "https://api.github.com",
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        web_url: str = "https://github.com",
        spacing: float = 1.0,
        pauses: tuple[float, float] = (0.5, 2.0),
        clock: Callable[[], float] = time.monotonic,
        meter: Meter | None = None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._client = httpx.AsyncClient(transport=transport, timeout=TIMEOUT, follow_redirects=False)
        self._meter = meter or _Unmeasured()
        self._lent = _Lent(self._client, self._meter, tracer)
        self._api_url = api_url
        self._web_url = web_url
        self._pauses = pauses
        self._spacing = spacing
        self._next_write: dict[int, float] = {}
        self.budgets = Budgets(clock)
        self._app = self._connection(githubkit.AppAuthStrategy(app_id, private_key))
        self._tokens = Tokens(self._mint, lambda hit: self._meter.looked_up("token", hit=hit))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.aclose()

    def repository(
        self, installation: int, repository_id: int | None, owner: str, name: str, permit: Permit | None = None
    ) -> Repository:
        """One repository as one installation of the App sees it. Asks nothing yet.

        `permit` is asked before each write; what is not sent in the time that it gives isn't sent.
        """
        key = name if repository_id is None else repository_id
        return self._kind(
            owner,
            name,
            self._repository_connection(Scope(installation, key)),
            self._repository_connection(Scope(installation, key, REACT)),
            self._repository_connection(Scope(installation, key, RESOLVE)),
            lambda full_name: Clone(
                f"{self._web_url}/{full_name}.git", lambda: self._tokens.get(Scope(installation, key, FETCH))
            ),
            lambda: self._turn(installation, permit),
        )

    def forget(self, installation: int) -> None:
        """Drop the tokens of an installation that was removed, suspended or given other permissions."""
        self._tokens.forget(installation)

    async def app(self) -> App:
        """The App, which proves its id and its key.

        Raises:
            GiveUp: GitHub refuses them, or the key can't sign.
        """
        return read(App, body_of(await self._app.rest("GET", "app")), "GET /app")

    async def hook(self) -> Hook:
        """Where the App's deliveries go. Raises GiveUp, TryAgain, Moot."""
        return read(Hook, body_of(await self._app.rest("GET", "app/hook/config")), "GET /app/hook/config")

    # Lists of any length; `pay` is called before each call, and may raise to prevent it

    async def deliveries(
        self, pay: Callable[[], None] = lambda: None, *, failed: bool = False
    ) -> AsyncGenerator[Sequence[Attempt]]:
        """Page by page the log of the App's webhook, newest first; only what `failed`, if that is wanted."""
        asked = {"per_page": 100, **({"status": "failure"} if failed else {})}
        async for items in _pages(self._app, "app/hook/deliveries", asked, pay):
            attempts = read(list[Attempt], items, "the log of deliveries")
            # Enterprise Server may be older than the parameter.
            yield [attempt for attempt in attempts if not (failed and attempt.succeeded)]

    async def redeliver(self, attempt: int) -> None:
        """Have GitHub send a delivery again, by the id of one of its attempts. It does so once it has answered.

        Raises:
            Moot: GitHub has forgotten it.
            TryAgain, GiveUp: as they say.
        """
        await self._app.rest("POST", f"app/hook/deliveries/{attempt}/attempts")

    async def installations(
        self, pay: Callable[[], None] = lambda: None, start: int = 1
    ) -> AsyncGenerator[Sequence[Installed]]:
        """Where the App is installed, page by page from that one on."""
        async for items in _pages(self._app, "app/installations", {"per_page": 100, "page": start}, pay):
            yield read(list[Installed], items, "the list of installations")

    async def reachable(
        self, installation: int, pay: Callable[[], None], start: int = 1
    ) -> AsyncGenerator[Sequence[Reachable]]:
        """The repositories that an installation reaches, page by page from that one on."""
        connection = self._repository_connection(Scope(installation, None, LOOK))
        asked = {"per_page": 100, "page": start}
        async for items in _pages(connection, "installation/repositories", asked, pay, "repositories"):
            found = read(list[Reachable], items, "the list of repositories")
            yield [place.model_copy(update={"installation": installation}) for place in found]

    async def open_pulls(self, place: Reachable, pay: Callable[[], None]) -> AsyncGenerator[Sequence[OpenPull]]:
        """Page by page the open pull requests of a repository, the last changed first."""
        connection = self._repository_connection(Scope(place.installation, None, LOOK))
        asked: dict[str, str | int] = {"state": "open", "sort": "updated", "direction": "desc", "per_page": 100}
        async for items in _pages(connection, f"repos/{place.full_name}/pulls", asked, pay):
            yield read(list[OpenPull], items, "the list of open pull requests")

    def _repository_connection(self, scope: Scope) -> Connection:
        return self._connection(_Signed(TokenAuth(self._tokens, scope)), scope.installation)

    @asynccontextmanager
    async def _turn(self, installation: int, permit: Permit | None) -> AsyncGenerator[None]:
        """Wait until an installation's next write may be sent, which is done in the block.

        Raises:
            TryAgain: that is too long to wait inside a job, or (in the block) the permit is over.
        """
        now = time.monotonic()
        at = max(now, self._next_write.get(installation, 0.0))
        if at - now > LONGEST_WAIT:
            raise TryAgain(at - now, "too many writes wait for their turn in this installation")
        self._next_write[installation] = at + self._spacing
        await asyncio.sleep(at - now)
        if permit is None:
            yield
            return
        asked = time.monotonic()
        # A process may be frozen at any moment, and wake up when its work is long done by another.
        before = _send_by.set(asked + await permit())
        try:
            yield
        finally:
            _send_by.reset(before)

    def _connection(self, auth: BaseAuthStrategy, installation: int | None = None) -> Connection:
        kit = githubkit.GitHub(
            auth,
            base_url=self._api_url,
            user_agent=f"postil/{version('postil')}",
            timeout=TIMEOUT,
            follow_redirects=False,
            async_transport=_Heard(self._lent, self.budgets, installation) if installation else self._lent,
            cache_strategy=MemCacheStrategy(),  # holds the App's JWT; the default one is shared by every App
            http_cache=False,
            auto_retry=False,
        )
        if installation is None:
            return Connection(kit, self._pauses)
        whose = installation
        return Connection(kit, self._pauses, lambda seconds: self.budgets.pause(whose, seconds))

    async def _mint(self, scope: Scope) -> Token:
        by = "repository_ids" if isinstance(scope.repository, int) else "repositories"
        asked: dict[str, Any] = {"permissions": dict(scope.permissions)}
        if scope.repository is not None:
            asked[by] = [scope.repository]
        path = f"app/installations/{scope.installation}/access_tokens"
        try:
            response = await self._app.rest("POST", path, json=asked, repeat=True)
        except Invalid as error:
            if "repositor" in error.why.lower():
                raise Moot(f"the App can't see the repository any more: {error.why}") from error
            raise
        minted = read(_Minted, body_of(response), "the minting of a token")
        return Token(minted.token.get_secret_value(), minted.expires_at.timestamp() - date_of(response.headers))


async def _pages(
    connection: Connection, path: str, asked: Mapping[str, str | int], pay: Callable[[], None], key: str | None = None
) -> AsyncGenerator[object]:
    """The pages of a list, which stands in an answer under `key` or is the whole of it."""
    pay()
    response = await connection.rest("GET", path, params=asked)
    while True:
        body = response.json() if key is None else body_of(response).get(key)
        yield body
        following = response.links.get("next", {}).get("url", "")
        if not following:
            return
        pay()
        response = await connection.rest("GET", following)


class _Minted(Wire):
    token: SecretStr
    expires_at: AwareDatetime
