"""The durable queue on real SQLite files and a real PostgreSQL, with real processes that are really killed."""

import asyncio
import json
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from dbos import DBOS
from inline_snapshot import snapshot
from sqlalchemy import exc as sa_exc

from postgres import fresh_postgres, postgres_url
from postil.jobs import (
    MAX_TRIES,
    Again,
    AlreadyRunningError,
    Ask,
    Command,
    Done,
    Failed,
    Intent,
    Job,
    Jobs,
    Later,
    Outcome,
    Pull,
    Shelved,
    Superseded,
    UnavailableError,
    UnusableDatabaseError,
    Work,
    create_engine,
    database_url,
)
from postil.jobs.database import URGENT
from postil.jobs.schema import pulls

__all__ = ["fresh_postgres", "postgres_url"]

WORKER = Path(__file__).with_name("jobs_worker.py")
chance = random.Random()  # noqa: S311


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that doesn't exist yet, in a folder that doesn't either."""
    return f"sqlite:///{tmp_path}/data/postil.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "fresh_postgres")


def pull(number: int = 7, installation: int = 1) -> Pull:
    """A pull request of o/r."""
    return Pull(installation, 100, "o", "r", number)


def push(head: str, at: float = 1.0, *, to: Pull | None = None) -> Ask:
    """The ask that a push makes."""
    return Ask(to or pull(), "pull_request synchronize", head, at, outdates=True)


def recheck(comment: int, to: Pull | None = None) -> Ask:
    """The ask that a comment makes."""
    return Ask(to or pull(), "recheck", command=Command("issue_comment", comment, "alice"))


@asynccontextmanager
async def working(url: str, work: Work, *, patience: float = 600.0) -> AsyncGenerator[Jobs]:
    """A queue whose runs are done in this process until the block ends; each may take `patience` seconds."""
    jobs = Jobs(url, timeout=patience)
    await jobs.start(work, lock_wait=0)
    try:
        yield jobs
    finally:
        await jobs.stop(grace=1)


async def settled(jobs: Jobs) -> dict[str, int]:
    """Wait until nothing is queued or running, and say what there is."""
    async with asyncio.timeout(180):
        while True:
            states = (await jobs.counts()).states
            if not states["queued"] and not states["running"]:
                return states
            await asyncio.sleep(0.05)


def recorder() -> tuple[list[Job], Work]:
    """Work that only remembers what it was given."""
    seen: list[Job] = []

    async def work(job: Job) -> Outcome:
        seen.append(job)
        return Done()

    return seen, work


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """What the database holds, read past the queue."""
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(statement))]
    engine.dispose()
    return found


def runs(url: str) -> str:
    """The engine's own table of runs."""
    return "workflow_status" if url.startswith("sqlite") else "dbos.workflow_status"


async def written_down(url: str) -> None:
    """Wait until the engine, too, has noted the end of each run, which it does a moment after our tables."""
    async with asyncio.timeout(60):
        while {status for (status,) in rows(url, f"SELECT status FROM {runs(url)}")} != {"SUCCESS"}:  # noqa: ASYNC110, S608
            await asyncio.sleep(0.05)


def test_an_ask_becomes_one_run_that_knows_what_was_asked(url: str) -> None:
    """The run's id names the pull request and the run: it is what operators and logs speak of."""
    seen, work = recorder()

    async def story() -> str:
        async with working(url, work) as jobs:
            accepted = await jobs.accept("d1", push("aaa"))
            await settled(jobs)
            return accepted

    assert asyncio.run(story()) == "accepted"
    assert [(job.id, job.head, job.deliveries, job.tries) for job in seen] == snapshot(
        [("o/r#7@run 1", "aaa", ("d1",), 0)]
    )


def test_a_redelivered_delivery_is_no_new_work(url: str) -> None:
    """GitHub sends a delivery again under the same id, also long after the first was done."""
    seen, work = recorder()

    async def story() -> list[str]:
        async with working(url, work) as jobs:
            answers: list[str] = [await jobs.accept("d1", push("aaa"))]
            await settled(jobs)
            answers += [await jobs.accept("d1", push("aaa")) for _ in range(3)]
            await settled(jobs)
            return answers

    assert asyncio.run(story()) == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert len(seen) == 1


def test_a_renamed_repository_keeps_its_pull_requests(url: str) -> None:
    """GitHub's ids stay. Under two names a pull request would have two runs at once, and be told everything twice."""
    seen, work = recorder()
    renamed = Pull(1, 100, "other", "renamed", 7)

    async def story() -> str:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)
            await jobs.accept("d2", push("bbb", 2, to=renamed))
            await settled(jobs)
            return await jobs.accept("d2", push("bbb", 2, to=renamed))

    assert asyncio.run(story()) == "duplicate"
    assert [(job.id, job.pull.key) for job in seen] == [
        ("o/r#7@run 1", "o/r#7"),
        ("o/r#7@run 2", "other/renamed#7"),
    ]


