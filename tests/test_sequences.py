"""Whatever happens to a pull request, in whatever order: each finding is shown once, and no refusal comes back.

What is written down of each comment is what became of it.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postil.demo import faults
from postil.demo.faults import Fault
from postil.demo.reviews import delete_comment
from postil.jobs import Jobs, care
from postil.review.fate import Fate
from postil.sandbox import Analyst
from sequences import RULES, Death, File, Happening, Tree, World, replace

SEQUENCES = int(os.environ.get("SEQUENCES", "0"))
"""How many sequences `make soak` runs, from a seed that it prints; 0 for the fixed ones of the tests."""

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - temporary folders of our own in it
"""Where a commit needn't wait for a disk, as no sequence survives a power cut: most of a sequence would be that."""

REVIEWS = r"/pulls/\d+/reviews$"
GRAPHQL = r"/graphql$"
ANYWHERE = {
    "502": faults.BAD_GATEWAY,
    "502 after the work": faults.BAD_GATEWAY_AFTER_THE_WORK,
    "504": faults.GATEWAY_TIMEOUT,
    "403 secondary": faults.SECONDARY_LIMIT,
    "403 secondary, retry-after": faults.secondary_limit(30),
    "429": faults.too_many_requests(),
    "403 primary": faults.primary_limit(2_000_000_000),
    "reset": faults.CONNECTION_RESET,
    "reset after the work": faults.CONNECTION_RESET_AFTER_THE_WORK,
}


def refusal(*errors: str) -> Fault:
    """GitHub's 422 for a review, which says what is wrong but not where."""
    body = {"message": "Unprocessable Entity", "errors": list(errors), "status": "422"}
    return Fault(422, {**body, "documentation_url": faults.DOCUMENTATION})


AT_THE_REVIEW = {
    "422 line": refusal("Pull request review thread line must be part of the diff"),
    "422 hunk": refusal("Pull request review thread diff hunk can't be blank"),
    "422 order": refusal("Pull request review thread start line must precede the end line."),
    "422 same hunk": refusal("Pull request review thread start line must be part of the same hunk as the line."),
    "422 path": refusal("Path could not be resolved"),
    "422 both": refusal("Pull request review thread line must be part of the diff and diff hunk can't be blank"),
    "422 pending": refusal("User can only have one pending review per pull request"),
    "422 abuse": faults.ABUSE,
}
AT_A_QUERY = {"rate limited": faults.GRAPHQL_RATE_LIMITED, "partial": faults.GRAPHQL_PARTIAL}

PICK = st.integers(0, 99)
CALLS = st.integers(0, 14)


@dataclass(frozen=True)
class Push:
    """The author pushes something; `picks` choose what and where."""

    how: str
    picks: tuple[int, int]
    force: bool = False

    async def do(self, world: World) -> None:
        """Push."""
        tree = self.changed(world)
        if tree is not None:
            await world.push(tree, force=self.force)

    def changed(self, world: World) -> Tree | None:
        """The state that is pushed; None where there is nothing to change so."""
        tree = dict(world.tree)
        one, two = self.picks
        if self.how == "revert":
            return world.trees[world.pull.heads[one % len(world.pull.heads)]]
        if self.how == "new-file":
            tree[f"app/new{len(world.trees)}.py"] = File((world.function("raise", True), world.function("get", False)))
            return tree
        paths = sorted(tree)
        path = paths[one % len(paths)]
        file = tree[path]
        functions = list(file.functions)
        at = two % (len(functions) + 1)
        match self.how:
            case "introduce":
                kind = ("raise", "get")[one % 2]
                new = [world.function(kind, True) for _ in range(1 + two % 5)]
                functions[at:at] = new
            case "fix" | "break":
                wanted = [each for each in functions if each.bad == (self.how == "fix")]
                if not wanted:
                    return None
                functions = [
                    replace(each, bad=not each.bad) if each is wanted[two % len(wanted)] else each for each in functions
                ]
            case "remove":
                functions = functions[:at] + functions[at + 1 :]
            case "move":
                functions = functions[at:] + functions[:at]
            case "rename":
                del tree[path]
                path = f"app/renamed{len(world.trees)}.py"
            case "delete":
                if len(tree) > 1:
                    del tree[path]
                return tree
            case "shift":
                file = replace(file, gap=two % 5)
            case "reformat":
                file = replace(file, wide=not file.wide)
        tree[path] = replace(file, functions=tuple(functions))
        return tree


