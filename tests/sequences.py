"""Pull requests that live through anything, in any order: what random sequences are made of.

Driven are the webhook's route, the tables of `postil.jobs`, the worker, the sandbox and the code that speaks to GitHub,
against the stand-in over real git. Left out is only DBOS: `World.rest` takes the runs that wait in the tables, without
their delays, as its queue does; so a sequence takes a fraction of a second. The queue has tests of its own.

What is expected comes from a model that knows which functions are wrong, and never asks our code.
"""

import itertools
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from postil import packs
from postil.demo.deliveries import Delivery
from postil.demo.fake_github import FakeGitHub
from postil.demo.faults import Fault
from postil.demo.state import FakePull, Review, ReviewComment, Thread
from postil.github import GitHub
from postil.github.budget import WINDOW
from postil.jobs import Ended, Intent, Job, Jobs, Standing, create_engine, database_url
from postil.jobs import schema as tables
from postil.precision import Precision
from postil.review.fate import Fate, Reception
from postil.review.figures import Tally
from postil.review.marker import read_marker
from postil.review.standing import Step
from postil.sandbox import Analyst
from postil.web import hooks
from postil.web.metrics import Metrics
from postil.worker import Reviewer

# Only the rules that the model knows: others have opinions about a file that is laid out anew.
RULES = {"raise": "raise-without-from", "get": "network-call-without-timeout"}
"""The rule that finds each kind of fault."""
_LOADED = packs.load()
GUIDELINE = replace(_LOADED, rules=_LOADED.rules.only(RULES.values()))
_PLACE = re.compile(r"`([^`\n]+)` line (\d+)")
_numbers = itertools.count(1)


class Death(BaseException):
    """The process died here; nothing may catch it."""


@dataclass(frozen=True)
class Function:
    """One function of the code under review. Its name is used once; `kind` is how it is wrong when it is `bad`."""

    name: str
    kind: str
    bad: bool

    def lines(self, wide: bool) -> list[str]:
        """Its code; `wide` as another formatter would lay it out."""
        if self.kind == "raise":
            raised = f"raise Failed{self.name.title()}"
            call = f"{raised}(\n            card,\n        )" if wide else f"{raised}(card)"
            cause = "" if self.bad else " from error"
            handler = f"    except CardError as error:\n        {call}{cause}"
            return f"def {self.name}(card):\n    try:\n        charge(card)\n{handler}".split("\n")
        limit = "" if self.bad else ", timeout=5"
        quote = "'" if wide else '"'
        return [f"def {self.name}(card):", f"    return requests.get({quote}https://{self.name}.example{quote}{limit})"]