def test_a_repository_with_a_former_name_of_another_is_another(url: str) -> None:
    """Names are free again after a rename; what was asked and said there belongs to the first."""
    seen, work = recorder()

    async def story() -> None:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await jobs.accept("d2", push("bbb", to=Pull(1, 200, "o", "r", 7)))
            await settled(jobs)

    asyncio.run(story())

    assert sorted((job.id, job.pull.repository_id, job.head) for job in seen) == [
        ("o/r#7 of 200@run 1", 200, "bbb"),
        ("o/r#7@run 1", 100, "aaa"),
    ]


def test_what_failed_in_an_installation_is_revived_at_once(url: str) -> None:
    """An App that may do more than before succeeds with what it failed at; other installations are left alone."""
    seen: list[str] = []

    async def work(job: Job) -> Outcome:
        seen.append(job.id)
        return Failed("not permitted")

    async def story() -> tuple[int, dict[str, int]]:
        async with working(url, work) as jobs:
            for number, installation in ((1, 1), (2, 1), (3, 2)):
                await jobs.accept(f"d{number}", push("aaa", to=pull(number, installation)))
            await settled(jobs)
            seen.clear()
            return await jobs.revive(1), await settled(jobs)

    revived, states = asyncio.run(story())

    assert (revived, sorted(seen)) == (2, ["o/r#1@run 2", "o/r#2@run 2"])
    assert states["dead"] == 3


def test_what_was_shelved_waits_for_the_installation_that_sees_its_repository(url: str) -> None:
    """GitHub tells of a pull request once, and another owner's installation isn't told of what was missed."""
    seen: list[Job] = []
    globex = 2

    async def work(job: Job) -> Outcome:
        seen.append(job)
        return Done() if job.pull.installation == globex else Shelved("GitHub shows no such repository")

    async def story() -> tuple[dict[str, int], int, int]:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await jobs.accept("d2", push("bbb", to=Pull(1, 200, "o", "elsewhere", 1)))
            waiting = await settled(jobs)
            revived = await jobs.revive(globex, {100: ("globex", "r"), 300: ("globex", "new")})
            await settled(jobs)
            once_more = await jobs.revive(globex, {100: ("globex", "r")})
            await jobs.purge(0)
            return waiting, revived, once_more

    waiting, revived, once_more = asyncio.run(story())

    assert (waiting["idle"], waiting["dead"], revived, once_more) == (2, 0, 1, 0)
    assert [(job.id, job.pull.key, job.deliveries) for job in seen][2:] == [("o/r#7@run 2", "globex/r#7", ("d1",))]
    assert rows(url, "SELECT id FROM postil_deliveries") == []


def test_a_run_that_loses_its_repository_after_that_was_shown_again_is_followed_by_another(sqlite_url: str) -> None:
    """It works with what it began with, while the delivery that would cure it has come and gone."""
    seen: list[Job] = []

    async def story() -> None:
        async def work(job: Job) -> Outcome:
            seen.append(job)
            if job.pull.installation == 1:
                await jobs.revive(2, {100: ("globex", "r")})
                return Shelved("GitHub shows no such repository")
            return Done()

        async with working(sqlite_url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)

    asyncio.run(story())

    assert [(job.pull.key, job.deliveries) for job in seen] == [("o/r#7", ("d1",)), ("globex/r#7", ("d1",))]


def test_the_same_delivery_at_the_same_time_is_stored_once(url: str) -> None:
    """Two web processes may be handed the same delivery in the same moment."""

    async def story() -> list[str]:
        jobs = Jobs(url)
        await jobs.open()
        answers = await asyncio.gather(*(jobs.accept("d1", push("aaa")) for _ in range(8)))
        await jobs.stop()
        return sorted(answers)

    assert asyncio.run(story()) == ["accepted"] + ["duplicate"] * 7


def test_what_comes_before_a_run_begins_is_answered_by_that_run(url: str) -> None:
    """Work that waits anyway isn't multiplied by a burst of pushes."""
    seen, work = recorder()

    async def story() -> list[str]:
        web = Jobs(url)
        await web.open()
        answers: list[str] = [await web.accept(f"d{n}", push(f"head{n}", n)) for n in range(4)]
        answers.append(await web.accept("d5", recheck(11)))
        await web.stop()
        async with working(url, work) as jobs:
            await settled(jobs)
        return answers

    assert asyncio.run(story()) == ["accepted"] + ["coalesced"] * 4
    assert [(job.head, len(job.asks)) for job in seen] == [("head3", 5)]
    assert seen[0].asks[-1].command == Command("issue_comment", 11, "alice")


