"""Installation tokens: minted once for many waiting calls, for one repository, with no more rights than needed."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field

import httpx

EARLY = 300.0
"""Seconds before its end at which a token isn't used any more, so that a call under way never outlives it."""

LEAST = (
    ("checks", "write"),
    ("contents", "read"),
    ("issues", "read"),
    ("metadata", "read"),
    ("pull_requests", "write"),
)
"""The permissions that a review needs, and no others."""

TOLD = (("merge_queues", "read"),)
"""What GitHub wants granted before it tells of an event; no token carries it."""

REACT = (("issues", "write"), ("metadata", "read"))
"""What a reaction to a comment in a pull request's conversation needs; an installation may not have granted it."""

RESOLVE = (("contents", "write"), ("metadata", "read"), ("pull_requests", "write"))
"""What resolving a review thread needs, though no content is written; an installation may not have granted it."""

FETCH = (("contents", "read"), ("metadata", "read"))
"""What git needs to fetch."""


LOOK = (("metadata", "read"), ("pull_requests", "read"))
"""What the lists of repositories and of open pull requests need."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose token: an installation, one of its repositories (by id, else by name; None: all), and the rights in it."""

    installation: int
    repository: int | str | None
    permissions: tuple[tuple[str, str], ...] = LEAST


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the number of seconds that it lives from its minting. Its text is in no representation."""

    text: str = field(repr=False)
    seconds: float


class Tokens:
    """The tokens of one process, by scope.

    Args:
        mint: asks GitHub for a new token.
        looked_up: is told of each look whether there was one.
    """

    def __init__(
        self, mint: Callable[[Scope], Awaitable[Token]], looked_up: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._mint = mint
        self._looked_up = looked_up
        self._held: dict[Scope, tuple[str, float]] = {}
        self._locks: dict[Scope, asyncio.Lock] = {}

    async def get(self, scope: Scope) -> str:
        """A token that is good for the next call. Callers that ask at the same time wait for one minting."""
        async with self._locks.setdefault(scope, asyncio.Lock()):
            text, until = self._held.get(scope, ("", 0.0))
            held = time.monotonic() < until
            self._looked_up(held)
            if held:
                return text
            asked = time.monotonic()
            token = await self._mint(scope)
            self._held[scope] = (token.text, asked + token.seconds - EARLY)
            return token.text

    def drop(self, scope: Scope, text: str) -> None:
        """Forget a token that GitHub refused, unless another call has replaced it already."""
        if self._held.get(scope, ("", 0.0))[0] == text:
            del self._held[scope]

    def forget(self, installation: int) -> None:
        """Forget every token of an installation: it was removed, suspended, or its permissions changed."""
        self._held = {scope: held for scope, held in self._held.items() if scope.installation != installation}


class TokenAuth(httpx.Auth):
    """Signs a request with the token of a scope; a refused token is replaced once.

    A repeat after 401 is safe for every method: GitHub refused the request before it did anything.
    """

    def __init__(self, tokens: Tokens, scope: Scope) -> None:
        self._tokens = tokens
        self._scope = scope

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Refuse: there is no blocking way to GitHub."""
        raise RuntimeError("GitHub is spoken to asynchronously only")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign, and sign once more with a new token after a 401."""
        token = await self._tokens.get(self._scope)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.drop(self._scope, token)
            request.headers["Authorization"] = f"Bearer {await self._tokens.get(self._scope)}"
            yield request
