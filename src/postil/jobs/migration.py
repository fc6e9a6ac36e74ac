"""Brings the tables of a database to the newest revision, when a process opens it.

Replicas may start at once, and old ones work on while a new one has brought the tables further. So there is a lock, and
a revision only ever adds: tables, indexes, and columns that may be null or have a default.
"""

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from postil.jobs.model import NewerDatabaseError, UnusableDatabaseError

VERSION_TABLE = "postil_schema"
"""Where the database's revision stands; Alembic's usual name may belong to another program in the same database."""
SCRIPTS = Path(__file__).with_name("migrations")
LOCK = 0x506F7374696C
"""The number of PostgreSQL's advisory lock: "Postil" in ASCII."""

# Alembic hands the connection to the scripts through variables of its modules.
_one_at_a_time = threading.Lock()


def migrate(engine: sa.Engine) -> None:
    """Run the revisions that the database lacks, in one transaction that waits for others that do the same.

    Raises:
        NewerDatabaseError: its revision is none that this version knows.
    """
    with _one_at_a_time, engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver begins a transaction by itself only before rows are changed, and not for DDL.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        if not is_current(connection):
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def check(engine: sa.Engine) -> None:
    """See that the tables are those that this version knows, and change nothing.

    Raises:
        NewerDatabaseError: as `migrate` does.
        UnusableDatabaseError: they are older, or there are none.
    """
    with engine.connect() as connection:
        if not is_current(connection):
            raise UnusableDatabaseError(
                "The database has no tables of this version yet; they come with the first start of `postil serve`."
            )


def is_current(connection: sa.Connection) -> bool:
    """Whether no revision is left to run. Raises NewerDatabaseError."""
    scripts = ScriptDirectory(str(SCRIPTS))
    newest = scripts.get_current_head()
    present = current(connection)
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise NewerDatabaseError(
            f"A newer version of Postil has brought the database to revision {present}; this version knows {newest} at "
            "most. Start that version or a newer one, or restore the backup that was made before its start."
        )
    return present == newest


def current(connection: sa.Connection) -> str | None:
    """The revision of a database; None when it has no tables of ours, or those from before revisions were counted."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
