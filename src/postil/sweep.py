"""Hears what was missed: deliveries that failed are asked for again, and open pull requests are looked at.

GitHub sends a delivery once, and again only when asked. It keeps a failed one for three days (seven on Enterprise
Server); what went missing otherwise, or in a longer outage, shows in the pull requests that changed meanwhile.
Sources: "Handling failed webhook deliveries" and "Redelivering webhooks" in GitHub's documentation.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import structlog

from postil.github import GitHub
from postil.github.errors import GiveUp, Moot, TryAgain
from postil.github.model import Attempt, Installed, OpenPull, Reachable
from postil.jobs import Ask, Pull, UnavailableError
from postil.tracing import UNTRACED, Tracer

log = structlog.get_logger(__name__)

LATE = 600.0
"""Seconds that GitHub's log and its pull requests may lag behind, and clocks may differ."""
LOOK_EVERY = 3600.0
"""Seconds between two looks at all open pull requests, each of which costs a call for every repository."""


class Ledger(Protocol):
    """What is remembered between rounds, for all replicas; `postil.jobs.Jobs` is one."""

    async def lead(self, duty: str, seconds: float) -> bool:
        """Take a duty for so many seconds, unless another process has it."""
        ...

    async def reached(self, duty: str) -> float | None:
        """How far a duty has come, if it was ever begun."""
        ...

    async def reach(self, duty: str, at: float) -> None:
        """Note how far it has come, to its end for this time."""
        ...

    async def stopped(self, duty: str) -> str | None:
        """Where a duty stopped, in its own words; None where it came to its end."""
        ...

    async def stop_at(self, duty: str, where: str) -> None:
        """Note where it is to go on."""
        ...

    async def now(self) -> float:
        """Seconds since 1970, by one clock for all."""
        ...

    async def claim_redelivery(self, guid: str) -> bool:
        """Note that a delivery is asked for again. False: it is known, or was asked for before."""
        ...

    async def drop_redelivery(self, guid: str) -> None:
        """Take that back: it couldn't be asked for."""
        ...

    async def known_heads(self, repository_id: int) -> Mapping[int, str | None]:
        """The newest head that was heard of, for each pull request of a repository."""
        ...

    async def accept(self, delivery: str, ask: Ask) -> str:
        """Store an ask."""
        ...


class BudgetSpentError(Exception):
    """This round has made as many calls as it may."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a look stands, for the round that goes on with it: by pages, as GitHub's lists come in pages.

    `began` is when the look began, in seconds since 1970; `installations` a page of installations, `installation` one
    of them, `repositories` a page of its repositories, and `repository` the last that was looked at. Zero: none yet.
    """

    began: float
    installations: int = 1
    installation: int = 0
    repositories: int = 1
    repository: int = 0

    def ahead(self, listed: Sequence[Installed]) -> Sequence[Installed]:
        """Those of a page of installations that are left to do; all of them where ours isn't there any more."""
        ids = [each.id for each in listed]
        return listed[ids.index(self.installation) :] if self.installation in ids else listed

    def left(self, listed: Sequence[Reachable]) -> Sequence[Reachable]:
        """Those of a page of repositories that are left to do; all of them where ours isn't there any more."""
        ids = [each.id for each in listed]
        return listed[ids.index(self.repository) + 1 :] if self.repository in ids else listed


def unanswered(attempts: Iterable[Attempt], since: float) -> list[Attempt]:
    """The last attempt of each delivery, oldest first, where none succeeded and the last was at or after `since`."""
    last: dict[str, Attempt] = {}
    answered = set()
    for attempt in sorted(attempts, key=lambda each: each.at):
        last[attempt.guid] = attempt
        if attempt.succeeded:
            answered.add(attempt.guid)
    return sorted(
        (attempt for guid, attempt in last.items() if guid not in answered and attempt.at >= since),
        key=lambda each: each.at,
    )


def unjudged(listed: Iterable[OpenPull], known: Mapping[int, str | None], since: float) -> list[OpenPull]:
    """The pull requests that changed at or after `since` and whose head nobody told us of."""
    return [pull for pull in listed if pull.at >= since and known.get(pull.number) != pull.head]


