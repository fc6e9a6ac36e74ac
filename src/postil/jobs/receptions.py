"""What became of comments, and where rules stepped back for it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from postil.jobs.model import Job
from postil.jobs.schema import pulls, receptions, steps
from postil.jobs.store import Store
from postil.review.fate import Fate, Reception
from postil.review.figures import Line, Tally, lines
from postil.review.standing import Figures, Scope, Standing, Step


def known(store: Store, job: Job) -> Sequence[Reception]:
    """What is known of our comments on a pull request."""
    with store.engine.connect() as connection:
        now = store.now(connection)
        rows = connection.execute(sa.select(receptions).where(receptions.c.pull == job.key))
        return [
            Reception(row.run, row.fingerprint, row.rule, row.head, Fate(row.fate), row.liked, max(0.0, now - row.said))
            for row in rows
        ]


def receive(store: Store, job: Job, found: Sequence[Reception], former: Collection[str] = ()) -> Sequence[Tally]:
    """Write down what became of comments, in the place of what was known; gives the account's tallies of their rules.

    `former` are other names of these rules. Written again, it is the same.
    """
    of = receptions.c.installation == job.pull.installation
    with store.engine.begin() as connection:
        now = store.now(connection)
        for each in found:
            row = {
                "installation": job.pull.installation,
                "repository_id": job.pull.repository_id,
                "rule": each.rule,
                "head": each.head,
                "fate": each.fate.value,
                "liked": each.liked,
                "judged": now,
            }
            this = {"pull": job.key, "run": each.run, "fingerprint": each.fingerprint}
            new = store.insert(receptions).values(**this, **row, said=now, past=False)
            connection.execute(new.on_conflict_do_update(index_elements=list(this), set_=row))
        return _tallies(connection, of & receptions.c.rule.in_({*former, *(each.rule for each in found)}))


def list_of(store: Store, aliases: Mapping[str, str], repository_id: int | None) -> Sequence[Line]:
    """The list of rules with their figures and steps: of one repository, or of all and of the accounts."""
    taken = all_steps(store)
    which = sa.true()
    if repository_id is not None:
        taken = [step for step in taken if (step.scope, step.of) == (Scope.REPOSITORY, repository_id)]
        which = receptions.c.repository_id == repository_id
    with store.engine.connect() as connection:
        return lines(_tallies(connection, which), taken, aliases)


def _tallies(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Tally]:
    by = (receptions.c.rule, receptions.c.installation, receptions.c.repository_id, receptions.c.fate)
    rows = connection.execute(
        sa.select(*by, sa.func.count().label("count"), sa.func.count().filter(receptions.c.liked).label("liked"))
        .where(which, ~receptions.c.past)
        .group_by(*by)
    )
    return [Tally(row.rule, row.installation, row.repository_id, Fate(row.fate), row[4], row.liked) for row in rows]


def steps_at(store: Store, job: Job) -> Sequence[Step]:
    """The steps in a pull request's repository, and in its account."""
    here = (steps.c.scope == Scope.REPOSITORY) & (steps.c.of == job.pull.repository_id)
    above = (steps.c.scope == Scope.ACCOUNT) & (steps.c.of == job.pull.installation)
    with store.engine.connect() as connection:
        return [_step(row, "") for row in connection.execute(sa.select(steps).where(here | above))]


def all_steps(store: Store) -> Sequence[Step]:
    """All steps, by rule, with the names of the repositories and accounts that they are of."""
    by = (pulls.c.repository_id, pulls.c.installation, pulls.c.owner, pulls.c.name)
    concerned = pulls.c.repository_id.in_(sa.select(steps.c.of).where(steps.c.scope == Scope.REPOSITORY))
    concerned |= pulls.c.installation.in_(sa.select(steps.c.of).where(steps.c.scope == Scope.ACCOUNT))
    names: dict[tuple[str, int], str] = {}
    with store.engine.connect() as connection:
        # The newest pull request knows the present name.
        newest_last = sa.select(*by).where(concerned).group_by(*by).order_by(sa.func.max(pulls.c.since))
        for row in connection.execute(newest_last):
            names[Scope.REPOSITORY, row.repository_id] = f"{row.owner}/{row.name}"
            names[Scope.ACCOUNT, row.installation] = row.owner
        rows = connection.execute(sa.select(steps).order_by(steps.c.rule, steps.c.scope, steps.c.of))
        return [_step(row, names.get((row.scope, row.of), "")) for row in rows]


def _step(row: Any, where: str) -> Step:
    figures = Figures(fixed=row.fixed, refused=row.refused, allowed=row.allowed)
    return Step(Scope(row.scope), row.of, row.rule, Standing(row.standing), figures, row.at, where)


def step(store: Store, taken: Step) -> bool:
    """Let a rule step back. False where it has come so far already, as when another process was quicker."""
    with store.engine.begin() as connection:
        row = {
            "standing": taken.standing.value,
            "at": store.now(connection),
            "fixed": taken.figures.fixed,
            "refused": taken.figures.refused,
            "allowed": taken.figures.allowed,
        }
        nearer = [each.value for each in Standing if each.rank < taken.standing.rank]
        new = store.insert(steps).values(scope=taken.scope.value, of=taken.of, rule=taken.rule, **row)
        made = new.on_conflict_do_update(
            index_elements=["scope", "of", "rule"], set_=row, where=steps.c.standing.in_(nearer)
        )
        return connection.execute(made.returning(steps.c.rule)).first() is not None


def restore(store: Store, rules: Sequence[str], repository_id: int | None) -> int | None:
    """Bring a rule, given by all its names, the present one first, back to where it was; say how many steps that undid.

    That is in one repository, whatever its account's step is, or everywhere. What was said before counts no more. None,
    and nothing is done, where the rule neither said anything nor stepped back.
    """
    with store.engine.begin() as connection:
        which, said = steps.c.rule.in_(rules), receptions.c.rule.in_(rules)
        known = sa.select(steps.c.rule).where(which).union(sa.select(receptions.c.rule).where(said))
        if connection.execute(known).first() is None:
            return None
        if repository_id is not None:
            which &= (steps.c.scope == Scope.REPOSITORY) & (steps.c.of == repository_id)
            said &= receptions.c.repository_id == repository_id
        gone = connection.execute(sa.delete(steps).where(which).returning(steps.c.standing)).scalars().all()
        connection.execute(sa.update(receptions).where(said).values(past=True))
        if repository_id is not None:
            none = {"at": store.now(connection), "fixed": 0, "refused": 0, "allowed": 0}
            on = {"scope": Scope.REPOSITORY.value, "of": repository_id, "rule": rules[0]}
            connection.execute(sa.insert(steps).values(**on, standing=Standing.ON.value, **none))
        return sum(standing != Standing.ON for standing in gone)


def repository_named(store: Store, owner: str, name: str) -> int | None:
    """The id of the repository that is called so, as far as its newest pull request tells; None where none is known."""
    with store.engine.connect() as connection:
        these = (sa.func.lower(pulls.c.owner) == owner.lower()) & (sa.func.lower(pulls.c.name) == name.lower())
        newest = sa.select(pulls.c.repository_id).where(these).order_by(pulls.c.since.desc()).limit(1)
        return connection.execute(newest).scalar()


def purge(store: Store, older_than: float) -> None:
    """Forget what became of comments that were said more than `older_than` seconds ago; steps stay."""
    with store.engine.begin() as connection:
        before = store.now(connection) - older_than
        connection.execute(sa.delete(receptions).where(receptions.c.said < before))
