"""One job's life as one function: read the pull request, have it judged, post what is new, write the verdict.

Every step may happen twice, since a run that died is done again from its start: what was posted is found again by its
marker before anything is posted.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

import structlog

from postil.github import GitHub, Repository
from postil.github.contents import BATCH
from postil.github.errors import BadAnchors, GiveUp, Moot, TryAgain
from postil.github.fetch import FetchError
from postil.github.model import PullContext, Texts
from postil.jobs import Again, Ask, Done, Failed, Intent, Job, Outcome, Standing, Superseded
from postil.lint.change import Change
from postil.lint.finding import Problem
from postil.lint.project import is_project_file
from postil.packs import Guideline, Links
from postil.review import compose as words
from postil.review.command import RECHECK
from postil.review.config import FILES, read
from postil.review.marker import Marker, read_marker
from postil.review.model import Analysis, ChangedFile, FileStatus, Occasion, Preview, Review, Skipped
from postil.review.noise import MARKS
from postil.review.plan import Plan, plan
from postil.sandbox import Analyst, SandboxError

log = structlog.get_logger(__name__)

MAX_FILES = 4_000
"""Files of one pull request that are analysed."""
IN_CALLS = 500
"""Files whose contents the API is asked for, fifty a call; for more of them, git is quicker."""

AROUND = ("pyproject.toml", "uv.lock", "conftest.py")
ROOT_FILES = (
    *AROUND, "pytest.ini", "tox.ini", "setup.cfg", ".gitignore", "ruff.toml", ".ruff.toml", ".flake8", ".coveragerc",
    ".pre-commit-config.yaml",
)  # fmt: skip
"""Project files that rules look at even where the pull request doesn't change them: in each folder, and at the root."""

MAY_COMMAND = frozenset({"admin", "write"})


class Book(Protocol):
    """What is written down about runs; `postil.jobs.Jobs` is one."""

    async def standing(self, job: Job) -> Standing:
        """Whether the run is still worth posting ("current"), out of date, or not ours any more ("lost")."""
        ...

    async def intend(self, job: Job, what: str) -> Intent:
        """Write down that something is about to be posted."""
        ...

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Write down that it is."""
        ...

    async def confirmed(self, job: Job, prefix: str) -> Mapping[str, int]:
        """What was posted under a name that begins so."""
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

    `links` say where comments point; `web_url` is GitHub's address for people; `key` signs the hidden markers.
    """

    github: GitHub
    analyst: Analyst
    book: Book
    guideline: Guideline
    links: Links
    web_url: str
    key: bytes
    meter: Meter

    async def __call__(self, job: Job) -> Outcome:
        """Do one job; says how it ended. Only faults of our own are raised."""
        began = time.monotonic()
        bound = {"job": job.id, "pull": job.pull.key, "delivery": ",".join(job.deliveries)}
        with structlog.contextvars.bound_contextvars(**bound):
            outcome = await self._outcome(job)
            seconds = time.monotonic() - began
            why = {"why": outcome.why} if isinstance(outcome, Again | Failed) else {}
            log.info("job_ended", outcome=type(outcome).__name__.lower(), seconds=round(seconds, 3), **why)
        self.meter.ran(type(outcome).__name__.lower(), seconds)
        return outcome

    async def _outcome(self, job: Job) -> Outcome:
        run = _Run(self, job)
        try:
            return await run.review()
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
            return Done()


