"""What an operator does with the database of a service that runs: failed work, and how much is remembered."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot
from typer.testing import CliRunner, Result

from postgres import fresh_postgres, postgres_url
from postil import cli
from postil.jobs import MAX_TRIES, Ask, Done, Failed, Job, Jobs, Outcome, Pull, create_engine, database_url
from postil.jobs.schema import deliveries, intents, pulls
from postil.log import configure

__all__ = ["fresh_postgres", "postgres_url"]

MONTH = 30 * 86400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/postil.db"
    return request.getfixturevalue("fresh_postgres")


def push(number: int, delivery: int = 0) -> Ask:
    """The ask that a push makes."""
    return Ask(Pull(1, 100, "o", "r", number), "pull_request synchronize", f"head{delivery}", float(delivery))


def postil(url: str, *arguments: str) -> Result:
    """Run the command with that database."""
    result = CliRunner().invoke(cli.app, ["jobs", *arguments], env={"POSTIL_DATABASE_URL": url})
    # The command has sent the log of this process to its own standard error, which is gone.
    configure("error", stream=sys.__stderr__)
    return result


async def settled(jobs: Jobs) -> None:
    """Wait until nothing is queued or running."""
    async with asyncio.timeout(60):
        while True:
            states = (await jobs.counts()).states
            if not states["queued"] and not states["running"]:
                return
            await asyncio.sleep(0.05)


def test_failed_reviews_are_listed_run_again_and_dismissed_while_the_service_runs(url: str) -> None:
    """The operator cures the cause first; a list that needs a stopped service would cost reviews."""
    seen: list[str] = []
    printed: list[str] = []

    async def work(job: Job) -> Outcome:
        seen.append(job.id)
        return Failed("not permitted: \x1b[31mred") if job.pull.number == 1 else Done()

    async def command(*arguments: str) -> None:
        result = await asyncio.to_thread(postil, url, *arguments)
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", "TIME", result.output)
        printed.append(f"{text}[{result.exit_code}]")

    async def story() -> None:
        jobs = Jobs(url)
        await jobs.start(work, lock_wait=0)
        try:
            for number in (1, 2, 3):
                await jobs.accept(f"d{number}", push(number))
                await settled(jobs)
            await command()
            await command("retry", "o/r#1@run 1", "o/r#9@run 1")
            await settled(jobs)
            await command("dismiss", "--all")
            await command("--format", "json")
            await command("retry")
        finally:
            await jobs.stop(grace=1)

    asyncio.run(story())

    assert seen == ["o/r#1@run 1", "o/r#2@run 1", "o/r#3@run 1", "o/r#1@run 2"]
    assert printed == snapshot(
        [
            """\
1 failed, 0 running, 0 waiting

