"""What must be true once all is quiet: nothing lost, nothing twice, nothing stuck. Each fault is a line of text."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from chaos.storm import Author, Storm
from postil.demo.state import CheckRun
from postil.jobs import create_engine, database_url
from postil.review.marker import Marker, read_marker

STILL = 120.0
"""Seconds without a move after which what is left counts as stuck: a dead replica's lease, and a busy machine."""


@dataclass(frozen=True)
class Books:
    """What an audit found. Each of the lists is empty where all is well."""

    lost: Sequence[str]
    twice: Sequence[str]
    stuck: Sequence[str]
    reviews: int
    comments: int
    verdicts: int

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong."""
        return [
            f"{kind}: {line}"
            for kind, lines in (("lost", self.lost), ("twice", self.twice), ("stuck", self.stuck))
            for line in lines
        ]

    def rows(self) -> Iterator[tuple[str, str]]:
        """What was audited, and the figures."""
        yield "reviews", f"{self.reviews}, with {self.comments} comments and answers"
        yield "verdicts", str(self.verdicts)
        for kind in ("lost", "twice", "stuck"):
            yield kind, str(len(getattr(self, kind)))


class Ledger:
    """The service's own tables, read past it."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(database_url(url))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What a query gives; nothing while the database is away."""
        try:
            with self._engine.connect() as connection:
                return [tuple(row) for row in connection.execute(sa.text(statement))]
        except sa_exc.SQLAlchemyError:
            return []

    def at_work(self) -> list[tuple[str, int, str]]:
        """The runs under way: pull request, run, executor."""
        found = self.rows("SELECT key, run, executor FROM postil_pulls WHERE state = 'running'")
        return [(str(key), int(str(run)), str(executor)) for key, run, executor in found]

    def busy(self) -> list[str]:
        """The pull requests that aren't at rest, and why."""
        found = self.rows("SELECT key, run, state, tries, why FROM postil_pulls WHERE state <> 'idle'")
        return [f"{key}@run {run} is {state} after {tries} tries: {why}" for key, run, state, tries, why in found]

    def undone(self) -> list[str]:
        """The deliveries that no run has answered."""
        return [str(each) for (each,) in self.rows("SELECT id FROM postil_deliveries WHERE NOT done")]

    def written(self) -> int:
        """How much was noted as about to be posted: it grows while a run works, which else shows only at its end."""
        return sum(int(str(count)) for (count,) in self.rows("SELECT count(*) FROM postil_intents"))

    def known(self) -> set[str]:
        """The ids of all deliveries that were stored."""
        return {str(each) for (each,) in self.rows("SELECT id FROM postil_deliveries")}

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


async def rest(ledger: Ledger) -> None:
    """Wait until nothing is left to do, or until nothing moves any more."""
    seen: object = None
    end = 0.0
    while True:
        # Nothing known means that the database is away.
        known = await asyncio.to_thread(ledger.known)
        busy = await asyncio.to_thread(ledger.busy)
        if known and not any(" is queued " in each or " is running " in each for each in busy):
            return
        moves = (busy, await asyncio.to_thread(ledger.written))
        if moves != seen:
            seen, end = moves, time.monotonic() + STILL
        if time.monotonic() > end:
            return
        await asyncio.sleep(0.2)


def audit(storm: Storm, ledger: Ledger) -> Books:
    """Compare what happened on GitHub with what the service said there."""
    known = ledger.known()
    lost = [f"delivery {guid}, answered 202, isn't stored" for guid in storm.accepted if guid not in known]
    lost += [f"delivery {guid} was never answered by a run" for guid in ledger.undone()]
    twice: list[str] = []
    stuck = ledger.busy()
    for author in storm.authors:
        lost += _unsaid(author)
        twice += _repeated(author)
        stuck += _unfinished(author)
    pulls = [author.pull for author in storm.authors]
    return Books(
        lost=lost,
        twice=twice,
        stuck=stuck,
        reviews=sum(len(pull.reviews) for pull in pulls),
        comments=sum(len(author.pull.comments) + len(_answers(author)) for author in storm.authors),
        verdicts=sum(run.status == "completed" for pull in pulls for run in pull.check_runs),
    )


def _name(author: Author) -> str:
    return f"{author.pull.repository.full_name}#{author.pull.number}"


def _unsaid(author: Author) -> Iterator[str]:
    """What the author should have heard."""
    pull = author.pull
    here = [run for run in pull.check_runs if run.head_sha == pull.head_sha and run.status == "completed"]
    judged = [run for run in here if run.conclusion != "cancelled"]
    if not judged:
        yield f"{_name(author)}: its head {pull.head_sha[:7]} was never judged"
    elif not _is_right(judged[-1], len(author.faulty)):
        yield f"{_name(author)}: {len(author.faulty)} faults, and the verdict is {judged[-1].title}"
    elif (said := len(_said(author))) < len(author.faulty) and not _is_partial(judged[-1]):
        yield f"{_name(author)}: {len(author.faulty)} faults, and only {said} were ever said"
    answered = {marker.run for marker in _answers(author)}
    for command in author.commands:
        if command.body != "/recheck" and not any(run.endswith(f" issue_comment {command.id}") for run in answered):
            yield f"{_name(author)}: {command.body} got no answer"


def _is_partial(run: CheckRun) -> bool:
    """Whether an analysing process was killed, which the verdict says."""
    return "could not be analysed" in (run.summary or "")


def _is_right(run: CheckRun, faults: int) -> bool:
    title = run.title or ""
    return title.startswith(f"{faults} finding" if faults else "No findings") or _is_partial(run)


def _said(author: Author) -> set[str]:
    bodies = [review.body for review in author.pull.reviews] + [comment.body for comment in author.pull.comments]
    return {each for body in bodies if (said := read_marker(body)) for each in said.fingerprints}


def _answers(author: Author) -> list[Marker]:
    bodies = [each.body for each in author.pull.issue_comments if each.user.type == "Bot"]
    return [marker for body in bodies if (marker := read_marker(body))]


def _repeated(author: Author) -> Iterator[str]:
    """What the author heard more than once."""
    pull = author.pull
    reviews = Counter(marker.run for review in pull.reviews if (marker := read_marker(review.body)))
    markers = [marker for comment in pull.comments if (marker := read_marker(comment.body))]
    comments = Counter(each for marker in markers for each in marker.fingerprints)
    answers = Counter(marker.run for marker in _answers(author))
    checks = Counter(f"{run.head_sha[:7]} {run.external_id}" for run in pull.check_runs)
    for what, counted in (("review", reviews), ("comment", comments), ("answer", answers), ("check run", checks)):
        for name, times in counted.items():
            if times > 1:
                yield f"{_name(author)}: {what} {name}, {times} times"


def _unfinished(author: Author) -> Iterator[str]:
    for run in author.pull.check_runs:
        if run.status != "completed":
            yield f"{_name(author)}: a check run on {run.head_sha[:7]} is {run.status}"
