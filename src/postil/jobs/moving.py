"""Moves all that is remembered from a SQLite file into an empty PostgreSQL database, while no service works on either.

What is moved is the tables of ours; the engine's runs are begun anew from them. A duty in the source says how far that
has come, and its holder is a name for this installation, which goes with everything else: so a second try knows
whether the target is the one that the first one filled.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from postil.jobs.database import create_engine, database_url, lock, use
from postil.jobs.migration import LOCK, migrate
from postil.jobs.model import UnusableDatabaseError
from postil.jobs.schema import duties, leases, metadata, pulls
from postil.jobs.store import Store

MOVE = "move"
BEGUN = "begun"
DONE = "done"
ROWS = 1000
"""Rows that are read and written at once."""
TABLES = [table for table in metadata.sorted_tables if table is not leases]
"""What is moved: all but the life signs of processes that are gone."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: rows by table, and how many runs wait in the target; `before`: all that by an earlier try."""

    rows: dict[str, int]
    waiting: int
    before: bool


def check_way(source: str, target: str) -> None:
    """See that there is a file to move, and a server to move it to. Raises UnusableDatabaseError."""
    url = database_url(source)
    if url.get_backend_name() != "sqlite" or database_url(target).get_backend_name() == "sqlite":
        raise UnusableDatabaseError("What is in SQLite can be moved to PostgreSQL, and no other way.")
    if not Path(str(url.database)).exists():
        raise UnusableDatabaseError(f"There is no database at {url.database}.")


def take_in(store: Store, source: sa.URL) -> Moved:
    """Take everything over from a SQLite file: all of it, or nothing. That file is refused by every process then.

    Raises:
        AlreadyRunningError: a service works on the file.
        NewerDatabaseError: a newer version has been at it.
        UnusableDatabaseError: what was in it is elsewhere already, or here is something else.
    """
    # Whatever accepts work would have it left behind.
    held = [use(source, alone=True)]
    engine = create_engine(source)
    try:
        # A worker of an older version only knows this one.
        held.append(lock(source))
        migrate(engine)
        stage = _stage(engine)
        name = _begin(engine)
        try:
            moved = _copy(engine, store, name, elsewhere=stage == DONE)
        except UnusableDatabaseError:
            # Only here it is certain that nothing was moved: after a lost connection, for one, it may have been.
            _note(engine, stage)
            raise
        _note(engine, DONE)
        return moved
    finally:
        engine.dispose()
        for each in held:
            os.close(each)


def check_here(engine: sa.Engine) -> None:
    """See that what is in a database wasn't moved elsewhere. Raises UnusableDatabaseError."""
    match _stage(engine):
        case "done":
            raise UnusableDatabaseError(
                "What was in this database has moved to PostgreSQL: set POSTIL_DATABASE_URL to that."
            )
        case "begun":
            raise UnusableDatabaseError(
                "`postil migrate` was interrupted when it moved this database: run it again, with the same target."
            )


def _stage(engine: sa.Engine) -> str | None:
    """How far a move out of a database has come; None where there is none."""
    with engine.connect() as connection:
        return connection.execute(sa.select(duties.c.stopped).where(duties.c.name == MOVE)).scalar()


def _begin(engine: sa.Engine) -> str:
    """Note that a move begins, so that no service starts if it is interrupted; gives the installation's name."""
    with engine.begin() as connection:
        held = connection.execute(sa.select(duties.c.holder).where(duties.c.name == MOVE)).scalar()
        if held is None:
            held = uuid.uuid4().hex
            connection.execute(sa.insert(duties).values(name=MOVE, holder=held, until=0.0))
        connection.execute(sa.update(duties).where(duties.c.name == MOVE).values(stopped=BEGUN))
        return held


def _note(engine: sa.Engine, stage: str | None) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(duties).where(duties.c.name == MOVE).values(stopped=stage))


def _copy(engine: sa.Engine, store: Store, name: str, *, elsewhere: bool) -> Moved:
    """Fill the target in one transaction. `elsewhere`: the source was moved before, so only its target will do."""
    waits = pulls.c.state.in_(["queued", "running"])
    try:
        with engine.connect() as old, store.engine.begin() as new:
            new.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            there = _count(new)
            if new.execute(sa.select(duties.c.name).where(duties.c.name == MOVE, duties.c.holder == name)).first():
                waiting = new.execute(sa.select(sa.func.count()).select_from(pulls).where(waits)).scalar_one()
                return Moved(there, waiting, before=True)
            if elsewhere:
                raise UnusableDatabaseError("What was in the SQLite file has been moved to another database already.")
            if any(there.values()):
                raise UnusableDatabaseError(
                    "The target holds data already. Give an empty database, on which no service was started."
                )
            for table in TABLES:
                for rows in old.execute(sa.select(table)).mappings().partitions(ROWS):
                    new.execute(sa.insert(table), [dict(row) for row in rows])
            new.execute(sa.update(duties).where(duties.c.name == MOVE).values(stopped=None))
            runs = new.execute(sa.update(pulls).where(waits).values(state="queued", executor=None).returning(*pulls.c))
            waiting = runs.fetchall()
            for row in waiting:
                store.enqueue(new, row)
            expected, counted = _count(old), _count(new)
            if counted != expected:
                raise UnusableDatabaseError(f"Not all has arrived, so nothing was moved: {counted} of {expected}.")
            return Moved(counted, len(waiting), before=False)
    except sa_exc.DataError as error:
        raise UnusableDatabaseError(f"PostgreSQL doesn't take what is in the SQLite file: {error.orig}") from error


def _count(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table has, under its name without our prefix."""
    return {
        table.name.removeprefix("postil_"): connection.execute(
            sa.select(sa.func.count()).select_from(table)
        ).scalar_one()
        for table in TABLES
    }
