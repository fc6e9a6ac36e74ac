"""The tables and the engine's queue in one database, for the functions of this package.

Each of these functions is a transaction that blocks; `queue.Jobs` calls them in threads.
"""

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions
from sqlalchemy.dialects import postgresql, sqlite

from postil.jobs.model import MAX_TRIES
from postil.jobs.schema import pulls, run_id

QUEUE = "reviews"
# Changes only with the sequence of steps in a run: a run is taken up again only under the version that began it.
VERSION = "1"
# The engine takes the lowest number of a partition first.
ASKED_FOR, UNASKED = 1, 2
HANGING = 300.0
"""Seconds after its timeout in which a run says its last word and writes its end down, unless it hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One process's view of the database. Times are in seconds, as in `queue.Jobs`.

    `executor` names the process among all that work on the database.
    """

    engine: sa.Engine
    client: DBOSClient
    executor: str
    lease: float
    timeout: float
    settle: float

    def now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 by one clock for all: the database server's, or this machine's with SQLite."""
        if self.engine.dialect.name == "sqlite":
            return time.time()
        return float(connection.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows ON CONFLICT, which both databases have and SQL hasn't."""
        return sqlite.insert(table) if self.engine.dialect.name == "sqlite" else postgresql.insert(table)

    def enqueue_if(
        self,
        connection: sa.Connection,
        condition: sa.ColumnElement[bool],
        now: float,
        *,
        fresh: bool,
        delay: float = 0.0,
        why: str | None = None,
        tried: bool = True,
        spent: bool = False,
        asked_for: bool = False,
    ) -> bool:
        """Give the pull request that meets `condition` its next run, in this transaction. False when none meets it.

        A run that isn't `fresh` follows one that `tried` in vain, or was put off; one that is `spent` tries no more,
        and only has the last word. What a person `asked_for` goes ahead of what else waits in its installation.
        """
        run = pulls.c.run + 1
        tries = sa.literal(0) if fresh else sa.literal(MAX_TRIES) if spent else pulls.c.tries + int(tried)
        row = connection.execute(
            sa.update(pulls)
            .where(condition)
            .values(
                state="queued",
                since=now,
                run=run,
                origin=run if fresh else pulls.c.origin,
                tries=tries,
                executor=None,
                again=False,
                outdated=False,
                why=why,
            )
            .returning(pulls.c.key, pulls.c.run, pulls.c.installation)
        ).fetchone()
        if row is None:
            return False
        self.enqueue(connection, row, max(delay, self.settle if fresh else 0.0), asked_for=asked_for)
        return True

    def enqueue(self, connection: sa.Connection, row: Any, delay: float = 0.0, *, asked_for: bool = False) -> None:
        """Hand the run of a row of `pulls` to the engine, in this transaction."""
        options: EnqueueOptions = {
            "workflow_name": "review",
            "queue_name": QUEUE,
            "workflow_id": run_id(row.key, row.run),
            "queue_partition_key": f"installation {row.installation}",
            "priority": ASKED_FOR if asked_for else UNASKED,
            # The run ends itself at its timeout; this is for one that hangs without the loop.
            "workflow_timeout": self.timeout + HANGING,
        }
        if delay > 0:
            options["delay_seconds"] = delay
        self.client.enqueue_in_transaction(connection, options, row.key, row.run)