@dataclass(frozen=True)
class File:
    """One Python file: its functions in order, how many lines of comment stand before each, and its layout.

    Under its title, which stays and no other file has, git knows it again whatever its name and its functions become:
    else they would have moved to another file, and which of them are known there is more than the model can say.
    """

    functions: tuple[Function, ...]
    gap: int = 0
    wide: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        """The first function gives it its title."""
        object.__setattr__(self, "title", self.title or self.functions[0].name)

    def text(self) -> str:
        """The file as it is committed."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> list[str]:
        lines = [f"# {f'{self.title}.{number} ' * TITLE_WIDTH}"[:TITLE_WIDTH] for number in range(TITLE_LINES)]
        lines += ["import requests", ""]
        for function in self.functions:
            lines += ["", *[f"# {number} of {self.gap}" for number in range(self.gap)], *function.lines(self.wide)]
        return lines

    def at(self, line: int) -> str | None:
        """The name of the function that a line belongs to."""
        names = re.compile(r"def (\w+)\(")
        found = [match[1] for text in self._lines()[:line] if (match := names.match(text))]
        return found[-1] if found else None

    @property
    def bad(self) -> set[str]:
        """The names of the functions that are wrong."""
        return {function.name for function in self.functions if function.bad}


Tree = Mapping[str, File]


@dataclass
class Given:
    """A comment with a command, as it was written, by somebody who `may` give it.

    `answers` is how many answers it gets; `sure` says that it has to get them, as it was read on an open pull request.
    """

    id: int
    said: str
    may: bool
    answers: int
    sure: bool


TITLE_LINES, TITLE_WIDTH = 14, 900
"""A title of this size is more than half of any file, which is what git asks of one that was renamed. In few lines, as
the parser takes its time for each."""
Key = tuple[str, str]
"""What tells one of our comments from all others: the run that posted it, and the first finding of its hidden line."""


@dataclass
class Told:
    """One of our comments, said on the commit `head` about functions that are wrong in one way, `first` among them.

    `refused` is how people refused it. `gone` and `ignored` tell whether the pull request was ever without what it is
    about, and whether that kind of fault was ever ignored.
    """

    head: str
    names: set[str]
    first: str
    kind: str
    refused: set[Fate] = field(default_factory=set)
    gone: bool = False
    ignored: bool = False

    def may_be(self, *, dropped: bool) -> set[Fate]:
        """What may have become of it, if the pull request was closed (`dropped`) or not."""
        may = {Fate.OPEN} | self.refused
        may |= {Fate.FIXED, Fate.DROPPED} if self.gone else set()
        may |= {Fate.ALLOWED} if self.ignored else set()
        # What is deleted has no place any more, so nobody knows what became of its finding.
        return may | ({Fate.DROPPED} if dropped or Fate.DELETED in self.refused else set())


@dataclass
class Happening:
    """Something that comes in between: at the call that many calls from now, before or after its work is done.

    Calls are those to GitHub and those to the database; with `on_the_wire` only the former are struck.
    """

    calls: int
    what: Callable[[], Awaitable[None]]
    after_the_work: bool = False
    on_the_wire: bool = False


@dataclass
class Line:
    """All calls to the outside, one after the other, and what happens at some of them."""

    coming: list[Happening] = field(default_factory=list)

    async def passing(self, *, after_the_work: bool = False, on_the_wire: bool = True) -> None:
        """One call is made (or its work done)."""
        for each in list(self.coming):
            if not after_the_work:
                each.calls -= 1
            fits = on_the_wire or not each.on_the_wire
            if each.calls < 0 and each.after_the_work == after_the_work and fits:
                self.coming.remove(each)
                await each.what()


class Wire(httpx.AsyncBaseTransport):
    """The way to GitHub, on which something may happen."""

    def __init__(self, github: FakeGitHub, line: Line) -> None:
        self._github = httpx.ASGITransport(github)
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        await self._line.passing()
        response = await self._github.handle_async_request(request)
        await self._line.passing(after_the_work=True)
        return response


class Ledger:
    """The tables of `Jobs`, at each of whose calls the process may die as well."""

    def __init__(self, jobs: Jobs, line: Line) -> None:
        self._jobs = jobs
        self._line = line

    async def standing(self, job: Job) -> Standing:
        """As `Jobs.standing`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.standing(job)

    async def held(self, job: Job) -> float:
        """As `Jobs.held`."""
        return await self._jobs.held(job)

    async def intend(self, job: Job, what: str) -> Intent:
        """As `Jobs.intend`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.intend(job, what)

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """As `Jobs.confirm`."""
        await self._line.passing(on_the_wire=False)
        await self._jobs.confirm(job, what, github_id)

    async def intended(self, job: Job) -> Mapping[str, int | None]:
        """As `Jobs.intended`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.intended(job)

    async def note(self, job: Job, did: Ended) -> None:
        """As `Jobs.note`."""
        await self._line.passing(on_the_wire=False)
        await self._jobs.note(job, did)

    async def learned(self, installation: int, what: str) -> str | None:
        """As `Jobs.learned`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.learned(installation, what)

    async def learn(self, installation: int, what: str, value: str) -> None:
        """As `Jobs.learn`."""
        await self._line.passing(on_the_wire=False)
        await self._jobs.learn(installation, what, value)

    async def forget(self, installation: int) -> None:
        """As `Jobs.forget`."""
        await self._line.passing(on_the_wire=False)
        await self._jobs.forget(installation)

    async def known(self, job: Job) -> Sequence[Reception]:
        """As `Jobs.known`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.known(job)

    async def receive(self, job: Job, found: Sequence[Reception], former: Collection[str] = ()) -> Sequence[Tally]:
        """As `Jobs.receive`."""
        await self._line.passing(on_the_wire=False)
        return await self._jobs.receive(job, found, former)

    async def steps_at(self, job: Job) -> Sequence[Step]:
        """As `Jobs.steps_at`."""
        return await self._jobs.steps_at(job)

    async def step(self, taken: Step) -> bool:
        """As `Jobs.step`."""
        return await self._jobs.step(taken)


