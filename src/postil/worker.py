"""One job's life as one function: read the pull request, have it judged, post what is new, write the verdict.

Every step may happen twice, since a run that died is done again from its start: what was posted is found again by its
marker before anything is posted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Literal, Protocol

import structlog

from postil.conversation import goes_on, open_threads, ours, said_before, standing_orders
from postil.github import GitHub, Repository, counted
from postil.github.errors import BadAnchors, GiveUp, Invalid, Moot, TryAgain
from postil.github.model import PullContext, Thread
from postil.github.repository import WAYS
from postil.jobs import (
    MERGE_QUEUE,
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
    UnavailableError,
)
from postil.jobs import Command as Comment
from postil.lint.project import is_project_file
from postil.material import IN_CALLS, Material, as_changes, fetch_material, fetch_sides
from postil.packs import Guideline, Links
from postil.precision import UNLEARNED, Precision
from postil.review import compose as words
from postil.review import reply
from postil.review.command import RECHECK, UNKNOWN, Command, read_line
from postil.review.config import FILES, read
from postil.review.fate import Reception, Verdict
from postil.review.figures import in_force
from postil.review.identity import carried_over
from postil.review.marker import marker, read_marker
from postil.review.model import Analysis, ChangedFile, FileStatus, Introduced, Occasion, Preview, Review, Skipped
from postil.review.model import Comment as Inline
from postil.review.noise import MARKS
from postil.review.orders import Orders
from postil.review.plan import Plan, plan
from postil.review.standing import Step
from postil.sandbox import Analyst, SandboxError
from postil.tracing import UNTRACED, Tracer
from postil.webhook import RERUN

log = structlog.get_logger(__name__)

MAY_COMMAND = frozenset({"admin", "write"})
BY_BUTTON = frozenset(" ".join(each) for each in RERUN)
"""Why a run is asked for by "Re-run", which is a person's wish though no command."""
CLOSING = "the way to close threads"
"""The name under which is remembered how an installation's rights let threads be closed."""


class Book(Protocol):
    """What is written down about runs; `postil.jobs.Jobs` is one."""

    async def standing(self, job: Job) -> Standing:
        """Whether the run is still worth posting ("current"), out of date, or not ours any more ("lost")."""
        ...

    async def held(self, job: Job) -> float:
        """For how many seconds from now the run is surely ours; 0 where it may be another's."""
        ...

    async def intend(self, job: Job, what: str) -> Intent:
        """Write down that something is about to be posted."""
        ...

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Write down that it is."""
        ...

    async def intended(self, job: Job) -> Mapping[str, int | None]:
        """All that was to be posted on the pull request lately, with GitHub's ids where that was confirmed."""
        ...

    async def note(self, job: Job, did: Ended) -> None:
        """Write down what a run did. Raises UnavailableError."""
        ...

    async def learned(self, installation: int, what: str) -> str | None:
        """What was learned of an installation, if anything."""
        ...

    async def learn(self, installation: int, what: str, value: str) -> None:
        """Remember it for every process and across restarts."""
        ...

    async def forget(self, installation: int) -> None:
        """Forget all of it."""
        ...


class Meter(Protocol):
    """Where reviews are measured."""

    def ran(self, outcome: str, seconds: float) -> None:
        """One run ended so, after so many seconds."""
        ...

    def spent(self, phase: str, seconds: float) -> None:
        """A part of a run took so many seconds."""
        ...

    def found(self, rule: str) -> None:
        """A rule found something that a pull request introduces."""
        ...

    def said(self, rule: str, count: int = 1) -> None:
        """So many findings of a rule were said."""
        ...

    def unread(self, kind: str) -> None:
        """A file could not be analysed, or only in part, for this kind of problem."""
        ...


