"""What operators and the web pages see of the queue, and what operators do with runs that finally failed."""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from postil.jobs.model import (
    MAX_TRIES,
    MERGE_QUEUE,
    Counts,
    DeadJob,
    Ended,
    Finished,
    Installation,
    LiveJob,
    Pull,
    Received,
)
from postil.jobs.schema import deliveries, ended, pull_of, pulls, run_id
from postil.jobs.store import Store


def dead(store: Store) -> Sequence[DeadJob]:
    """The runs that finally failed, latest first."""
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(pulls).where(pulls.c.state == "dead").order_by(pulls.c.since.desc()))
        return [
            DeadJob(run_id(row.key, row.run), pull_of(row), row.why or "", min(row.tries + 1, MAX_TRIES), row.since)
            for row in rows
        ]


def live(store: Store) -> Sequence[LiveJob]:
    """The runs that wait or are under way, oldest first."""
    with store.engine.connect() as connection:
        these = pulls.c.state.in_(["queued", "running"])
        rows = connection.execute(sa.select(pulls).where(these).order_by(pulls.c.since))
        return [
            LiveJob(run_id(row.key, row.run), pull_of(row), row.state == "running", row.why or "", row.tries, row.since)
            for row in rows
        ]


def retry(store: Store, dead_id: str) -> bool:
    """Run a dead run again, by its id. False when no such run is dead."""
    with store.engine.begin() as connection:
        return store.enqueue_if(connection, _is_dead(dead_id), store.now(connection), fresh=True)


def dismiss(store: Store, dead_id: str) -> bool:
    """Take a dead run off the list, and what it had to do with it, by its id. False when no such run is dead."""
    with store.engine.begin() as connection:
        end = {"state": "idle", "why": None, "since": store.now(connection)}
        key = connection.execute(
            sa.update(pulls).where(_is_dead(dead_id)).values(**end).returning(pulls.c.key)
        ).scalar()
        connection.execute(sa.update(deliveries).where(deliveries.c.pull == key).values(done=True))
        return key is not None


def _is_dead(dead_id: str) -> sa.ColumnElement[bool]:
    key, _, run = dead_id.rpartition("@run ")
    number = int(run) if run.isdecimal() and len(run) < 10 else 0
    return (pulls.c.key == key) & (pulls.c.run == number) & (pulls.c.state == "dead")


def pulls_at(store: Store, owner: str, name: str, head: str) -> Sequence[Pull]:
    """The pull requests of a repository whose newest known head is `head`."""
    with store.engine.connect() as connection:
        these = (pulls.c.owner == owner) & (pulls.c.name == name) & (pulls.c.head == head)
        return [pull_of(row) for row in connection.execute(sa.select(pulls).where(these).order_by(pulls.c.number))]


def received(store: Store, limit: int) -> Sequence[Received]:
    """The deliveries that asked for work, latest first."""
    with store.engine.connect() as connection:
        rows = connection.execute(
            sa.select(pulls, deliveries.c.id, deliveries.c.received, deliveries.c.why.label("asked"), deliveries.c.done)
            .join_from(deliveries, pulls, deliveries.c.pull == pulls.c.key)
            .order_by(deliveries.c.received.desc(), deliveries.c.id)
            .limit(limit)
        )
        return [
            Received(row.id, pull_of(row), row.asked, row.received, "done" if row.done else row.state) for row in rows
        ]


def finished(store: Store, limit: int) -> Sequence[Finished]:
    """The runs that came to an end, latest first."""
    with store.engine.connect() as connection:
        rows = connection.execute(
            sa.select(pulls, *(column.label(f"did_{column.name}") for column in ended.c))
            .join_from(ended, pulls, ended.c.pull == pulls.c.key)
            .order_by(ended.c.at.desc())
            .limit(limit)
        )
        return [Finished(row.did_run, pull_of(row), row.did_at, _did(row)) for row in rows]


def _did(row: Any) -> Ended:
    said = json.loads(row.did_said)
    return Ended(row.did_outcome, row.did_seconds, row.did_calls, row.did_why, row.did_conclusion, row.did_found, said)


def installations(store: Store) -> Sequence[Installation]:
    """The installations that pull requests are known of, the last active first."""
    of = pulls.c.installation
    with store.engine.connect() as connection:
        owners: dict[int, list[str]] = {}
        for row in connection.execute(sa.select(of, pulls.c.owner).distinct().order_by(pulls.c.owner)):
            owners.setdefault(row.installation, []).append(row.owner)
        rows = connection.execute(
            sa.select(
                of,
                sa.func.count(pulls.c.repository_id.distinct()).label("repositories"),
                # A merge queue is no pull request.
                sa.func.count().filter(pulls.c.number != MERGE_QUEUE).label("pulls"),
                sa.func.count().filter(pulls.c.state == "queued").label("waiting"),
                sa.func.count().filter(pulls.c.state == "dead").label("dead"),
                sa.func.max(pulls.c.since).label("at"),
            )
            .group_by(of)
            .order_by(sa.desc("at"))
        )
        return [
            Installation(
                row.installation,
                tuple(owners[row.installation]),
                row.repositories,
                row.pulls,
                row.waiting,
                row.dead,
                row.at,
            )
            for row in rows
        ]


def counts(store: Store) -> Counts:
    """The numbers for the metrics."""
    with store.engine.connect() as connection:
        rows = connection.execute(
            sa.select(pulls.c.state, sa.func.count(), sa.func.min(pulls.c.since)).group_by(pulls.c.state)
        ).fetchall()
        queued = sa.select(sa.func.count(pulls.c.installation.distinct())).where(pulls.c.state == "queued")
        installations = connection.execute(queued).scalar_one()
        now = store.now(connection)
    states = {"idle": 0, "queued": 0, "running": 0, "dead": 0} | {state: count for state, count, _ in rows}
    waiting = [since for state, _, since in rows if state == "queued"]
    return Counts(states, max(0.0, now - waiting[0]) if waiting else 0.0, installations)
