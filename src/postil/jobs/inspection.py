"""What operators and the web pages see of the queue, and what operators do with runs that finally failed."""

from collections.abc import Sequence

import sqlalchemy as sa

from postil.jobs.model import Counts, DeadJob, LiveJob, Pull
from postil.jobs.schema import deliveries, pull_of, pulls, run_id
from postil.jobs.store import Store


def dead(store: Store) -> Sequence[DeadJob]:
    """The runs that finally failed, latest first."""
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(pulls).where(pulls.c.state == "dead").order_by(pulls.c.since.desc()))
        return [
            DeadJob(run_id(row.key, row.run), pull_of(row), row.why or "", row.tries + 1, row.since) for row in rows
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
