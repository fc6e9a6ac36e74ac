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
URGENT = "postil_urgent"
"""The execution option of transactions that go ahead of others that wait to write to a SQLite file."""
INCREMENTAL = 2
"""SQLite's number for the kind of auto_vacuum that waits until it is told to."""
VANISHED = 30
"""Seconds without a sign after which a server counts as gone, with what was asked of it."""


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


def is_away(error: sa_exc.SQLAlchemyError) -> bool:
    """Whether it is the database that fails, or its file that is none, and not what was asked of it."""
    away = (sa_exc.OperationalError, sa_exc.InterfaceError, sa_exc.TimeoutError)
    return isinstance(error, away) or type(error) is sa_exc.DatabaseError


def said(error: sa_exc.SQLAlchemyError) -> str:
    """The driver's own words; SQLAlchemy's add the statement and a link."""
    return str(getattr(error, "orig", None) or error).strip()


class _Turns:
    """Lets one write at a time; of those that wait, whoever is `urgent` goes first."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._taken = False
        self._urgent = 0

    def take(self, *, urgent: bool) -> bool:
        """Wait for one's turn; False where it doesn't come in time."""
        with self._change:
            self._urgent += urgent
            try:
                came = self._change.wait_for(lambda: not self._taken and (urgent or not self._urgent), PATIENCE)
            finally:
                self._urgent -= urgent
            self._taken |= came
            return came

    def end(self) -> None:
        with self._change:
            self._taken = False
            self._change.notify_all()


class _Connection(sqlite3.Connection):
    """A connection to SQLite that waits for its turn to write, of which all connections of an engine share the `turns`.

    SQLite lets one write at a time, and has the others look again after ever longer pauses, up to 100 ms, while whoever
    comes later slips in (`sqliteDefaultBusyCallback` in its main.c). So it does only for other processes.
    """

    turns: _Turns
    urgent = False
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
            self._has_turn = self.turns.take(urgent=self.urgent)

    def end_turn(self) -> None:
        """Let the next one write, unless a transaction goes on."""
        if self._has_turn and not self.in_transaction:
            self._has_turn = False
            self.turns.end()


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
        # A server whose machine is gone says nothing. By default one waits two hours for it, and nothing else is done.
        vanished = {
            "keepalives_idle": VANISHED // 2,
            "keepalives_interval": VANISHED // 6,
            "keepalives_count": 3,
            "tcp_user_timeout": 1000 * VANISHED,
        }
        return sa.create_engine(
            url,
            pool_size=20,
            max_overflow=10,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"application_name": APPLICATION, "connect_timeout": 10, "options": options, **vanished},
        )
    engine = sa.create_engine(
        url, pool_size=20, max_overflow=10, pool_timeout=PATIENCE, connect_args={"factory": _Connection}
    )
    turns = _Turns()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, _Connection)  # noqa: S101
        raw.urgent = connection.get_execution_options().get(URGENT, False)

    @event.listens_for(engine, "connect")
    def prepare(connection: _Connection, record: Any) -> None:
        connection.turns = turns
        connection.execute(f"PRAGMA busy_timeout={1000 * PATIENCE}")
        # How pages are given back holds for a file that is made now, before anything is in it. To say so again is a
        # write, for which a new connection would wait.
        if connection.execute("PRAGMA auto_vacuum").fetchone() != (INCREMENTAL,):
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        # Writers take their lock at the start, so that none of them fails half-way for another's sake.
        connection.isolation_level = "IMMEDIATE"
        if sqlite3.sqlite_version_info < (3, 42):
            # On Python 3.12 and later DBOS asks for unixepoch('subsec'): NULL before SQLite 3.42 (Debian 12 has 3.40).
            connection.create_function("unixepoch", 1, lambda _: round(time.time(), 3))

    return engine
