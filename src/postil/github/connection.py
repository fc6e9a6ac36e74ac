"""The way to GitHub and back: transport, authentication, and what is repeated when.

githubkit signs as the App and carries requests. Not used of it, for reasons that were measured: its retries (they
repeat writes and sleep until a limit resets), its cache (unbounded), its installation tokens (minted once per waiting
call, kept after a 401), its models (they refuse answers that GitHub gives).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import githubkit
import httpx
from githubkit.exception import RequestError, RequestFailed
from pydantic import TypeAdapter, ValidationError

from postil.github.answers import OUTAGE_WAIT, body_of, graphql_problem, problem
from postil.github.errors import GiveUp, Moot, NoAnswer, RateLimited, TryAgain

T = TypeVar("T")

API_VERSION = "2022-11-28"  # the newest that every supported GitHub Enterprise Server knows; an unknown one is a 400
VERSION_HEADER = "X-GitHub-Api-Version"
TIMEOUT = httpx.Timeout(20, connect=5)
DEADLINE = 60.0  # seconds for one call with all its reads: a timeout of httpx never ends an answer that trickles
REDIRECTS = 3


def read(kind: type[T], data: object, what: str) -> T:
    """`data` as a `kind`.

    Raises:
        GiveUp: GitHub's answer to `what` hasn't the form that its description promises. The data isn't repeated in
            the message, for it may be secret.
    """
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) or "all of it" for each in error.errors(include_input=False))
    raise GiveUp(f"GitHub's answer to {what} has an unexpected form: {places[:300]}")


def member(data: object, key: str) -> dict[str, Any]:
    """`data[key]` of a GraphQL answer.

    Raises:
        Moot: it is null, as for all that doesn't exist or may not be seen.
    """
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, dict):
        raise Moot(f"GitHub shows no such {key}")
    return value


class Connection:
    """GitHub as one signer sees it: the App itself, or the App in one repository.

    `limited` hears for how many seconds GitHub asks for a pause.
    """

    def __init__(
        self, kit: githubkit.GitHub[Any], pauses: Sequence[float], limited: Callable[[float], None] = lambda _: None
    ) -> None:
        self._kit = kit
        self._pauses = pauses
        self._limited = limited
        self._base: httpx.URL = kit.config.base_url
        path = self._base.path
        self._graphql = self._base.copy_with(
            path=path.removesuffix("v3/") + "graphql" if path.endswith("/api/v3/") else path + "graphql"
        )

    async def pause(self, attempt: int) -> None:
        """The short jittered wait before a repeat."""
        await asyncio.sleep(self._pauses[min(attempt, len(self._pauses) - 1)] * random.uniform(0.5, 1.5))  # noqa: S311

    async def rest(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        accept: str = "application/vnd.github+json",
        repeat: bool | None = None,
    ) -> httpx.Response:
        """One call of the REST API; `path` has no leading slash, or is an address that GitHub gave.

        Reads are repeated at most twice when GitHub gives no answer, writes only where `repeat` says that doing it
        twice does no harm.

        Raises:
            NoAnswer: 5xx, timeout or reset. After a write nobody knows whether it happened.
            RateLimited: as it says.
            Invalid: 422.
            GiveUp, Moot: as they say.
        """
        url = self._base.join(path)
        wanted = {"method": method, "json": json, "params": params, "accept": accept}
        again = method == "GET" if repeat is None else repeat
        return await self._repeated(lambda: self._redirected(url, wanted), repeat=again)

    async def graphql(self, query: str, variables: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
        """The answer to a GraphQL query, as `{"data": …, "errors": […]}`.

        With `partial` an answer that holds some data is given back together with its errors, and the query isn't
        repeated: the caller asks for less instead. (A query that ran out of time costs extra points.)

        Raises:
            As `rest`; Moot also for what the query names and GitHub doesn't know.
        """

        async def ask() -> dict[str, Any]:
            response = await self._exchange(
                "POST", self._graphql, json={"query": query, "variables": dict(variables)}, accept="application/json"
            )
            if error := problem(response):
                raise error
            body = body_of(response)
            errors = body.get("errors") or []
            if not body.get("data") and not errors:
                raise NoAnswer(OUTAGE_WAIT, f"GitHub answered {response.status_code} without data to a GraphQL query")
            found = graphql_problem(response, errors)
            some = partial and isinstance((body.get("data") or {}).get("repository"), dict)
            if found and (isinstance(found, RateLimited) or not some):
                raise found
            return body

        return await self._repeated(ask, repeat=not partial)

    async def _repeated(self, call: Callable[[], Awaitable[T]], *, repeat: bool) -> T:
        try:
            # postil: allow hand-rolled-retry-loop -- two quick ones, at GitHub's pace; the queue is what tries again
            for attempt in range(2 if repeat else 0):
                try:
                    return await call()
                except NoAnswer:
                    await self.pause(attempt)
            return await call()
        except RateLimited as error:
            self._limited(error.after)
            raise

    async def _redirected(self, url: httpx.URL, wanted: Mapping[str, Any]) -> httpx.Response:
        """Follow a renamed repository with the same method and body, which httpx would turn into a GET."""
        for _ in range(REDIRECTS):
            response = await self._exchange(url=url, **wanted)
            if not response.is_redirect:
                if error := problem(response):
                    raise error
                return response
            url = url.join(response.headers.get("location", ""))
            if url.query:
                wanted = {**wanted, "params": None}
        raise GiveUp(f"GitHub redirects {wanted['method']} {url.path} in a circle")

    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        accept: str,
    ) -> httpx.Response:
        """One request and its answer, whatever its status. Errors are raised bare: theirs would carry the token."""
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise GiveUp(f"GitHub sends us to another host, {url.host}; our token isn't shown there")
        headers = {"Accept": accept, VERSION_HEADER: API_VERSION}
        answer: httpx.Response | TryAgain | GiveUp | Moot
        try:
            async with asyncio.timeout(DEADLINE):
                answer = (await self._kit.arequest(method, url, json=json, params=params, headers=headers)).raw_response
        except RequestFailed as failed:
            answer = failed.response.raw_response
        except RequestError as error:
            answer = _failure(error.exc, method, url)
        except TimeoutError as error:
            answer = _failure(error, method, url)
        if isinstance(answer, httpx.Response):
            return answer
        # Raised out here, so that the error has no context: that of httpx holds the request with its token.
        raise answer


def _failure(error: Exception, method: str, url: httpx.URL) -> TryAgain | GiveUp | Moot:
    """Our error for one that kept a request from being answered."""
    match error:
        case TryAgain() | GiveUp() | Moot():  # no token could be had
            return error
        case httpx.TransportError() | httpx.DecodingError() | OSError():
            return NoAnswer(OUTAGE_WAIT, f"GitHub gave no answer to {method} {url.path} ({type(error).__name__})")
        case _:
            return GiveUp(f"{method} {url.path} could not be sent ({type(error).__name__})")