@dataclass(frozen=True)
class Says:
    """A person resolves, deletes, answers or dislikes one of our comments, or edits a command."""

    what: str
    pick: int = 0

    async def do(self, world: World) -> None:
        """Do it to one of the open comments, if there is one."""
        if self.what == "edit":
            await world.edit(self.pick)
            return
        there = world.open_threads()
        if not there:
            return
        world.notice()
        _, first, names = there[self.pick % len(there)]
        match self.what:
            case "resolve":
                world.pull.resolve(first, by="ada")
                world.refuse(first, names, Fate.RESOLVED)
            case "delete":
                delete_comment(world.pull, first)
                world.refuse(first, names, Fate.DELETED)
            case "dislike":
                world.pull.react(first, "-1", by="eve")
                world.refuse(first, names, Fate.DISLIKED)
            case "reply":
                world.pull.reply(first, "But why?", by="ada")
                world.answered[first.id] = first.body


@dataclass(frozen=True)
class Commands:
    """Somebody gives a command: the author, a stranger or a bot."""

    said: str
    by: str

    async def do(self, world: World) -> None:
        """Write it."""
        await world.command(self.said, self.by)


@dataclass(frozen=True)
class Does:
    """Something happens to the pull request, its base branch or the installation."""

    what: str
    pick: int = 0

    async def do(self, world: World) -> None:
        """Do it, where it is possible."""
        pull = world.pull
        match self.what:
            case "draft" if not pull.draft and pull.state == "open":
                pull.draft, world.asked = True, False
                await world.tells("converted_to_draft")
            case "ready" if pull.draft and pull.state == "open":
                pull.ready()
                await world.tells("ready_for_review")
            case "close" if pull.state == "open":
                pull.close()
                world.lose()
                await world.tells("closed")
            case "reopen" if pull.state == "closed":
                pull.reopen()
                await world.tells("reopened")
            case "retarget" if pull.state == "open":
                changes = pull.retarget("release" if pull.base_ref == "main" else "main")
                await world.tells("edited", changes=changes)
            case "merge":
                base = dict(world.trees[pull.base_sha])
                old = base["app/old.py"]
                functions = [replace(each, bad=not each.bad) if self.pick % 2 else each for each in old.functions]
                base["app/old.py"] = replace(old, functions=tuple(functions), gap=self.pick % 3)
                base[f"app/other{len(world.trees)}.py"] = File((world.function("raise", True),))
                world.advance(base)
            case "rebase":
                await world.rebase()
            case "redeliver":
                await world.sends(world.deliveries[self.pick % len(world.deliveries)])
            case "rerun" if pull.check_runs and pull.state == "open":
                world.asked = True
                await world.tells("rerequested", "check_run", run=pull.check_runs[-1])
            case "grant":
                world.github.grant(contents=("read", "write")[self.pick % 2])
                await world.tells("new_permissions_accepted", "installation")
            case "rename":
                world.github.rename(f"{world.github.repository.name}x")
            case "transfer":
                await world.transfer()
            case "restart":
                await world.restart()


@dataclass(frozen=True)
class During:
    """In the middle of the next run, at its call of that number, something else happens."""

    calls: int
    step: Push | Says | Commands | Does

    async def do(self, world: World) -> None:
        """Let it come. A process that ends in the middle of a run is a death, and among the failures."""
        if not (isinstance(self.step, Does) and self.step.what == "restart"):
            world.line.coming.append(Happening(self.calls, lambda: self.step.do(world)))


@dataclass(frozen=True)
class Fails:
    """At a call of the next run GitHub fails so, or the process dies."""

    how: str
    calls: int
    after_the_work: bool = False

    async def do(self, world: World) -> None:
        """Let it come."""
        if self.how in AT_THE_REVIEW:
            # GitHub refuses a review once: the next one has no comments that could stand wrongly.
            if not any(plan.times for plan in world.github._plans):
                world.github.misbehave("POST", REVIEWS, AT_THE_REVIEW[self.how])
        elif self.how in AT_A_QUERY:
            world.github.misbehave("POST", GRAPHQL, AT_A_QUERY[self.how], skip=self.calls)
        else:
            world.line.coming.append(
                Happening(self.calls, lambda: self.happens(world), self.after_the_work, self.how != "death")
            )

    async def happens(self, world: World) -> None:
        """It is so far."""
        match self.how:
            case "death":
                raise Death
            case "timeout":
                raise httpx.ReadTimeout("")
            case "401":
                world.github.revoke_tokens()
            case _:
                world.github.misbehave("*", ".", ANYWHERE[self.how])