@dataclass(frozen=True)
class _Material:
    """What rules look at: all changed paths, the files that are `concerned` with their texts, and what is left out."""

    paths: frozenset[str]
    concerned: Sequence[ChangedFile]
    heads: Texts
    bases: Texts
    problems: Sequence[Problem]
    skipped: Sequence[Skipped]


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
        if self._is_stale(pull):
            raise TryAgain(2.0, "GitHub shows another head than its delivery told of")
        wanted = [ask for ask in self.job.asks if await self._permitted(ask, pull)]
        marks = pull.base_files.get(MARKS, "")
        agreed = plan(read(pull.base_files), self.us.guideline.rules, self.us.guideline.aliases, marks)
        commanded = any(ask.command for ask in wanted)
        if not wanted or (pull.draft and not agreed.config.drafts and not commanded):
            return Done()
        # The name under which this work is found again: the same for each try of it on the same commit.
        name = f"{self.job.origin} {pull.head_sha[:12]}"
        repeated = await self._start_check(name, pull)
        if pull.bot and agreed.config.bots == "skip" and not commanded:
            if self.check is not None:
                await self.repository.complete_check(self.check, "neutral", words.of_a_bot())
            return Done()
        files = await self.repository.changed_files(pull.number)
        analysis, preview = await self._analyse(pull, files, agreed)
        occasion = self._occasion(name, pull, preview)
        review = agreed.review(analysis, files, occasion)
        standing = await self.us.book.standing(self.job)
        if standing != "current":
            if standing == "outdated":
                await self._say_outdated()
            return Superseded()
        if review.body is not None:
            review = await self._post(
                name, pull, review, lambda: agreed.review(analysis, _without_patches(files), occasion)
            )
        await self._close_fixed(pull, analysis, agreed)
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

    def _is_stale(self, pull: PullContext) -> bool:
        """Whether GitHub's answer may be older than its delivery, as a replica's may be. A second one is believed."""
        told = [ask.head for ask in self.job.asks if ask.head]
        return self.job.tries == 0 and bool(told) and pull.head_sha != self.job.head

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
        await self._end_earlier_checks(pull)
        if intent.repeated:
            self.check = await self.repository.find_check(pull.head_sha, external_id)
        if self.check is None:
            notice = words.checking(pull.head_sha, self.us.guideline.version)
            self.check = await self.repository.start_check(pull.head_sha, external_id, notice)
        await self.us.book.confirm(self.job, what, self.check)
        return intent.repeated

    async def _end_earlier_checks(self, pull: PullContext) -> None:
        """An earlier try of this work may have begun a check run on a commit that is no longer the head."""
        if self.job.tries:
            for check in (await self.us.book.confirmed(self.job, f"check {self.job.origin} ")).values():
                await self.repository.complete_check(check, "cancelled", words.superseded(pull.head_sha))

    async def _analyse(
        self, pull: PullContext, files: Sequence[ChangedFile], agreed: Plan
    ) -> tuple[Analysis, Preview | None]:
        """Fetch what the rules look at, and have it judged; and what a change of the configuration would bring."""
        material = await self._material(pull, files, agreed)
        concerned, heads, bases = material.concerned, material.heads, material.bases
        changes = [change for file in concerned if (change := _change(file, heads, bases)) is not None]
        missing = {**bases.missing, **heads.missing}
        paths = material.paths
        problems = [Problem(path, "unreadable", why) for path, why in sorted(missing.items()) if path in paths]
        project = {path: text for path, text in heads.texts.items() if is_project_file(path)}
        unchanged = {path: text for path, text in project.items() if path not in paths}
        bases_of_project = {c.previous_path or c.path: c.base for c in changes if c.base and is_project_file(c.path)}
        base_project = {**unchanged, **pull.base_files, **bases_of_project}
        changes, nobodys = agreed.sifted(changes)
        analysis = await self.us.analyst.analyse(changes, project, base_project, agreed.choice)
        settled = agreed.settled(analysis, [*problems, *material.problems], [*material.skipped, *nobodys])
        proposed = self._proposed(pull, material)
        if proposed is None or agreed.is_like(proposed):
            return settled, None
        unlike = agreed.unlike(proposed)
        besides = Analysis()
        if unlike.rules:
            besides = await self.us.analyst.analyse(changes, project, base_project, unlike)
        return settled, agreed.preview(proposed, settled, besides)

    def _proposed(self, pull: PullContext, material: "_Material") -> Plan | None:
        """The plan that would hold after the merge, where the pull request changes a file of configuration."""
        if not material.paths & set(FILES):
            return None
        kept = {path: text for path, text in pull.base_files.items() if path not in material.paths}
        written = {path: material.heads.texts[path] for path in FILES if path in material.heads.texts}
        guideline = self.us.guideline
        return plan(read({**kept, **written}), guideline.rules, guideline.aliases, pull.base_files.get(MARKS, ""))

    async def _material(self, pull: PullContext, files: Sequence[ChangedFile], agreed: Plan) -> "_Material":
        """The changed files that rules look at, and their contents: from the API or, if they are too many, by git."""

        def is_wanted(path: str) -> bool:
            return _is_concerned(path) and not agreed.leaves_out(path)

        unlisted = max(0, pull.changed_files - len(files))
        problems = []
        fetched = None
        if unlisted or sum(is_wanted(file.path) for file in files) > IN_CALLS:
            try:
                fetched = await self.repository.fetched(pull, is_wanted, _is_around, MAX_FILES)
                files = fetched.files
            except FetchError as error:
                log.warning("not_fetched", why=str(error))
                if unlisted:
                    listed = f"GitHub lists only {len(files)} of its {pull.changed_files} files"
                    why = f"{listed}, and git could not fetch the others"
                    problems.append(Problem("", "too-large", why))
        skipped = [Skipped(f.path, why) for f in files if _is_concerned(f.path) and (why := agreed.leaves_out(f.path))]
        concerned = [file for file in files if is_wanted(file.path)]
        concerned, beyond = concerned[:MAX_FILES], concerned[MAX_FILES:]
        problems += [Problem(file.path, "too-large", f"it is not among the first {MAX_FILES}") for file in beyond]
        paths = frozenset(file.path for file in files)
        if fetched is not None:
            return _Material(paths, concerned, fetched.heads, fetched.bases, problems, skipped)
        blobs = [(file.path, file.sha) for file in concerned if file.status is not FileStatus.REMOVED]
        around = {path: f"{pull.head_sha}:{path}" for path in _project_paths(concerned) if path not in paths}
        heads = await self.repository.texts(blobs, around)
        bases = await self.repository.base_texts(concerned, heads.texts, pull.base_sha, pull.head_sha)
        return _Material(paths, concerned, heads, bases, problems, skipped)

    def _occasion(self, name: str, pull: PullContext, preview: Preview | None) -> Occasion:
        return Occasion(
            head_sha=pull.head_sha,
            run=name,
            words=self.us.guideline.words(self.us.links),
            guideline=self.us.guideline.version,
            config=f"{pull.base_ref}@{pull.config_sha[:7]}",
            said=frozenset(each for found in _markers(pull) if found.run != name for each in found.fingerprints),
            blob_url=f"{self.us.web_url}/{self.job.pull.owner}/{self.job.pull.name}/blob/{pull.head_sha}",
            key=self.us.key,
            preview=preview,
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

    async def _close_fixed(self, pull: PullContext, analysis: Analysis, agreed: Plan) -> None:
        """Close our open threads whose findings are gone. What could not be judged this time is not taken for fixed."""
        unjudged = {problem.path for problem in analysis.problems if problem.kind != "check-crash"}
        unjudged |= {each.path for each in analysis.skipped}
        crashed = any(problem.kind == "check-crash" for problem in analysis.problems)
        if crashed or "" in unjudged:
            return
        found = (*analysis.introduced, *analysis.suppressed, *analysis.left_out)
        here = {each.fingerprint for each in found}
        gone = []
        for thread in pull.threads:
            first = thread.comments[0] if thread.comments else None
            if first is None or not first.ours or thread.resolved or first.minimized or words.is_fixed(first.body):
                continue
            said = read_marker(first.body)
            judged = thread.path not in unjudged and not agreed.leaves_out(thread.path)
            if said and said.fingerprints and judged and here.isdisjoint(said.fingerprints):
                gone.append(thread)
        if gone:
            way = await self.repository.close(gone, lambda body: words.fixed(body, pull.head_sha))
            log.info("threads_closed", count=len(gone), way=way)

    async def _say_outdated(self) -> None:
        """Say in the check run what became of the pull request meanwhile."""
        if self.check is None:
            return
        now = await self.repository.context(self.job.pull.number)
        if now.state != "OPEN":
            notice = words.closed()
        else:
            notice = words.draft() if now.draft else words.superseded(now.head_sha)
        await self.repository.complete_check(self.check, "cancelled", notice)


def _markers(pull: PullContext) -> list[Marker]:
    """What we told this pull request already, by the hidden lines of our own comments and reviews.

    GitHub says that they are ours, so the signature adds nothing, and a new secret makes nothing be said twice.
    """
    ours = [review.body for review in pull.reviews]
    ours += [comment.body for thread in pull.threads for comment in thread.comments if comment.ours]
    return [found for body in ours if (found := read_marker(body))]


def _is_concerned(path: str) -> bool:
    return path.endswith((".py", ".pyi")) or is_project_file(path) or path in FILES


def _is_around(path: str) -> bool:
    return path.rpartition("/")[2] in AROUND or path in ROOT_FILES


def _project_paths(files: Sequence[ChangedFile]) -> list[str]:
    """The project files that can stand around changed files, as many as fit into the calls that fetch those."""
    folders = {str(folder) for file in files for folder in PurePosixPath(file.path).parents} - {"."}
    nested = [f"{folder}/{name}" for name in AROUND for folder in sorted(folders)]
    calls = max(1, -(-len(files) // BATCH))
    return [*ROOT_FILES, *nested][: calls * BATCH]


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