def test_the_newest_head_wins_whatever_arrives_last(url: str) -> None:
    """Deliveries may come minutes late and in any order, so the time of the push counts."""
    seen, work = recorder()

    async def story() -> None:
        web = Jobs(url)
        await web.open()
        await web.accept("late", push("new", at=20.0))
        await web.accept("early", push("old", at=10.0))
        await web.stop()
        async with working(url, work) as jobs:
            await settled(jobs)

    asyncio.run(story())

    assert [job.head for job in seen] == ["new"]


def test_a_push_makes_the_run_under_way_out_of_date(url: str) -> None:
    """The run is told before it posts; its asks go on to the next run, which judges the newer head."""
    seen: list[tuple[str | None, bool, int]] = []

    async def story() -> None:
        async def work(job: Job) -> Outcome:
            if not seen:
                await jobs.accept("d2", push("bbb", 2.0))
            current = await jobs.standing(job) == "current"
            seen.append((job.head, current, len(job.asks)))
            return Done() if current else Superseded()

        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa", 1.0))
            await settled(jobs)

    asyncio.run(story())

    assert seen == [("aaa", False, 1), ("bbb", True, 2)]


def test_a_recheck_during_a_run_is_another_run_and_stops_nothing(url: str) -> None:
    """A comment changes nothing about the diff, and on an unchanged head it must really be checked again."""
    seen: list[tuple[str, str]] = []

    async def story() -> None:
        async def work(job: Job) -> Outcome:
            if not seen:
                await jobs.accept("d2", recheck(5))
            seen.append((job.id, await jobs.standing(job)))
            return Done()

        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)

    asyncio.run(story())

    assert seen == [("o/r#7@run 1", "current"), ("o/r#7@run 2", "current")]


def test_a_run_is_held_for_half_a_lease_by_the_process_that_does_it(url: str) -> None:
    """Until then nobody else can have taken it over, so what it posts isn't posted by another as well."""
    held: list[float] = []

    async def story() -> None:
        jobs = Jobs(url, lease=20)

        async def work(job: Job) -> Outcome:
            other = Jobs(url, lease=20)
            await other.open()
            held.extend([await jobs.held(job), await other.held(job)])
            await other.stop()
            return Done()

        await jobs.start(work, lock_wait=0)
        await jobs.accept("d1", push("aaa"))
        await settled(jobs)
        await jobs.stop(grace=1)

    asyncio.run(story())

    assert 0 < held[0] <= 10
    assert held[1] == 0


def test_closing_stops_the_run_under_way_and_starts_none_by_itself(url: str) -> None:
    """An idle pull request that is closed costs nothing."""
    seen: list[tuple[str, str]] = []
    closing = Ask(pull(), "pull_request closed", outdates=True, wakes=False)

    async def story() -> list[str]:
        async def work(job: Job) -> Outcome:
            answer = await jobs.accept(f"close {job.number}", closing) if not seen else ""
            seen.append((answer, await jobs.standing(job)))
            return Done() if seen[-1][1] == "current" else Superseded()

        async with working(url, work) as jobs:
            idle = await jobs.accept("before", closing)
            await settled(jobs)
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)
            return [idle]

    assert asyncio.run(story()) == ["coalesced"]
    assert seen == [("coalesced", "outdated"), ("", "current")]


def test_try_again_is_a_run_of_its_own_with_the_same_origin(url: str) -> None:
    """A rate limit may last an hour: no run sleeps it out, and what was intended is found by the origin."""
    seen: list[Job] = []

    async def work(job: Job) -> Outcome:
        seen.append(job)
        return Again(0.1, "GitHub is busy") if len(seen) == 1 else Done()

    async def story() -> dict[str, int]:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            return await settled(jobs)

    assert asyncio.run(story())["idle"] == 1
    assert [(job.id, job.origin, job.tries, job.deliveries) for job in seen] == snapshot(
        [
            ("o/r#7@run 1", "o/r#7@run 1", 0, ("d1",)),
            ("o/r#7@run 2", "o/r#7@run 1", 1, ("d1",)),
        ]
    )


def test_a_crash_of_the_work_is_tried_again(url: str) -> None:
    """Whatever an unforeseen error is, the pull request isn't forgotten for it."""
    seen: list[int] = []

    async def work(job: Job) -> Outcome:
        seen.append(job.tries)
        if len(seen) == 1:
            raise ZeroDivisionError("unforeseen")
        return Done()

    async def story() -> dict[str, int]:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            return await settled(jobs)

    assert asyncio.run(story())["idle"] == 1
    assert seen == [0, 1]


def test_a_run_that_takes_too_long_is_ended_and_tried_again(sqlite_url: str) -> None:
    """A run that hangs would hold its pull request, and a place in the queue, for ever."""
    seen: list[int] = []

    async def work(job: Job) -> Outcome:
        seen.append(job.tries)
        if len(seen) == 1:
            await asyncio.sleep(3600)
        return Done()

    async def story() -> dict[str, int]:
        async with working(sqlite_url, work, patience=0.2) as jobs:
            await jobs.accept("d1", push("aaa"))
            return await settled(jobs)

    assert asyncio.run(story())["idle"] == 1
    assert seen == [0, 1]


