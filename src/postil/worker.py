"""One job's life as one function: read the pull request, have it judged, post what is new, write the verdict.

Every step may happen twice, since a run that died is done again from its start: what was posted is found again by its
marker before anything is posted.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from postil.github import GitHub, Repository
from postil.github.errors import BadAnchors, GiveUp, Moot, TryAgain
from postil.github.model import PullContext, Texts
from postil.jobs import Again as LaterAgain
from postil.jobs import Ask, Done, Failed, Intent, Job, Outcome, Superseded
from postil.lint.change import Change
from postil.lint.finding import Problem
from postil.lint.project import is_project_file
from postil.packs import Guideline, Links
from postil.review import compose as words
from postil.review.command import RECHECK
from postil.review.compose import compose
from postil.review.config import Config, chosen, read
from postil.review.marker import read_marker
from postil.review.model import Analysis, ChangedFile, FileStatus, Occasion, Review
from postil.sandbox import Analyst, SandboxError

log = structlog.get_logger(__name__)

ROOT_FILES = ("pyproject.toml", "uv.lock", "pytest.ini", "tox.ini", "setup.cfg", "conftest.py", ".gitignore")
"""Project files that rules look at even where the pull request doesn't change them."""

MAY_COMMAND = frozenset({"admin", "write"})


