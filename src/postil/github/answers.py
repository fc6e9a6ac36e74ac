"""What an answer of GitHub means: nothing wrong, or which of our errors. Pure; speaks to nobody.

The rules and their sources are GitHub's pages on rate limits for REST and GraphQL; the forms that no page documents
(the 422 for comment bursts, the bare 403 of the secondary limit) are what users of the API report.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from postil.github.errors import GiveUp, Invalid, Moot, NoAnswer, NotPermitted, RateLimited, TryAgain

SECONDARY_WAIT = 60.0
"""Seconds to wait after a secondary rate limit that names no time, as GitHub asks."""

OUTAGE_WAIT = 30.0
"""Seconds until work is tried again that a failing GitHub interrupted."""

_SECRET = re.compile(r"gh[a-z]_[A-Za-z0-9._-]{36,}|eyJ[\w-]+\.[\w-]+\.[\w-]+")
_BURST = ("secondary rate limit", "abuse detection", "submitted too quickly", "api rate limit exceeded")
_GONE = ("archived", "repository access blocked", "suspended")


def redact(text: str) -> str:
    """The text with GitHub tokens and JWTs replaced; for anything that is logged or stored."""
    return _SECRET.sub("[secret]", text)


def date_of(headers: Mapping[str, str]) -> float:
    """When GitHub answered, in seconds since 1970: by its own clock, for ours may be wrong."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return time.time()


def seconds_to_reset(headers: Mapping[str, str]) -> float:
    """Seconds until an answer's `x-ratelimit-reset`, at least one."""
    try:
        return max(1.0, float(headers.get("x-ratelimit-reset", "")) - date_of(headers) + 1.0)
    except ValueError:
        return SECONDARY_WAIT


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _reasons(body: Mapping[str, Any]) -> tuple[str, ...]:
    """GitHub's own sentences; `errors` holds strings at some endpoints, objects at others, a string at few."""
    errors = body.get("errors") or ()
    if isinstance(errors, str):
        errors = (errors,)
    found = [
        str(e.get("message") or f"{e.get('field')}: {e.get('code')}") if isinstance(e, dict) else str(e) for e in errors
    ]
    return tuple(redact(each)[:500] for each in (*found, *([str(body["message"])] if "message" in body else [])))


def problem(response: httpx.Response) -> TryAgain | GiveUp | Moot | None:
    """The error that an answer of the REST or GraphQL endpoint stands for by its status; None where it is good."""
    status = response.status_code
    if status < 400:
        return None
    where = f"{response.request.method} {response.request.url.path}"
    if status >= 500:
        return NoAnswer(OUTAGE_WAIT, f"GitHub answered {status} to {where}")
    body = body_of(response)
    reasons = _reasons(body)
    said = f"{where}: {status} {'; '.join(reasons)}"[:500].rstrip()
    words = " ".join(reasons).lower()  # not of `said`: a repository may be named "archived"
    if limited := _limit(response, body, words, said):
        return limited
    match status:
        case 404 | 410 | 451:
            return Moot(said)
        case 403 if any(word in words for word in _GONE):
            return Moot(said)
        case 403 if "not accessible by" in words:
            needed = response.headers.get("x-accepted-github-permissions", "")
            return NotPermitted(f"{said} (needs {needed})" if needed else said)
        case 422:
            return Invalid(said, reasons)
        case _:
            return GiveUp(said)


def _limit(response: httpx.Response, body: Mapping[str, Any], words: str, said: str) -> RateLimited | None:
    """The wait that a rate limit asks for. A 422 is one too where comments come too fast."""
    status, headers = response.status_code, response.headers
    abuse = any(isinstance(e, dict) and e.get("code") == "abuse" for e in body.get("errors") or ())
    burst = abuse or any(word in words for word in _BURST)
    spent = headers.get("x-ratelimit-remaining") == "0"
    after = headers.get("retry-after", "")
    if not (status == 429 or (status == 403 and (burst or spent or after)) or (status == 422 and burst)):
        return None
    if after.isdecimal():
        return RateLimited(max(1.0, float(after)), said)
    if spent:
        return RateLimited(seconds_to_reset(headers), said)
    return RateLimited(SECONDARY_WAIT, said)


def graphql_problem(response: httpx.Response, errors: Sequence[Mapping[str, Any]]) -> TryAgain | GiveUp | Moot | None:
    """The error that a GraphQL answer of status 200 stands for by its list of `errors`; None for an empty one."""
    if not errors:
        return None
    kinds = {error.get("type") for error in errors}
    said = redact("; ".join(str(error.get("message", "")) for error in errors))[:500]
    if kinds & {"RATE_LIMITED", "RATE_LIMIT"}:
        return RateLimited(seconds_to_reset(response.headers), said)
    if any(word in said.lower() for word in _BURST):
        return RateLimited(SECONDARY_WAIT, said)
    if "NOT_FOUND" in kinds:
        return Moot(said)
    if "FORBIDDEN" in kinds:
        return NotPermitted(said)
    if "RESOURCE_LIMITS_EXCEEDED" in kinds or (None in kinds and not any("extensions" in error for error in errors)):
        # A query that runs out of its ten seconds may end as status 200 with an error of no type.
        return NoAnswer(OUTAGE_WAIT, said)
    return GiveUp(said)