def test_what_finally_fails_is_shown_with_its_reason_and_can_be_run_again(url: str) -> None:
    """The operator cures the cause and starts it again; nothing of what was asked is lost until then."""
    seen: list[Job] = []

    async def work(job: Job) -> Outcome:
        seen.append(job)
        return Failed("the App may not write checks") if len(seen) == 1 else Done()

    async def story() -> tuple[object, ...]:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            states = await settled(jobs)
            (dead,) = await jobs.dead()
            wrong = await jobs.retry("o/r#7@run 99")
            right = await jobs.retry(dead.id)
            return states["dead"], dead.id, dead.why, dead.tries, wrong, right, (await settled(jobs))["dead"]

    assert asyncio.run(story()) == snapshot((1, "o/r#7@run 1", "the App may not write checks", 1, False, True, 0))
    assert [job.deliveries for job in seen] == [("d1",), ("d1",)]


def test_a_new_push_revives_a_dead_pull_request(url: str) -> None:
    """A failure of yesterday's head says nothing about today's."""
    outcomes: list[Outcome] = [Failed("no"), Done()]

    async def work(job: Job) -> Outcome:
        return outcomes.pop(0)

    async def story() -> tuple[str, dict[str, int]]:
        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)
            return await jobs.accept("d2", push("bbb", 2.0)), await settled(jobs)

    accepted, states = asyncio.run(story())

    assert accepted == "accepted"
    assert (states["idle"], states["dead"]) == (1, 0)


def test_trying_ends_after_a_number_of_tries(sqlite_url: str) -> None:
    """For ever trying hides the failure; dead is visible."""

    async def work(job: Job) -> Outcome:
        return Again(0.0, "GitHub is down")

    async def story() -> str:
        async with working(sqlite_url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            engine = create_engine(database_url(sqlite_url))
            with engine.begin() as connection:
                connection.execute(sa.update(pulls).values(tries=MAX_TRIES - 1))
            engine.dispose()
            await settled(jobs)
            return (await jobs.dead())[0].why

    assert asyncio.run(story()) == "GitHub is down"


def test_an_intent_is_told_from_its_repeat(url: str) -> None:
    """A post whose answer got lost is looked for, not posted again; one that was confirmed needs no look."""
    seen: list[Intent] = []

    async def story() -> None:
        async def work(job: Job) -> Outcome:
            seen.append(await jobs.intend(job, "review aaa"))
            seen.append(await jobs.intend(job, "review aaa"))
            await jobs.confirm(job, "review aaa", 99)
            seen.append(await jobs.intend(job, "review aaa"))
            return Done()

        async with working(url, work) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)

    asyncio.run(story())

    assert [(intent.repeated, intent.github_id) for intent in seen] == [(False, None), (True, None), (True, 99)]


def test_a_storm_of_pushes_never_runs_a_pull_request_twice_at_once(url: str) -> None:
    """Serial for each pull request, bounded for each installation, and the last head is always judged."""
    running: Counter[str] = Counter()
    shares: Counter[int] = Counter()
    worst = {"pull": 0, "installation": 0}
    judged: dict[str, str | None] = {}

    async def work(job: Job) -> Outcome:
        running[job.pull.key] += 1
        shares[job.pull.installation] += 1
        worst["pull"] = max(worst["pull"], running[job.pull.key])
        worst["installation"] = max(worst["installation"], shares[job.pull.installation])
        await asyncio.sleep(chance.uniform(0, 0.03))
        running[job.pull.key] -= 1
        shares[job.pull.installation] -= 1
        judged[job.pull.key] = job.head
        return Done()

    async def story() -> Counter[str]:
        answers: Counter[str] = Counter()
        async with working(url, work) as jobs:
            for round_ in range(6):
                for number in range(12):
                    ask = push(f"head{round_}", float(round_), to=pull(number, installation=number % 3))
                    answers[await jobs.accept(f"{number}.{round_}", ask)] += 1
                    if chance.random() < 0.2:
                        answers[await jobs.accept(f"{number}.{round_}", ask)] += 1
            await settled(jobs)
        return answers

    answers = asyncio.run(story())

    assert worst["pull"] == 1
    assert worst["installation"] <= 2
    assert judged == {f"o/r#{number}": "head5" for number in range(12)}
    assert answers["accepted"] + answers["coalesced"] == 72


