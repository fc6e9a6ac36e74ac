"""Databases of every release come up to date with all that is in them, under a lock, while older processes work on."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from inline_snapshot import snapshot

from postgres import fresh_postgres, postgres_url
from postil.jobs import Ask, Done, Job, Jobs, NewerDatabaseError, Outcome, Pull, create_engine, database_url
from postil.jobs.migration import SCRIPTS, VERSION_TABLE, migrate
from postil.jobs.schema import metadata

__all__ = ["fresh_postgres", "postgres_url"]

SCHEMAS = Path(__file__).with_name("schemas")
REVISIONS = sorted(script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/postil.db"
    return request.getfixturevalue("fresh_postgres")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """Connections to that database."""
    engine = create_engine(database_url(url))
    yield engine
    engine.dispose()


def restore(url: str, revision: str) -> None:
    """Make the database what a release with that revision left."""
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    statements = (SCHEMAS / f"{revision}.{kind}.sql").read_text(encoding="utf-8")
    if kind == "sqlite":
        with sqlite3.connect(str(database_url(url).database)) as file:
            file.executescript(statements)
    else:
        with psycopg.connect(url) as server:
            server.execute(statements.encode())


def execute(engine: sa.Engine, *statements: str) -> None:
    """Change the database past the queue."""
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def tables(engine: sa.Engine) -> sa.MetaData:
    """Our tables as they are, without what tells their revision."""
    found = sa.MetaData()
    found.reflect(engine, only=lambda name, _: name.startswith("postil_") and name != VERSION_TABLE)
    return found


def content(engine: sa.Engine, of: sa.MetaData) -> dict[str, set[tuple[object, ...]]]:
    """All rows of some tables, as far as these columns go."""
    with engine.connect() as connection:
        return {table.name: {tuple(row) for row in connection.execute(sa.select(table))} for table in of.sorted_tables}


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Jobs]:
    """A queue that accepts work until the block ends."""
    jobs = Jobs(url)
    await jobs.open()
    try:
        yield jobs
    finally:
        await jobs.stop()


async def ended(jobs: Jobs) -> list[str]:
    """Wait until what a release left waiting or interrupted is done, and stop; the runs that had failed for good."""
    try:
        async with asyncio.timeout(60):
            while True:
                if (await jobs.counts()).states["idle"] == 3:
                    return [dead.id for dead in await jobs.dead()]
                await asyncio.sleep(0.05)
    finally:
        await jobs.stop(grace=1)


def differences(engine: sa.Engine) -> list[object]:
    """What Alembic would change to make the tables those of `schema.py`."""
    ours = set(metadata.tables)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "include_name": lambda name, kind, parents: kind != "table" or name in ours,
            },
        )
        return compare_metadata(context, metadata)


def test_every_revision_has_its_dumps() -> None:
    """What a release left in databases is kept for ever: `make schema` writes it, once for each new revision."""
    assert sorted(path.name for path in SCHEMAS.iterdir()) == sorted(
        f"{revision}.{kind}.sql" for revision in REVISIONS for kind in ("sqlite", "postgresql")
    )


def test_the_revisions_make_the_tables_that_the_code_knows(url: str, engine: sa.Engine) -> None:
    """Alembic compares columns, types and indexes of the two."""
    migrate(engine)

    assert differences(engine) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_keeps_every_row_and_only_ever_adds(url: str, engine: sa.Engine, revision: str) -> None:
    """Processes of the older release work on beside the newer one: their columns stay, and they fill no others."""
    restore(url, revision)
    older = tables(engine)
    before = content(engine, older)
    migrate(engine)
    after = content(engine, older)
    with engine.begin() as connection:
        for table in older.sorted_tables:
            connection.execute(sa.delete(table))
            for row in before[table.name]:
                connection.execute(sa.insert(table).values(dict(zip(table.columns.keys(), row, strict=True))))

    assert all(before.values())
    assert after == before == content(engine, older)
    assert differences(engine) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_older_release_left_undone_is_done(url: str, revision: str) -> None:
    """What waits, and what was interrupted, goes on with all that was asked; what failed for good stays listed."""
    restore(url, revision)
    done: dict[str, tuple[str, ...]] = {}

    async def work(job: Job) -> Outcome:
        done[job.key] = job.deliveries
        return Done()

    async def story() -> list[str]:
        jobs = Jobs(url)
        await jobs.start(work, lock_wait=0)
        return await ended(jobs)

    assert asyncio.run(story()) == ["o/r#4@run 2"]
    assert {key: sorted(deliveries) for key, deliveries in done.items()} == {
        "o/r#2": ["comment 2", "push 2"],
        "o/r#3": ["comment 3", "push 3"],
    }


def test_tables_from_before_revisions_were_counted_get_what_they_lack(url: str, engine: sa.Engine) -> None:
    """They were made as they were needed: some lack a table, a column or an index."""
    restore(url, "0001")
    execute(
        engine,
        f"DROP TABLE {VERSION_TABLE}",
        "DROP TABLE postil_learned",
        "DROP INDEX postil_pulls_number",
        "ALTER TABLE postil_deliveries DROP COLUMN said",
    )
    older = tables(engine)
    before = content(engine, older)
    migrate(engine)

    assert differences(engine) == []
    assert content(engine, older) == before


def test_a_process_goes_on_beside_a_newer_one_but_none_starts_there(url: str, engine: sa.Engine) -> None:
    """In a rolling update the old replicas serve to their end; one that starts late can't know what has changed."""
    ask = Ask(Pull(1, 100, "o", "r", 7), "pull_request opened", "aaa", 1.0)

    async def story() -> list[str]:
        async with opened(url) as old:
            execute(engine, "UPDATE postil_schema SET version_num = '9999'", "ALTER TABLE postil_pulls ADD mood TEXT")
            answers: list[str] = [await old.accept("d1", ask)]
            with pytest.raises(NewerDatabaseError) as caught:
                await Jobs(url).open()
            answers += [await old.accept("d1", ask), str(caught.value).replace(REVISIONS[-1], "NEWEST")]
            return answers

    assert asyncio.run(story()) == snapshot(
        [
            "accepted",
            "duplicate",
            """A newer version of Postil has brought the database to revision 9999; this version knows NEWEST at most. \
Start that version or a newer one, or restore the backup that was made before its start.""",
        ]
    )


def test_processes_that_start_at_once_make_the_tables_once(url: str, engine: sa.Engine) -> None:
    """All replicas of a new installation come up in the same moment."""
    program = (
        f"from postil.jobs.migration import *; from postil.jobs import *; migrate(create_engine(database_url({url!r})))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1] for process in processes]

    assert errors == [b"", b""]
    assert differences(engine) == []