class Book(Protocol):
    """What is written down about runs; `postil.jobs.Jobs` is one."""

    async def is_current(self, job: Job) -> bool:
        """Whether the run is still ours, and worth posting."""
        ...

    async def intend(self, job: Job, what: str) -> Intent:
        """Write down that something is about to be posted."""
        ...

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Write down that it is."""
        ...


class Meter(Protocol):
    """Where reviews are measured."""

    def ran(self, outcome: str, seconds: float) -> None:
        """One run ended so, after so many seconds."""
        ...

    def said(self, rule: str, count: int = 1) -> None:
        """So many findings of a rule were said."""
        ...


@dataclass(frozen=True)
class Reviewer:
    """Reviews pull requests.

    `links` say where comments point; `web_url` is GitHub's address for people. The first of `keys` signs the hidden
    markers; those that the others signed are believed as well, while a secret is replaced.
    """

    github: GitHub
    analyst: Analyst
    book: Book
    guideline: Guideline
    links: Links
    web_url: str
    keys: Sequence[bytes]
    meter: Meter

    async def __call__(self, job: Job) -> Outcome:
        """Do one job; says how it ended. Only faults of our own are raised."""
        began = time.monotonic()
        bound = {"job": job.id, "pull": job.pull.key, "delivery": ",".join(job.deliveries)}
        with structlog.contextvars.bound_contextvars(**bound):
            outcome = await self._outcome(job)
            seconds = time.monotonic() - began
            log.info("job_ended", outcome=type(outcome).__name__.lower(), seconds=round(seconds, 3))
        self.meter.ran(type(outcome).__name__.lower(), seconds)
        return outcome

    async def _outcome(self, job: Job) -> Outcome:
        run = _Run(self, job)
        try:
            return await run.review()
        except TryAgain as error:
            return LaterAgain(error.after, error.why)
        except SandboxError as error:
            return LaterAgain(5.0, str(error))
        except GiveUp as error:
            await run.abandon(error.why)
            return Failed(error.why)
        except Moot as error:
            log.info("job_moot", why=error.why)
            return Done()


class _Run:
    """One run over one pull request."""

    def __init__(self, reviewer: Reviewer, job: Job) -> None:
        self.us = reviewer
        self.job = job
        pull = job.pull
        self.repository: Repository = reviewer.github.repository(
            pull.installation, pull.repository_id, pull.owner, pull.name
        )
        self.check: int | None = None

    async def review(self) -> Outcome:
        """Take the steps, one after the other."""
        pull = await self.repository.context(self.job.pull.number)
        if pull.state != "OPEN":
            return Done()
        wanted = [ask for ask in self.job.asks if ask.wakes and await self._permitted(ask, pull)]
        if not wanted or (pull.draft and not any(ask.command for ask in wanted)):
            return Done()
        # The name under which this work is found again: the same for each try of it on the same commit.
        name = f"{self.job.origin} {pull.head_sha[:12]}"
        repeated = await self._start_check(name, pull)
        files = await self.repository.changed_files(pull.number)
        config = read(pull.base_files)
        analysis = await self._analyse(pull, files, config)
        occasion = self._occasion(name, pull, config)
        review = compose(analysis, files, occasion)
        if not await self.us.book.is_current(self.job):
            await self._superseded(pull)
            return Superseded()
        if review.body is not None:
            review = await self._post(name, pull, review, lambda: compose(analysis, _without_patches(files), occasion))
        if self.check is not None:
            await self.repository.finish_check(self.check, review.check, repeated=repeated)
        log.info("reviewed", conclusion=review.check.conclusion, found=review.accounting.found)
        return Done()

    async def abandon(self, why: str) -> None:
        """Say in the check run, if there is one, that it won't be finished."""
        if self.check is None:
            return
        try:
            await self.repository.complete_check(self.check, "neutral", words.unfinished(why))
        except (TryAgain, GiveUp, Moot) as error:
            log.warning("check_left_open", why=str(error))

    async def _permitted(self, ask: Ask, pull: PullContext) -> bool:
        """Whether an ask may be answered: events may, commands when their writer is the author or may write."""
        if ask.command is None:
            return True
        command = ask.command
        if command.login != pull.author and await self.repository.permission(command.login) not in MAY_COMMAND:
            intent = await self.us.book.intend(self.job, f"refusal {command.comment_id}")
            if not intent.repeated:
                await self.repository.comment(pull.number, words.refused(command.login, RECHECK))
            return False
        kind = "pull_request_review_comment" if command.kind == "pull_request_review_comment" else "issue_comment"
        await self.repository.react(kind, command.comment_id, "eyes")
        return True

    async def _start_check(self, name: str, pull: PullContext) -> bool:
        """Begin the check run, or find the one that an earlier try began; whether there was an earlier try."""
        what = f"check {name}"
        intent = await self.us.book.intend(self.job, what)
        if intent.github_id is not None:
            self.check = intent.github_id
            return True
        external_id = f"{self.job.pull.key} {name.rpartition('@')[2]}"
        if intent.repeated:
            self.check = await self.repository.find_check(pull.head_sha, external_id)
        if self.check is None:
            notice = words.checking(pull.head_sha, self.us.guideline.version)
            self.check = await self.repository.start_check(pull.head_sha, external_id, notice)
        await self.us.book.confirm(self.job, what, self.check)
        return intent.repeated

    async def _analyse(self, pull: PullContext, files: Sequence[ChangedFile], config: Config) -> Analysis:
        """Fetch what the rules look at, and have it judged."""
        concerned = [file for file in files if _is_concerned(file.path) and not config.excludes(file.path)]
        blobs = [(file.path, file.sha) for file in concerned if file.status is not FileStatus.REMOVED]
        paths = {file.path for file in concerned}
        around = {path: f"{pull.head_sha}:{path}" for path in ROOT_FILES if path not in paths}
        heads = await self.repository.texts(blobs, around)
        bases = await self.repository.base_texts(concerned, heads.texts, pull.base_sha, pull.head_sha)
        changes = [change for file in concerned if (change := _change(file, heads, bases)) is not None]
        missing = {**bases.missing, **heads.missing}
        problems = tuple(Problem(path, "unreadable", why) for path, why in sorted(missing.items()) if path in paths)
        project = {path: text for path, text in heads.texts.items() if is_project_file(path)}
        bases_of_project = {c.path: c.base for c in changes if c.base is not None and is_project_file(c.path)}
        base_project = {**project, **pull.base_files, **bases_of_project}
        rules, faults = chosen(self.us.guideline.rules, config, self.us.guideline.aliases)
        names = [rule.name for rule in rules.rules]
        analysis = await self.us.analyst.analyse(changes, project, base_project, names)
        wrong = tuple(Problem(config.source, "config", fault) for fault in (*config.faults, *faults))
        return replace(analysis, problems=(*analysis.problems, *problems, *wrong))

    def _occasion(self, name: str, pull: PullContext, config: Config) -> Occasion:
        known = config.source != "defaults"
        return Occasion(
            head_sha=pull.head_sha,
            run=name,
            words=self.us.guideline.words(self.us.links),
            guideline=self.us.guideline.version,
            config=f"{pull.base_ref}@{pull.config_sha[:7]}" if known else "defaults",
            threshold=config.threshold,
            said=self._said(pull),
            blob_url=f"{self.us.web_url}/{self.job.pull.owner}/{self.job.pull.name}/blob/{pull.head_sha}",
            key=self.us.keys[0],
        )

    def _said(self, pull: PullContext) -> frozenset[str]:
        """The findings that we told this pull request already, by the markers of our own comments and reviews."""
        ours = [review.body for review in pull.reviews]
        ours += [comment.body for thread in pull.threads for comment in thread.comments if comment.ours]
        markers = [marker for body in ours for key in self.us.keys if (marker := read_marker(body, key))]
        return frozenset(fingerprint for marker in markers for fingerprint in marker.fingerprints)

    async def _post(self, name: str, pull: PullContext, review: Review, beside: Callable[[], Review]) -> Review:
        """Post a review once, however often this runs; gives the one that was posted."""
        what = f"review {name}"
        intent = await self.us.book.intend(self.job, what)
        if intent.github_id is not None:
            return review
        posted = await self.repository.find_review(pull.number, name) if intent.repeated else None
        if posted is None:
            posted, review = await self._send(pull, review, beside)
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

    async def _superseded(self, pull: PullContext) -> None:
        newest = self.job.head if self.job.head and self.job.head != pull.head_sha else pull.head_sha
        if self.check is not None:
            await self.repository.complete_check(self.check, "cancelled", words.superseded(newest))


def _is_concerned(path: str) -> bool:
    return path.endswith((".py", ".pyi")) or is_project_file(path)


def _change(file: ChangedFile, heads: Texts, bases: Texts) -> Change | None:
    """A changed file as text; None where a side that must exist could not be read, so that nothing is made up."""
    new = file.status in (FileStatus.ADDED, FileStatus.COPIED)
    head = heads.texts.get(file.path)
    base = None if new else bases.texts.get(file.path)
    if file.status is FileStatus.REMOVED:
        return Change(file.path, None, base) if base is not None else None
    if head is None or (base is None and not new):
        return None
    renamed = file.previous_path if file.status is FileStatus.RENAMED else None
    return Change(file.path, head, base, renamed)


def _without_patches(files: Sequence[ChangedFile]) -> list[ChangedFile]:
    return [replace(file, patch=None) for file in files]