def test_a_small_installation_does_not_wait_for_the_queue_of_a_busy_one(url: str) -> None:
    """Two hundred pull requests of one organisation, none of which ends before the one of another has begun."""
    small = asyncio.Event()
    begun: list[int] = []

    async def work(job: Job) -> Outcome:
        begun.append(job.pull.installation)
        if job.pull.installation == 2:
            small.set()
        await small.wait()
        return Done()

    async def story() -> list[int]:
        jobs = Jobs(url, concurrency=32, share=8)
        await jobs.open()
        for number in range(200):
            await jobs.accept(f"busy {number}", push("aaa", to=pull(number, 1)))
        await jobs.start(work, lock_wait=0)
        while len(begun) < 8:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await jobs.accept("small", push("bbb", to=pull(999, 2)))
        async with asyncio.timeout(60):
            await small.wait()
        before = list(begun)
        await jobs.stop(grace=0)
        return before

    assert asyncio.run(story()) == [1] * 8 + [2]


def test_what_a_person_asks_for_goes_ahead_in_its_installation(url: str) -> None:
    """Somebody waits for it; what a push asks for is looked at later."""
    seen, work = recorder()

    async def story() -> None:
        jobs = Jobs(url, concurrency=1, share=1)
        await jobs.open()
        for number in (1, 2, 3):
            await jobs.accept(f"push {number}", push("aaa", to=pull(number)))
        await jobs.accept("comment", recheck(1, pull(99)))
        await jobs.start(work, lock_wait=0)
        await settled(jobs)
        await jobs.stop(grace=0)

    asyncio.run(story())

    assert seen[0].pull.number == 99
    assert len(seen) == 4


