"""What breaks, and when: processes killed and frozen, the database gone, its disk full, GitHub in trouble.

When is a matter of the work, not of the clock: between two blows something must have been posted, for a service that is
broken faster than it can work proves nothing, and how fast that is depends on the machine.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from statistics import median

from chaos.books import Ledger
from chaos.hosting import Database, Fleet, Replica, SQLite
from chaos.storm import Storm
from postil.demo import faults
from postil.settings import Role

TROUBLES = (
    ("POST", r"/pulls/\d+/reviews$", faults.BAD_GATEWAY_AFTER_THE_WORK),
    ("POST", r"/pulls/\d+/reviews$", faults.CONNECTION_RESET_AFTER_THE_WORK),
    ("POST", r"/pulls/\d+/reviews$", faults.secondary_limit(2)),
    ("POST", r"/check-runs$", faults.BAD_GATEWAY_AFTER_THE_WORK),
    ("POST", r"/issues/\d+/comments$", faults.CONNECTION_RESET_AFTER_THE_WORK),
    ("PATCH", r"/check-runs/", faults.BAD_GATEWAY),
    ("PATCH", r"/check-runs/", faults.BAD_GATEWAY_AFTER_THE_WORK),
    ("POST", r"/graphql$", faults.secondary_limit(1)),
    ("GET", r"/pulls/\d+/files", faults.GATEWAY_TIMEOUT),
    ("GET", r"/pulls/\d+/files", faults.slow(3.0)),
    ("*", r"/repos/", faults.BAD_CREDENTIALS),
    ("POST", r"/access_tokens$", faults.BAD_GATEWAY),
)
"""What GitHub does on a bad day. A write that it carried out without saying so is the one that is easily repeated."""
PATIENCE = 60.0
"""Seconds after which something breaks though nothing moved: all work may wait for a dead replica's lease to end."""
FALLEN = "processes that fell and were started anew"
SILENT = (("POST", r"/pulls/\d+/reviews$", faults.slow(25.0, after_the_work=True)),)
"""The same, with the time of a whole timeout."""


