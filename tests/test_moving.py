"""An installation moves from SQLite to PostgreSQL with everything that is remembered and under way, once and whole."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot
from typer.testing import CliRunner

from postgres import fresh_postgres, postgres_url
from postil import cli
from postil.jobs import Done, Job, Jobs, Outcome, create_engine, database_url
from postil.jobs.database import lock, use
from postil.jobs.moving import TABLES
from postil.log import configure
from test_migration import REVISIONS, content, ended, execute, restore, tables

__all__ = ["fresh_postgres", "postgres_url"]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sa.Engine]:
    """What the oldest release left: pull requests in each state, orders, what was posted and learned."""
    url = f"sqlite:///{tmp_path}/postil.db"
    restore(url, REVISIONS[0])
    engine = create_engine(database_url(url))
    yield engine
    engine.dispose()


@pytest.fixture
def target(fresh_postgres: str) -> Iterator[sa.Engine]:
    """An empty PostgreSQL database."""
    engine = create_engine(database_url(fresh_postgres))
    yield engine
    engine.dispose()


def address(engine: sa.Engine) -> str:
    """A database as an operator writes it."""
    return engine.url.set(drivername=engine.dialect.name).render_as_string(hide_password=False)


IN_USE = snapshot("""\
postil: Another process works on FOLDER/postil.db. Stop the service first.
[2]\
""")


def postil(*arguments: str, **env: str) -> str:
    """What a command prints with these settings, and its exit code."""
    variables = {f"POSTIL_{name}": value for name, value in env.items()}
    result = CliRunner().invoke(cli.app, arguments, env=variables)
    # The command has sent the log of this process to its own standard error, which is gone.
    configure("error", stream=sys.__stderr__)
    return f"{result.output}[{result.exit_code}]"


def moved(source: sa.Engine, target: sa.Engine) -> str:
    """Move, the way the page says, without the names that differ from run to run."""
    folder = str(Path(str(source.url.database)).parent)
    said = postil("migrate", "--from", address(source), DATABASE_URL=address(target))
    for name, shown in ((target.url.set(drivername="postgresql").render_as_string(), "TARGET"), (folder, "FOLDER")):
        said = said.replace(name, shown)
    return said


def test_everything_moves_and_what_waited_is_done_on_postgresql(source: sa.Engine, target: sa.Engine) -> None:
    """What waits, and what was interrupted, goes on with all that was asked; what failed for good stays listed."""
    (Path(str(source.url.database)).parent / "github-app.json").write_text("{}")
    older = tables(source)
    before = content(source, older)
    said = moved(source, target)
    after = content(target, older)
    states = {str(row[8]) for row in before["postil_pulls"]}
    done: dict[str, tuple[str, ...]] = {}

    async def work(job: Job) -> Outcome:
        done[job.id] = job.deliveries
        assert await jobs.learned(1, "way") == "edited"
        assert await jobs.intended(job) == {"review": 1000 + job.pull.number}
        return Done()

    async def story() -> list[str]:
        await jobs.start(work)
        return await ended(jobs)

    jobs = Jobs(address(target))
    failed = asyncio.run(story())

    assert said == snapshot("""\
FOLDER/postil.db is moved to TARGET.
    deliveries          8
    duties              1
    ended               0
    intents             4
    learned             1
    pulls               4
    receptions          0
    redeliveries        0
    steps               0
2 runs wait there.
Set POSTIL_DATABASE_URL to it, and start the service. The file is no more used; keep it as a backup.
The App's credentials stay in github-app.json beside it: set POSTIL_DATA_FOLDER to FOLDER.
[0]\
""")
    assert states == {"dead", "idle", "queued", "running"}
    assert {name: after[name] for name in ("postil_deliveries", "postil_intents", "postil_learned")} == {
        name: before[name] for name in ("postil_deliveries", "postil_intents", "postil_learned")
    }
    assert {run: sorted(deliveries) for run, deliveries in done.items()} == {
        "o/r#2@run 2": ["comment 2", "push 2"],
        "o/r#3@run 2": ["comment 3", "push 3"],
    }
    assert failed == ["o/r#4@run 2"]


def test_a_second_move_says_that_all_is_there_and_the_file_serves_no_more(source: sa.Engine, target: sa.Engine) -> None:
    """Two services for one App would review everything twice."""
    moved(source, target)
    execute(target, "UPDATE postil_pulls SET state = 'idle'")

    assert moved(source, target).splitlines()[0] == snapshot("FOLDER/postil.db was moved to TARGET before.")
    assert postil("jobs", DATABASE_URL=address(source)) == snapshot("""\
postil: What was in this database has moved to PostgreSQL: set POSTIL_DATABASE_URL to that.
[2]\
""")

    with target.begin() as connection:
        for table in TABLES:
            connection.execute(sa.delete(table))

    assert moved(source, target) == snapshot("""\
postil: What was in the SQLite file has been moved to another database already.
[2]\
""")


def test_a_target_with_something_else_in_it_is_refused(source: sa.Engine, target: sa.Engine, tmp_path: Path) -> None:
    """Two installations in one database would answer for each other."""
    moved(source, target)
    before = content(target, tables(target))
    (tmp_path / "other").mkdir()
    restore(f"sqlite:///{tmp_path}/other/postil.db", REVISIONS[-1])
    other = create_engine(database_url(f"sqlite:///{tmp_path}/other/postil.db"))

    assert moved(other, target) == snapshot("""\