def test_work_that_is_put_off_spends_no_try_and_a_comment_ends_its_pause(url: str) -> None:
    """That GitHub's hour isn't over is no failure, and what a person asks for may use the reserve."""
    seen: list[Job] = []

    async def work(job: Job) -> Outcome:
        seen.append(job)
        match len(seen):
            case 1:
                return Later(0.1, "nearly spent")
            case 2:
                return Later(3600.0, "nearly spent")
        return Done()

    async def story() -> list[str]:
        async with working(url, work) as jobs:
            answers: list[str] = [await jobs.accept("d1", push("aaa"))]
            async with asyncio.timeout(60):
                while len(seen) < 2 or (await jobs.counts()).states["running"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            answers += [await jobs.accept("d2", push("bbb", 2.0)), await jobs.accept("d3", recheck(1))]
            await settled(jobs)
        return answers

    assert asyncio.run(story()) == ["accepted", "coalesced", "accepted"]
    assert [job.tries for job in seen] == [0, 0, 0]
    assert [job.deliveries for job in seen] == [("d1",), ("d1",), ("d1", "d2", "d3")]


def test_a_run_that_vanished_is_started_anew(url: str) -> None:
    """Our tables are the truth: a pull request that isn't idle gets its run back."""
    seen, work = recorder()

    async def story() -> int:
        web = Jobs(url)
        await web.open()
        await web.accept("d1", push("aaa"))
        engine = create_engine(database_url(url))
        with engine.begin() as connection:
            connection.execute(sa.text(f"DELETE FROM {runs(url)}"))  # noqa: S608
        engine.dispose()
        started = await web.sweep()
        await web.stop()
        async with working(url, work) as jobs:
            await settled(jobs)
        return started

    assert asyncio.run(story()) == 1
    assert [(job.id, job.origin) for job in seen] == [("o/r#7@run 2", "o/r#7@run 1")]


def test_a_run_of_a_version_without_workers_is_started_anew(url: str) -> None:
    """An upgrade must not strand what the old version left behind, nor block its pull request."""
    seen, work = recorder()

    async def story() -> None:
        web = Jobs(url)
        await web.open()
        await web.accept("d1", push("aaa"))
        await web.stop()
        engine = create_engine(database_url(url))
        with engine.begin() as connection:
            connection.execute(
                sa.text(f"UPDATE {runs(url)} SET status='PENDING', executor_id='gone', application_version='0'")  # noqa: S608
            )
            connection.execute(sa.update(pulls).values(state="running", executor="gone"))
        engine.dispose()
        async with working(url, work) as jobs:
            await settled(jobs)

    asyncio.run(story())

    assert [(job.id, job.tries) for job in seen] == [("o/r#7@run 2", 1)]


def test_the_engine_hands_a_dead_executor_s_runs_on(url: str) -> None:
    """The contract of the one private function that is used: PENDING runs of the named executors, and no others."""

    async def story() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        query = f"SELECT workflow_uuid, status FROM {runs(url)} ORDER BY 1"  # noqa: S608
        async with working(url, recorder()[1]) as jobs:
            await jobs.accept("d1", push("aaa"))
            await jobs.accept("d2", push("aaa", to=pull(8)))
            # Else it would undo the lines below.
            await written_down(url)
            engine = create_engine(database_url(url))
            with engine.begin() as connection:
                for number, owner in ((7, "gone"), (8, "alive")):
                    connection.execute(
                        sa.text(
                            f"UPDATE {runs(url)} SET status='PENDING', executor_id='{owner}', queue_name='unread' "  # noqa: S608
                            f"WHERE workflow_uuid='o/r#{number}@run 1'"
                        )
                    )
            engine.dispose()
            DBOS._recover_pending_workflows(["gone"])
            once = rows(url, query)
            DBOS._recover_pending_workflows(["gone"])
            return once, rows(url, query)

    once, twice = asyncio.run(story())

    assert once == twice == [("o/r#7@run 1", "ENQUEUED"), ("o/r#8@run 1", "PENDING")]


def test_a_second_process_on_the_same_sqlite_file_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    """Two workers on one file would each keep their own limits and read each other as dead."""
    with subprocess.Popen(
        [sys.executable, WORKER, sqlite_url, tmp_path / "ledger", "30"], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()

        async def story() -> None:
            async with working(sqlite_url, recorder()[1]):
                raise RuntimeError("it must not start")

        try:
            with pytest.raises(AlreadyRunningError):
                asyncio.run(story())
        finally:
            other.kill()


def test_stopping_hands_unfinished_runs_on(url: str) -> None:
    """A restart loses nothing and waits for no lease."""
    seen: list[str] = []

    async def story() -> None:
        begun = asyncio.Event()

        async def hang(job: Job) -> Outcome:
            begun.set()
            await asyncio.sleep(3600)
            return Done()

        async def work(job: Job) -> Outcome:
            seen.append(job.id)
            return Done()

        async with working(url, hang) as jobs:
            await jobs.accept("d1", push("aaa"))
            await begun.wait()
        async with working(url, work) as jobs:
            await settled(jobs)

    asyncio.run(story())

    assert seen == ["o/r#7@run 1"]


def test_a_process_that_stops_lets_its_runs_end_and_begins_no_more(url: str) -> None:
    """What waits is for those that stay; what is begun would be done twice."""
    seen: list[str] = []

    async def story() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def work(job: Job) -> Outcome:
            begun.set()
            await go_on.wait()
            seen.append(job.id)
            return Done()

        jobs = Jobs(url, share=1)
        await jobs.start(work)
        await jobs.accept("d1", push("aaa"))
        await begun.wait()
        stopping = asyncio.create_task(jobs.stop())
        web = Jobs(url)
        await web.open()
        try:
            # Of the same installation, whose share is taken until the first one ends.
            await web.accept("d2", push("bbb", to=pull(8)))
            go_on.set()
            await stopping
            seen.extend(each.id for each in await web.live())
        finally:
            await web.stop()

    asyncio.run(story())

    assert seen == ["o/r#7@run 1", "o/r#8@run 1"]


def _kill_at_random(url: str, tmp_path: Path, kills: int, workers: int) -> tuple[Counter[str], set[str]]:
    """Push to ten pull requests while workers are killed and started; give the ledger and what had to be in it."""
    ledger = tmp_path / "ledger"
    ledger.touch()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, WORKER, url, ledger, "2"], stdout=subprocess.PIPE)

    async def story() -> None:
        web = Jobs(url)
        await web.open()
        alive = [start() for _ in range(workers)]
        try:
            for process in alive[:-1]:
                assert process.stdout is not None
                process.stdout.readline()
            for kill in range(kills):
                newest = alive[-1].stdout
                assert newest is not None
                newest.readline()
                for number in range(10):
                    await web.accept(f"{number}.{kill}", push(f"head{kill}", float(kill), to=pull(number)))
                await asyncio.sleep(chance.uniform(0.05, 0.4))
                victim = alive.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                alive.append(start())
            await settled(web)
        finally:
            await web.stop()
            for process in alive:
                process.kill()
                process.wait()

    asyncio.run(story())
    last = {f"o/r#{number} head{kills - 1}" for number in range(10)}
    return Counter(ledger.read_text().splitlines()), last


@pytest.mark.kill
def test_no_head_is_lost_and_none_posted_twice_when_the_sqlite_worker_is_killed(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The next process adopts at once what the killed one held."""
    posted, last = _kill_at_random(sqlite_url, tmp_path, kills=5, workers=1)

    assert last <= posted.keys()
    assert set(posted.values()) == {1}


@pytest.mark.kill
def test_no_head_is_lost_and_none_posted_twice_when_one_of_three_workers_is_killed(
    fresh_postgres: str, tmp_path: Path
) -> None:
    """The living take over by lease from the one that is gone."""
    posted, last = _kill_at_random(fresh_postgres, tmp_path, kills=5, workers=3)

    assert last <= posted.keys()
    assert set(posted.values()) == {1}


def test_finished_work_is_forgotten_after_its_time(url: str) -> None:
    """The database doesn't grow for ever; what is open is never forgotten."""

    async def story() -> tuple[int, int, list[tuple[object, ...]]]:
        async with working(url, recorder()[1]) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)
            young = await jobs.purge(3600)
            await written_down(url)
            old = await jobs.purge(0)
        web = Jobs(url)
        await web.open()
        await web.accept("d2", push("bbb", 2.0))
        await web.purge(0)
        await web.stop()
        return young, old, rows(url, "SELECT id FROM postil_deliveries")

    assert asyncio.run(story()) == (0, 1, [("d2",)])


