"""One run: its beginning, what it has to know while it works, and its end. Each may happen twice."""

import json

import sqlalchemy as sa

from postil.jobs.model import (
    MAX_TRIES,
    Again,
    Done,
    Ended,
    Failed,
    Intent,
    Job,
    Later,
    Outcome,
    Shelved,
    Standing,
    Superseded,
)
from postil.jobs.schema import ask_of, deliveries, ended, intents, leases, pull_of, pulls, run_id
from postil.jobs.store import Store

MAX_BACKOFF = 900.0
"""Seconds; the pauses between the tries of a run double up to here."""


def begin(store: Store, key: str, run: int) -> Job | None:
    """Take a run up, with every ask that is open by now. None when it isn't the live run any more."""
    with store.engine.begin() as connection:
        row = connection.execute(
            sa.update(pulls)
            .where(pulls.c.key == key, pulls.c.run == run, pulls.c.state.in_(["queued", "running"]))
            .values(
                state="running",
                since=store.now(connection),
                executor=store.executor,
                again=False,
                outdated=False,
            )
            .returning(*pulls.c)
        ).fetchone()
        if row is None:
            return None
        open_asks = (deliveries.c.pull == key) & ~deliveries.c.done
        connection.execute(sa.update(deliveries).where(open_asks).values(run=run))
        asks = connection.execute(
            sa.select(deliveries).where(open_asks, deliveries.c.run == run).order_by(deliveries.c.received)
        ).fetchall()
    pull = pull_of(row)
    return Job(
        id=run_id(key, run),
        key=key,
        number=run,
        pull=pull,
        origin=run_id(key, row.origin),
        head=row.head,
        tries=row.tries,
        asks=tuple(ask_of(pull, ask) for ask in asks),
        deliveries=tuple(ask.id for ask in asks),
        spent=row.why if row.tries >= MAX_TRIES else None,
    )


def finish(store: Store, job: Job, outcome: Outcome) -> None:
    """Write a run's end down, and enqueue the next if there is one. Nothing, when the run isn't ours any more."""
    mine = (
        (pulls.c.key == job.key)
        & (pulls.c.run == job.number)
        & (pulls.c.state == "running")
        & (pulls.c.executor == store.executor)
    )
    with store.engine.begin() as connection:
        now = store.now(connection)
        # A write, so that the row is ours on both databases until the commit.
        if connection.execute(sa.update(pulls).where(mine).values(since=now).returning(pulls.c.key)).first() is None:
            return
        if isinstance(outcome, Done):
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.pull == job.key, deliveries.c.run == job.number)
                .values(done=True)
            )
        match outcome:
            case Again(after, why) if not job.last_try:
                delay = max(after, min(2.0**job.tries, MAX_BACKOFF))
                store.enqueue_if(connection, mine, now, fresh=False, delay=delay, why=why)
                return
            case Later(after, why):
                store.enqueue_if(connection, mine, now, fresh=False, delay=after, why=why, tried=False)
                return
            case Superseded():
                # The asks stay open, and the next run answers them.
                store.enqueue_if(connection, mine, now, fresh=True)
                return
            case Again(_, why) | Failed(why):
                end = {"state": "dead", "why": why}
            case Done():
                end = {"state": "idle", "why": None}
            case Shelved(why):
                end = {"state": "idle", "why": why}
        if not store.enqueue_if(connection, mine & pulls.c.again, now, fresh=True):
            connection.execute(sa.update(pulls).where(mine).values(**end))


def standing(store: Store, job: Job) -> Standing:
    """What a run is still good for."""
    seconds, outdated = _hold(store, job)
    if seconds <= 0:
        return "lost"
    return "outdated" if outdated else "current"


def held(store: Store, job: Job) -> float:
    """For how many seconds from now a run is surely this process's."""
    seconds, _ = _hold(store, job)
    return seconds


def _hold(store: Store, job: Job) -> tuple[float, bool]:
    """The seconds until half of the lease is over, which leaves the other half to be wrong in, and "outdated"."""
    with store.engine.connect() as connection:
        row = connection.execute(
            sa.select(leases.c.seen, pulls.c.outdated)
            .join_from(pulls, leases, pulls.c.executor == leases.c.executor)
            .where(
                pulls.c.key == job.key,
                pulls.c.run == job.number,
                pulls.c.state == "running",
                pulls.c.executor == store.executor,
            )
        ).first()
        if row is None:
            return 0.0, False
        return max(0.0, row.seen + store.lease / 2 - store.now(connection)), row.outdated


def note(store: Store, job: Job, did: Ended) -> None:
    """Write down what a run did; when it is done again, that holds."""
    with store.engine.begin() as connection:
        row = {
            "pull": job.key,
            "at": store.now(connection),
            "outcome": did.outcome,
            "why": did.why,
            "seconds": did.seconds,
            "calls": did.calls,
            "conclusion": did.conclusion,
            "found": did.found,
            "said": json.dumps(dict(did.said)),
        }
        new = store.insert(ended).values(run=job.id, **row)
        connection.execute(new.on_conflict_do_update(index_elements=["run"], set_=row))


def intend(store: Store, job: Job, what: str) -> Intent:
    """Write down that `what` is about to be posted."""
    with store.engine.begin() as connection:
        new = connection.execute(
            store.insert(intents)
            .values(pull=job.key, what=what, at=store.now(connection))
            .on_conflict_do_nothing()
            .returning(intents.c.what)
        ).first()
        if new is not None:
            return Intent(repeated=False, github_id=None)
        this = (intents.c.pull == job.key) & (intents.c.what == what)
        return Intent(True, connection.execute(sa.select(intents.c.github_id).where(this)).scalar())


def confirm(store: Store, job: Job, what: str, github_id: int) -> None:
    """Write down GitHub's id of what was intended."""
    with store.engine.begin() as connection:
        this = (intents.c.pull == job.key) & (intents.c.what == what)
        connection.execute(sa.update(intents).where(this).values(github_id=github_id))


def intended(store: Store, job: Job) -> dict[str, int | None]:
    """All that was to be posted on this pull request lately, with GitHub's ids where that was confirmed."""
    with store.engine.connect() as connection:
        found = connection.execute(sa.select(intents).where(intents.c.pull == job.key).order_by(intents.c.at))
        return {row.what: row.github_id for row in found}
