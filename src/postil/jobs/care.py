"""Life signs, what dead processes left behind, and what has had its time."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS

from postil.jobs.database import INCREMENTAL
from postil.jobs.model import MAX_TRIES
from postil.jobs.schema import deliveries, ended, intents, leases, pulls, redeliveries, run_id
from postil.jobs.store import VERSION, Store

log = structlog.get_logger(__name__)

FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


def look_after(store: Store, *, everybody_else: bool = False) -> None:
    """One round of the keeper. `everybody_else`: no other process can be alive, so all runs are taken over."""
    show_life(store)
    pending = store.client.list_workflows(status="PENDING", load_input=False, load_output=False)
    owners = {run.executor_id for run in pending if run.executor_id and run.executor_id != store.executor}
    alive = set() if everybody_else else living(store)
    if dead := sorted(owners - alive):
        log.info("taking_over", executors=dead)
        # No public way to it is left; a test holds what it does.
        DBOS._recover_pending_workflows(dead)  # noqa: SLF001
    sweep(store, everybody_else=everybody_else)


def show_life(store: Store) -> None:
    """Renew this process's lease, and forget those that ended long ago."""
    with store.engine.begin() as connection:
        now = store.now(connection)
        mine = {"executor": store.executor, "version": VERSION, "seen": now}
        connection.execute(
            store.insert(leases).values(**mine).on_conflict_do_update(index_elements=["executor"], set_=mine)
        )
        connection.execute(sa.delete(leases).where(leases.c.seen < now - max(86400.0, store.lease * 10)))


def drop_lease(store: Store) -> None:
    """End this process's lease, so that others take its runs over at once."""
    with store.engine.begin() as connection:
        connection.execute(sa.delete(leases).where(leases.c.executor == store.executor))


def living(store: Store, version: str | None = None) -> set[str]:
    """The executors that have shown themselves within the lease; only those of one version, if it is given."""
    with store.engine.connect() as connection:
        fresh = leases.c.seen > store.now(connection) - store.lease
        rows = connection.execute(sa.select(leases.c.executor, leases.c.version).where(fresh))
        return {row.executor for row in rows if version in (None, row.version)}


def is_at_work(store: Store) -> bool:
    """Whether the engine takes a run of this process for one that hasn't ended."""
    mine = store.client.list_workflows(
        status="PENDING", executor_id=store.executor, limit=1, load_input=False, load_output=False
    )
    return bool(mine)


def sweep(store: Store, *, everybody_else: bool = False) -> int:
    """Start anew the runs that can't end any more, and say how many."""
    with store.engine.connect() as connection:
        live = connection.execute(sa.select(pulls).where(pulls.c.state.in_(["queued", "running"]))).fetchall()
    started = 0
    for start in range(0, len(live), 500):
        rows = live[start : start + 500]
        ids = [run_id(row.key, row.run) for row in rows]
        found = store.client.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
        runs = {run.workflow_id: run for run in found}
        for row, this in zip(rows, ids, strict=True):
            run = runs.get(this)
            why = _why_stranded(store, run, everybody_else)
            if why is not None:
                if run is not None and run.status not in FINISHED:
                    store.client.cancel_workflow(this)
                hopeless = run is not None and run.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
                started += _start_anew(store, row, why, hopeless=hopeless)
    return started


def _why_stranded(store: Store, run: Any, everybody_else: bool) -> str | None:
    if run is None:
        return "its run is missing"
    if run.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "the process died in each of its runs"
    if run.status in FINISHED:
        return f"its run ended as {run.status} without an outcome"
    other_version = run.app_version not in (None, VERSION)
    if other_version and (everybody_else or not living(store, run.app_version)):
        return f"its run belongs to version {run.app_version}, and no such worker lives"
    return None


def _start_anew(store: Store, row: Any, why: str, *, hopeless: bool) -> bool:
    # Guarded by run and state: the run may have ended well between the two looks, or another replica was quicker.
    same = (pulls.c.key == row.key) & (pulls.c.run == row.run) & (pulls.c.state == row.state)
    with store.engine.begin() as connection:
        now = store.now(connection)
        hopeless = hopeless or row.tries + 1 >= MAX_TRIES
        if hopeless and row.tries >= MAX_TRIES:
            # It died even where it only had the last word.
            dead = {"state": "dead", "why": why, "since": now}
            changed = connection.execute(sa.update(pulls).where(same).values(**dead).returning(pulls.c.key)).first()
            if changed is not None:
                log.error("run_dead", run=run_id(row.key, row.run), why=why)
            return False
        started = store.enqueue_if(connection, same, now, fresh=False, why=why, spent=hopeless)
    if started:
        log.warning("run_started_anew", run=run_id(row.key, row.run), why=why)
    return started


def purge(store: Store, older_than: float) -> int:
    """Forget what was finished more than `older_than` seconds ago, and say how many runs that were.

    What was shelved counts as finished, and so does a run that failed and that nobody cared for in that time. What
    stays is one row for each pull request: the numbers of its runs may never come again.
    """
    with store.engine.begin() as connection:
        before = store.now(connection) - older_than
        abandoned = (pulls.c.state == "dead") & (pulls.c.since < before)
        connection.execute(sa.update(pulls).where(abandoned).values(state="idle", why=None))
        over = deliveries.c.done | deliveries.c.pull.in_(sa.select(pulls.c.key).where(pulls.c.state == "idle"))
        connection.execute(sa.delete(deliveries).where(over, deliveries.c.received < before))
        connection.execute(sa.delete(redeliveries).where(redeliveries.c.at < before))
        connection.execute(sa.delete(ended).where(ended.c.at < before))
        connection.execute(sa.delete(intents).where(intents.c.at < before))
    horizon = datetime.fromtimestamp(before, UTC).isoformat()
    purged = 0
    while True:
        batch = store.client.list_workflows(
            status=FINISHED, completed_before=horizon, limit=500, load_input=False, load_output=False
        )
        if not batch:
            shrink(store.engine)
            return purged
        store.client.delete_workflows([run.workflow_id for run in batch])
        purged += len(batch)


def shrink(engine: sa.Engine) -> None:
    """Give the pages of a SQLite file that hold nothing back to the disk; PostgreSQL sees to that itself."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() != INCREMENTAL:
            # A file from before this was set up learns it when it is written anew, once.
            connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
            connection.exec_driver_sql("VACUUM")
        while connection.exec_driver_sql("PRAGMA freelist_count").scalar():
            # In small parts, between which others may write.
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1000)").fetchall()
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