@dataclass(frozen=True)
class Reviewer:
    """Reviews pull requests.

    `links` say where comments point; `web_url` is GitHub's address for people; `key` signs the hidden markers. So many
    runs as have `room` read and judge files at a time; the others have begun their check runs, and wait. `show` is
    given each review before it is posted; with `drafts`, drafts are reviewed whatever the configuration says.
    `precision` learns what became of the comments. `tracer` gets each run and its parts.
    """

    github: GitHub
    analyst: Analyst
    book: Book
    guideline: Guideline
    links: Links
    web_url: str
    key: bytes
    meter: Meter
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    show: Callable[[Review], None] = lambda review: None
    drafts: bool = False
    precision: Precision = UNLEARNED
    tracer: Tracer = UNTRACED

    async def __call__(self, job: Job) -> Outcome:
        """Do one job; says how it ended. Only faults of our own are raised."""
        began = time.monotonic()
        bound = {"job": job.id, "pull": job.pull.key, "delivery": ",".join(job.deliveries)}
        facts = {"repository": job.pull.repository_id, "pull": job.pull.number, "tries": job.tries}
        with structlog.contextvars.bound_contextvars(**bound), self.tracer.run(job.deliveries, **facts) as note:
            run = _Run(self, job)
            with counted() as tally:
                outcome = await self._outcome(job, run)
            note("outcome", type(outcome).__name__.lower())
            seconds = time.monotonic() - began
            why = {"why": outcome.why} if isinstance(outcome, Shelved | Again | Later | Failed) else {}
            log.info("job_ended", outcome=type(outcome).__name__.lower(), seconds=round(seconds, 3), **why)
            try:
                await self.book.note(job, run.ended(outcome, seconds, tally.calls))
            except UnavailableError:
                # What operators miss then is one line; the run itself must not be done again for it.
                log.warning("run_not_noted")
        self.meter.ran(type(outcome).__name__.lower(), seconds)
        return outcome

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Measure a part of a run."""
        began = time.monotonic()
        try:
            with self.tracer.part(name):
                yield
        finally:
            self.meter.spent(name, time.monotonic() - began)

    def pause(self, job: Job) -> Later | None:
        """How long GitHub wants to hear nothing of a job's installation; None where it doesn't."""
        wait = self.github.budgets.paused(job.pull.installation)
        return Later(wait, "GitHub asked for a pause in this installation") if wait else None

    async def _outcome(self, job: Job, run: "_Run") -> Outcome:
        if pause := self.pause(job):
            return pause
        asked_for = job.pull.number == MERGE_QUEUE or any(ask.command for ask in job.asks)
        if wait := self.github.budgets.wait(job.pull.installation, asked_for=asked_for):
            return Later(wait, "GitHub's hourly budget of this installation is nearly spent")
        try:
            return await (run.pass_merge_groups() if job.pull.number == MERGE_QUEUE else run.review())
        except UnavailableError as error:
            return Again(1.0, str(error))
        except (TryAgain, SandboxError) as error:
            after, why = (error.after, error.why) if isinstance(error, TryAgain) else (5.0, str(error))
            if job.last_try:
                await run.abandon(why)
            return Again(after, why)
        except GiveUp as error:
            await run.abandon(error.why)
            return Failed(error.why)
        except Moot as error:
            log.info("job_moot", why=error.why)
            return await run.leave(error.why)

    async def give_up(self, job: Job, why: str) -> None:
        """Say in the check runs of a job that was cut short on its last try that they won't be finished."""
        if job.pull.number != MERGE_QUEUE:
            await _Run(self, job).give_up(why)


@dataclass(frozen=True)
class _Check:
    """A check run: the name under which it was intended, the commit that it is on, and GitHub's id.

    `repeated` says that an earlier run may have written into it.
    """

    name: str
    head: str
    id: int
    repeated: bool = True