@dataclass
class Takeovers:
    """How long work that a dead or frozen process held lay there until another process took it up."""

    ledger: Ledger
    interrupted: int = 0
    seconds: list[float] = field(default_factory=list)
    _waiting: dict[tuple[str, int, str], float] = field(default_factory=dict)

    def note(self, replica: Replica) -> int:
        """A process is gone: remember what it was at. Gives how many runs that were."""
        held = [run for run in self.ledger.at_work() if f"-{replica.pid}-" in run[2]]
        self._waiting.update(dict.fromkeys(held, time.monotonic()))
        self.interrupted += len(held)
        return len(held)

    async def watch(self) -> None:
        """See what is taken up, until cancelled."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(0.2)

    def _look(self) -> None:
        # With the database away nothing is seen at work, and nothing was taken up.
        if self._waiting and self.ledger.known():
            now = set(self.ledger.at_work())
            for each in [each for each in self._waiting if each not in now]:
                self.seconds.append(time.monotonic() - self._waiting.pop(each))

    def within(self) -> str:
        """The seconds within which half of them were taken up, and all."""
        return f"{median(self.seconds):.0f}, {max(self.seconds):.0f}" if self.seconds else "none was"


@dataclass(frozen=True)
class Measure:
    """How much breaks: processes killed; times that the database, the disk and (frozen) a worker are away.

    `review` is about what a review takes on a quiet machine: within it, after work has moved, the next thing breaks.
    `outage` is how long the database is away; both in seconds. `silence` lets GitHub be slower than our patience.
    """

    kills: int = 100
    outages: int = 3
    freezes: int = 5
    review: float = 4.0
    outage: float = 10.0
    silence: bool = True


@dataclass
class Faults:
    """Breaks things.

    `lease` is the service's, in seconds. On PostgreSQL a killed worker stays dead, and another one joins up to half a
    lease later; on SQLite, which has one, it is started at once.
    """

    fleet: Fleet
    database: Database
    storm: Storm
    takeovers: Takeovers
    chance: Random
    measure: Measure
    lease: float
    done: Counter[str] = field(default_factory=Counter)
    _later: set[asyncio.Task[None]] = field(default_factory=set)
    _written: int = 0

    async def strike(self) -> None:
        """Do it all, and put everything right again."""
        supervising = asyncio.create_task(self._supervise())
        plan = [self._kill] * self.measure.kills
        plan += [self._outage] * self.measure.outages + [self._freeze] * self.measure.freezes
        if self._has_own_disk:
            plan += [self._fill_disk] * self.measure.outages
        self.chance.shuffle(plan)
        for deed in plan:
            await self.storm.gust()
            if self.chance.random() < 0.7:
                self._trouble()
            # Else it may hit a process in the middle of its start.
            if self.chance.random() < 0.8:
                await self._headway()
            await asyncio.sleep(self.chance.uniform(0, self.measure.review))
            await deed()
            self._written = await asyncio.to_thread(self.takeovers.ledger.written)
        await asyncio.gather(*self._later)
        supervising.cancel()
        # What fell for want of a database comes back.
        self.done[FALLEN] += await asyncio.to_thread(self.fleet.up)

    async def _headway(self) -> None:
        """Wait until something was posted since the last blow."""
        end = time.monotonic() + PATIENCE
        while await asyncio.to_thread(self.takeovers.ledger.written) <= self._written and time.monotonic() < end:
            await self._see_to_work()

    async def _see_to_work(self) -> None:
        """Keep half of the pull requests busy, a moment at a time."""
        if len(await asyncio.to_thread(self.takeovers.ledger.busy)) < self.storm.pulls / 2:
            await self.storm.gust()
        await asyncio.sleep(0.1)

    async def _supervise(self) -> None:
        while True:
            if fallen := self.fleet.supervise():
                self.done[FALLEN] += fallen
            await asyncio.sleep(0.5)

    @property
    def _one_worker(self) -> bool:
        return isinstance(self.database, SQLite)

    @property
    def _has_own_disk(self) -> bool:
        return isinstance(self.database, SQLite) and self.database.folder.is_mount()

    def _trouble(self) -> None:
        silent = self.measure.silence and self.chance.random() < 0.05
        method, path, fault = self.chance.choice(SILENT if silent else TROUBLES)
        self.storm.fake.misbehave(method, path, fault)
        self.done["GitHub's faults"] += 1

    async def _kill(self) -> None:
        """Kill one: mostly workers, for they hold the work."""
        victim = self.chance.choices(["worker", "web", "analysis"], [6, 2, 2])[0]
        if victim == "analysis":
            await self._kill_analysis()
            return
        role = Role.WEB if victim == "web" else Role.WORKER
        least = 2 if role is Role.WORKER and not self._one_worker else 1
        while len(candidates := self.fleet.living(role)) < least:  # noqa: ASYNC110 - others start it
            await asyncio.sleep(0.1)
        replica = self.chance.choice(candidates)
        await asyncio.to_thread(replica.kill)
        self.done[f"{victim} killed"] += 1
        if role is Role.WEB:
            self.fleet.start(role, url=replica.url)
            return
        await asyncio.to_thread(self.takeovers.note, replica)
        if self._one_worker:
            self.fleet.start(role)
        else:
            self._soon(self._join(self.chance.uniform(0, self.lease / 2)))

    async def _kill_analysis(self) -> None:
        """Kill an analysing process, as soon as there is one: a worker has none before its first review."""
        while not (children := [pid for worker in self.fleet.living(Role.WORKER) for pid in worker.children()]):
            await self._see_to_work()
        # It may have ended by itself, as it does with its parent.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.chance.choice(children), signal.SIGKILL)
        self.done["analysis killed"] += 1

    async def _join(self, after: float) -> None:
        await asyncio.sleep(after)
        self.fleet.start(Role.WORKER)

    async def _freeze(self) -> None:
        """Freeze a worker, and let it go on when its lease is over; on SQLite, where nobody takes over, sooner."""
        candidates = self.fleet.living(Role.WORKER)
        if not candidates:
            return
        replica = self.chance.choice(candidates)
        replica.freeze()
        self.done["workers frozen"] += 1
        if self._one_worker:
            await asyncio.sleep(3)
            replica.wake()
            return
        await asyncio.to_thread(self.takeovers.note, replica)
        self._soon(self._wake(replica, self.lease * self.chance.uniform(1.1, 1.6)))

    async def _wake(self, replica: Replica, after: float) -> None:
        await asyncio.sleep(after)
        replica.wake()

    async def _outage(self) -> None:
        await asyncio.to_thread(self.database.go)
        await self._blow(self.measure.outage)
        await asyncio.to_thread(self.database.come_back)
        self.done["database gone"] += 1

    async def _blow(self, seconds: float) -> None:
        """Let people go on meanwhile."""
        for _ in range(3):
            await self.storm.gust()
            await asyncio.sleep(seconds / 3)

    async def _fill_disk(self) -> None:
        assert isinstance(self.database, SQLite)  # noqa: S101 - `_has_own_disk` says so
        await asyncio.to_thread(self.database.fill_up)
        await self._blow(self.measure.outage / 2)
        await asyncio.to_thread(self.database.make_room)
        self.done["disk full"] += 1

    def _soon(self, happening: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(happening)
        self._later.add(task)
        task.add_done_callback(self._later.discard)
