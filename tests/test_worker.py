"""One job's life where it doesn't go smoothly: what the author sees when GitHub, the database or a push interferes.

The real queue on SQLite, the real analysis, and the stand-in for GitHub.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot

from postil import packs
from postil.demo import faults
from postil.demo.fake_github import Limits
from postil.demo.faults import Fault
from postil.demo.state import FakePull
from postil.github import GitHub
from postil.jobs import MAX_TRIES, Ask, Command, Jobs, Pull, create_engine, database_url
from postil.jobs.schema import pulls
from postil.review.model import Review
from postil.sandbox import Analyst
from postil.web.metrics import Metrics
from postil.worker import Reviewer
from story import CLEAN, PAY, REFUND
from validated_github import ValidatedGitHub

GUIDELINE = packs.load()
REVIEWS = r"/pulls/\d+/reviews$"
CHECKS = r"/check-runs"
FILES = r"/pulls/\d+/files"


@dataclass
class Bench:
    """The worker at its queue, and what a test does to both."""

    github: ValidatedGitHub
    jobs: Jobs
    deliveries: int = 0

    async def asks(self, pull: FakePull, **about: Any) -> None:
        """Something asks for a review of the pull request's present head, unless `about` says otherwise."""
        self.deliveries += 1
        place = pull.repository
        (whose,) = (each.id for each in self.github.installations if place in each.repositories)
        here = Pull(whose, place.id, place.owner.login, place.name, pull.number)
        about = {"why": "test", "head": pull.head_sha, "at": float(self.deliveries), "outdates": True, **about}
        await self.jobs.accept(f"d{self.deliveries}", Ask(here, **about))

    async def commands(self, pull: FakePull, login: str) -> None:
        """Somebody comments `/recheck`."""
        comment = pull.comment("/recheck", by=login)
        command = Command("issue_comment", comment.id, login)
        await self.asks(pull, head=None, at=0.0, outdates=False, command=command)

    async def rests(self) -> Counter[str]:
        """Wait until nothing is left to do; how many pull requests are in which state."""
        async with asyncio.timeout(180):
            while True:
                states = Counter((await self.jobs.counts()).states)
                if not states["queued"] and not states["running"]:
                    return +states
                await asyncio.sleep(0.05)

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(60):
            while not happened():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def asked(self, method: str, path: str) -> int:
        """How often GitHub was asked that."""
        return sum(1 for call in self.github.calls if call.method == method and path in call.path)