class Sweep:
    """Does its rounds in one process at a time.

    `every` are the seconds between two rounds, `calls` the most that one of them makes to GitHub; a look that needs
    more goes on in the next round. `swept` is told of each thing that was missed: "redelivery" or "pull request".
    `tracer` gets what is asked for in place of a delivery.
    """

    def __init__(
        self,
        github: GitHub,
        ledger: Ledger,
        *,
        every: float,
        calls: int,
        look_every: float = LOOK_EVERY,
        swept: Callable[[str], None] = lambda _: None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._github = github
        self._ledger = ledger
        self._every = every
        self._calls = calls
        self._look_every = look_every
        self._swept = swept
        self._tracer = tracer
        self._left = 0

    async def keep_on(self) -> None:
        """Do a round at once and then every few minutes, until cancelled."""
        while True:
            try:
                await self.round()
            except Exception:
                # A sweep that ends would be missed only when something else is missed as well.
                log.exception("sweep_failed")
            await asyncio.sleep(self._every)

    async def round(self) -> None:
        """Do what is due, if no other process does."""
        try:
            if not await self._ledger.lead("sweep", self._every * 2):
                return
            self._left = self._calls
            await self._ask_again()
            await self._look()
        except BudgetSpentError:
            log.info("sweep_goes_on", calls=self._calls)
        except (TryAgain, GiveUp, Moot, UnavailableError) as error:
            log.warning("sweep_cut_short", why=str(error))

    async def _ask_again(self) -> None:
        """Ask for each failed delivery once more.

        A log that takes more than half of a round's calls isn't read to its end: the pull requests tell of the rest.
        """
        reached = await self._ledger.reached("deliveries") or 0.0
        failed: list[Attempt] = []
        async for page in self._github.deliveries(self._pay, failed=True):
            failed += page
            if self._left < self._calls / 2 or any(attempt.at < reached - LATE for attempt in page):
                break
        for attempt in unanswered(failed, reached - LATE):
            if await self._ledger.claim_redelivery(attempt.guid):
                try:
                    self._pay()
                    await self._github.redeliver(attempt.id)
                except (GiveUp, Moot) as error:
                    # Too old by now, or whatever it is: its pull request is looked at.
                    log.warning("redelivery_refused", delivery=attempt.guid, why=str(error))
                    continue
                except BaseException:
                    await self._ledger.drop_redelivery(attempt.guid)
                    raise
                log.info("redelivery_asked_for", delivery=attempt.guid)
                self._swept("redelivery")
        if failed:
            await self._ledger.reach("deliveries", max(attempt.at for attempt in failed))

    async def _look(self) -> None:
        """Have those open pull requests reviewed that changed since the last look, and that we know nothing of.

        The first look of all only notes when it was: what was there before is nothing that was missed.
        """
        now = await self._ledger.now()
        reached = await self._ledger.reached("look")
        if reached is None:
            await self._ledger.reach("look", now)
            return
        stopped = await self._ledger.stopped("look")
        if stopped is None and now < reached + self._look_every:
            return
        spot = Spot(now) if stopped is None else Spot(**json.loads(stopped))
        async for here, places in self._ahead(spot):
            await self._stop_at(here)
            for place in places:
                try:
                    await self._look_at(place, reached - LATE)
                except (GiveUp, Moot) as error:
                    log.warning("repository_not_seen", repository=place.full_name, why=str(error))
                await self._stop_at(replace(here, repository=place.id))
        await self._ledger.reach("look", spot.began)

    async def _stop_at(self, spot: Spot) -> None:
        await self._ledger.stop_at("look", json.dumps(asdict(spot)))

    async def _ahead(self, spot: Spot) -> AsyncGenerator[tuple[Spot, Sequence[Reachable]]]:
        """Page by page the repositories from a spot on, and where each page is."""
        at = spot.installations
        async for listed in self._github.installations(self._pay, at):
            for each in spot.ahead(listed):
                if each.suspended_at is not None:
                    continue
                page = spot.repositories if each.id == spot.installation else 1
                try:
                    async for places in self._github.reachable(each.id, self._pay, page):
                        here = replace(spot, installations=at, installation=each.id, repositories=page)
                        yield here, spot.left(places)
                        page += 1
                except (GiveUp, Moot) as error:
                    log.warning("installation_not_seen", installation=each.id, why=str(error))
            at += 1

    async def _look_at(self, place: Reachable, since: float) -> None:
        listed: list[OpenPull] = []
        async for page in self._github.open_pulls(place, self._pay):
            listed += page
            if any(pull.at < since for pull in page):
                break
        owner, _, name = place.full_name.partition("/")
        for pull in unjudged(listed, await self._ledger.known_heads(place.id), since):
            whose = Pull(place.installation, place.id, owner, name, pull.number)
            ask = Ask(whose, "sweep", pull.head, pull.at, outdates=True)
            # Named for what it is about, so that it is the same ask whoever makes it.
            delivery = f"sweep {place.id}#{pull.number}@{pull.head}"
            with self._tracer.delivery(delivery, event="sweep") as note:
                answer = await self._ledger.accept(delivery, ask)
                note("result", answer)
            log.info("pull_request_missed", pull=ask.pull.key, result=answer)
            self._swept("pull request")

    def _pay(self) -> None:
        """Count one call, before it is made."""
        if self._left <= 0:
            raise BudgetSpentError
        self._left -= 1
