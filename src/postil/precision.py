"""The precision loop: what became of our comments is written down, and rules that people don't want to hear step back.

What is read for it comes with the context of a pull request, which a run reads anyway.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import structlog

from postil.conversation import ours
from postil.github.model import PullContext, Thread
from postil.jobs import Job, UnavailableError
from postil.review.fate import End, Posted, Reception, Verdict, receptions
from postil.review.figures import Tally, due
from postil.review.standing import Step

log = structlog.get_logger(__name__)

_ENDS: Mapping[str, End] = {"MERGED": "merged", "CLOSED": "closed"}


class Records(Protocol):
    """Where it is written down; `postil.jobs.Jobs` is one. All of it may raise UnavailableError."""

    async def known(self, job: Job) -> Sequence[Reception]:
        """What is known of our comments on a pull request."""
        ...

    async def receive(self, job: Job, found: Sequence[Reception], former: Collection[str] = ()) -> Sequence[Tally]:
        """Write down what became of comments; gives the account's tallies of their rules, of `former` names too."""
        ...

    async def steps_at(self, job: Job) -> Sequence[Step]:
        """Where rules stepped back in a pull request's repository, or in its account."""
        ...

    async def step(self, taken: Step) -> bool:
        """Let a rule step back; False where it has come so far already."""
        ...


@dataclass(frozen=True)
class Precision:
    """Learns from `records`; without any it learns nothing. Only where it `steps_back` rules do."""

    records: Records | None = None
    steps_back: bool = True

    async def steps(self, job: Job) -> Sequence[Step]:
        """The steps that a review has to heed. Raises UnavailableError."""
        return await self.records.steps_at(job) if self.records is not None and self.steps_back else ()

    async def learn(
        self,
        job: Job,
        pull: PullContext,
        aliases: Mapping[str, str],
        verdict: Verdict | None = None,
        fresh: Iterable[Reception] = (),
    ) -> None:
        """Write down what became of the comments on a pull request, and take the steps that follow.

        `verdict` is that of the present head, if there is one; `fresh` are the comments that were posted only now. If
        the database is lost that costs figures, and no review.
        """
        if self.records is None:
            return
        try:
            await self._learn(self.records, job, pull, aliases, verdict, fresh)
        except UnavailableError:
            log.warning("not_learned")

    async def _learn(
        self,
        records: Records,
        job: Job,
        pull: PullContext,
        aliases: Mapping[str, str],
        verdict: Verdict | None,
        fresh: Iterable[Reception],
    ) -> None:
        known = await records.known(job)
        posted = [_posted(thread) for thread in pull.threads if ours(thread)]
        now = receptions(posted, known, verdict, pull.head_sha, aliases, _ENDS.get(pull.state))
        seen = {_facts(each) for each in known}
        new = [each for each in (*now, *fresh) if _facts(each) not in seen]
        if not new:
            return
        rules = {each.rule for each in new}
        tallies = await records.receive(job, new, [name for name, rule in aliases.items() if rule in rules])
        if not self.steps_back:
            return
        steps = await records.steps_at(job)
        for step in due(tallies, steps, job.pull.installation, job.pull.repository_id, aliases):
            if await records.step(step):
                log.warning(
                    "rule_stepped_back",
                    rule=step.rule,
                    standing=step.standing,
                    scope=step.scope,
                    of=step.of,
                    **asdict(step.figures),
                )


UNLEARNED = Precision()
"""Nothing is written down."""


def _facts(each: Reception) -> tuple[object, ...]:
    """What is written down of a comment."""
    return each.run, each.fingerprint, each.rule, each.head, each.fate, each.liked


def _posted(thread: Thread) -> Posted:
    """A thread that we began, as far as it tells what became of our comment.

    What we hide says so in its text; anything else that is hidden was hidden by a person.
    """
    first = thread.comments[0]
    return Posted(
        path=thread.path,
        body=first.body,
        resolved=(thread.resolved and not thread.closed_by_us) or first.minimized,
        closed=thread.closed_by_us,
        up=thread.reacted("THUMBS_UP"),
        down=thread.reacted("THUMBS_DOWN"),
    )