def test_readiness_tells_the_database_from_the_worker(url: str) -> None:
    """A web process whose workers are all gone accepts work, but it should be seen."""

    async def story() -> list[tuple[bool, bool]]:
        seen = []
        web = Jobs(url)
        await web.open()
        seen.append(await web.ready())
        async with working(url, recorder()[1]):
            seen.append(await web.ready())
        seen.append(await web.ready())
        await web.stop()
        return [(ready.database, ready.worker) for ready in seen]

    assert asyncio.run(story()) == [(True, False), (True, True), (True, False)]


def test_a_database_that_does_not_answer_is_said_so_at_once() -> None:
    """The sender is told to come again; a request that waits for the database would time out instead."""

    async def story() -> None:
        await Jobs("postgresql://nobody:secret@127.0.0.1:1/none").open()

    with pytest.raises(UnavailableError, match="Connection refused") as caught:
        asyncio.run(story())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (
            "a file/data/postil.db",
            snapshot("Nothing can be written beside FOLDER/a file/data/postil.db: Not a directory."),
        ),
        ("a file", snapshot("The database doesn't answer (file is not a database).")),
        ("a folder", snapshot("The database doesn't answer (unable to open database file).")),
    ],
)
def test_a_place_that_is_none_for_a_database_is_told_why(tmp_path: Path, path: str, why: str) -> None:
    """It is the first thing that goes wrong when somebody sets the service up."""
    (tmp_path / "a file").write_text("no database, and no folder " * 100)
    (tmp_path / "a folder").mkdir()
    with pytest.raises((UnavailableError, UnusableDatabaseError)) as caught:
        asyncio.run(Jobs(f"sqlite:///{tmp_path}/{path}").open())

    assert str(caught.value).replace(str(tmp_path), "FOLDER") == why


def test_who_gives_up_soon_is_told_that_the_database_takes_too_long(fresh_postgres: str) -> None:
    """Probes and scrapes do: without an answer nobody would hear what is wrong, just when it is."""
    engine = create_engine(database_url(fresh_postgres))

    async def story() -> list[object]:
        web = Jobs(fresh_postgres)
        await web.open()
        with engine.begin() as connection:
            connection.execute(sa.text("LOCK TABLE postil_leases, postil_pulls IN ACCESS EXCLUSIVE MODE"))
            async with asyncio.timeout(60):
                ready = await web.ready()
                with pytest.raises(UnavailableError) as caught:
                    await web.counts()
                await web.stop()
        return [ready.database, str(caught.value)]

    assert asyncio.run(story()) == [False, "The database takes too long."]
    engine.dispose()


def test_a_server_that_vanished_is_no_more_waited_for_after_half_a_minute(fresh_postgres: str) -> None:
    """Its machine is gone, and nothing comes back: what was asked would wait for two hours, and a worker with it."""
    engine = create_engine(database_url(fresh_postgres))
    with engine.connect() as connection:
        held = connection.connection.dbapi_connection
        assert isinstance(held, psycopg.Connection)
        told = {option: int(value) for option, value in held.info.get_parameters().items() if value.isdecimal()}
    engine.dispose()

    assert told["keepalives_idle"] + told["keepalives_interval"] * told["keepalives_count"] == 30
    assert told["tcp_user_timeout"] == 30_000


def test_a_head_tells_its_pull_requests(url: str) -> None:
    """GitHub names no pull request when a check of a fork's commit is to be run again."""

    async def story() -> list[int]:
        web = Jobs(url)
        await web.open()
        for number, head in ((1, "aaa"), (2, "bbb"), (3, "aaa")):
            await web.accept(f"d{number}", push(head, to=pull(number)))
        found = await web.pulls_at("o", "r", "aaa")
        await web.stop()
        return [one.number for one in found]

    assert asyncio.run(story()) == [1, 3]


def test_sqlite_survives_a_power_cut_and_lets_readers_read(sqlite_url: str) -> None:
    """An answered delivery is on the disk; the engine's own default would be neither."""
    assert rows(sqlite_url.replace("data/", ""), "PRAGMA journal_mode") == [("wal",)]
    assert rows(sqlite_url.replace("data/", ""), "PRAGMA synchronous") == [(2,)]


