"""What was learned of an installation: the same for every process, and kept across restarts."""

import sqlalchemy as sa

from postil.jobs.schema import learned
from postil.jobs.store import Store


def recall(store: Store, installation: int, what: str) -> str | None:
    """What an installation taught under this name; None if nothing, or if it was forgotten."""
    with store.engine.connect() as connection:
        this = (learned.c.installation == installation) & (learned.c.what == what)
        return connection.execute(sa.select(learned.c.value).where(this)).scalar()


def learn(store: Store, installation: int, what: str, value: str) -> None:
    """Remember something of an installation."""
    with store.engine.begin() as connection:
        new = store.insert(learned).values(installation=installation, what=what, value=value)
        connection.execute(new.on_conflict_do_update(index_elements=["installation", "what"], set_={"value": value}))


def forget(store: Store, installation: int) -> None:
    """Forget everything that an installation taught."""
    with store.engine.begin() as connection:
        connection.execute(sa.delete(learned).where(learned.c.installation == installation))