class _Run:
    """One run over one pull request.

    `check` is its check run, `left` one that an earlier run left open on its head, `orders` are what people ordered,
    `steps` those of rules in the repository or its account, `guideline` is that of the packs which the repository
    chose. `verdict` is the review once it is through, and `sent` are the comments that were posted with it.
    """

    def __init__(self, reviewer: Reviewer, job: Job) -> None:
        self.us = reviewer
        self.job = job
        pull = job.pull
        self.repository: Repository = reviewer.github.repository(
            pull.installation, pull.repository_id, pull.owner, pull.name, lambda: reviewer.book.held(job)
        )
        self.check: _Check | None = None
        self.left: _Check | None = None
        self.orders = Orders()
        self.steps: Sequence[Step] = ()
        self.guideline = reviewer.guideline
        self.verdict: Review | None = None
        self.sent: tuple[Inline, ...] = ()

    def ended(self, outcome: Outcome, seconds: float, calls: int) -> Ended:
        """What the run did, once it has come to this outcome."""
        why = outcome.why if isinstance(outcome, Shelved | Again | Later | Failed) else ""
        conclusion = str(self.verdict.check.conclusion) if self.verdict else None
        found = self.verdict.accounting.found if self.verdict else None
        said = Counter(comment.rule for comment in self.sent)
        return Ended(type(outcome).__name__.lower(), seconds, calls, why, conclusion, found, said)

    async def pass_merge_groups(self) -> Outcome:
        """Answer a merge queue: what is in it was judged on its pull requests, where somebody reads what is said."""
        for head in dict.fromkeys(ask.head or self.job.head or "" for ask in self.job.asks):
            name = f"check {self.job.origin} {head}"
            intent = await self.us.book.intend(self.job, name)
            external_id = self._external_id(name)
            check = await self.repository.find_check(head, external_id) if intent.repeated else None
            if check is None:
                try:
                    check = await self.repository.pass_check(head, external_id, words.of_a_merge_group())
                except Invalid as error:
                    # The queue took the group apart meanwhile, and its commit with it.
                    log.info("merge_group_gone", why=str(error))
                    continue
            await self.us.book.confirm(self.job, name, check)
        return Done()

    async def review(self) -> Outcome:
        """Take the steps, one after the other."""
        with self.us.phase("context"):
            pull = await self.repository.context(self.job.pull.number)
        if pull.state != "OPEN":
            await self._end_earlier_checks(pull, words.closed())
            await self.us.precision.learn(self.job, pull, self.guideline.aliases)
            return Done()
        if self._is_stale(pull):
            raise TryAgain(2.0, "GitHub shows another head than its delivery told of")
        marks = pull.base_files.get(MARKS, "")
        self.steps = await self.us.precision.steps(self.job)
        self.guideline, agreed = self._plan(pull.base_files, pull.unread, marks)
        heard = await self._heed(pull, agreed)
        outcome = await self._review(pull, agreed, heard)
        if isinstance(outcome, Done):
            await self._thank(heard)
        return outcome

    async def _review(self, pull: PullContext, agreed: Plan, heard: "_Heard") -> Outcome:
        drafts = agreed.config.drafts or heard.commanded or self.us.drafts
        too_early = pull.draft and not drafts
        await self._end_earlier_checks(pull, words.draft() if too_early else None)
        if not heard.wanted or too_early:
            return Done()
        # The name under which this work is found again: the same for each try of it on the same commit.
        name = f"{self.job.origin} {pull.head_sha[:12]}"
        check = await self._start_check(pull)
        if pull.bot and agreed.config.bots == "skip" and not heard.commanded:
            await self._complete_check("neutral", words.of_a_bot())
            return Done()
        if self.orders.paused_by and not heard.rechecked:
            # Not neutral, which a required check takes for a yes: an author could pause and merge.
            await self._complete_check("action_required", words.paused(self.orders.paused_by))
            return Done()
        waits = time.monotonic()
        async with self.us.room:
            self.us.meter.spent("room", time.monotonic() - waits)
            with self.us.phase("files"):
                files = await self.repository.changed_files(pull.number)
            analysis, preview = await self._analyse(pull, files, agreed)
        self._count(analysis)
        said = said_before(pull, name)
        unlisted = pull.changed_files > len(files)
        former = {} if unlisted else carried_over(_named(_found(analysis)), said, _base_names(files))
        changed = None if unlisted else {file.path for file in files}
        verdict = Verdict.of(analysis, former, agreed, pull.head_sha, changed)
        occasion = self._occasion(name, pull, agreed, said | former.keys(), preview)
        review = agreed.review(analysis, files, occasion)
        self.us.show(review)
        if pause := self.us.pause(self.job):
            return pause
        standing = await self.us.book.standing(self.job)
        if standing == "lost" or (standing == "outdated" and await self._is_outdated(pull, drafts=drafts)):
            return Superseded()
        with self.us.phase("posting"):
            if review.body is not None:
                review = await self._post(
                    name, pull, review, lambda: agreed.review(analysis, _without_patches(files), occasion)
                )
            await self._close_gone(pull, verdict)
            await self._close_ignored(pull, analysis, former, agreed)
            await self._reopen(pull, analysis, former)
            await self.repository.finish_check(check.id, review.check, repeated=check.repeated)
        await self._note_end(check)
        fresh = [Reception(name, each.fingerprint, each.rule, pull.head_sha) for each in self.sent]
        await self.us.precision.learn(self.job, pull, agreed.aliases, verdict, fresh)
        self.verdict = review
        log.info("reviewed", conclusion=review.check.conclusion, found=review.accounting.found)
        return Done()

    def _count(self, analysis: Analysis) -> None:
        """Measure what an analysis found."""
        for each in analysis.introduced:
            self.us.meter.found(each.finding.rule)
        for problem in analysis.problems:
            self.us.meter.unread(problem.kind)

    async def abandon(self, why: str) -> None:
        """Say in the check run, if there is one, that it won't be finished."""
        try:
            await self._complete_check("neutral", words.unfinished(why))
        except (TryAgain, GiveUp, Moot) as error:
            log.warning("check_left_open", why=str(error))

    async def give_up(self, why: str) -> None:
        """Say the same in whatever check run is open, after a run that could not say it itself."""
        try:
            pull = await self.repository.context(self.job.pull.number)
            await self._end_earlier_checks(pull, words.unfinished(why), "neutral")
        except (TryAgain, GiveUp, Moot) as error:
            log.warning("check_left_open", why=str(error))

    async def leave(self, why: str) -> Outcome:
        """Say in the check run, if there is one, what became of the pull request; `why` is what GitHub says.

        Where GitHub shows nothing of it, all that was asked for is kept: the App may be suspended or removed, or the
        repository have another owner, and GitHub sends no event again when that changes.
        """
        try:
            now = await self.repository.context(self.job.pull.number)
            if now.state != "OPEN":
                await self._complete_check("cancelled", words.closed())
            elif self.check is not None and now.head_sha != self.check.head:
                await self._complete_check("cancelled", words.superseded(now.head_sha))
            else:
                await self._complete_check("neutral", words.unfinished(why))
        except (TryAgain, GiveUp, Moot) as error:
            log.warning("shelved", why=str(error))
            return Shelved(why)
        return Done()

    def _is_stale(self, pull: PullContext) -> bool:
        """Whether GitHub's answer may be older than its delivery, as a replica's may be. A second one is believed."""
        told = [ask.head for ask in self.job.asks if ask.head]
        return self.job.tries == 0 and bool(told) and pull.head_sha != self.job.head

    async def _heed(self, pull: PullContext, agreed: Plan) -> "_Heard":
        """Answer the commands among the asks in order; what is to be done besides."""
        self.orders = standing_orders(pull)
        heard = _Heard()
        for ask in self.job.asks:
            if ask.command is None:
                heard.wanted = True
                heard.commanded |= ask.why in BY_BUTTON
            elif commands := [each for line in ask.command.said.split("\n") if (each := read_line(line))]:
                await self._obey(ask.command, commands, pull, agreed, heard)
        return heard

    async def _obey(
        self, comment: Comment, commands: Sequence[Command], pull: PullContext, agreed: Plan, heard: "_Heard"
    ) -> None:
        """Do what one comment asks for, if its writer may: the author, and who may write. One answer to all of it."""
        name = f"{self.job.key} {comment.kind} {comment.comment_id}"
        before = self.orders
        # GitHub's query gives an App's login without "[bot]", and a person may be called so.
        is_author = comment.login == pull.author and not pull.bot
        if not is_author and await self.repository.permission(comment.login) not in MAY_COMMAND:
            if any(command.name != UNKNOWN for command in commands):
                await self._say(name, pull, reply.refused(comment.login, commands[0]))
            return
        if comment.kind == "check_run":
            self.us.github.forget(self.job.pull.installation)
            await self.us.book.forget(self.job.pull.installation)
        elif comment.kind != "pull_request_review" and await self._react(comment, "eyes"):
            heard.acknowledged.append(comment)
        answered = any(said.run == name for said in pull.comments)
        replies = []
        for command in commands:
            now = self._circumstances(comment.login, pull, agreed)
            answer = reply.obey(command, self.orders, now)
            replies.append((command, answer))
            # What was answered by an earlier try holds already, and changes nothing when it is given again.
            if answer.review or (answered and command.name in reply.REVIEWING):
                heard.wanted = heard.commanded = True
                heard.rechecked |= command.name == RECHECK
            if not answered:
                self.orders = answer.orders
        text = reply.joined(replies)
        if text and not answered:
            await self._say(name, pull, text, self.orders.written() if self.orders != before else "")

    def _circumstances(self, login: str, pull: PullContext, agreed: Plan) -> reply.Circumstances:
        at = pull.config_sha
        return reply.Circumstances(
            login=login,
            plan=agreed,
            words=self.guideline.words(self.us.links),
            config=f"{pull.base_ref}@{at[:7]}",
            files_url=f"{self.us.web_url}/{pull.repository}/blob/{at}" if at else "",
        )

    async def _say(self, name: str, pull: PullContext, text: str, orders: str = "") -> None:
        """Write into the conversation once, however often this runs; `name` is in the marker."""
        what = f"answer {name}"
        intent = await self.us.book.intend(self.job, what)
        if intent.github_id is not None:
            return
        posted = next((each.id for each in pull.comments if each.run == name), None)
        if posted is None and intent.repeated:
            # It may be too young to be in what was read at the beginning.
            posted = await self.repository.find_comment(pull.number, name)
        if posted is None:
            line = marker(name, pull.head_sha, key=self.us.key, orders=orders)
            posted = await self.repository.comment(pull.number, f"{text}\n\n{line}")
        await self.us.book.confirm(self.job, what, posted)

    async def _react(self, comment: Comment, content: str) -> bool:
        of_review = comment.kind == "pull_request_review_comment"
        kind = "pull_request_review_comment" if of_review else "issue_comment"
        return await self.repository.react(kind, comment.comment_id, content)

    async def _thank(self, heard: "_Heard") -> None:
        """Say at the comments that all is done. That is a courtesy, and no reason to do anything again."""
        try:
            for comment in heard.acknowledged:
                await self._react(comment, "+1")
        except TryAgain as error:
            log.info("reaction_left_out", why=str(error))

    async def _start_check(self, pull: PullContext) -> _Check:
        """Begin the check run, or go on with the one that was begun before."""
        name = f"check {self.job.origin} {pull.head_sha}"
        intent = await self.us.book.intend(self.job, name)
        known = intent.github_id
        if known is None and intent.repeated:
            known = await self.repository.find_check(pull.head_sha, self._external_id(name))
        if known is None and self.left is not None:
            known = self.left.id
        begun = known
        if begun is None:
            notice = words.checking(pull.head_sha, self.guideline.version)
            begun = await self.repository.start_check(pull.head_sha, self._external_id(name), notice)
        check = _Check(name, pull.head_sha, begun, repeated=intent.repeated or known is not None)
        self.check = check
        if intent.github_id is None:
            await self.us.book.confirm(self.job, name, begun)
        return check

    def _external_id(self, name: str) -> str:
        """What GitHub sends back when somebody presses a button on a check run: the pull request, and our run."""
        return f"{self.job.key} {name.rpartition('@')[2]}"

    async def _end_earlier_checks(
        self,
        pull: PullContext,
        instead: words.Notice | None,
        conclusion: Literal["neutral", "cancelled"] = "cancelled",
    ) -> None:
        """See to the check runs that earlier runs left open, because they failed, died or were cut short.

        The one on the present head is kept to be gone on with, unless it is to say something `instead`.
        """
        intended = await self.us.book.intended(self.job)
        for name, known in intended.items():
            if not name.startswith("check ") or f"ended {name}" in intended:
                continue
            head = name.rpartition(" ")[2]
            current = head == pull.head_sha and instead is None
            if current and name == f"check {self.job.origin} {head}":
                continue
            check = _Check(name, head, known or await self._lost(head, name))
            open_still = check.id and (now := await self.repository.check_run(check.id)).status != "completed"
            if open_still and current and not now.annotations:
                self.left = check
                continue
            if open_still:
                notice = instead or words.superseded(pull.head_sha)
                await self.repository.complete_check(check.id, conclusion, notice)
            await self._note_end(check)

    async def _lost(self, head: str, name: str) -> int:
        """The check run that was begun under a name by a run that died before it heard its id; 0 if there is none."""
        return await self.repository.find_check(head, self._external_id(name)) or 0

    async def _complete_check(
        self, conclusion: Literal["neutral", "cancelled", "action_required"], notice: words.Notice
    ) -> None:
        """Complete the check run, if there is one, without a verdict."""
        if self.check is not None:
            await self.repository.complete_check(self.check.id, conclusion, notice)
            await self._note_end(self.check)

    async def _note_end(self, check: _Check) -> None:
        """Write down that a check run needs no more looking after."""
        await self.us.book.intend(self.job, f"ended {check.name}")

    async def _analyse(
        self, pull: PullContext, files: Sequence[ChangedFile], agreed: Plan
    ) -> tuple[Analysis, Preview | None]:
        """Fetch what the rules look at, and have it judged; and what a change of the configuration would bring."""
        with self.us.phase("texts"):
            material = await fetch_material(self.repository, pull, files, agreed)
        changes, paths = material.changes, material.paths
        project = {path: text for path, text in material.heads.texts.items() if is_project_file(path)}
        unchanged = {path: text for path, text in project.items() if path not in paths}
        bases_of_project = {c.previous_path or c.path: c.base for c in changes if c.base and is_project_file(c.path)}
        base_project = {**unchanged, **pull.base_files, **bases_of_project}
        kept, nobodys = agreed.sifted(changes)
        with self.us.phase("analysis"):
            analysis = await self.us.analyst.analyse(kept, project, base_project, agreed.choice)
        ignored = self.orders.by_rule(agreed.aliases)
        skipped = [Skipped(f.path, why) for f in material.left_out if (why := agreed.leaves_out(f.path))]
        settled = agreed.settled(analysis, material.problems, [*skipped, *nobodys], ignored)
        proposed = self._proposed(pull, material)
        if proposed is None or agreed.is_like(proposed):
            return settled, None
        back = [file for file in material.left_out if agreed.takes_back(proposed, file.path)][:IN_CALLS]
        if back:
            changes += as_changes(back, *await fetch_sides(self.repository, pull, back))
        trials = [
            await self.us.analyst.analyse(some, project, base_project, choice)
            for some, choice in agreed.trials(proposed, changes)
        ]
        return settled, agreed.preview(proposed, settled, trials)

    def _proposed(self, pull: PullContext, material: Material) -> Plan | None:
        """The plan that would hold after the merge, where the pull request changes a file of configuration."""
        if not material.paths & set(FILES):
            return None

        def proposed(of_base: Mapping[str, str], of_head: Mapping[str, str]) -> dict[str, str]:
            kept = {path: text for path, text in of_base.items() if path not in material.paths}
            return kept | {path: of_head[path] for path in FILES if path in of_head}

        files = proposed(pull.base_files, material.heads.texts)
        unread = proposed(pull.unread, material.heads.missing)
        return self._plan(files, unread, pull.base_files.get(MARKS, ""))[1]

    def _plan(self, files: Mapping[str, str], unread: Mapping[str, str], marks: str) -> tuple[Guideline, Plan]:
        """What the configuration in `files` decides, and the guideline of the packs that it chooses."""
        guideline, reading = self.us.guideline.chosen(read(files, unread))
        agreed = plan(reading, guideline.rules, guideline.aliases, marks)
        return guideline, agreed.stepped_back(in_force(self.steps, guideline.aliases))

    def _occasion(
        self, name: str, pull: PullContext, agreed: Plan, said: frozenset[str], preview: Preview | None
    ) -> Occasion:
        return Occasion(
            head_sha=pull.head_sha,
            run=name,
            words=self.guideline.words(self.us.links),
            guideline=self.guideline.version,
            config=f"{pull.base_ref}@{pull.config_sha[:7]}",
            said=said,
            blob_url=f"{self.us.web_url}/{pull.repository}/blob/{pull.head_sha}",
            key=self.us.key,
            preview=preview,
            ignored=self.orders.by_rule(agreed.aliases),
        )

    async def _post(self, name: str, pull: PullContext, review: Review, beside: Callable[[], Review]) -> Review:
        """Post a review once, however often this runs; gives the one that was posted."""
        what = f"review {name}"
        intent = await self.us.book.intend(self.job, what)
        if intent.github_id is not None:
            return review
        posted = next((each.id for each in pull.reviews if each.run == name), None)
        if posted is None and intent.repeated:
            # It may be too young to be in what was read at the beginning.
            posted = await self.repository.find_review(pull.number, name)
        if posted is None:
            posted, review = await self._send(pull, review, beside)
            self.sent = review.comments
            for comment in review.comments:
                self.us.meter.said(comment.rule)
        await self.us.book.confirm(self.job, what, posted)
        return review

    async def _send(self, pull: PullContext, review: Review, beside: Callable[[], Review]) -> tuple[int, Review]:
        """Send a review; where GitHub finds that a comment stands off its diff, all of it goes beside the diff."""
        try:
            return await self.repository.post_review(
                pull.number, pull.head_sha, review.body or "", review.comments
            ), review
        except BadAnchors as error:
            log.warning("anchors_refused", why=str(error))
        again = beside()
        return await self.repository.post_review(pull.number, pull.head_sha, again.body or "", again.comments), again

    async def _close_gone(self, pull: PullContext, verdict: Verdict) -> None:
        """Close threads whose findings are gone. Only what stands in a changed file was fixed."""
        gone = [
            thread
            for thread, said in open_threads(pull)
            if verdict.is_gone(thread.path, said, words.rules_of(ours(thread)))
        ]
        for text, there in ((words.fixed, True), (words.withdrawn, False)):
            threads = [thread for thread in gone if verdict.has(thread.path) is there]
            if threads:
                await self._close(threads, partial(text, head_sha=pull.head_sha))

    async def _close_ignored(
        self, pull: PullContext, analysis: Analysis, former: Mapping[str, str], agreed: Plan
    ) -> None:
        """Close our open threads about rules that somebody had ignored, so that they can be opened again."""
        unwanted = _named(analysis.ignored, former)
        by_rule: dict[str, list[Thread]] = {}
        for thread, said in open_threads(pull):
            rule = next((unwanted[each].finding.rule for each in said.fingerprints if each in unwanted), None)
            if rule is not None:
                by_rule.setdefault(rule, []).append(thread)
        ignored = self.orders.by_rule(agreed.aliases)
        for rule, threads in by_rule.items():
            await self._close(threads, partial(words.ignored, ignore=ignored[rule]), hide=False)

    async def _reopen(self, pull: PullContext, analysis: Analysis, former: Mapping[str, str]) -> None:
        """Open the threads that we closed and that go on, as their findings are here; what was fixed is said anew."""
        here = _named(analysis.introduced, former)
        back = []
        for thread in pull.threads:
            said = read_marker(ours(thread))
            if said and not here.keys().isdisjoint(said.fingerprints) and goes_on(thread):
                back.append(thread)
        if back:
            await self.repository.reopen(back, words.restored)
            log.info("threads_reopened", count=len(back))

    async def _close(self, threads: Sequence[Thread], edited: Callable[[str], str], *, hide: bool = True) -> None:
        """Close threads by the way that worked last in this installation, and remember it where another one did.

        Without `hide` they are resolved or only edited: what was hidden can't be opened again.
        """
        installation = self.job.pull.installation
        known = await self.us.book.learned(installation, CLOSING)
        first = WAYS.index(known) if known in WAYS else 0
        ways = [way for way in (*WAYS[first:], *WAYS[:first]) if hide or way != "minimised"]
        way = await self.repository.close(threads, edited, ways)
        log.info("threads_closed", count=len(threads), way=way)
        if hide and way in WAYS and way != WAYS[first]:
            await self.us.book.learn(installation, CLOSING, way)

    async def _is_outdated(self, judged: PullContext, *, drafts: bool) -> bool:
        """Whether what happened meanwhile made this run pointless; then the check run says so.

        A pull request that became a draft is judged all the same where `drafts` are. If its base changed, the next run
        goes on with the check run.
        """
        now = await self.repository.context(self.job.pull.number)
        same = (now.head_sha, now.base_ref) == (judged.head_sha, judged.base_ref)
        if now.state == "OPEN" and now.draft and drafts and same:
            return False
        if now.state != "OPEN":
            await self._complete_check("cancelled", words.closed())
        elif now.draft and not drafts:
            await self._complete_check("cancelled", words.draft())
        elif now.head_sha != judged.head_sha:
            await self._complete_check("cancelled", words.superseded(now.head_sha))
        return True