postil: The target holds data already. Give an empty database, on which no service was started.
[2]\
""")
    assert content(target, tables(target)) == before
    assert postil("jobs", DATABASE_URL=address(other)).startswith("1 failed, 1 running, 1 waiting")


def test_a_move_that_fails_leaves_both_as_they_were(source: sa.Engine, target: sa.Engine) -> None:
    """Half of an installation is worse than none; and the service must start again on what it had."""
    execute(source, "UPDATE postil_deliveries SET head = printf('%070d', 4) WHERE id = 'push 4'")
    said = moved(source, target)

    assert said == snapshot("""\
postil: PostgreSQL doesn't take what is in the SQLite file: value too long for type character varying(64)
[2]\
""")
    assert not any(content(target, tables(target)).values())
    assert postil("jobs", DATABASE_URL=address(source)).startswith("1 failed, 1 running, 1 waiting")


def test_a_move_that_was_killed_is_done_by_the_next(source: sa.Engine, target: sa.Engine) -> None:
    """Whether the target was filled is known only there, so until then no service starts on the file."""
    moved(source, target)
    execute(source, "UPDATE postil_duties SET stopped = 'begun' WHERE name = 'move'")

    assert postil("jobs", DATABASE_URL=address(source)) == snapshot("""\
postil: `postil migrate` was interrupted when it moved this database: run it again, with the same target.
[2]\
""")
    assert moved(source, target).splitlines()[0] == snapshot("FOLDER/postil.db was moved to TARGET before.")
    assert postil("jobs", DATABASE_URL=address(source)) == snapshot("""\
postil: What was in this database has moved to PostgreSQL: set POSTIL_DATABASE_URL to that.
[2]\
""")


def test_a_file_on_which_a_service_works_is_not_moved(source: sa.Engine, target: sa.Engine) -> None:
    """What it accepted meanwhile would be left behind."""
    held = lock(source.url)
    said = moved(source, target)
    os.close(held)

    assert said == IN_USE


def test_a_file_for_which_a_process_accepts_deliveries_is_not_moved(source: sa.Engine, target: sa.Engine) -> None:
    """One that only answers GitHub does no work on it, and has promised to keep what comes."""

    async def story() -> str:
        web = Jobs(address(source))
        await web.open()
        try:
            return await asyncio.to_thread(moved, source, target)
        finally:
            await web.stop()

    assert asyncio.run(story()) == IN_USE
    assert moved(source, target).startswith("FOLDER/postil.db is moved to TARGET.")


def test_while_a_file_is_moved_nobody_begins_to_use_it(source: sa.Engine) -> None:
    """What is accepted behind the mover's back would be left behind."""
    held = use(source.url, alone=True)
    said = postil("jobs", DATABASE_URL=address(source))
    os.close(held)

    assert said.startswith("postil: Another process works on ")


@pytest.mark.parametrize(
    ("arguments", "database", "expected"),
    [
        (
            (),
            "sqlite:///none.db",
            snapshot("""\
postil: give the target by --to, or in POSTIL_DATABASE_URL and the SQLite file by --from
[2]\
"""),
        ),
        (
            (),
            "postgresql://postil:secret@127.0.0.1:1/postil",
            snapshot("""\
postil: give the SQLite file by --from: the database of the settings is the target
[2]\
"""),
        ),
        (
            ("--to", "postgresql://postil:secret@127.0.0.1:1/postil"),
            "sqlite:////dev/null",
            snapshot("""\
postil: connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?
[2]\
"""),
        ),
        (
            ("--to", "mysql://postil:secret@127.0.0.1:1/postil"),
            "sqlite:///none.db",
            snapshot("""\
postil: The database should be sqlite or postgresql, not mysql.
[2]\
"""),
        ),
    ],
)
def test_a_move_from_or_to_nowhere_says_what_to_give(arguments: tuple[str, ...], database: str, expected: str) -> None:
    """No password is repeated."""
    assert postil("migrate", *arguments, DATABASE_URL=database) == expected


def test_only_sqlite_moves_and_only_to_postgresql(source: sa.Engine, target: sa.Engine, tmp_path: Path) -> None:
    """And a file that isn't there isn't made."""
    there = address(target)

    assert postil("migrate", "--from", there, "--to", there) == snapshot("""\
postil: What is in SQLite can be moved to PostgreSQL, and no other way.
[2]\
""")
    nowhere = postil("migrate", "--from", f"sqlite:///{tmp_path}/none.db", "--to", there)
    assert nowhere.replace(str(tmp_path), "FOLDER") == snapshot("""\
postil: There is no database at FOLDER/none.db.
[2]\
""")
    assert postil("migrate", "--from", there, "--to", f"sqlite:///{tmp_path}/new.db") == snapshot("""\
postil: What is in SQLite can be moved to PostgreSQL, and no other way.
[2]\
""")
    assert [path.name for path in tmp_path.glob("*.db")] == ["postil.db"]
