"""The one pool of connections, on SQLite or PostgreSQL, that our tables and the engine share."""

import fcntl
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc as sa_exc

from postil.jobs.model import AlreadyRunningError, UnusableDatabaseError

APPLICATION = "postil"
"""What we are called among the server's connections, and in the engine's tables."""
PATIENCE = 30
"""Seconds that one waits for a file on which others write."""


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
    """Take the work on a SQLite file for this process alone, for as long as the descriptor given back is open.

    Raises AlreadyRunningError when another process has it.
    """
    return _held(url, ".lock", fcntl.LOCK_EX)


def use(url: sa.URL, *, alone: bool = False) -> int:
    """Note that this process reads and writes a SQLite file, for as long as the descriptor given back is open.

    Many may, those that only accept work among them, but not beside one that does it `alone`.

    Raises AlreadyRunningError.
    """
    return _held(url, ".use", fcntl.LOCK_EX if alone else fcntl.LOCK_SH)


def _held(url: sa.URL, suffix: str, kind: int) -> int:
    held = os.open(Path(str(url.database)).with_suffix(suffix), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise AlreadyRunningError(f"Another process works on {url.database}.") from error
    return held


class _Connection(sqlite3.Connection):
    """A connection to SQLite that waits for its `turn` to write, which all connections of an engine share.

    SQLite lets one write at a time, and has the others look again after ever longer pauses, up to 100 ms, while whoever
    comes later slips in (`sqliteDefaultBusyCallback` in its main.c). So it does only for other processes.
    """

    turn: threading.Lock
    _has_turn = False

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self.end_turn()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.end_turn()

    def begin_turn(self, statement: str) -> None:
        """Wait, where the driver begins a transaction for this statement."""
        writes = statement.lstrip()[:7].upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))
        if writes and not self._has_turn and not self.in_transaction:
            # In vain, it is SQLite that says so.
            self._has_turn = self.turn.acquire(timeout=PATIENCE)

    def end_turn(self) -> None:
        """Let the next one write, unless a transaction goes on."""
        if self._has_turn and not self.in_transaction:
            self._has_turn = False
            self.turn.release()


class _Cursor(sqlite3.Cursor):
    """A cursor of such a connection."""

    connection: _Connection

    def execute(self, sql: str, *parameters: Any) -> "_Cursor":
        self.connection.begin_turn(sql)
        try:
            return super().execute(sql, *parameters)
        finally:
            self.connection.end_turn()

    def executemany(self, sql: str, *parameters: Any) -> "_Cursor":
        self.connection.begin_turn(sql)
        try:
            return super().executemany(sql, *parameters)
        finally:
            self.connection.end_turn()


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
    engine = sa.create_engine(
        url, pool_size=20, max_overflow=10, pool_timeout=PATIENCE, connect_args={"factory": _Connection}
    )
    turn = threading.Lock()

    @event.listens_for(engine, "connect")
    def prepare(connection: _Connection, record: Any) -> None:
        connection.turn = turn
        # How pages are given back holds for a file that is made now, before anything is in it.
        # Writers take their lock at the start, so that none of them fails half-way for another's sake.
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            f"busy_timeout={1000 * PATIENCE}",
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
