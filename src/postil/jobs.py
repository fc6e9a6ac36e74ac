"""The durable queue: what was asked for, which run answers it, and what became of it.

The truth stands in five small tables of our own, written in the same transaction as the enqueue; DBOS runs the work and
finds what a dead process left behind. One invariant carries the rest: a pull request that isn't idle has exactly one
live run, named "owner/repo#7@run 12". That alone gives serial work, coalescing and "the newest head wins".

Everything may happen twice: a delivery, a run, a post. No type of the engine or the database leaves this module.
"""

import asyncio
import fcntl
import logging
import os
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import event
from sqlalchemy import exc as sa_exc
from sqlalchemy.dialects import postgresql, sqlite

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

NAME = "postil"
QUEUE = "reviews"
# Changes only with the sequence of steps in a run: a run is taken up again only under the version that began it.
VERSION = "1"
POLLING = 0.1
# With doubled pauses of at most a quarter of an hour these are more than half an hour.
MAX_TRIES = 12
MAX_BACKOFF = 900.0
MERGE_QUEUE = 0
"""The number of a repository's merge queue among its pull requests: none of them has it."""
FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


class UnavailableError(Exception):
    """The database doesn't answer. Whoever asked should ask again later."""


class AlreadyRunningError(Exception):
    """Another process works on this SQLite file, and limits hold only within one process."""


class UnusableDatabaseError(Exception):
    """The address of the database can't be used; the message says what it should look like."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, as one installation of the App sees it."""

    installation: int
    repository_id: int
    owner: str
    name: str
    number: int

    @property
    def key(self) -> str:
        """The pull request's name, as "owner/repo#7"."""
        return f"{self.owner}/{self.name}#{self.number}"


@dataclass(frozen=True, slots=True)
class Command:
    """A comment that gives commands: its kind (the event that told of it), its id, who wrote it, and what it says.

    `said` holds the lines that are commands, which mean nothing here.
    """

    kind: str
    comment_id: int
    login: str
    said: str = "/recheck"


@dataclass(frozen=True, slots=True)
class Ask:
    """One reason to look at a pull request, or at a merge queue.

    `head` is the head commit that the asker knew, if it named one, and `at` when that was so (seconds since 1970, by
    GitHub's clock; 0 where it is unknown). `outdates` says that a review under way has lost its object; `wakes` is
    false for what needs no run of its own, as the closing of a pull request.
    """

    pull: Pull
    why: str
    head: str | None = None
    at: float = 0.0
    command: Command | None = None
    outdates: bool = False
    wakes: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """One run, and the asks that it answers, oldest first.

    `key` names the pull request in our tables; it stays when the repository gets another name or owner. `origin` is the
    first run of this work; a run that is tried again has a new id and the same origin. `head` is the newest head commit
    that was heard of. `tries` counts the runs before this one that failed.
    """

    id: str
    key: str
    number: int
    pull: Pull
    origin: str
    head: str | None
    tries: int
    asks: tuple[Ask, ...]
    deliveries: tuple[str, ...]

    @property
    def last_try(self) -> bool:
        """Whether this run is not tried again."""
        return self.tries + 1 >= MAX_TRIES


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do for the asks of this run."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Newer work is waiting, or another process has taken this run over: nothing was posted."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after so many seconds, in a run of its own."""

    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again is of no use. The run is kept where an operator sees it."""

    why: str


