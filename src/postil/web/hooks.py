"""`POST /webhooks/github`: read the request, and have what it asks for stored before it is answered."""

import asyncio
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from postil import webhook
from postil.jobs import MERGE_QUEUE, Ask, Command, Pull, UnavailableError
from postil.tracing import UNTRACED, Tracer
from postil.web.errors import failure
from postil.web.metrics import Metrics

log = structlog.get_logger(__name__)

STORED_WITHIN = 8.0
"""Seconds in which a delivery must be stored: GitHub gives up after 10, and should hear what became of it."""
SMALL = 256 * 1024
"""Bytes up to which bodies are held without being counted; GitHub's have some 30 KB."""
ROOM = 3 * webhook.MAX_BODY
"""Bytes of larger bodies that are held at a time."""


class Inbox(Protocol):
    """Where work is stored; `postil.jobs.Jobs` is one."""

    async def accept(self, delivery: str, ask: Ask) -> str:
        """Store an ask durably; say "accepted", "coalesced" or "duplicate". Raises UnavailableError."""
        ...

    async def revive(self, installation: int, repositories: Mapping[int, tuple[str, str]]) -> int:
        """Run again what an installation had no right to, in `repositories` or in all. Raises UnavailableError."""
        ...

    async def pulls_at(self, owner: str, name: str, head: str) -> Sequence[Pull]:
        """Find the pull requests of a repository with this head. Raises UnavailableError."""
        ...

    async def forget(self, installation: int) -> None:
        """Drop what was learned of an installation. Raises UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What deliveries are taken with, once there are credentials.

    `secrets` are one or two that may have signed; `forget` drops what is remembered of an installation's tokens;
    `patience` is the seconds after which GitHub gives up on an answer, so that a body may take no longer to arrive.
    """

    secrets: Sequence[str]
    inbox: Inbox
    forget: Callable[[int], None]
    patience: float = 10.0


class Accepted(BaseModel):
    """The answer to a delivery: what was done with it, and why."""

    result: str
    why: str


class TooLargeError(Exception):
    """The request is larger than anything that GitHub sends."""


class NoRoomError(Exception):
    """Too many large bodies arrive at the same time."""


class _Room:
    """The memory for large bodies, of which anybody may send some: whose signature is wrong shows at the end only.

    One that finds no room is refused at once. If it had to wait, a few who send slowly would hold up all others.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    @contextmanager
    def part(self) -> Generator[Callable[[int], None]]:
        """Gives what takes so many bytes more, or raises NoRoomError; in the end all of them are given back."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise NoRoomError
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


def router(
    desk: Callable[[], Desk | None],
    metrics: Metrics,
    limit: int = webhook.MAX_BODY,
    tracer: Tracer = UNTRACED,
) -> APIRouter:
    """Make the route. `desk` is asked for each delivery, and gives None without credentials; `limit` is in bytes.

    `tracer` gets what is proved to come from GitHub.
    """
    routes = APIRouter()
    room = _Room(ROOM)
    # What is read takes a multiple of its size while it is.
    reading = asyncio.Lock()

    @routes.post("/webhooks/github", status_code=202, response_model=Accepted)
    async def receive(request: Request) -> Accepted | JSONResponse:
        started = time.perf_counter()
        event = request.headers.get("x-github-event", "")
        open_desk = desk()
        if open_desk is None:
            return failure(503, "This service isn't set up yet: it has no credentials.")
        answer = await _receive(request, event, open_desk)
        outcome = answer.result if isinstance(answer, Accepted) else str(answer.status_code)
        metrics.delivered(event, outcome, time.perf_counter() - started)
        return answer

    async def _receive(request: Request, event: str, at: Desk) -> Accepted | JSONResponse:
        signature = request.headers.get("x-hub-signature-256", "")
        if not signature:
            return failure(401, "The signature is missing or wrong.")
        delivery_id = request.headers.get("x-github-delivery", "")
        with room.part() as take:
            try:
                async with asyncio.timeout(at.patience):
                    body = await _body(request, limit, take)
            except TooLargeError:
                return failure(413, f"The body is larger than {limit} bytes.")
            except NoRoomError:
                log.warning("delivery_without_room", event_name=event)
                return failure(503, "Too many large bodies arrive at the same time.")
            except (TimeoutError, ClientDisconnect):
                return failure(408, "The body didn't arrive.")
            async with reading if len(body) > SMALL else nullcontext():
                # Up to 25 MB are hashed and parsed: not on the event loop.
                delivery = await asyncio.to_thread(
                    webhook.read, at.secrets, body, event=event, delivery=delivery_id, signature=signature
                )
        if isinstance(delivery, webhook.Refusal):
            log.warning("delivery_refused", status=delivery.status, why=delivery.why)
            return failure(delivery.status, delivery.why)
        # Not before: what strangers send begins no trace.
        with (
            structlog.contextvars.bound_contextvars(delivery=delivery.id),
            tracer.delivery(delivery.id, event=delivery.event) as note,
        ):
            try:
                async with asyncio.timeout(STORED_WITHIN):
                    answer = await _take(delivery, at)
            except (UnavailableError, TimeoutError) as error:
                # Where the database only was slow it may be stored all the same: sent again, it is a duplicate.
                note("result", "not stored")
                why = str(error) or "The database takes too long."
                log.warning("delivery_not_stored", event_name=delivery.event, error=why)
                return failure(503, "The delivery can't be stored at the moment.")
            note("result", answer.result)
            log.info("delivery", event_name=delivery.event, action=delivery.action, **answer.model_dump())
            return answer

    return routes