class World:
    """One pull request on a GitHub of its own, the service, and the model of what should be there."""

    def __init__(self, folder: Path, app_key: tuple[str, str], jobs: Jobs, analyst: Analyst, database: str) -> None:
        number = next(_numbers)
        name = f"shop{number}"
        self.github = FakeGitHub(folder / name, name=name, public_key=app_key[1], limits=None)
        self.jobs = jobs
        self.line = Line()
        self._key = app_key[0]
        self._analyst = analyst
        self._engine = create_engine(database_url(database))
        self._like = f"acme/{name}#%"
        self._names = (f"f{count}" for count in itertools.count(1))
        self.deliveries: list[Delivery] = []
        self.trees: dict[str, Tree] = {}
        self.refused: dict[str, int] = {}
        self.answered: dict[int, str] = {}
        self.given: list[Given] = []
        self.asked = False
        self.told: dict[Key, Told] = {}
        self._was_closed = False
        self._kinds: dict[str, str] = {}
        self._quiet: int | None = None
        self._seconds = 0.0
        with self._engine.begin() as connection:
            for table in (tables.deliveries, tables.pulls, tables.intents, tables.receptions):
                connection.execute(sa.delete(table))

    async def begin(self) -> None:
        """The service starts, and a pull request is opened."""
        await self._start()
        base = {
            "app/old.py": File(tuple(self.function(kind, bad) for kind in ("raise", "get") for bad in (True, False))),
            "app/lib.py": File((self.function("raise", False), self.function("get", False))),
        }
        main = self.github.commit(_texts(base))
        self.github.repository.history.set_ref("refs/heads/release", main)
        self.trees[main] = base
        head = {**base, "app/new.py": File((self.function("raise", True), self.function("get", True)))}
        self.pull: FakePull = self.github.open_pull(head_files=_changes(base, head))
        self.trees[self.pull.head_sha] = head
        await self.tells("opened")

    async def _start(self) -> None:
        """The service as a new process would: nothing is remembered but what is in the database."""
        self._api = GitHub(
            self.github.app_id,
            self._key,
            transport=Wire(self.github, self.line),
            spacing=0,
            pauses=(0, 0),
            clock=lambda: self._seconds,
        )
        metrics = Metrics("test", "test")
        app = FastAPI()
        desk = hooks.Desk([self.github.webhook.secret], self.jobs, self._api.forget)
        app.include_router(hooks.router(lambda: desk, metrics))
        self._web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://postil.example.com")
        ledger = Ledger(self.jobs, self.line)
        self.jobs._work = Reviewer(
            github=self._api,
            analyst=self._analyst,
            book=ledger,
            guideline=GUIDELINE,
            links=packs.Links("https://postil.example.com/guide"),
            web_url="https://github.com",
            key=b"key",
            meter=metrics,
            # The model knows of no rule that steps back.
            precision=Precision(ledger, steps_back=False),
        )

    async def restart(self) -> None:
        """The process ends, and another one begins."""
        await self._web.aclose()
        await self._api.__aexit__()
        await self._start()

    async def settle(self) -> None:
        """Nothing goes wrong any more: what was yet to come doesn't, and a last event asks for a look."""
        self.line.coming.clear()
        self.github._plans.clear()
        if self.pull.state == "open" and not self.pull.draft:
            await self.tells("reopened")
        await self.rest()

    async def merge(self) -> None:
        """It is merged, and what became of each comment is known for good."""
        before = self.fates()
        if self.pull.state == "open":
            judged = self._saw_all()
            self.pull.merge()
            await self.tells("closed")
            await self.rest()
            left = {key: Fate.LEFT if fate is Fate.OPEN else fate for key, fate in before.items()}
            assert self.fates() == left or not judged, f"{before} became {self.fates()}"
        assert Fate.OPEN not in self.fates().values()

    async def end(self) -> None:
        """Let go of everything."""
        await self._web.aclose()
        await self._api.__aexit__()
        self._engine.dispose()

    # What happens on GitHub

    def function(self, kind: str, bad: bool) -> Function:
        """A function with a name that nothing had before."""
        made = Function(next(self._names), kind, bad)
        self._kinds[made.name] = kind
        return made

    @property
    def tree(self) -> Tree:
        """The files at the head of the pull request."""
        return self.trees[self.pull.head_sha]

    async def tells(self, action: str, event: str = "pull_request", **about: Any) -> None:
        """GitHub sends a delivery."""
        about = about if "comment" in about or "run" in about else {"pull": self.pull, **about}
        self.notice()
        await self.sends(self.github.delivery(event, action, **about))

    async def sends(self, delivery: Delivery) -> None:
        """GitHub sends this delivery, perhaps not for the first time."""
        self.deliveries.append(delivery)
        await self._posts(delivery)

    async def _posts(self, delivery: Delivery) -> None:
        headers, body = delivery
        response = await self._web.post("/webhooks/github", content=body, headers=headers)
        assert response.status_code == 202, response.text

    async def command(self, said: str, by: str) -> None:
        """Somebody gives a command in a comment."""
        is_open, may = self.pull.state == "open", by == "ada"
        kind = "Bot" if by.endswith("[bot]") else "User"
        comment = self.pull.comment(said, by=self.github.account(by, kind).login)
        silent = kind == "Bot" or (said == "/recheck" if may else "hepl" in said)
        self.given.append(Given(comment.id, said, may, 0 if silent else 1, is_open))
        if said == "/recheck" and may:
            self.asked, self._quiet = self.asked or is_open, None
        await self.tells("created", "issue_comment", comment=comment)

    async def edit(self, pick: int) -> None:
        """Somebody edits a comment with a command, which gives none by that."""
        commands = [each for each in self.pull.issue_comments if each.user != self.github.bot]
        if commands:
            await self.tells("edited", "issue_comment", comment=commands[pick % len(commands)])

    async def transfer(self) -> None:
        """The repository gets another owner. Runs under way lose sight of it, and others do what they were to do."""
        for delivery in self.github.transfer(f"owner{self.github.next_id()}"):
            await self._posts(delivery)

    def lose(self) -> None:
        """It is closed: whatever has no answer by now may never get one."""
        self._was_closed = True
        for each in self.given:
            each.sure = each.sure and bool(self.answers(each))

    async def push(self, tree: Tree, *, force: bool = False) -> None:
        """The author pushes this state."""
        parent = self.pull.merge_base if force else self.pull.head_sha
        changes = _changes(self.trees[parent], tree)
        if changes:
            self.pull.push(changes, force=force)
            self.trees[self.pull.head_sha] = tree
            self.asked = False
            await self.tells("synchronize")

    async def rebase(self) -> None:
        """The author puts the work on the tip of the base branch."""
        before, after = self.trees[self.pull.merge_base], self.trees[self.pull.base_sha]
        kept = {path: file for path, file in self.tree.items() if before.get(path) != file}
        untouched = {path: file for path, file in after.items() if path in self.tree or path not in before}
        tree = {**untouched, **kept}
        if self.pull.merge_base != self.pull.base_sha and tree != after:
            self.github.rebase(self.pull, _changes(after, tree))
            self.trees[self.pull.head_sha] = tree
            self.asked = False
            await self.tells("synchronize")

    def advance(self, tree: Tree) -> None:
        """Somebody merges something else into the base branch."""
        there = self.pull.base_ref
        self.trees[self.github.commit(_changes(self.trees[self.pull.base_sha], tree), there)] = tree

    def strikes(self, fault: Fault, method: str = "*", path: str = ".") -> Callable[[], Awaitable[None]]:
        """GitHub fails at its next call."""

        async def fails() -> None:
            self.github.misbehave(method, path, fault)

        return fails

    # What the service does

    async def rest(self) -> None:
        """Do whatever waits, until nothing is left; a process that dies is started again."""
        for _ in range(60):
            with self._engine.connect() as connection:
                waiting = sa.select(tables.pulls).where(tables.pulls.c.state.in_(["queued", "running"]))
                row = connection.execute(waiting).first()
            if row is None:
                return
            # A run that was put off is taken when its time has come, and GitHub's pauses are over by then.
            self._seconds += WINDOW
            self.notice()
            with self._engine.begin() as connection:
                # No comment is so young that GitHub might not show it yet.
                connection.execute(sa.update(tables.receptions).values(said=tables.receptions.c.said - 3600))
            try:
                await self.jobs._run(row.key, row.run)
            except Death:
                await self.restart()
        raise AssertionError("it never comes to rest")

    # What is to be seen

    def introduced(self) -> set[str]:
        """What the pull request breaks, by the model; which file became which one, git says."""
        base = self.trees[self.pull.merge_base]
        files = self.github.repository.history.files_between(self.pull.merge_base, self.pull.head_sha)
        found: set[str] = set()
        for file in files:
            before = base.get(file.previous_path or file.path) if file.status != "added" else None
            if file.path in self.tree and file.status != "removed":
                found |= self.tree[file.path].bad - (before.bad if before else set())
        return found

    def about(self, comment: ReviewComment) -> set[str]:
        """What one of our comments is about: where it stands, and where it says "the same"."""
        assert comment.review is not None
        places = [(comment.path, comment.original_line or 0)]
        return self._names_at(comment.review, places + _places(comment.body))

    def mentioned(self) -> set[str]:
        """What the bodies of our reviews tell."""
        return {name for review in self.pull.reviews for name in self._names_at(review, _places(review.body))}

    def _names_at(self, review: Review, places: list[tuple[str, int]]) -> set[str]:
        tree = self.trees[review.original_commit_id]
        found = {tree[path].at(line) for path, line in places}
        assert None not in found, places
        return {name for name in found if name}

    def threads(self) -> Iterator[tuple[Thread, ReviewComment, set[str]]]:
        """Our threads: the first comment, and what it is about."""
        for thread in self.pull.threads.values():
            first = thread.comments[0] if thread.comments else None
            if first is not None and first.user == self.github.bot and first.in_reply_to is None:
                yield thread, first, self.about(first)

    def open_threads(self) -> list[tuple[Thread, ReviewComment, set[str]]]:
        """Those that still ask for something."""
        return [each for each in self.threads() if _is_open(each[0], each[1])]

    def said(self, name: str) -> int:
        """How often it was said in comments that still exist."""
        return sum(name in names for _, _, names in self.threads())

    def refuse(self, first: ReviewComment, names: set[str], fate: Fate) -> None:
        """A person has refused to hear of these, which a comment is about, in some way."""
        self.told[key_of(first)].refused.add(fate)
        if fate is not Fate.DISLIKED:
            for name in names:
                self.refused[name] = self.said(name)

    def notice(self) -> None:
        """Keep in mind which comments there are, and what has become of their causes."""
        introduced, (ignored, _) = self.introduced(), self.orders()
        for _, first, names in self.threads():
            assert first.review is not None
            commit = first.review.original_commit_id
            name = self.trees[commit][first.path].at(first.original_line or 0)
            assert name is not None
            self.told.setdefault(key_of(first), Told(commit, names, name, self._kinds[name]))
        for told in self.told.values():
            told.gone = told.gone or told.names.isdisjoint(introduced)
            told.ignored = told.ignored or told.kind in ignored

    def fates(self) -> dict[Key, Fate]:
        """What is written down of our comments."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(tables.receptions)).fetchall()
        assert all(row.rule == RULES[self.told[row.run, row.fingerprint].kind] for row in rows)
        return {(row.run, row.fingerprint): Fate(row.fate) for row in rows}

    def answers(self, given: Given) -> list[str]:
        """What was answered to a command."""
        own = re.compile(rf"issue_comment%20{given.id}\b")
        return [each.body for each in self.pull.issue_comments if own.search(each.body)]

    def orders(self) -> tuple[set[str], bool]:
        """The kinds of faults that are ignored, and whether reviews are paused, by what was answered."""
        ignored: set[str] = set()
        paused = False
        kinds = {rule: kind for kind, rule in RULES.items()}
        for each in self.given:
            match each.said.split():
                case _ if not (each.may and self.answers(each)):
                    continue
                case ["/postil", "ignore", rule, *_] if rule in kinds:
                    ignored |= {kinds[rule]}
                case ["/postil", "unignore", rule] if rule in kinds:
                    ignored -= {kinds[rule]}
                case ["/postil", ("pause" | "resume") as what]:
                    paused = what == "pause"
        return ignored, paused

    def check(self) -> None:
        """Hold everything that is to be seen against the model."""
        pull = self.pull
        introduced, mentioned = self.introduced(), self.mentioned()
        open_threads = self.open_threads()
        ignored, paused = self.orders()
        unseen = self._unseen() or paused
        heeded = {name for name in introduced if self._kinds[name] not in ignored}
        may_resolve = self.github.installation.permissions["contents"] == "write"
        for name in introduced:
            shown = sum(name in names for _, _, names in open_threads)
            if name in self.refused:
                assert shown == 0, f"{name} was refused and is shown"
                assert self.said(name) <= self.refused[name], f"{name} was refused and said again"
            elif not unseen and name not in heeded:
                kept = [thread for thread, _, names in open_threads if name in names]
                assert all(self._is_answered(thread) and not may_resolve for thread in kept), f"{name} is ignored"
            elif not unseen:
                listed = name in mentioned or (self._is_closed_by_us(name) and not may_resolve)
                assert shown == 1 or (shown == 0 and listed), f"{name} is shown {shown} times"
            else:
                assert shown <= 1, f"{name} is shown {shown} times"
        for thread, first, names in self.threads():
            answered = self._is_answered(thread)
            if answered:
                assert first.minimized is None, f"the answered {names} was hidden"
                assert first.body == self.answered[first.id], f"the answered {names} was changed"
            if not unseen and (may_resolve or not answered) and not names & introduced:
                assert not _is_open(thread, first), f"{names} is gone, and its comment is open"
        for run in pull.check_runs:
            assert run.status == "completed", f"the check of {run.head_sha[:7]} is {run.status}: {run.external_id}"
        heads = [run for run in pull.check_runs if run.head_sha == pull.head_sha]
        if not self._unseen():
            assert heads, "the head has no verdict"
        if not unseen:
            verdict = "failure" if heeded else "success"
            assert heads[-1].conclusion == verdict, f"{heads[-1].title} for {introduced}"
            assert f"{len(introduced)} found: " in (heads[-1].summary or ""), heads[-1].summary
            assert len(heads[-1].annotations) == len(heeded)
            assert f", {len(introduced) - len(heeded)} ignored" in (heads[-1].summary or "") or heeded == introduced
        assert all(review.state == "COMMENTED" for review in pull.reviews)
        ours = [review.body for review in pull.reviews if review.user == self.github.bot]
        assert len(set(ours)) == len(ours), "a review was posted twice"
        self._check_commands(paused=paused)
        self._check_fates(introduced, heeded, unseen=unseen)
        assert self.github.complaints == []
        with self._engine.connect() as connection:
            dead = connection.execute(sa.select(tables.pulls.c.why).where(tables.pulls.c.state == "dead")).fetchall()
        assert dead == []

    def _check_commands(self, *, paused: bool) -> None:
        """Each command has its one answer, nothing else was said, and while reviews are paused none is posted."""
        pull = self.pull
        for each in self.given:
            answers = self.answers(each)
            assert len(answers) <= each.answers, answers
            assert len(answers) == each.answers or not each.sure, f"{each.said} has no answer"
        ours = [each for each in pull.issue_comments if each.user == self.github.bot]
        assert len(ours) == sum(len(self.answers(each)) for each in self.given)
        if paused and not self._unseen():
            conclusion = [run.conclusion for run in pull.check_runs if run.head_sha == pull.head_sha][-1]
            assert conclusion in ("action_required", "failure", "success"), conclusion
        reviews = sum(review.user == self.github.bot for review in pull.reviews)
        assert not paused or self._quiet in (None, reviews), "a review was posted, though they are paused"
        self._quiet = reviews if paused else None

    def _check_fates(self, introduced: set[str], heeded: set[str], *, unseen: bool) -> None:
        """What is written down of our comments is what became of them, as far as a run could have seen it."""
        self.notice()
        fates = self.fates()
        for key, fate in fates.items():
            assert fate in self.told[key].may_be(dropped=self._was_closed), f"{self.told[key]} is {fate}"
        for _, first, names in [] if unseen else self.threads():
            told, fate = self.told[key_of(first)], fates.get(key_of(first))
            if first.body.startswith("**Fixed in"):
                may_be = {Fate.FIXED}
            elif first.body.startswith("**No longer"):
                may_be = {Fate.DROPPED} | told.refused
            elif names & heeded:
                may_be = {Fate.OPEN} | told.refused
            elif names & introduced:
                may_be = {Fate.ALLOWED} | told.refused
            elif told.head != self.pull.head_sha:
                may_be = {Fate.FIXED, Fate.DROPPED} | told.refused
            else:
                may_be = told.may_be(dropped=self._was_closed)
            assert fate in may_be, f"{told} is {fate}"

    def check_refusals(self) -> None:
        """Once all is settled, each refusal is written down as one."""
        fates, introduced, (ignored, _) = self.fates(), self.introduced(), self.orders()
        if not self._saw_all():
            return
        there = {key_of(first): first for _, first, _ in self.threads()}
        for key, told in self.told.items():
            heeded = {name for name in introduced if self._kinds[name] not in ignored}
            shown = key in there and not there[key].body.startswith(("**Fixed in", "**No longer"))
            if shown and told.refused and told.names & heeded:
                assert fates[key] in told.refused, f"{told} is {fates[key]}"
            elif key not in there and key in fates:
                assert fates[key] is not Fate.OPEN, f"{told} was deleted"
                if told.first in heeded and not told.gone and not told.ignored:
                    assert fates[key] in told.refused, f"{told} is {fates[key]}"

    def _is_answered(self, thread: Thread) -> bool:
        return any(comment.user != self.github.bot for comment in thread.comments)

    def _is_closed_by_us(self, name: str) -> bool:
        return any(name in names and thread.resolved_by == self.github.bot for thread, _, names in self.threads())

    def _saw_all(self) -> bool:
        """Whether the last review, with which all is settled, took place, and so saw what people did before it."""
        return self.pull.state == "open" and not self.pull.draft and not self.orders()[1]

    def _unseen(self) -> bool:
        """Whether nobody asks for the present head to be judged."""
        return self.pull.state != "open" or (self.pull.draft and not self.asked)


def key_of(comment: ReviewComment) -> Key:
    """By what one of our comments is known."""
    said = read_marker(comment.body)
    assert said is not None
    return said.run, said.fingerprints[0]


def _is_open(thread: Thread, first: ReviewComment) -> bool:
    return (
        thread.resolved_by is None
        and first.minimized is None
        and not first.body.startswith(("**Fixed in", "**No longer", "**Ignored in"))
    )


def _places(body: str) -> list[tuple[str, int]]:
    return [(path, int(line)) for path, line in _PLACE.findall(body)]


def _texts(tree: Tree) -> dict[str, str | bytes | None]:
    return {path: file.text() for path, file in tree.items()}


def _changes(before: Tree, after: Tree) -> dict[str, str | bytes | None]:
    changed = {path: file.text() for path, file in after.items() if before.get(path) != file}
    return {**changed, **{path: None for path in before if path not in after}}


__all__ = ["Death", "File", "Function", "Happening", "Tree", "World", "replace"]