Outcome: TypeAlias = Done | Superseded | Again | Failed
Work: TypeAlias = Callable[[Job], Awaitable[Outcome]]
Accepted: TypeAlias = Literal["accepted", "coalesced", "duplicate"]
Standing: TypeAlias = Literal["current", "outdated", "lost"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is known of something to be posted: was it begun before, and GitHub's id for it once it was confirmed."""

    repeated: bool
    github_id: int | None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A run that finally failed. `since` is in seconds since 1970."""

    id: str
    pull: Pull
    why: str
    tries: int
    since: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pull requests are in which state, and the age in seconds of the oldest that waits for its run."""

    states: dict[str, int]
    oldest_waiting: float


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the database answers, and whether some worker has shown itself within the lease."""

    database: bool
    worker: bool


metadata = sa.MetaData()

deliveries = sa.Table(
    "postil_deliveries",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("pull", sa.String(300), primary_key=True),
    sa.Column("received", sa.Float, nullable=False),
    sa.Column("why", sa.String(100), nullable=False),
    sa.Column("head", sa.String(64)),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("comment_kind", sa.String(40)),
    sa.Column("comment_id", sa.BigInteger),
    sa.Column("login", sa.String(110)),
    sa.Column("said", sa.Text),
    sa.Column("run", sa.Integer),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Index("postil_deliveries_open", "pull", "done"),
)

pulls = sa.Table(
    "postil_pulls",
    metadata,
    sa.Column("key", sa.String(300), primary_key=True),
    sa.Column("installation", sa.BigInteger, nullable=False),
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("head", sa.String(64)),
    sa.Column("head_at", sa.Float, nullable=False),
    # idle, queued, running or dead.
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("origin", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("executor", sa.String(150)),
    # What came in since the run began: a wish for another run, and whether this one is out of date.
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("outdated", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text),
    sa.Index("postil_pulls_state", "state"),
    sa.Index("postil_pulls_number", "repository_id", "number"),
)

leases = sa.Table(
    "postil_leases",
    metadata,
    sa.Column("executor", sa.String(150), primary_key=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)

intents = sa.Table(
    "postil_intents",
    metadata,
    sa.Column("pull", sa.String(300), primary_key=True),
    sa.Column("what", sa.String(400), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("github_id", sa.BigInteger),
)

learned = sa.Table(
    "postil_learned",
    metadata,
    sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
)


def database_url(text: str) -> sa.URL:
    """Read the address of the database, "sqlite:///path" or "postgresql://…", and name the driver.

    Raises UnusableDatabaseError with what it should look like.
    """
    try:
        url = sa.make_url(text)
    except sa_exc.ArgumentError as error:
        # The text may hold a password, so it isn't repeated.
        raise UnusableDatabaseError(
            "The database's address should be sqlite:///path/postil.db or postgresql://…"
        ) from error
    match url.get_backend_name():
        case "sqlite" if url.database not in (None, "", ":memory:"):
            return url.set(drivername="sqlite")
        case "sqlite":
            raise UnusableDatabaseError("A SQLite database needs a file, as in sqlite:///path/postil.db.")
        case "postgres" | "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise UnusableDatabaseError(f"The database should be sqlite or postgresql, not {other}.")


def create_engine(url: sa.URL) -> sa.Engine:
    """Make the one pool of connections that our tables and DBOS share.

    On SQLite: WAL, for readers beside the writer, and synchronous=FULL, so that what was answered survives a power cut.
    """
    if url.get_backend_name() != "sqlite":
        options = "-c idle_in_transaction_session_timeout=60000"
        return sa.create_engine(
            url,
            pool_size=20,
            max_overflow=10,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"application_name": NAME, "connect_timeout": 10, "options": options},
        )
    engine = sa.create_engine(url, pool_size=20, max_overflow=10, pool_timeout=30)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # Writers take their lock at the start, so that none of them fails half-way for another's sake.
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < (3, 42):
            # On Python 3.12 and later DBOS asks for unixepoch('subsec'): NULL before SQLite 3.42 (Debian 12 has 3.40).
            connection.create_function("unixepoch", 1, lambda _: round(time.time(), 3))

    return engine


class Jobs:
    """The queue. `open` is enough to accept work; `start` also does it, in this process and on this event loop.

    Times are in seconds: `lease` is the silence after which a worker counts as dead, `timeout` how long a run may take,
    `settle` how long a run waits for a burst of pushes to end, and `keep` how long finished work is remembered.
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
        keep: float = 7 * 86400.0,
    ) -> None:
        self._url = database_url(url)
        self._lease = lease
        self._timeout = timeout
        self._settle = settle
        self._concurrency = concurrency
        self._share = share
        self._keep = keep
        self._executor_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="postil-jobs")
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._lock_file: int | None = None
        self._working: set[asyncio.Future[str]] = set()
        self._last_end = 0.0
        self._engine: sa.Engine
        self._client: DBOSClient
        self._open_already = False
        self._work: Work

    # Coming and going

    async def open(self) -> None:
        """Connect, make the tables where they are missing, and be ready to accept work. Raises UnavailableError."""
        if not self._open_already:
            await self._call(self._open)
            self._open_already = True

    def _open(self) -> None:
        if self._sqlite:
            Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        # DBOS adds a handler of its own, and stops propagation, only where its logger has no handler yet.
        engine_log = logging.getLogger("dbos")
        engine_log.addHandler(logging.NullHandler())
        engine_log.setLevel(logging.WARNING)
        self._engine = create_engine(self._url)
        with self._engine.begin() as connection:
            if not self._sqlite:
                # Replicas that start at once would otherwise create the same tables at once.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x506F7374696C)))
            metadata.create_all(connection)
            _add_columns(connection)
        DBOS.migrate(self._url.render_as_string(hide_password=False))
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=NAME,
            retry_connection_errors=False,
        )
        self._client.register_queue(
            QUEUE,
            partition_concurrency=self._share,
            worker_concurrency=self._concurrency,
            polling_interval_sec=POLLING,
        )

    async def start(self, work: Work, *, lock_wait: float = 10.0) -> None:
        """Open, and have `work` called for each run, on the running event loop.

        Raises AlreadyRunningError when another process still works on the same SQLite file after `lock_wait` seconds.
        """
        await self.open()
        if self._sqlite:
            await self._take_lock(lock_wait)
        self._work = work

        @DBOS.step(name="review", preemptible=True)
        async def step(key: str, run: int) -> str:
            task = asyncio.ensure_future(self._run(key, run))
            self._working.add(task)
            try:
                return await task
            finally:
                self._working.discard(task)
                self._last_end = time.monotonic()

        @DBOS.workflow(name="review", max_recovery_attempts=20)
        async def review(key: str, run: int) -> str:
            return await step(key, run)

        DBOS(
            config={
                "name": NAME,
                "system_database_url": self._url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "application_version": VERSION,
                "executor_id": self._executor_id,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
                "max_executor_threads": 32,
            }
        )
        await self._call(self._show_life)
        # It adopts the running loop, so it can't be moved to a thread; nothing else happens before it.
        DBOS.launch()
        await self._call(self._look_after, everybody_else=self._sqlite)
        # postil: allow contextvars-lost-in-executor -- the keeper serves no delivery, so there is no context to take
        self._keeper = threading.Thread(target=self._keep_on, name="postil-keeper", daemon=True)
        self._keeper.start()

    async def _take_lock(self, patience: float) -> None:
        path = Path(str(self._url.database)).with_suffix(".lock")
        self._lock_file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    os.close(self._lock_file)
                    self._lock_file = None
                    raise AlreadyRunningError(f"Another process works on {self._url.database}.") from error
                await asyncio.sleep(0.1)
            else:
                return

    async def stop(self, grace: float = 20.0) -> None:
        """Take no new work, let runs end for `grace` seconds, and hand the others on to whoever lives."""
        if self._keeper is not None:
            self._stopping.set()
            # Some come to their end in our tables a moment before the engine has written down the same.
            ending = bool(self._working) or time.monotonic() - self._last_end < 1
            wait = round(grace) if ending else 0
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, lambda: DBOS.destroy(workflow_completion_timeout_sec=wait))
            DBOS.destroy(destroy_registry=True)
            # The loop's default executor was replaced by the engine's, which takes nothing any more.
            loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)
            await loop.run_in_executor(self._threads, self._keeper.join)
            self._keeper = None
            try:
                await self._call(self._drop_lease)
            except UnavailableError:
                log.warning("lease_not_dropped")
        if self._open_already:
            self._client.destroy()
            self._engine.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None
        self._threads.shutdown(wait=False)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
        except (sa_exc.OperationalError, sa_exc.InterfaceError, sa_exc.TimeoutError) as error:
            raise UnavailableError(f"The database doesn't answer ({type(error).__name__}).") from error

    async def _patiently(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call until the database answers: a run that can't write its end down would be done again."""
        while True:
            try:
                return await self._call(function, *args, **kwargs)
            except UnavailableError:
                log.warning("database_unavailable")
                await asyncio.sleep(1)

    # What was asked for

    async def accept(self, delivery: str, ask: Ask) -> Accepted:
        """Store an ask, and enqueue a run unless one is waiting already; durable on return.

        `delivery` is GitHub's id of it; one that is known for this pull request is a duplicate.
        Raises UnavailableError.
        """
        return await self._call(self._accept, delivery, ask)

    def _accept(self, delivery: str, ask: Ask) -> Accepted:
        pull = ask.pull
        command = ask.command
        with self._engine.begin() as connection:
            now = self._now(connection)
            key = self._key(connection, pull)
            known = (
                self._insert(deliveries)
                .values(
                    id=delivery,
                    pull=key,
                    received=now,
                    why=ask.why,
                    head=ask.head,
                    at=ask.at,
                    comment_kind=command.kind if command else None,
                    comment_id=command.comment_id if command else None,
                    login=command.login if command else None,
                    said=command.said if command else None,
                    done=not ask.wakes,
                )
                .on_conflict_do_nothing()
                .returning(deliveries.c.id)
            )
            # By the returned row, not by rowcount, which misleads with psycopg.
            if connection.execute(known).fetchone() is None:
                return "duplicate"
            connection.execute(
                self._insert(pulls)
                .values(
                    key=key,
                    installation=pull.installation,
                    repository_id=pull.repository_id,
                    owner=pull.owner,
                    name=pull.name,
                    number=pull.number,
                    head_at=0.0,
                    state="idle",
                    since=now,
                    run=0,
                    origin=0,
                    tries=0,
                    again=False,
                    outdated=False,
                )
                .on_conflict_do_update(
                    index_elements=["key"],
                    # A repository may have got another name, owner or installation since.
                    set_={
                        "installation": pull.installation,
                        "repository_id": pull.repository_id,
                        "owner": pull.owner,
                        "name": pull.name,
                    },
                )
            )
            this = pulls.c.key == key
            if ask.head is not None:
                connection.execute(
                    sa.update(pulls).where(this, pulls.c.head_at <= ask.at).values(head=ask.head, head_at=ask.at)
                )
            under_way = sa.update(pulls).where(this, pulls.c.state == "running")
            if ask.outdates:
                connection.execute(under_way.values(outdated=True, again=True))
            elif ask.wakes:
                connection.execute(under_way.values(again=True))
            if ask.wakes and self._enqueue_if(connection, this & pulls.c.state.in_(["idle", "dead"]), now, fresh=True):
                return "accepted"
            return "coalesced"

    def _key(self, connection: sa.Connection, pull: Pull) -> str:
        """What a pull request is called in our tables: as when it was first heard of, under whatever name that was.

        A repository's id stays when it is renamed, and another one may get its former name.
        """
        same = (pulls.c.repository_id == pull.repository_id) & (pulls.c.number == pull.number)
        known = connection.execute(sa.select(pulls.c.key).where(same)).scalar()
        if known is not None:
            return known
        taken = connection.execute(sa.select(pulls.c.key).where(pulls.c.key == pull.key)).scalar()
        return pull.key if taken is None else f"{pull.key} of {pull.repository_id}"

    def _enqueue_if(
        self,
        connection: sa.Connection,
        condition: sa.ColumnElement[bool],
        now: float,
        *,
        fresh: bool,
        delay: float = 0.0,
        why: str | None = None,
    ) -> bool:
        """Give the pull request that meets `condition` its next run, in this transaction. False when none meets it."""
        run = pulls.c.run + 1
        row = connection.execute(
            sa.update(pulls)
            .where(condition)
            .values(
                state="queued",
                since=now,
                run=run,
                origin=run if fresh else pulls.c.origin,
                tries=0 if fresh else pulls.c.tries + 1,
                executor=None,
                again=False,
                outdated=False,
                why=why,
            )
            .returning(pulls.c.key, pulls.c.run, pulls.c.installation)
        ).fetchone()
        if row is None:
            return False
        options: EnqueueOptions = {
            "workflow_name": "review",
            "queue_name": QUEUE,
            "workflow_id": _run_id(row.key, row.run),
            "queue_partition_key": f"installation {row.installation}",
            # The run ends itself at its timeout; this is for one that hangs without the loop.
            "workflow_timeout": self._timeout * 1.5,
        }
        delay = max(delay, self._settle if fresh else 0.0)
        if delay > 0:
            options["delay_seconds"] = delay
        self._client.enqueue_in_transaction(connection, options, row.key, row.run)
        return True

    # One run

    async def _run(self, key: str, run: int) -> str:
        """Do one run. It may be done again from its start: its beginning, its work and its end are idempotent."""
        job = await self._patiently(self._begin, key, run)
        if job is None:
            return "stale"
        outcome = await self._outcome(job)
        await self._patiently(self._finish, job, outcome)
        return type(outcome).__name__.lower()

    async def _outcome(self, job: Job) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._work(job)
        except TimeoutError:
            return Again(0.0, f"the run took longer than {self._timeout:.0f} s")
        except Exception as error:
            # Whatever it was, the run must not be lost: it is tried again, and in the end shown to the operator.
            log.exception("run_failed", run=job.id)
            return Again(0.0, f"{type(error).__name__}: {error}"[:1000])

    def _begin(self, key: str, run: int) -> Job | None:
        """Take a run up, with every ask that is open by now. None when it isn't the live run any more."""
        with self._engine.begin() as connection:
            row = connection.execute(
                sa.update(pulls)
                .where(pulls.c.key == key, pulls.c.run == run, pulls.c.state.in_(["queued", "running"]))
                .values(
                    state="running",
                    since=self._now(connection),
                    executor=self._executor_id,
                    again=False,
                    outdated=False,
                )
                .returning(*pulls.c)
            ).fetchone()
            if row is None:
                return None
            open_asks = (deliveries.c.pull == key) & ~deliveries.c.done
            connection.execute(sa.update(deliveries).where(open_asks).values(run=run))
            asks = connection.execute(
                sa.select(deliveries).where(open_asks, deliveries.c.run == run).order_by(deliveries.c.received)
            ).fetchall()
        pull = _pull(row)
        return Job(
            id=_run_id(key, run),
            key=key,
            number=run,
            pull=pull,
            origin=_run_id(key, row.origin),
            head=row.head,
            tries=row.tries,
            asks=tuple(_ask(pull, ask) for ask in asks),
            deliveries=tuple(ask.id for ask in asks),
        )

    def _finish(self, job: Job, outcome: Outcome) -> None:
        """Write a run's end down, and enqueue the next if there is one. Nothing, when the run isn't ours any more."""
        mine = (
            (pulls.c.key == job.key)
            & (pulls.c.run == job.number)
            & (pulls.c.state == "running")
            & (pulls.c.executor == self._executor_id)
        )
        with self._engine.begin() as connection:
            now = self._now(connection)
            # A write, so that the row is ours on both databases until the commit.
            if (
                connection.execute(sa.update(pulls).where(mine).values(since=now).returning(pulls.c.key)).first()
                is None
            ):
                return
            if isinstance(outcome, Done):
                connection.execute(
                    sa.update(deliveries)
                    .where(deliveries.c.pull == job.key, deliveries.c.run == job.number)
                    .values(done=True)
                )
            match outcome:
                case Again(after, why) if not job.last_try:
                    delay = max(after, min(2.0**job.tries, MAX_BACKOFF))
                    self._enqueue_if(connection, mine, now, fresh=False, delay=delay, why=why)
                    return
                case Superseded():
                    # The asks stay open, and the next run answers them.
                    self._enqueue_if(connection, mine, now, fresh=True)
                    return
                case Again(_, why) | Failed(why):
                    end = {"state": "dead", "why": why}
                case Done():
                    end = {"state": "idle", "why": None}
            if not self._enqueue_if(connection, mine & pulls.c.again, now, fresh=True):
                connection.execute(sa.update(pulls).where(mine).values(**end))

    async def standing(self, job: Job) -> Standing:
        """Tell, right before posting, what a run is still good for.

        "outdated": a newer push made it pointless. "lost": it isn't ours any more; a process that slept through its
        lease hears so even if nobody has taken its run over yet.
        """
        return await self._call(self._standing, job)

    def _standing(self, job: Job) -> Standing:
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(leases.c.seen, pulls.c.outdated)
                .join_from(pulls, leases, pulls.c.executor == leases.c.executor)
                .where(
                    pulls.c.key == job.key,
                    pulls.c.run == job.number,
                    pulls.c.state == "running",
                    pulls.c.executor == self._executor_id,
                )
            ).first()
            if row is None or row.seen < self._now(connection) - self._lease / 2:
                return "lost"
            return "outdated" if row.outdated else "current"

    async def intend(self, job: Job, what: str) -> Intent:
        """Write down that `what` is about to be posted. A repeat is told so, with GitHub's id if that was confirmed."""
        return await self._call(self._intend, job, what)

    def _intend(self, job: Job, what: str) -> Intent:
        with self._engine.begin() as connection:
            new = connection.execute(
                self._insert(intents)
                .values(pull=job.key, what=what, at=self._now(connection))
                .on_conflict_do_nothing()
                .returning(intents.c.what)
            ).first()
            if new is not None:
                return Intent(repeated=False, github_id=None)
            this = (intents.c.pull == job.key) & (intents.c.what == what)
            return Intent(True, connection.execute(sa.select(intents.c.github_id).where(this)).scalar())

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Write down GitHub's id of what was intended: it is posted."""
        await self._call(self._confirm, job, what, github_id)

    def _confirm(self, job: Job, what: str, github_id: int) -> None:
        with self._engine.begin() as connection:
            this = (intents.c.pull == job.key) & (intents.c.what == what)
            connection.execute(sa.update(intents).where(this).values(github_id=github_id))

    async def intended(self, job: Job) -> dict[str, int | None]:
        """All that was to be posted on this pull request lately, with GitHub's ids where that was confirmed."""
        return await self._call(self._intended, job)

    def _intended(self, job: Job) -> dict[str, int | None]:
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(intents).where(intents.c.pull == job.key).order_by(intents.c.at))
            return {row.what: row.github_id for row in found}

    # What was learned of an installation

    async def learned(self, installation: int, what: str) -> str | None:
        """What an installation taught under this name; None if nothing, or if it was forgotten."""
        return await self._call(self._learned, installation, what)

    def _learned(self, installation: int, what: str) -> str | None:
        with self._engine.connect() as connection:
            this = (learned.c.installation == installation) & (learned.c.what == what)
            return connection.execute(sa.select(learned.c.value).where(this)).scalar()

    async def learn(self, installation: int, what: str, value: str) -> None:
        """Remember something of an installation, for every process and across restarts."""
        await self._call(self._learn, installation, what, value)

    def _learn(self, installation: int, what: str, value: str) -> None:
        with self._engine.begin() as connection:
            new = self._insert(learned).values(installation=installation, what=what, value=value)
            connection.execute(
                new.on_conflict_do_update(index_elements=["installation", "what"], set_={"value": value})
            )

    async def forget(self, installation: int) -> None:
        """Forget everything that an installation taught: its rights may be others now."""
        await self._call(self._forget, installation)

    def _forget(self, installation: int) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(learned).where(learned.c.installation == installation))

    # Life signs, and what dead processes left behind

    def _keep_on(self) -> None:
        """The keeper's thread: it shows that this process lives, takes over from those that don't, and clears up."""
        next_purge = time.monotonic() + 60
        while not self._stopping.wait(self._lease / 4):
            try:
                self._look_after()
                if time.monotonic() > next_purge:
                    next_purge = time.monotonic() + 3600
                    self._purge(self._keep)
            except sa_exc.SQLAlchemyError as error:
                log.warning("keeper_failed", error=type(error).__name__)

    def _look_after(self, *, everybody_else: bool = False) -> None:
        """One round of the keeper. `everybody_else`: no other process can be alive, so all runs are taken over."""
        self._show_life()
        pending = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        owners = {run.executor_id for run in pending if run.executor_id and run.executor_id != self._executor_id}
        living = set() if everybody_else else self._living()
        if dead := sorted(owners - living):
            log.info("taking_over", executors=dead)
            # No public way to it is left; a test holds what it does.
            DBOS._recover_pending_workflows(dead)  # noqa: SLF001
        self._sweep(everybody_else=everybody_else)

    def _show_life(self) -> None:
        with self._engine.begin() as connection:
            now = self._now(connection)
            mine = {"executor": self._executor_id, "version": VERSION, "seen": now}
            connection.execute(
                self._insert(leases).values(**mine).on_conflict_do_update(index_elements=["executor"], set_=mine)
            )
            connection.execute(sa.delete(leases).where(leases.c.seen < now - max(86400.0, self._lease * 10)))

    def _drop_lease(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(leases).where(leases.c.executor == self._executor_id))

    def _living(self, version: str | None = None) -> set[str]:
        """The executors that have shown themselves within the lease; only those of one version, if it is given."""
        with self._engine.connect() as connection:
            fresh = leases.c.seen > self._now(connection) - self._lease
            rows = connection.execute(sa.select(leases.c.executor, leases.c.version).where(fresh))
            return {row.executor for row in rows if version in (None, row.version)}

    async def sweep(self) -> int:
        """Start anew the runs that can't end any more, and say how many. The keeper does the same in every round."""
        return await self._call(self._sweep)

    def _sweep(self, *, everybody_else: bool = False) -> int:
        with self._engine.connect() as connection:
            live = connection.execute(sa.select(pulls).where(pulls.c.state.in_(["queued", "running"]))).fetchall()
        started = 0
        for start in range(0, len(live), 500):
            rows = live[start : start + 500]
            ids = [_run_id(row.key, row.run) for row in rows]
            found = self._client.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
            runs = {run.workflow_id: run for run in found}
            for row, run_id in zip(rows, ids, strict=True):
                run = runs.get(run_id)
                why = self._why_stranded(run, everybody_else)
                if why is not None:
                    if run is not None and run.status not in FINISHED:
                        self._client.cancel_workflow(run_id)
                    hopeless = run is not None and run.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
                    started += self._start_anew(row, why, hopeless=hopeless)
        return started

    def _why_stranded(self, run: Any, everybody_else: bool) -> str | None:
        if run is None:
            return "its run is missing"
        if run.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
            return "the process died in each of its runs"
        if run.status in FINISHED:
            return f"its run ended as {run.status} without an outcome"
        other_version = run.app_version not in (None, VERSION)
        if other_version and (everybody_else or not self._living(run.app_version)):
            return f"its run belongs to version {run.app_version}, and no such worker lives"
        return None

    def _start_anew(self, row: Any, why: str, *, hopeless: bool) -> bool:
        # Guarded by run and state: the run may have ended well between the two looks, or another replica was quicker.
        same = (pulls.c.key == row.key) & (pulls.c.run == row.run) & (pulls.c.state == row.state)
        with self._engine.begin() as connection:
            now = self._now(connection)
            if hopeless or row.tries + 1 >= MAX_TRIES:
                dead = {"state": "dead", "why": why, "since": now}
                changed = connection.execute(sa.update(pulls).where(same).values(**dead).returning(pulls.c.key)).first()
                if changed is not None:
                    log.error("run_dead", run=_run_id(row.key, row.run), why=why)
                return False
            started = self._enqueue_if(connection, same, now, fresh=False, why=why)
        if started:
            log.warning("run_started_anew", run=_run_id(row.key, row.run), why=why)
        return started

    async def purge(self, older_than: float) -> int:
        """Forget what was finished more than `older_than` seconds ago, and say how many runs that were."""
        return await self._call(self._purge, older_than)

    def _purge(self, older_than: float) -> int:
        with self._engine.begin() as connection:
            before = self._now(connection) - older_than
            connection.execute(sa.delete(deliveries).where(deliveries.c.done, deliveries.c.received < before))
            connection.execute(sa.delete(intents).where(intents.c.at < before))
        horizon = datetime.fromtimestamp(before, UTC).isoformat()
        purged = 0
        while True:
            batch = self._client.list_workflows(
                status=FINISHED, completed_before=horizon, limit=500, load_input=False, load_output=False
            )
            if not batch:
                return purged
            self._client.delete_workflows([run.workflow_id for run in batch])
            purged += len(batch)

    # What operators see

    async def dead(self) -> Sequence[DeadJob]:
        """The runs that finally failed, latest first."""
        return await self._call(self._dead)

    def _dead(self) -> Sequence[DeadJob]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(pulls).where(pulls.c.state == "dead").order_by(pulls.c.since.desc()))
            return [
                DeadJob(_run_id(row.key, row.run), _pull(row), row.why or "", row.tries + 1, row.since) for row in rows
            ]

    async def retry(self, run_id: str) -> bool:
        """Run a dead run again, by its id. False when no such run is dead."""
        return await self._call(self._retry, run_id)

    def _retry(self, run_id: str) -> bool:
        key, _, run = run_id.rpartition("@run ")
        if not run.isdecimal():
            return False
        with self._engine.begin() as connection:
            this = (pulls.c.key == key) & (pulls.c.run == int(run)) & (pulls.c.state == "dead")
            return self._enqueue_if(connection, this, self._now(connection), fresh=True)

    async def revive(self, installation: int) -> int:
        """Run every dead run of an installation again, and say how many: what stood in their way is gone."""
        return await self._call(self._revive, installation)

    def _revive(self, installation: int) -> int:
        with self._engine.begin() as connection:
            now = self._now(connection)
            these = (pulls.c.installation == installation) & (pulls.c.state == "dead")
            dead = connection.execute(sa.select(pulls.c.key).where(these)).scalars().all()
            return sum(self._enqueue_if(connection, these & (pulls.c.key == key), now, fresh=True) for key in dead)

    async def pulls_at(self, owner: str, name: str, head: str) -> Sequence[Pull]:
        """The pull requests of a repository whose newest known head is `head`."""
        return await self._call(self._pulls_at, owner, name, head)

    def _pulls_at(self, owner: str, name: str, head: str) -> Sequence[Pull]:
        with self._engine.connect() as connection:
            these = (pulls.c.owner == owner) & (pulls.c.name == name) & (pulls.c.head == head)
            return [_pull(row) for row in connection.execute(sa.select(pulls).where(these).order_by(pulls.c.number))]

    async def ready(self) -> Readiness:
        """Whether work can be accepted and will be done. Never raises."""
        try:
            return Readiness(database=True, worker=bool(await self._call(self._living)))
        except UnavailableError:
            return Readiness(database=False, worker=False)

    async def counts(self) -> Counts:
        """The numbers for the metrics. Raises UnavailableError."""
        return await self._call(self._counts)

    def _counts(self) -> Counts:
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(pulls.c.state, sa.func.count(), sa.func.min(pulls.c.since)).group_by(pulls.c.state)
            ).fetchall()
            now = self._now(connection)
        states = {"idle": 0, "queued": 0, "running": 0, "dead": 0} | {state: count for state, count, _ in rows}
        waiting = [since for state, _, since in rows if state == "queued"]
        return Counts(states, max(0.0, now - waiting[0]) if waiting else 0.0)

    # The two databases

    def _now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 by one clock for all: the database server's, or this machine's with SQLite."""
        if self._sqlite:
            return time.time()
        return float(connection.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    def _insert(self, table: sa.Table) -> Any:
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)


def _add_columns(connection: sa.Connection) -> None:
    """Add the columns that an older version's tables lack: they may be null, so that version can go on beside us."""
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))


def _run_id(key: str, run: int) -> str:
    return f"{key}@run {run}"


def _pull(row: Any) -> Pull:
    return Pull(row.installation, row.repository_id, row.owner, row.name, row.number)


def _ask(pull: Pull, row: Any) -> Ask:
    command = None
    if row.comment_id is not None:
        # Before there were other commands nothing was written down.
        command = Command(row.comment_kind, row.comment_id, row.login, row.said or "/recheck")
    return Ask(pull, row.why, row.head, row.at, command)