@dataclass
class _Heard:
    """What the asks of a run come to.

    `wanted`: a review; `commanded`: a person asked for it; `rechecked`: even while reviews are paused. `acknowledged`
    are the comments that got a reaction.
    """

    wanted: bool = False
    commanded: bool = False
    rechecked: bool = False
    acknowledged: list[Comment] = field(default_factory=list)


def _found(analysis: Analysis) -> tuple[Introduced, ...]:
    """All that was found, whether it is to be said or not."""
    return (*analysis.introduced, *analysis.suppressed, *analysis.left_out, *analysis.ignored)


def _named(found: Iterable[Introduced], former: Mapping[str, str] = MappingProxyType({})) -> dict[str, Introduced]:
    """Findings by their fingerprints and, where they were said under `former` ones, by those as well."""
    by_name = {each.fingerprint: each for each in found}
    return by_name | {former[name]: each for name, each in by_name.items() if name in former}


def _base_names(files: Sequence[ChangedFile]) -> list[str]:
    """What the changed files that head has are called at base."""
    left = [file for file in files if file.status is not FileStatus.REMOVED]
    return [file.previous_path or file.path if file.status is FileStatus.RENAMED else file.path for file in left]


def _without_patches(files: Sequence[ChangedFile]) -> list[ChangedFile]:
    return [replace(file, patch=None) for file in files]