def test_writers_to_a_sqlite_file_wait_for_their_turn(sqlite_url: str) -> None:
    """SQLite itself would look again after pauses of up to 100 ms, and deliveries be answered so much later."""
    engine = create_engine(database_url(sqlite_url.replace("data/", "")))
    write = sa.text("INSERT INTO written VALUES (1)")

    def write_later() -> None:
        with engine.begin() as connection:
            connection.execute(write)

    with engine.connect() as first, ThreadPoolExecutor() as threads:
        first.execute(sa.text("CREATE TABLE written (number INTEGER UNIQUE)"))
        with engine.connect() as second:
            for connection in (first, second):
                # Whoever waits in SQLite is told at once that the database is locked.
                connection.execute(sa.text("PRAGMA busy_timeout=0"))
        first.execute(write)
        waiting = threads.submit(write_later)
        assert not wait([waiting], timeout=0.1).done
        first.rollback()
        waiting.result()

    # A refused one ends its turn too.
    for _ in range(2):
        with pytest.raises(sa_exc.IntegrityError):
            write_later()


def test_whoever_is_urgent_writes_to_a_sqlite_file_first(sqlite_url: str) -> None:
    """GitHub waits for the answer to a delivery, and nobody for a run's notes about itself."""
    engine = create_engine(database_url(sqlite_url.replace("data/", "")))
    write = sa.text("INSERT INTO written (who) VALUES (:who)")

    def later(who: str) -> threading.Thread:
        def write_later() -> None:
            with engine.execution_options(**{URGENT: who == "urgent"}).begin() as connection:
                connection.execute(write, {"who": who})

        thread = threading.Thread(target=write_later)
        thread.start()
        while (frame := sys._current_frames().get(thread.ident or 0)) is None or frame.f_code.co_name != "wait":
            time.sleep(0.01)
        return thread

    with engine.connect() as first:
        first.execute(sa.text("CREATE TABLE written (turn INTEGER PRIMARY KEY, who TEXT)"))
        first.execute(write, {"who": "first"})
        waiting = [later(who) for who in ("ordinary", "ordinary", "urgent", "ordinary")]
        first.commit()
        for thread in waiting:
            thread.join()
        order = list(first.execute(sa.text("SELECT who FROM written ORDER BY turn")).scalars())

    assert order == ["first", "urgent", "ordinary", "ordinary", "ordinary"]


def test_arguments_are_stored_as_json(url: str) -> None:
    """A pickle in the database would let whoever can write to it run code."""
    table = "workflow_input" if url.startswith("sqlite") else "dbos.workflow_input"

    async def story() -> None:
        web = Jobs(url)
        await web.open()
        await web.accept("d1", push("aaa"))
        await web.stop()

    asyncio.run(story())
    ((inputs,),) = rows(url, f"SELECT inputs FROM {table}")  # noqa: S608

    assert json.loads(str(inputs)) == snapshot({"namedArgs": {}, "positionalArgs": ["o/r#7", 1]})


def test_the_engine_logs_through_our_log_and_only_what_matters(
    sqlite_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its own handler writes another format past ours, sixty lines at each start."""

    async def story() -> None:
        async with working(sqlite_url, recorder()[1]) as jobs:
            await jobs.accept("d1", push("aaa"))
            await settled(jobs)

    asyncio.run(story())
    engine = logging.getLogger("dbos")

    assert engine.propagate
    assert not [handler for handler in engine.handlers if isinstance(handler, logging.StreamHandler)]
    assert "dbos" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize(
    ("address", "driver"),
    [
        ("sqlite:///data/postil.db", "sqlite"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg"),
    ],
)
def test_every_usual_form_of_an_address_is_understood(address: str, driver: str) -> None:
    """Hosters hand out postgres://, SQLAlchemy wants the driver's name."""
    assert database_url(address).drivername == driver


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlite://", snapshot("A SQLite database needs a file, as in sqlite:///path/postil.db.")),
        ("mysql://u:secret@h/d", snapshot("The database should be sqlite or postgresql, not mysql.")),
        ("secret", snapshot("The database's address should be sqlite:///path/postil.db or postgresql://…")),
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(address: str, message: str) -> None:
    """The address holds the password."""
    with pytest.raises(UnusableDatabaseError) as caught:
        database_url(address)

    assert str(caught.value) == message
    assert "secret" not in str(caught.value)


def test_what_an_installation_taught_is_kept_until_its_rights_change(url: str) -> None:
    """Every replica knows it, and a restart doesn't lose it; other installations have rights of their own."""
    seen: list[str | None] = []

    async def story() -> None:
        first = Jobs(url)
        await first.open()
        await first.learn(1, "way", "edited")
        await first.learn(1, "way", "minimised")
        await first.learn(2, "way", "resolved")
        await first.stop()
        second = Jobs(url)
        await second.open()
        seen.append(await second.learned(1, "way"))
        await second.forget(1)
        seen.extend([await second.learned(1, "way"), await second.learned(2, "way")])
        await second.stop()

    asyncio.run(story())

    assert seen == ["minimised", None, "resolved"]