o/r#1@run 1  failed since TIME, tries: 1
    not permitted: \\x1b[31mred
    A push, /recheck or `postil jobs retry` runs it again; until then nothing does.
[0]\
""",
            """\
o/r#1@run 1 is run again
o/r#9@run 1 is no failed run
[2]\
""",
            """\
o/r#1@run 2 is dismissed
[0]\
""",
            """\
{
  "failed": [],
  "running": [],
  "waiting": []
}
[0]\
""",
            """\
postil: give the ids of failed runs, or --all
[2]\
""",
        ]
    )


def test_what_waits_is_listed_with_what_happens_next(url: str) -> None:
    """A queue that stands still looks like one that is empty, unless somebody can see into it."""

    async def story() -> None:
        web = Jobs(url)
        await web.open()
        await web.accept("d1", push(1))
        await web.stop()

    asyncio.run(story())
    result = postil(url, "--format", "json")
    (waiting,) = json.loads(result.output)["waiting"]
    del waiting["since"]

    assert waiting == snapshot(
        {
            "id": "o/r#1@run 1",
            "pull": "o/r#1",
            "why": "",
            "tries": 0,
            "next": "It is tried by itself; 12 tries are left.",
        }
    )


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A slip in the address would otherwise show an empty list, as if all were well."""
    result = postil(f"sqlite:///{tmp_path}/none.db")

    assert (result.exit_code, result.output.replace(str(tmp_path), "FOLDER")) == snapshot(
        (2, "postil: There is no database at FOLDER/none.db.\n")
    )
    assert not list(tmp_path.iterdir())


def test_the_last_word_is_said_where_the_last_try_is_cut_short(tmp_path: Path) -> None:
    """The work itself can't say any more that it won't end; without a word its check run would spin for ever."""
    heard: list[tuple[str, str]] = []

    async def hang(job: Job) -> Outcome:
        await asyncio.sleep(3600)
        return Done()

    async def last_word(job: Job, why: str) -> None:
        heard.append((job.id, why))
        raise ZeroDivisionError("and even that may fail")

    async def story() -> list[str]:
        jobs = Jobs(f"sqlite:///{tmp_path}/postil.db", timeout=0.2)
        await jobs.open()
        await jobs.accept("d1", push(1))
        engine = create_engine(database_url(f"sqlite:///{tmp_path}/postil.db"))
        with engine.begin() as connection:
            connection.execute(sa.update(pulls).values(tries=MAX_TRIES - 1))
        engine.dispose()
        await jobs.start(hang, last_word, lock_wait=0)
        try:
            await settled(jobs)
            return [dead.why for dead in await jobs.dead()]
        finally:
            await jobs.stop(grace=1)

    assert asyncio.run(story()) == ["the run took longer than 0 s"]
    assert heard == [("o/r#1@run 1", "the run took longer than 0 s")]


def runs(engine: sa.Engine) -> sa.TableClause:
    """The engine's own table."""
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    return sa.table("workflow_status", sa.column("completed_at"), schema=schema)


async def written_down(engine: sa.Engine) -> None:
    """Wait until the engine, too, has noted the end of each run, which it does a moment after our tables."""
    table = runs(engine)
    open_ones = sa.select(sa.func.count()).select_from(table).where(table.c.completed_at.is_(None))
    async with asyncio.timeout(60):
        while True:
            with engine.connect() as connection:
                if not connection.execute(open_ones).scalar_one():
                    return
            await asyncio.sleep(0.05)


def age(engine: sa.Engine, seconds: float) -> None:
    """Let time pass for all that is in the database."""
    table = runs(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(deliveries).values(received=deliveries.c.received - seconds))
        connection.execute(sa.update(intents).values(at=intents.c.at - seconds))
        connection.execute(sa.update(pulls).values(since=pulls.c.since - seconds))
        connection.execute(sa.update(table).values(completed_at=table.c.completed_at - round(seconds * 1000)))


def size(engine: sa.Engine) -> dict[str, int]:
    """How many rows each table holds, the engine's own included; for SQLite also the file's pages."""
    sizes = {}
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        for schema in (None, "dbos") if engine.dialect.name == "postgresql" else (None,):
            for name in inspector.get_table_names(schema):
                table = sa.table(name, schema=schema)
                sizes[name] = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        if engine.dialect.name == "sqlite":
            sizes["pages"] = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    return sizes


def test_months_of_work_on_the_same_pull_requests_leave_the_database_as_it_was(url: str) -> None:
    """Deliveries, posts and runs come by the hundred a day; none may stay beyond its time, failed ones included."""
    sizes: list[dict[str, int]] = []
    kept: list[str] = []

    async def story() -> None:
        async def work(job: Job) -> Outcome:
            await jobs.intend(job, f"review {job.head}")
            await jobs.confirm(job, f"review {job.head}", 1)
            return Failed("not permitted " * 50) if job.pull.number == 1 else Done()

        jobs = Jobs(url, keep=MONTH / 2)
        await jobs.start(work, lock_wait=0)
        engine = create_engine(database_url(url))
        try:
            for month in range(4):
                for number in range(12):
                    await jobs.accept(f"d{month}.{number}", push(number, month))
                await settled(jobs)
                await jobs.purge(MONTH / 2)
                kept.append(f"{len(await jobs.dead())} failed, {size(engine)['postil_deliveries']} deliveries")
                await written_down(engine)
                age(engine, MONTH)
                await jobs.purge(MONTH / 2)
                sizes.append(size(engine))
        finally:
            engine.dispose()
            await jobs.stop(grace=1)

    asyncio.run(story())

    assert kept == ["1 failed, 12 deliveries"] * 4
    assert sizes[0] == sizes[1] == sizes[2] == sizes[3]
    assert sizes[0]["postil_deliveries"] == sizes[0]["workflow_status"] == sizes[0]["postil_intents"] == 0


def test_a_file_from_before_it_could_shrink_learns_it(tmp_path: Path) -> None:
    """SQLite keeps what was deleted as empty pages, for ever, unless it is told otherwise."""
    address = f"sqlite:///{tmp_path}/postil.db"
    engine = create_engine(database_url(address))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA auto_vacuum=NONE")
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("CREATE TABLE ballast (text TEXT)")
        connection.exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(4000000))")
        connection.commit()
        connection.exec_driver_sql("DROP TABLE ballast")
    engine.dispose()
    before = (tmp_path / "postil.db").stat().st_size

    async def story() -> None:
        jobs = Jobs(address)
        await jobs.open()
        await jobs.purge(MONTH)
        await jobs.stop()

    asyncio.run(story())

    assert (tmp_path / "postil.db").stat().st_size < before / 4
