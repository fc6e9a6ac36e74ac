"""The one pool of connections, on SQLite or PostgreSQL, that our tables and the engine share."""

import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc as sa_exc

from postil.jobs.model import AlreadyRunningError, UnusableDatabaseError

APPLICATION = "postil"
"""What we are called among the server's connections, and in the engine's tables."""


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


def lock(url: sa.URL) -> int:
    """Take a SQLite file for this process alone, for as long as the descriptor that is given back is open.

    Raises AlreadyRunningError when another process has it.
    """
    held = os.open(Path(str(url.database)).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise AlreadyRunningError(f"Another process works on {url.database}.") from error
    return held


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
            connect_args={"application_name": APPLICATION, "connect_timeout": 10, "options": options},
        )
    engine = sa.create_engine(url, pool_size=20, max_overflow=10, pool_timeout=30)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # How pages are given back holds for a file that is made now, before anything is in it.
        # Writers take their lock at the start, so that none of them fails half-way for another's sake.
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "busy_timeout=30000",
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < (3, 42):
            # On Python 3.12 and later DBOS asks for unixepoch('subsec'): NULL before SQLite 3.42 (Debian 12 has 3.40).
            connection.create_function("unixepoch", 1, lambda _: round(time.time(), 3))

    return engine