async def _take(delivery: webhook.Delivery, at: Desk) -> Accepted:
    """Do what a delivery asks for. Raises UnavailableError."""
    match delivery.decision:
        case webhook.Ignored(why):
            return Accepted(result="ignored", why=why)
        case webhook.Forget(installation, why, revives, repositories):
            at.forget(installation)
            await at.inbox.forget(installation)
            if revives:
                await at.inbox.revive(installation, {each.id: (each.owner, each.name) for each in repositories})
            return Accepted(result="forgotten", why=why)
        case decision:
            asks = await _asks(decision, at.inbox)
    results = {await at.inbox.accept(delivery.id, ask) for ask in asks}
    # Several pull requests can share a head; the best news is the answer.
    for result in ("accepted", "coalesced", "duplicate"):
        if result in results:
            return Accepted(result=result, why=asks[0].why)
    return Accepted(result="ignored", why="no pull request is known for this commit")


async def _body(request: Request, limit: int, take: Callable[[int], None]) -> bytearray:
    """Read the body, but never more than `limit` bytes of it, and `take` room for all of a large one.

    Raises:
        TooLargeError: it is larger.
        NoRoomError: there is none.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        before, size = len(body), len(body) + len(chunk)
        if size > limit:
            raise TooLargeError
        if size > SMALL:
            take(size - before if before > SMALL else size)
        body += chunk
    return body


async def _asks(
    decision: webhook.Review | webhook.Cancel | webhook.Commanded | webhook.Rerun | webhook.Queued, inbox: Inbox
) -> Sequence[Ask]:
    """Put a decision into the queue's words."""

    def pull(number: int) -> Pull:
        place = decision.repository
        return Pull(place.installation, place.id, place.owner, place.name, number)

    match decision:
        case webhook.Review(_, number, head, at, outdates, why):
            return [Ask(pull(number), why, head, at, outdates=outdates)]
        case webhook.Cancel(_, number, at, why, for_good):
            return [Ask(pull(number), why, None, at, outdates=True, wakes=for_good)]
        case webhook.Commanded(_, number, commands, where, comment, login):
            said = "\n".join(command.written for command in commands)
            why = " ".join(f"/{command.name}" for command in commands)
            return [Ask(pull(number), why, command=Command(where, comment, login, said))]
        case webhook.Queued(_, head, why):
            return [Ask(pull(MERGE_QUEUE), why, head, time.time())]
        case webhook.Rerun(place, numbers, head, why):
            # GitHub names no pull request for forks.
            pulls = [pull(number) for number in numbers] or await inbox.pulls_at(place.owner, place.name, head)
            return [Ask(each, why) for each in pulls]
