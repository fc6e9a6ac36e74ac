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

from postil.jobs.model import NewerDatabaseError

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
        scripts = ScriptDirectory(str(SCRIPTS))
        known = {script.revision for script in scripts.walk_revisions()}
        present = current(connection)
        if present is not None and present not in known:
            raise NewerDatabaseError(
                f"A newer version of Postil has brought the database to revision {present}; this version knows "
                f"{scripts.get_current_head()} at most. Start that version or a newer one, or restore the backup that "
                "was made before its start."
            )
        if present != scripts.get_current_head():
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def current(connection: sa.Connection) -> str | None:
    """The revision of a database; None when it has no tables of ours, or those from before revisions were counted."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
