"""What one process does for all: who does it, how far it has come, and which deliveries were asked for again."""

from collections.abc import Mapping

import sqlalchemy as sa

from postil.jobs.schema import deliveries, duties, leases, pulls, redeliveries
from postil.jobs.store import Store


def lead(store: Store, duty: str, seconds: float) -> bool:
    """Take a duty for so many seconds, or keep it. False when another process has it, and lives."""
    with store.engine.begin() as connection:
        now = store.now(connection)
        mine = {"holder": store.executor, "until": now + seconds}
        living = sa.select(leases.c.executor).where(leases.c.seen > now - store.lease)
        free = (duties.c.until < now) | (duties.c.holder == store.executor) | duties.c.holder.not_in(living)
        new = store.insert(duties).values(name=duty, **mine)
        taken = new.on_conflict_do_update(index_elements=["name"], set_=mine, where=free).returning(duties.c.name)
        return connection.execute(taken).first() is not None


def leave(store: Store) -> None:
    """Give up every duty of this process, so that another one takes it at once."""
    with store.engine.begin() as connection:
        connection.execute(sa.update(duties).where(duties.c.holder == store.executor).values(until=0.0))


def reached(store: Store, duty: str) -> float | None:
    """How far a duty has come, in its own measure; None before it was noted for the first time."""
    with store.engine.connect() as connection:
        return connection.execute(sa.select(duties.c.reached).where(duties.c.name == duty)).scalar()


def reach(store: Store, duty: str, at: float) -> None:
    """Note how far a duty has come, to its end for this time."""
    _note(store, duty, {"reached": at, "stopped": None})


def stopped(store: Store, duty: str) -> str | None:
    """Where a duty stopped, in its own words; None where it came to its end."""
    with store.engine.connect() as connection:
        return connection.execute(sa.select(duties.c.stopped).where(duties.c.name == duty)).scalar()


def stop(store: Store, duty: str, where: str) -> None:
    """Note where a duty is to go on."""
    _note(store, duty, {"stopped": where})


def _note(store: Store, duty: str, what: Mapping[str, object]) -> None:
    with store.engine.begin() as connection:
        new = store.insert(duties).values(name=duty, holder="", until=0.0, **what)
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=what))


def claim_redelivery(store: Store, guid: str) -> bool:
    """Note that a delivery is asked for again. False when it was stored after all, or was asked for before."""
    with store.engine.begin() as connection:
        new = store.insert(redeliveries).values(guid=guid, at=store.now(connection)).on_conflict_do_nothing()
        if connection.execute(new.returning(redeliveries.c.guid)).first() is None:
            return False
        return connection.execute(sa.select(deliveries.c.id).where(deliveries.c.id == guid)).first() is None


def drop_redelivery(store: Store, guid: str) -> None:
    """Take back that a delivery was asked for again."""
    with store.engine.begin() as connection:
        connection.execute(sa.delete(redeliveries).where(redeliveries.c.guid == guid))


def known_heads(store: Store, repository_id: int) -> dict[int, str | None]:
    """The newest head that was heard of, for each pull request of a repository."""
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(pulls).where(pulls.c.repository_id == repository_id))
        return {row.number: row.head for row in rows}


def now(store: Store) -> float:
    """Seconds since 1970 by the clock that all processes go by."""
    with store.engine.connect() as connection:
        return store.now(connection)