@pytest.fixture
def bench(github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Starts a worker on a database of this test's, and stops it with the `async with` block."""

    @asynccontextmanager
    async def running(
        key: bytes = b"key",
        work: bool = True,
        show: Callable[[Review], None] = lambda review: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> AsyncGenerator[Bench]:
        transport = httpx.ASGITransport(github)
        jobs = Jobs(f"sqlite:///{tmp_path}/postil.db")
        async with (
            GitHub(
                github.app_id, app_key[0], github.url, transport, spacing=0, pauses=(0.01, 0.02), clock=clock
            ) as api,
            Analyst() as analyst,
        ):
            reviewer = Reviewer(
                github=api,
                analyst=analyst,
                book=jobs,
                guideline=GUIDELINE,
                links=packs.Links("https://postil.example.com/guide"),
                web_url="https://github.com",
                key=key,
                meter=Metrics("test", "test"),
                show=show,
            )
            await (jobs.start(reviewer, reviewer.give_up) if work else jobs.open())
            try:
                yield Bench(github, jobs)
            finally:
                await jobs.stop(grace=1)

    return running


def said(pull: FakePull) -> list[str]:
    """Where the inline comments stand."""
    return [f"{comment.path}:{comment.line}" for comment in pull.comments]


def verdicts(pull: FakePull) -> list[tuple[str | None, str | None]]:
    """The check runs: conclusion and title."""
    return [(run.conclusion, run.title) for run in pull.check_runs]


def test_a_push_during_the_review_wins(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """What was found in a head that is gone already would only be noise; its check run says where the verdict is."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    first = pull.head_sha
    go_on = asyncio.Event()
    github.misbehave("GET", FILES, faults.held(go_on))

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: pull.check_runs)
            pull.push({"pay.py": CLEAN, "refund.py": REFUND})
            await worker.asks(pull)
            go_on.set()
            await worker.rests()

    asyncio.run(story())
    (review,) = pull.reviews
    ends = {run.head_sha: (run.status, run.conclusion, run.title) for run in pull.check_runs}

    assert review.original_commit_id == pull.head_sha
    assert said(pull) == ["refund.py:5"]
    assert ends == {
        first: ("completed", "cancelled", f"Superseded by {pull.head_sha[:7]}"),
        pull.head_sha: ("completed", "failure", "1 finding: 1 warning"),
    }


def test_a_pull_request_that_is_closed_during_its_review_is_left_alone(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """Nobody reads a review of what was thrown away."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    go_on = asyncio.Event()
    github.misbehave("GET", FILES, faults.held(go_on))

    async def story() -> Counter[str]:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: pull.check_runs)
            pull.close()
            await worker.asks(pull, head=None, wakes=False)
            go_on.set()
            return await worker.rests()

    assert asyncio.run(story()) == {"idle": 1}
    assert pull.reviews == []
    assert verdicts(pull) == snapshot([("cancelled", "Not reviewed: closed")])


def test_a_draft_again_is_reviewed_all_the_same_where_drafts_are(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """Whether it is, only the configuration says, which the run reads: what told of the change can't know."""
    config = {"pyproject.toml": "[tool.postil]\ndrafts = true\n"}
    pull = github.open_pull(base_files=config, head_files={"pay.py": PAY})
    go_on = asyncio.Event()
    github.misbehave("GET", FILES, faults.held(go_on))

    async def story() -> Counter[str]:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: pull.check_runs)
            pull.draft = True
            await worker.asks(pull, head=None, wakes=False)
            go_on.set()
            return await worker.rests()

    assert asyncio.run(story()) == {"idle": 1}
    assert said(pull) == ["pay.py:5"]
    assert verdicts(pull) == snapshot([("failure", "1 finding: 1 warning")])


def test_a_draft_again_is_left_alone_where_drafts_are(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """By default a draft waits until it is made ready, and the check run says so."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    go_on = asyncio.Event()
    github.misbehave("GET", FILES, faults.held(go_on))

    async def story() -> Counter[str]:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: pull.check_runs)
            pull.draft = True
            await worker.asks(pull, head=None, wakes=False)
            go_on.set()
            return await worker.rests()

    assert asyncio.run(story()) == {"idle": 1}
    assert pull.reviews == []
    assert verdicts(pull) == snapshot([("cancelled", "Not reviewed: a draft")])


def test_a_draft_is_reviewed_only_when_somebody_asks(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """A draft says that it isn't ready; its author may want to know all the same."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY}, draft=True)
    seen: list[tuple[int, int]] = []

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.rests()
            seen.append((len(pull.reviews), len(pull.check_runs)))
            await worker.commands(pull, pull.author.login)
            await worker.rests()
            seen.append((len(pull.reviews), len(pull.check_runs)))

    asyncio.run(story())

    assert seen == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("method", "path", "fault"),
    [
        ("POST", r"/graphql$", faults.secondary_limit(1)),
        ("POST", CHECKS, faults.SECONDARY_LIMIT),
        ("POST", CHECKS, faults.CONNECTION_RESET_AFTER_THE_WORK),
        ("GET", FILES, faults.too_many_requests(1)),
        ("POST", REVIEWS, faults.secondary_limit(1)),
        ("POST", REVIEWS, faults.ABUSE),
        ("POST", REVIEWS, faults.CONNECTION_RESET_AFTER_THE_WORK),
        ("PATCH", CHECKS, faults.secondary_limit(1)),
        ("PATCH", CHECKS, faults.BAD_GATEWAY_AFTER_THE_WORK),
    ],
)
def test_whatever_fails_on_the_way_the_author_sees_it_once(
    github: ValidatedGitHub, bench: Callable[..., Any], method: str, path: str, fault: Fault, app_key: tuple[str, str]
) -> None:
    """Each step may be done again: one check run, one review, and the same words as if nothing had happened."""
    quick = Fault(
        fault.status, fault.body, {**fault.headers, "retry-after": "1"}, fault.after_the_work, reset=fault.reset
    )
    github.misbehave(method, path, quick)
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> Counter[str]:
        async with bench() as worker:
            await worker.asks(pull)
            return await worker.rests()

    assert asyncio.run(story()) == {"idle": 1}
    assert len(pull.reviews) == 1
    assert said(pull) == ["pay.py:5"]
    assert [run.conclusion for run in pull.check_runs] == ["failure"]
    assert "1 found: 1 inline" in (pull.check_runs[0].summary or "")
    assert "said before" not in (pull.check_runs[0].summary or "")
    assert len(pull.check_runs[0].annotations) == 1


def test_a_pause_that_github_asks_for_is_that_of_the_whole_installation(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """Whoever goes on meanwhile is shut out for longer; and nobody else has to wait with it."""
    limited, waiting = (
        github.open_pull(base_files={"a.py": CLEAN}, head_files={f"pay{number}.py": PAY}) for number in range(2)
    )
    elsewhere = github.add_repository("till", "other", installed=False)
    github.install(elsewhere.owner).repositories.append(elsewhere)
    free = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY}, repository=elsewhere)
    github.misbehave("POST", rf"/shop{REVIEWS}", faults.secondary_limit(60))
    clock = [0.0]

    async def why(worker: Bench, pull: FakePull) -> str | None:
        """Why a pull request is put off, as soon as it is."""
        async with asyncio.timeout(60):
            while True:
                for job in await worker.jobs.live():
                    if job.pull.number == pull.number and job.why:
                        return job.why
                await asyncio.sleep(0.05)

    async def story() -> tuple[str | None, str | None, int]:
        async with bench(clock=lambda: clock[0]) as worker:
            await worker.asks(limited)
            first = await why(worker, limited)
            await worker.asks(waiting)
            second = await why(worker, waiting)
            asked = worker.asked("GET", f"/pulls/{waiting.number}/")
            await worker.asks(free)
            await worker.until(lambda: free.reviews)
            clock[0] += 61
            await worker.commands(waiting, waiting.author.login)
            await worker.until(lambda: waiting.reviews)
            return first, second, asked

    first, second, asked = asyncio.run(story())

    assert first is not None
    assert "secondary rate limit" in first
    assert (second, asked) == ("GitHub asked for a pause in this installation", 0)


def test_a_try_that_failed_before_the_push_leaves_no_check_open(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """The next try judges another commit; the check run that the first one began would spin for ever."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.misbehave("GET", FILES, faults.secondary_limit(1))

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: worker.asked("GET", "/files"))
            pull.push({"pay.py": CLEAN})
            await worker.asks(pull)
            await worker.rests()

    asyncio.run(story())

    assert verdicts(pull) == [("cancelled", f"Superseded by {pull.head_sha[:7]}"), ("success", "No findings")]


def test_a_check_run_whose_id_was_never_heard_is_not_left_open(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """GitHub made it and didn't say so, and the next try judges another commit."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.misbehave("POST", CHECKS, faults.BAD_GATEWAY_AFTER_THE_WORK)
    github.misbehave("GET", r"/commits/.*/check-runs", faults.secondary_limit(1))

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: worker.asked("GET", "/check-runs"))
            pull.push({"pay.py": CLEAN})
            await worker.asks(pull)
            await worker.rests()

    asyncio.run(story())

    assert verdicts(pull) == [("cancelled", f"Superseded by {pull.head_sha[:7]}"), ("success", "No findings")]


@pytest.mark.parametrize("fate", ["closed", "draft"])
def test_a_try_that_failed_before_the_pull_request_was_put_aside_leaves_no_check_open(
    github: ValidatedGitHub, bench: Callable[..., Any], fate: str
) -> None:
    """The next try has nothing to judge, and ends what the first one began."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.misbehave("GET", FILES, faults.secondary_limit(1))

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.until(lambda: worker.asked("GET", "/files"))
            pull.state, pull.draft = ("closed", False) if fate == "closed" else ("open", True)
            await worker.asks(pull, head=None, wakes=False)
            await worker.rests()

    asyncio.run(story())

    assert verdicts(pull) == [("cancelled", f"Not reviewed: {'closed' if fate == 'closed' else 'a draft'}")]


def test_what_the_hour_has_no_calls_left_for_waits_for_the_next_one(
    github: ValidatedGitHub, bench: Callable[..., Any], tmp_path: Path
) -> None:
    """A run that would be refused half-way leaves a check run that spins; one that isn't begun leaves nothing."""
    github.limits = Limits(requests_per_hour=4)
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> tuple[Counter[str], int]:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.rests()
            calls = len(github.calls)
            pull.push({"pay.py": CLEAN})
            await worker.asks(pull)
            engine = create_engine(database_url(f"sqlite:///{tmp_path}/postil.db"))
            with engine.connect() as connection:
                await worker.until(lambda: connection.execute(sa.select(pulls.c.why)).scalar())
            engine.dispose()
            return Counter((await worker.jobs.counts()).states), len(github.calls) - calls

    states, calls = asyncio.run(story())

    assert +states == {"queued": 1}
    assert calls == 0
    assert [run.conclusion for run in pull.check_runs] == ["failure"]


def test_anchors_that_github_refuses_cost_the_place_and_not_the_review(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """GitHub refuses the whole review for one comment off the diff, and doesn't say which."""
    refusal = {
        "message": "Unprocessable Entity",
        "errors": ["Pull request review thread line must be part of the diff"],
        "documentation_url": faults.DOCUMENTATION,
        "status": "422",
    }
    github.misbehave("POST", REVIEWS, Fault(422, refusal))
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.rests()

    asyncio.run(story())
    (review,) = pull.reviews

    assert pull.comments == []
    assert "1 found: 0 inline, 1 beside the diff" in review.body
    assert "1 found: 0 inline, 1 beside the diff" in (pull.check_runs[0].summary or "")


def test_a_head_that_github_does_not_show_yet_is_waited_for_once(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """A replica may lag behind the delivery; but a delivery may also be older than what GitHub shows."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> tuple[Counter[str], int]:
        async with bench() as worker:
            await worker.asks(pull, head="f" * 40)
            return await worker.rests(), worker.asked("POST", "/check-runs")

    assert asyncio.run(story()) == ({"idle": 1}, 1)
    assert said(pull) == ["pay.py:5"]


def test_a_missing_permission_is_shown_to_the_operator_and_cured_by_a_retry(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """Trying again can't help until somebody grants it; nothing is lost until then."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.grant(checks="none")

    async def story() -> tuple[Counter[str], str, Counter[str]]:
        async with bench() as worker:
            await worker.asks(pull)
            dead = await worker.rests()
            (job,) = await worker.jobs.dead()
            github.grant(checks="write")
            assert await worker.jobs.retry(job.id)
            return dead, job.why, await worker.rests()

    dead, why, cured = asyncio.run(story())

    assert (dead, cured) == ({"dead": 1}, {"idle": 1})
    assert why == snapshot(
        "POST /app/installations/1003/access_tokens: "
        "422 The permissions requested are not granted to this installation."
    )
    assert said(pull) == ["pay.py:5"]


def test_a_review_that_is_given_up_says_so_in_its_check_run(
    github: ValidatedGitHub, bench: Callable[..., Any], tmp_path: Path
) -> None:
    """A check that stays in progress for ever blocks a merge and explains nothing."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.misbehave("POST", REVIEWS, faults.secondary_limit(60), times=99)

    async def story() -> Counter[str]:
        async with bench(work=False) as web:
            await web.asks(pull)
            make_it_the_last_try(tmp_path)
        async with bench() as worker:
            return await worker.rests()

    assert asyncio.run(story()) == {"dead": 1}
    assert verdicts(pull) == snapshot([("neutral", "Could not be reviewed")])


def make_it_the_last_try(folder: Path) -> None:
    """Let all tries but one of whatever waits have failed."""
    engine = create_engine(database_url(f"sqlite:///{folder}/postil.db"))
    with engine.begin() as connection:
        connection.execute(sa.update(pulls).values(tries=MAX_TRIES - 1))
    engine.dispose()


@pytest.mark.parametrize("again", [False, True], ids=["left alone", "pushed again"])
def test_a_process_that_dies_in_the_last_try_leaves_no_check_open(
    github: ValidatedGitHub, bench: Callable[..., Any], tmp_path: Path, again: bool
) -> None:
    """Whoever finds that says so, after a restart as well; a push that came meanwhile is reviewed."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.misbehave("GET", FILES, faults.held(asyncio.Event()))
    seen: list[object] = []

    async def story() -> None:
        async with bench(work=False) as web:
            await web.asks(pull)
            make_it_the_last_try(tmp_path)
        async with bench() as worker:
            await worker.until(lambda: pull.check_runs)
        engine = create_engine(database_url(f"sqlite:///{tmp_path}/postil.db"))
        with engine.begin() as connection:
            # As the engine leaves a run that took a process with it each time.
            connection.exec_driver_sql("UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'")
        engine.dispose()
        async with bench(work=False) as web:
            await web.jobs.sweep()
            seen.extend(job.next_step for job in await web.jobs.live())
            if again:
                pull.push({"pay.py": CLEAN})
                web.deliveries += 1
                await web.asks(pull)
        async with bench() as worker:
            seen.append(await worker.rests())
            seen.extend((job.why, job.tries) for job in await worker.jobs.dead())

    asyncio.run(story())

    told = "Its check run is told that it has failed."
    if again:
        assert seen == [told, {"idle": 1}]
        assert verdicts(pull) == [("cancelled", f"Superseded by {pull.head_sha[:7]}"), ("success", "No findings")]
    else:
        assert seen == [told, {"dead": 1}, ("the process died in each of its runs", MAX_TRIES)]
        assert verdicts(pull) == [("neutral", "Could not be reviewed")]


def test_a_check_run_is_ended_where_the_last_try_was_cut_short_and_gone_on_with_by_a_recheck(
    github: ValidatedGitHub, bench: Callable[..., Any], tmp_path: Path
) -> None:
    """A fault of ours, or time that runs out, leaves the work no moment to say that it won't come to its end."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    open_then: list[str] = []

    def crash(_: Review) -> None:
        open_then.extend(run.status for run in pull.check_runs)
        raise ZeroDivisionError("in the middle of it")

    async def story() -> Counter[str]:
        async with bench(work=False) as web:
            await web.asks(pull)
            make_it_the_last_try(tmp_path)
        async with bench(show=crash) as worker:
            return await worker.rests()

    async def again() -> Counter[str]:
        async with bench() as worker:
            worker.deliveries = 1
            await worker.commands(pull, pull.author.login)
            return await worker.rests()

    states = asyncio.run(story())
    ends = [(run.status, run.conclusion, run.title) for run in pull.check_runs]

    assert (states, open_then) == ({"dead": 1}, ["in_progress"])
    assert ends == snapshot([("completed", "neutral", "Could not be reviewed")])
    assert asyncio.run(again()) == {"idle": 1}
    assert verdicts(pull) == snapshot([("neutral", "Could not be reviewed"), ("failure", "1 finding: 1 warning")])


def test_strangers_and_authors_who_ask_at_once_are_told_apart(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """One run answers all that wait; a refusal doesn't stop the others, and is said once however often it runs."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    github.collaborator("maintainer", "maintain")
    github.misbehave("POST", CHECKS, faults.secondary_limit(1))

    async def story() -> None:
        async with bench(work=False) as web:
            for login in ("stranger", "maintainer"):
                await web.commands(pull, login)
        async with bench() as worker:
            await worker.rests()

    asyncio.run(story())
    refusals = [each.body.split("\n\n<!--")[0] for each in pull.issue_comments if each.user.type == "Bot"]

    assert refusals == snapshot(["Sorry, `stranger`: `/recheck` is for the author and for people with write access."])
    assert len(pull.reviews) == 1


def test_only_strangers_cost_no_review(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """A public repository lets everybody comment, and each review costs calls."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> int:
        async with bench() as worker:
            await worker.commands(pull, "stranger")
            await worker.rests()
            return worker.asked("GET", "/files")

    assert asyncio.run(story()) == 0
    assert (pull.reviews, pull.check_runs) == ([], [])


def test_a_new_secret_makes_nothing_be_said_twice(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """Secrets are rotated while pull requests are open."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})

    async def story() -> None:
        for key in (b"old", b"new"):
            async with bench(key) as worker:
                await worker.asks(pull)
                await worker.rests()
            pull.push({"b.py": CLEAN})

    asyncio.run(story())

    assert said(pull) == ["pay.py:5"]


def test_the_base_branch_configures_the_review(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """A pull request can't switch off the rule that it breaks."""
    mine = '[tool.postil]\nignore = ["raise-without-from"]\n'
    sly = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY, "pyproject.toml": mine})

    async def story() -> FakePull:
        async with bench() as worker:
            await worker.asks(sly)
            await worker.rests()
            allowed = github.open_pull(base_files={"pyproject.toml": mine}, head_files={"refund.py": REFUND})
            await worker.asks(allowed)
            await worker.rests()
            return allowed

    allowed = asyncio.run(story())

    assert said(sly) == ["pay.py:5"]
    assert said(allowed) == []
    assert f"config {allowed.base_ref}@{allowed.base_sha[:7]}" in (allowed.check_runs[0].summary or "")


def test_what_can_not_be_read_is_named_and_the_rest_is_reviewed(
    github: ValidatedGitHub, bench: Callable[..., Any]
) -> None:
    """A binary file with a Python name, a latin-1 file with its cookie, and one that lies about its encoding."""
    pull = github.open_pull(
        base_files={"a.py": CLEAN},
        head_files={
            "binary.py": b"\x00\x01\xff\xfe" * 100,
            "latin.py": b"# coding: latin-1\n# caf\xe9\n" + PAY.encode(),
            "wrong.py": b"# caf\xe9\n" + PAY.encode(),
            "pay.py": PAY,
        },
    )

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.rests()

    asyncio.run(story())
    lines = (pull.check_runs[0].summary or "").split("\n")

    assert sorted(said(pull)) == ["latin.py:7", "pay.py:5"]
    assert [line for line in lines if line.startswith("- `")] == snapshot(
        [
            "- `binary.py` could not be analysed: it holds null bytes, as UTF-16 and binary files do.",
            "- `wrong.py` could not be analysed: line 1 is not valid utf-8.",
        ]
    )


def test_a_removed_and_a_renamed_file_are_no_news(github: ValidatedGitHub, bench: Callable[..., Any]) -> None:
    """What was there before isn't this author's, whatever the file is called now."""
    github.commit({"pay.py": PAY + "\n\n" + REFUND, "gone.py": PAY})
    pull = github.open_pull(head_files={"pay.py": None, "gone.py": None, "new/pay.py": PAY + "\n\n" + REFUND})

    async def story() -> None:
        async with bench() as worker:
            await worker.asks(pull)
            await worker.rests()

    asyncio.run(story())

    assert pull.reviews == []
    assert verdicts(pull) == snapshot([("success", "No findings")])
