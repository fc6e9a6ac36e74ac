"""The queue as the rest of the program sees it: asynchronous, and with the engine's coming and going."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import exc as sa_exc

from postil.jobs import acceptance, care, duties, inspection, memory, moving, receptions, runs
from postil.jobs.database import APPLICATION, create_engine, database_url, is_away, lock, said, use
from postil.jobs.migration import check, migrate
from postil.jobs.model import (
    Accepted,
    Again,
    AlreadyRunningError,
    Ask,
    Counts,
    DeadJob,
    Ended,
    Failed,
    Finished,
    Installation,
    Intent,
    Job,
    LastWord,
    LiveJob,
    Outcome,
    Pull,
    Readiness,
    Received,
    Standing,
    UnavailableError,
    UnusableDatabaseError,
    Work,
)
from postil.jobs.store import QUEUE, VERSION, Store
from postil.review.fate import Reception
from postil.review.figures import Line, Tally
from postil.review.standing import Step

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

POLLING = 0.1
"""Seconds between two looks of the engine, at its queue and at its messages."""
SOON = 3.0
"""Seconds that those who give up soon wait for the database: probes, scrapes, and a process that is to end."""
LAST_WORD = 60.0
"""Seconds for what is still to be done after the last try of a run."""


class Jobs:
    """The queue. `open` is enough to accept work; `start` also does it, in this process and on this event loop.

    Times are in seconds: `lease` is the silence after which a worker counts as dead, `timeout` how long a run may take,
    `settle` how long a run waits for a burst of pushes to end, and `keep` how long finished work is remembered, or what
    became of a comment (`keep_receptions`).
    `concurrency` is how many runs a process does at once, `share` how many of one installation all processes together.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = 30.0,
        timeout: float = 600.0,
        settle: float = 0.0,
        concurrency: int = 8,
        share: int = 2,
        keep: float = 14 * 86400.0,
        keep_receptions: float = 180 * 86400.0,
    ) -> None:
        self._url = database_url(url)
        self._lease = lease
        self._timeout = timeout
        self._settle = settle
        self._concurrency = concurrency
        self._share = share
        self._keep = keep
        self._keep_receptions = keep_receptions
        self._executor_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="postil-jobs")
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._lock_file: int | None = None
        self._use_file: int | None = None
        self._working: set[asyncio.Future[str]] = set()
        self._store: Store
        self._engine: DBOS
        self._open_already = False
        self._work: Work
        self._last_word: LastWord | None = None

    # Coming and going

    async def open(self, *, as_it_is: bool = False) -> None:
        """Connect, bring the tables up to date, and be ready to accept work. `as_it_is`: nothing is made or changed.

        Raises:
            UnavailableError: the database doesn't answer.
            NewerDatabaseError: a newer version has been at it.
            UnusableDatabaseError: what was here has been moved; or `as_it_is`, and there are no tables, or older ones.
            AlreadyRunningError: it is being moved.
        """
        if not self._open_already:
            self._store = await self._in_thread(lambda: self._open(as_it_is=as_it_is))
            self._open_already = True

    def _open(self, *, as_it_is: bool) -> Store:
        if self._sqlite and as_it_is and not Path(str(self._url.database)).exists():
            raise UnusableDatabaseError(f"There is no database at {self._url.database}.")
        # DBOS adds a handler of its own, and stops propagation, only where its logger has no handler yet.
        engine_log = logging.getLogger("dbos")
        engine_log.addHandler(logging.NullHandler())
        engine_log.setLevel(logging.WARNING)
        if self._sqlite and self._use_file is None:
            try:
                Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
                self._use_file = use(self._url)
            except OSError as error:
                why = f"Nothing can be written beside {self._url.database}: {error.strerror}."
                raise UnusableDatabaseError(why) from error
        engine = create_engine(self._url)
        try:
            (check if as_it_is else migrate)(engine)
            moving.check_here(engine)
            if not as_it_is:
                DBOS.migrate(self._url.render_as_string(hide_password=False))
        except BaseException:
            engine.dispose()
            raise
        client = DBOSClient(
            system_database_engine=engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )
        if not as_it_is:
            client.register_queue(
                QUEUE,
                partition_concurrency=self._share,
                worker_concurrency=self._concurrency,
                polling_interval_sec=POLLING,
            )
        return Store(
            engine=engine,
            client=client,
            executor=self._executor_id,
            lease=self._lease,
            timeout=self._timeout,
            settle=self._settle,
        )

    async def start(self, work: Work, last_word: LastWord | None = None, *, lock_wait: float = 10.0) -> None:
        """Open, and have `work` called for each run, on the running event loop.

        `last_word` is called when the last try of a run took too long or crashed, before the run counts as dead; where
        the process died in it, whoever finds that does so in a run of its own.

        Raises AlreadyRunningError when another process still works on the same SQLite file after `lock_wait` seconds.
        """
        await self.open()
        if self._sqlite:
            await self._take_lock(lock_wait)
        self._work = work
        self._last_word = last_word

        @DBOS.step(name="review", preemptible=True)
        async def step(key: str, run: int) -> str:
            task = asyncio.ensure_future(self._run(key, run))
            self._working.add(task)
            try:
                return await task
            finally:
                self._working.discard(task)

        @DBOS.workflow(name="review", max_recovery_attempts=20)
        async def review(key: str, run: int) -> str:
            return await step(key, run)

        self._engine = DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url.render_as_string(hide_password=False),
                "system_database_engine": self._store.engine,
                "application_version": VERSION,
                "executor_id": self._executor_id,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
                "max_executor_threads": 32,
                # On SQLite; nobody waits for what it hears, but a stop waits for its sleep.
                "notification_listener_polling_interval_sec": POLLING,
            }
        )
        await self._call(care.show_life)
        # It adopts the running loop, so it can't be moved to a thread; nothing else happens before it.
        DBOS.launch()
        await self._call(care.look_after, everybody_else=self._sqlite)
        # postil: allow contextvars-lost-in-executor -- the keeper serves no delivery, so there is no context to take
        self._keeper = threading.Thread(target=self._keep_on, name="postil-keeper", daemon=True)
        self._keeper.start()

    async def _take_lock(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                self._lock_file = lock(self._url)
            except AlreadyRunningError:
                if time.monotonic() > deadline:
                    raise
            else:
                return
            await asyncio.sleep(0.1)

    async def stop(self, grace: float = 20.0) -> None:
        """Take no new work, let runs end for `grace` seconds, and hand the others on to whoever lives.

        A database that doesn't answer isn't waited for: then the others wait for the lease of this process to end.
        """
        answers = True
        if self._keeper is not None:
            self._stopping.set()
            # The engine's own wait does the same, and sleeps for a second before it looks.
            for event in self._engine.background_thread_stop_events:
                event.set()
            await self._settle_down(grace)
            answers = await self._end_work(self._keeper)
            self._keeper = None
        if self._open_already:
            if answers:
                with contextlib.suppress(UnavailableError):
                    await self._soon(duties.leave)
            self._store.client.destroy()
            self._store.engine.dispose()
        for held in filter(None, (self._lock_file, self._use_file)):
            os.close(held)
        self._lock_file = self._use_file = None
        self._threads.shutdown(wait=False)

    async def _end_work(self, keeper: threading.Thread) -> bool:
        """End the engine, what is still under way and the lease; False where the database didn't answer."""
        loop = asyncio.get_running_loop()
        try:
            await self._soon(care.show_life)
        except UnavailableError:
            # The engine's end waits for threads that wait for the database.
            threading.Thread(target=DBOS.destroy, kwargs={"destroy_registry": True}, daemon=True).start()
            answers = False
        else:
            await loop.run_in_executor(self._threads, DBOS.destroy)
            DBOS.destroy(destroy_registry=True)
            answers = True
        # The loop's default executor was replaced by the engine's, which takes nothing any more.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        if answers:
            await loop.run_in_executor(self._threads, keeper.join)
            with contextlib.suppress(UnavailableError):
                await self._call(care.drop_lease)
        else:
            log.warning("lease_not_dropped")
        return answers

    async def _settle_down(self, grace: float) -> None:
        """Wait until all runs have ended, and the engine has written that down as well."""
        with contextlib.suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(grace):
                # The engine tells nobody when it has written something down.
                while self._working or await self._call(care.is_at_work):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def _call(self, function: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._in_thread(lambda: function(self._store, *args, **kwargs))

    async def _soon(self, function: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call for somebody who gives up soon. Raises UnavailableError where it takes longer than SOON."""
        try:
            async with asyncio.timeout(SOON):
                return await self._call(function, *args, **kwargs)
        except TimeoutError as error:
            raise UnavailableError("The database takes too long.") from error

    async def _in_thread(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except sa_exc.SQLAlchemyError as error:
            if not is_away(error):
                raise
            raise UnavailableError(f"The database doesn't answer ({said(error)}).") from error

    async def _patiently(self, function: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call until the database answers: a run that can't write its end down would be done again."""
        while True:
            try:
                return await self._call(function, *args, **kwargs)
            except UnavailableError:
                log.warning("database_unavailable")
                await asyncio.sleep(1)

    async def take_in(self, source: str) -> moving.Moved:
        """Move everything out of a SQLite file into this PostgreSQL database, which is empty as yet, or nothing.

        Raises:
            UnavailableError: one of the two doesn't answer.
            AlreadyRunningError: a service works on the file.
            NewerDatabaseError: a newer version has been at it.
            UnusableDatabaseError: it was moved elsewhere already, or this database isn't empty.
        """
        return await self._call(moving.take_in, database_url(source))

    # What was asked for

    async def accept(self, delivery: str, ask: Ask) -> Accepted:
        """Store an ask, and enqueue a run unless one is waiting already; durable on return.

        `delivery` is GitHub's id of it; one that is known for this pull request is a duplicate.
        Raises UnavailableError.
        """
        return await self._call(acceptance.accept, delivery, ask)

    async def revive(
        self, installation: int, repositories: Mapping[int, tuple[str, str]] = MappingProxyType({})
    ) -> int:
        """Run again what failed or was shelved, and say how many runs: what stood in their way is gone.

        That is so in `repositories` (owner and name by id), which the installation sees from now on, or without any
        named in all of the installation. Raises UnavailableError.
        """
        return await self._call(acceptance.revive, installation, repositories)

    # One run

    async def _run(self, key: str, run: int) -> str:
        """Do one run. It may be done again from its start: its beginning, its work and its end are idempotent."""
        job = await self._patiently(runs.begin, key, run)
        if job is None:
            return "stale"
        outcome = await self._outcome(job)
        await self._patiently(runs.finish, job, outcome)
        return type(outcome).__name__.lower()

    async def _outcome(self, job: Job) -> Outcome:
        if job.spent is not None:
            await self._say_last(job, job.spent)
            return Failed(job.spent)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._work(job)
        except TimeoutError:
            why = f"the run took longer than {self._timeout:.0f} s"
        except Exception as error:
            # Whatever it was, the run must not be lost: it is tried again, and in the end shown to the operator.
            log.exception("run_failed", run=job.id)
            why = f"{type(error).__name__}: {error}"[:1000]
        if job.last_try:
            await self._say_last(job, why)
        return Again(0.0, why)

    async def _say_last(self, job: Job, why: str) -> None:
        if self._last_word is not None:
            try:
                async with asyncio.timeout(LAST_WORD):
                    await self._last_word(job, why)
            except Exception:
                log.exception("last_word_failed", run=job.id)

    async def standing(self, job: Job) -> Standing:
        """Tell, right before posting, what a run is still good for.

        "outdated": a newer push made it pointless. "lost": it isn't ours any more; a process that slept through its
        lease hears so even if nobody has taken its run over yet.
        """
        return await self._call(runs.standing, job)

    async def held(self, job: Job) -> float:
        """For how many seconds from now a run is surely ours, so that it may post; 0 where it may be another's.

        A process that was frozen in between learns by its own clock that these are over.
        """
        return await self._call(runs.held, job)

    async def intend(self, job: Job, what: str) -> Intent:
        """Write down that `what` is about to be posted. A repeat is told so, with GitHub's id if that was confirmed."""
        return await self._call(runs.intend, job, what)

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Write down GitHub's id of what was intended: it is posted."""
        await self._call(runs.confirm, job, what, github_id)

    async def intended(self, job: Job) -> dict[str, int | None]:
        """All that was to be posted on this pull request lately, with GitHub's ids where that was confirmed."""
        return await self._call(runs.intended, job)

    async def note(self, job: Job, did: Ended) -> None:
        """Write down what a run did, for operators. Raises UnavailableError."""
        await self._call(runs.note, job, did)

    # What became of comments, and what followed for rules

    async def known(self, job: Job) -> Sequence[Reception]:
        """What is known of our comments on a pull request."""
        return await self._call(receptions.known, job)

    async def receive(self, job: Job, found: Sequence[Reception], former: Collection[str] = ()) -> Sequence[Tally]:
        """Write down what became of comments; gives the account's tallies of their rules, as they count now.

        `former` are other names of these rules.
        """
        return await self._call(receptions.receive, job, found, former)

    async def steps_at(self, job: Job) -> Sequence[Step]:
        """Where rules stepped back in a pull request's repository, or in its account."""
        return await self._call(receptions.steps_at, job)

    async def step(self, taken: Step) -> bool:
        """Let a rule step back; False where it has come so far already."""
        return await self._call(receptions.step, taken)

    async def rules(self, aliases: Mapping[str, str], repository_id: int | None = None) -> Sequence[Line]:
        """The rules that said something or stepped back, with their figures and steps, in one repository or everywhere.

        What was said before a rule was restored isn't in it. Operators' page, metrics and command line show this.
        """
        return await self._soon(receptions.list_of, aliases, repository_id)

    async def restore(self, rules: Sequence[str], repository_id: int | None = None) -> int | None:
        """Undo a rule's steps, in one repository or everywhere, and say how many; it is judged anew from here on.

        `rules` are all its names, the present one first. None where nothing is known of it.
        """
        return await self._call(receptions.restore, rules, repository_id)

    async def repository_named(self, owner: str, name: str) -> int | None:
        """The id of a repository; None where no pull request of one that is called so is known."""
        return await self._call(receptions.repository_named, owner, name)

    # What was learned of an installation

    async def learned(self, installation: int, what: str) -> str | None:
        """What an installation taught under this name; None if nothing, or if it was forgotten."""
        return await self._call(memory.recall, installation, what)

    async def learn(self, installation: int, what: str, value: str) -> None:
        """Remember something of an installation, for every process and across restarts."""
        await self._call(memory.learn, installation, what, value)

    async def forget(self, installation: int) -> None:
        """Forget everything that an installation taught: its rights may be others now."""
        await self._call(memory.forget, installation)

    # Life signs, and what dead processes left behind

    def _keep_on(self) -> None:
        """The keeper's thread: it shows that this process lives, takes over from those that don't, and clears up."""
        next_purge = time.monotonic() + 60
        while not self._stopping.wait(self._lease / 4):
            try:
                care.look_after(self._store)
                if time.monotonic() > next_purge:
                    next_purge = time.monotonic() + 3600
                    care.purge(self._store, self._keep)
                    receptions.purge(self._store, self._keep_receptions)
            except Exception as error:  # noqa: BLE001 - a process whose keeper ends counts as dead, whatever ended it
                log.warning("keeper_failed", error=type(error).__name__)

    async def sweep(self) -> int:
        """Start anew the runs that can't end any more, and say how many. The keeper does the same in every round."""
        return await self._call(care.sweep)

    async def purge(self, older_than: float) -> int:
        """Forget what was finished more than `older_than` seconds ago, and say how many runs that were."""
        return await self._call(care.purge, older_than)

    # What one process does for all

    async def lead(self, duty: str, seconds: float) -> bool:
        """Take a duty for so many seconds, or keep it. False when another process has it."""
        return await self._call(duties.lead, duty, seconds)

    async def reached(self, duty: str) -> float | None:
        """How far a duty has come, in its own measure; None before it was noted for the first time."""
        return await self._call(duties.reached, duty)

    async def reach(self, duty: str, at: float) -> None:
        """Note how far a duty has come, to its end for this time."""
        await self._call(duties.reach, duty, at)

    async def stopped(self, duty: str) -> str | None:
        """Where a duty stopped, in its own words; None where it came to its end."""
        return await self._call(duties.stopped, duty)

    async def stop_at(self, duty: str, where: str) -> None:
        """Note where a duty is to go on."""
        await self._call(duties.stop, duty, where)

    async def now(self) -> float:
        """Seconds since 1970 by the clock that all processes go by."""
        return await self._call(duties.now)

    async def claim_redelivery(self, guid: str) -> bool:
        """Note that a delivery is asked for again. False when it was stored after all, or was asked for before."""
        return await self._call(duties.claim_redelivery, guid)

    async def drop_redelivery(self, guid: str) -> None:
        """Take back that a delivery was asked for again."""
        await self._call(duties.drop_redelivery, guid)

    async def known_heads(self, repository_id: int) -> dict[int, str | None]:
        """The newest head that was heard of, for each pull request of a repository."""
        return await self._call(duties.known_heads, repository_id)

    # What operators see

    async def dead(self) -> Sequence[DeadJob]:
        """The runs that finally failed, latest first."""
        return await self._call(inspection.dead)

    async def live(self) -> Sequence[LiveJob]:
        """The runs that wait or are under way, oldest first."""
        return await self._call(inspection.live)

    async def dismiss(self, run_id: str) -> bool:
        """Take a dead run off the list, by its id, with all that was asked of it. False when no such run is dead."""
        return await self._call(inspection.dismiss, run_id)

    async def retry(self, run_id: str) -> bool:
        """Run a dead run again, by its id. False when no such run is dead."""
        return await self._call(inspection.retry, run_id)

    async def received(self, limit: int) -> Sequence[Received]:
        """The deliveries that asked for work, latest first."""
        return await self._call(inspection.received, limit)

    async def finished(self, limit: int) -> Sequence[Finished]:
        """The runs that came to an end, latest first."""
        return await self._call(inspection.finished, limit)

    async def installations(self) -> Sequence[Installation]:
        """The installations that pull requests are known of, the last active first."""
        return await self._call(inspection.installations)

    async def pulls_at(self, owner: str, name: str, head: str) -> Sequence[Pull]:
        """The pull requests of a repository whose newest known head is `head`."""
        return await self._call(inspection.pulls_at, owner, name, head)

    async def ready(self) -> Readiness:
        """Whether work can be accepted and will be done. Never raises."""
        try:
            return Readiness(database=True, worker=bool(await self._soon(care.living)))
        except UnavailableError:
            return Readiness(database=False, worker=False)

    async def counts(self) -> Counts:
        """The numbers for the metrics. Raises UnavailableError."""
        return await self._soon(inspection.counts)
