"""What was asked for: stored with the run that answers it, in one transaction, and asked again where that may help."""

from collections.abc import Mapping

import sqlalchemy as sa

from postil.jobs.database import URGENT
from postil.jobs.model import MAX_TRIES, MERGE_QUEUE, Accepted, Ask, Pull
from postil.jobs.schema import deliveries, pulls
from postil.jobs.store import Store


def accept(store: Store, delivery: str, ask: Ask) -> Accepted:
    """Store an ask, and enqueue a run unless one is waiting already."""
    pull = ask.pull
    command = ask.command
    # GitHub waits for the answer, and nobody for any other write.
    with store.engine.execution_options(**{URGENT: True}).begin() as connection:
        now = store.now(connection)
        key = _key(connection, pull)
        known = (
            store.insert(deliveries)
            .values(
                id=delivery,
                pull=key,
                received=now,
                why=ask.why,
                head=ask.head,
                at=ask.at,
                comment_kind=command.kind if command else None,
                comment_id=command.comment_id if command else None,
                login=command.login if command else None,
                said=command.said if command else None,
                done=not ask.wakes,
            )
            .on_conflict_do_nothing()
            .returning(deliveries.c.id)
        )
        # By the returned row, not by rowcount, which misleads with psycopg.
        if connection.execute(known).fetchone() is None:
            return "duplicate"
        connection.execute(
            store.insert(pulls)
            .values(
                key=key,
                installation=pull.installation,
                repository_id=pull.repository_id,
                owner=pull.owner,
                name=pull.name,
                number=pull.number,
                head_at=0.0,
                state="idle",
                since=now,
                run=0,
                origin=0,
                tries=0,
                again=False,
                outdated=False,
            )
            .on_conflict_do_update(
                index_elements=["key"],
                # A repository may have got another name, owner or installation since.
                set_={
                    "installation": pull.installation,
                    "repository_id": pull.repository_id,
                    "owner": pull.owner,
                    "name": pull.name,
                },
            )
        )
        this = pulls.c.key == key
        if ask.head is not None:
            connection.execute(
                sa.update(pulls).where(this, pulls.c.head_at <= ask.at).values(head=ask.head, head_at=ask.at)
            )
        under_way = sa.update(pulls).where(this, pulls.c.state == "running")
        if ask.outdates:
            connection.execute(under_way.values(outdated=True, again=True))
        elif ask.wakes:
            connection.execute(under_way.values(again=True))
        # What is spent only has the last word, and answers nothing any more.
        free = pulls.c.state.in_(["idle", "dead"]) | ((pulls.c.state == "queued") & (pulls.c.tries >= MAX_TRIES))
        asked_for = command is not None or pull.number == MERGE_QUEUE
        if asked_for:
            # Whoever asks doesn't wait for the end of a pause between tries, or for GitHub to count anew.
            free |= (pulls.c.state == "queued") & pulls.c.why.is_not(None)
        if ask.wakes and store.enqueue_if(connection, this & free, now, fresh=True, asked_for=asked_for):
            return "accepted"
        return "coalesced"


def revive(store: Store, installation: int, repositories: Mapping[int, tuple[str, str]]) -> int:
    """Enqueue a run for each pull request whose asks are open though nobody works on them, and say how many.

    Concerned are those of `repositories` (owner and name by id), which the installation sees from now on, or without
    any named all that are known to be the installation's. A run under way may yet fail for what it began with, and so
    another one follows it.
    """
    is_open = sa.exists().where(deliveries.c.pull == pulls.c.key, ~deliveries.c.done)
    waiting = sa.select(pulls.c.key, pulls.c.repository_id).where((pulls.c.state != "idle") | is_open)
    if not repositories:
        waiting = waiting.where(pulls.c.installation == installation)
    revived = 0
    with store.engine.begin() as connection:
        now = store.now(connection)
        for key, repository_id in connection.execute(waiting).fetchall():
            this = pulls.c.key == key
            if repository_id in repositories:
                owner, name = repositories[repository_id]
                seen = {"installation": installation, "owner": owner, "name": name}
                connection.execute(sa.update(pulls).where(this).values(seen))
            elif repositories:
                continue
            connection.execute(sa.update(pulls).where(this, pulls.c.state == "running").values(again=True))
            revived += store.enqueue_if(connection, this & pulls.c.state.in_(["idle", "dead"]), now, fresh=True)
    return revived


def _key(connection: sa.Connection, pull: Pull) -> str:
    """What a pull request is called in our tables: as when it was first heard of, under whatever name that was.

    A repository's id stays when it is renamed, and another one may get its former name.
    """
    same = (pulls.c.repository_id == pull.repository_id) & (pulls.c.number == pull.number)
    # In one statement: between two, another process may store what is the first of this pull request.
    asked = sa.select(pulls.c.key, same.label("same")).where(same | (pulls.c.key == pull.key))
    found = connection.execute(asked).fetchall()
    known = next((row.key for row in found if row.same), None)
    if known is not None:
        return known
    return f"{pull.key} of {pull.repository_id}" if found else pull.key