Step = Push | Says | Commands | Does | During | Fails

PUSHED = ("introduce", "introduce", "new-file", "fix", "break", "remove", "move", "rename", "delete", "shift")
DONE = ("draft", "ready", "close", "reopen", "retarget", "merge", "rebase", "rebase", "redeliver", "rerun", "grant")
SAID = ("/recheck", "/recheck", "/postil pause", "/postil resume", "/postil help", "/postil hepl", "/postil explain x")
ORDERED = [f"/postil {order} {rule}" for rule in RULES.values() for order in ("ignore", "unignore")]
SELDOM = st.integers(0, 4).map(lambda number: number == 0)

PUSHES = st.builds(Push, st.sampled_from((*PUSHED, "reformat", "revert", "revert")), st.tuples(PICK, PICK), SELDOM)
SAYINGS = st.builds(Says, st.sampled_from(["resolve", "delete", "reply", "dislike", "edit"]), PICK)
COMMANDS = st.builds(
    Commands, st.sampled_from((*SAID, *ORDERED)), st.sampled_from(["ada", "ada", "ada", "eve", "renovate[bot]"])
)
DOINGS = st.builds(Does, st.sampled_from((*DONE, "rename", "transfer", "restart")), PICK)
FAILURES = st.builds(Fails, st.sampled_from([*ANYWHERE, *AT_THE_REVIEW, *AT_A_QUERY, "401"]), CALLS) | st.builds(
    Fails, st.sampled_from(["death", "death", "timeout"]), CALLS, st.booleans()
)
PEACEFUL = (PUSHES, PUSHES, SAYINGS, COMMANDS, DOINGS)
STEPS = st.one_of(*PEACEFUL, st.builds(During, CALLS, st.one_of(*PEACEFUL)), FAILURES)


@dataclass(frozen=True)
class Ground:
    """What all sequences stand on: one event loop, one child for the analysis, one database."""

    runner: asyncio.Runner
    jobs: Jobs
    analyst: Analyst
    database: str
    app_key: tuple[str, str] = field(repr=False)

    def live(self, steps: list[Step]) -> None:
        """Take the steps, each in peace or on the heels of the one before, and look at the end of each pause."""
        self.runner.run(self._live(steps))

    async def _live(self, steps: list[Step]) -> None:
        with TemporaryDirectory(dir=MEMORY) as folder:
            world = World(Path(folder), self.app_key, self.jobs, self.analyst, self.database)
            await world.begin()
            try:
                await world.rest()
                world.check()
                for step in steps:
                    await step.do(world)
                    if not isinstance(step, During | Fails):
                        await world.rest()
                        world.check()
                await world.settle()
                world.check()
                world.check_refusals()
                await world.merge()
            finally:
                await world.end()


@pytest.fixture(scope="module")
def ground(app_key: tuple[str, str]) -> Iterator[Ground]:
    """The ground, laid once."""

    @asynccontextmanager
    async def laid(database: str) -> AsyncGenerator[tuple[Jobs, Analyst]]:
        async with Analyst() as analyst:
            jobs = Jobs(database, lease=1e6)
            await jobs.open()
            await jobs._call(care.show_life)
            try:
                yield jobs, analyst
            finally:
                await jobs.stop()

    with TemporaryDirectory(dir=MEMORY) as folder, asyncio.Runner() as runner:
        database = f"sqlite:///{folder}/postil.db"
        context = laid(database)
        jobs, analyst = runner.run(context.__aenter__())
        yield Ground(runner, jobs, analyst, database, app_key)
        runner.run(context.__aexit__(None, None, None))


@settings(
    max_examples=SEQUENCES or 300,
    derandomize=not SEQUENCES,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_whatever_happens_each_finding_is_shown_once(ground: Ground, steps: list[Step]) -> None:
    """Pushes, refusals, replies, commands, drafts, faults of GitHub and deaths of the process, in any order."""
    ground.live(steps)
