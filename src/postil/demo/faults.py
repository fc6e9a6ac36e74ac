"""Ways in which GitHub misbehaves, as values: hand one to `FakeGitHub.misbehave`."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Json = dict[str, Any]

DOCUMENTATION = "https://docs.github.com/rest"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    `status` and `body` replace the answer (None: the true answer is kept); with `after_the_work` the request is carried
    out first, so the client cannot know. Before the answer `wait` is waited for; `reset` breaks the connection in the
    middle of it; `moved` answers with a redirect to the repository's permanent address; `spoil` edits the true answer.
    """

    status: int | None = None
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after_the_work: bool = False
    wait: Callable[[], Awaitable[object]] = _at_once
    reset: bool = False
    moved: bool = False
    spoil: Callable[[Json], Json] | None = None


def _message(text: str, status: int) -> Json:
    return {"message": text, "documentation_url": DOCUMENTATION, "status": str(status)}


def _half(answer: Json) -> Json:
    """A GraphQL answer whose second half is missing, with GitHub's error for it."""
    data: Json = answer.get("data") or {}
    root = next(iter(data), None)
    fields = data.get(root) if root else None
    if not isinstance(fields, dict):
        return answer
    lost = sorted(name for name in fields if not name.startswith("__"))[len(fields) // 2 :]
    errors = [
        {
            "type": "RESOURCE_LIMITS_EXCEEDED",
            "path": [root, name],
            "message": "Resource limits for this query exceeded.",
        }
        for name in lost
    ]
    return {**answer, "data": {**data, root: {**fields, **dict.fromkeys(lost)}}, "errors": errors}


BAD_GATEWAY = Fault(502, _message("Server Error", 502))
BAD_GATEWAY_AFTER_THE_WORK = Fault(502, _message("Server Error", 502), after_the_work=True)
GATEWAY_TIMEOUT = Fault(504, _message("We couldn't respond to your request in time.", 504))
SECONDARY_LIMIT = Fault(403, _message(SECONDARY, 403))
BAD_CREDENTIALS = Fault(401, _message("Bad credentials", 401))
MOVED = Fault(moved=True)
CONNECTION_RESET = Fault(reset=True)
CONNECTION_RESET_AFTER_THE_WORK = Fault(reset=True, after_the_work=True)
GRAPHQL_RATE_LIMITED = Fault(
    200,
    {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for installation ID 1."}]},
    {"x-ratelimit-remaining": "0"},
)
FORBIDDEN = Fault(
    200, {"data": None, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}
)
GRAPHQL_PARTIAL = Fault(spoil=_half)
ABUSE = Fault(
    422,
    {
        "message": "Validation Failed",
        "errors": [
            {
                "resource": "PullRequestReview",
                "code": "abuse",
                "field": "base",
                "message": "was submitted too quickly after another comment",
            }
        ],
        "documentation_url": DOCUMENTATION,
        "status": "422",
    },
)


def secondary_limit(retry_after: int) -> Fault:
    """The secondary limit, with the seconds to wait in `retry-after`."""
    return Fault(403, _message(SECONDARY, 403), {"retry-after": str(retry_after)})


def too_many_requests(retry_after: int | None = None) -> Fault:
    """429 for the secondary limit, with or without `retry-after`."""
    return Fault(429, _message(SECONDARY, 429), {} if retry_after is None else {"retry-after": str(retry_after)})


def primary_limit(reset: int) -> Fault:
    """The hourly limit is used up until `reset` (seconds since 1970)."""
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    return Fault(403, _message("API rate limit exceeded for installation ID 1.", 403), headers)


def slow(seconds: float, *, after_the_work: bool = False) -> Fault:
    """The true answer, late; the request is carried out at its end, or (`after_the_work`) at its beginning."""
    return Fault(wait=partial(asyncio.sleep, seconds), after_the_work=after_the_work)


def held(go_on: asyncio.Event) -> Fault:
    """The true answer, and the request is carried out, once somebody says so: however fast or slow the machine is."""
    return Fault(wait=go_on.wait)


@dataclass(slots=True)
class Plan:
    """A fault that waits for its requests: `skip` matching ones pass first, then `times` are struck."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int
    skip: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is struck (and counted)."""
        if self.times <= 0 or self.method not in ("*", method) or not self.path.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True
