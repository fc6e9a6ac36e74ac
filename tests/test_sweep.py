"""What got lost between GitHub and us is found: once each, by one process at a time, within a number of calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from postil.demo import faults
from postil.demo.deliveries import Webhook
from postil.demo.state import FakePull
from postil.github import GitHub
from postil.github.model import Delivered, OpenPull
from postil.jobs import Jobs, care
from postil.sweep import Sweep, unanswered, unjudged
from story import CLEAN, PAY, running, said, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

EVERY = 300.0


def attempt(number: int, guid: str, status: int, at: float = 0.0) -> Delivered:
    """One line of GitHub's log."""
    return Delivered.model_construct(id=number, guid=guid, status_code=status, at=at or float(number))


def pull(number: int, head: str, at: float) -> OpenPull:
    """One line of GitHub's list of pull requests."""
    return OpenPull.model_construct(number=number, head=head, at=at)


async def test_only_what_no_attempt_delivered_is_asked_for_and_by_its_last_attempt() -> None:
    """GitHub logs each attempt on its own; one that got through makes the others history."""
    log = [attempt(1, "a", 500), attempt(2, "b", 0), attempt(3, "a", 202), attempt(4, "c", 503), attempt(5, "b", 502)]

    assert [(each.guid, each.id) for each in unanswered(log, 0.0)] == [("c", 4), ("b", 5)]
    assert [each.guid for each in unanswered(log, 5.0)] == ["b"]


async def test_a_pull_request_counts_as_missed_by_its_head_and_only_where_it_changed() -> None:
    """What stood still since the last look was seen by it, or was there before the App was."""
    listed = [pull(1, "new", 9.0), pull(2, "known", 9.0), pull(3, "never heard of", 9.0), pull(4, "old", 1.0)]

    assert [each.number for each in unjudged(listed, {1: "old", 2: "known"}, since=5.0)] == [1, 3]


class Lossy(httpx.AsyncBaseTransport):
    """A way to the service on which every fifth delivery meets one of three faults, in turn."""

    def __init__(self, way: httpx.AsyncBaseTransport) -> None:
        self._way = way
        self.count = 0
        self.mended = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer 500 in the service's place, lose the request, or lose the answer."""
        self.count += 1
        if self.mended or self.count % 3:
            return await self._way.handle_async_request(request)
        match self.count // 3 % 3:
            case 0:
                return httpx.Response(500)
            case 1:
                raise httpx.ConnectError("refused", request=request)
            case _:
                await self._way.handle_async_request(request)
                raise httpx.ReadTimeout("no answer", request=request)


@asynccontextmanager
async def replica(
    github: ValidatedGitHub, app_key: tuple[str, str], folder: Path, calls: int = 100
) -> AsyncGenerator[Sweep]:
    """Another process at the same database that only sweeps; its looks are due at once."""
    jobs = Jobs(f"sqlite:///{folder}/postil.db")
    await jobs.open()
    door = GitHub(github.app_id, app_key[0], transport=httpx.ASGITransport(github), pauses=(0.0, 0.0))
    async with door:
        try:
            yield Sweep(door, jobs, every=EVERY, calls=calls, look_every=0.0)
        finally:
            await jobs.stop()


def opened(github: ValidatedGitHub, number: int) -> FakePull:
    """A pull request with one finding, of which nobody has told yet."""
    return github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={f"shop/pay{number}.py": PAY})


def asked_again(github: ValidatedGitHub) -> Counter[str]:
    """How often each delivery was asked for again."""
    return Counter(sent.delivery.guid for sent in github.deliveries.log if sent.redelivery)


async def test_every_pull_request_gets_its_verdict_though_deliveries_are_lost(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """Three in ten are refused, lost, or answered too late, one was never sent; two replicas sweep at once."""
    async with (
        running(github, app_key, tmp_path) as postil,
        replica(github, app_key, tmp_path) as first,
        replica(github, app_key, tmp_path) as second,
    ):
        way = Lossy(postil.transport)
        github.webhook = Webhook("https://postil.example.com/webhooks/github", github.webhook.secret, way)
        await first.round()
        pulls = [opened(github, number) for number in range(10)]
        statuses = [await github.deliver(github.delivery("pull_request", "opened", pull=each)) for each in pulls[1:]]
        await postil.rests()
        before = [len(verdicts(each)) for each in pulls]
        way.mended = True
        await asyncio.gather(first.round(), second.round())
        await asyncio.gather(first.round(), second.round())
        await postil.rests()

    assert sorted(statuses) == [0, 0, 202, 202, 202, 202, 202, 202, 500]
    assert before.count(0) == 3
    assert [verdicts(each) for each in pulls] == [verdicts(pulls[1])] * 10
    assert [len(said(each)) for each in pulls] == [1] * 10
    assert [len(each.reviews) for each in pulls] == [1] * 10
    assert set(asked_again(github).values()) == {1}


async def test_what_fails_a_second_time_is_not_asked_for_for_ever(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """A delivery that the service can't take would otherwise come every few minutes, for days."""

    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    github.webhook = Webhook("https://postil.example.com/webhooks/github", transport=httpx.MockTransport(refuse))
    await github.deliver(github.delivery("pull_request", "opened", pull=opened(github, 1)))
    async with replica(github, app_key, tmp_path) as sweep:
        for _ in range(3):
            await sweep.round()

    assert list(asked_again(github).values()) == [1]


async def test_a_replica_that_leaves_hands_the_sweep_on_and_one_that_stays_keeps_it(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """Two that sweep would ask twice as often as GitHub allows for; none would be missed by nobody."""

    def lists() -> int:
        return sum(call.path == "/app/hook/deliveries" for call in github.calls)

    async with replica(github, app_key, tmp_path) as second:
        async with running(github, app_key, tmp_path), replica(github, app_key, tmp_path) as first:
            jobs = first._ledger
            assert isinstance(jobs, Jobs)
            await jobs._call(care.show_life)
            await first.round()
            await second.round()
            assert lists() == 1
        await second.round()
        assert lists() == 2


async def test_a_sweep_that_has_spent_its_calls_goes_on_where_it_stopped(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """A large organisation's look would else take the calls that its reviews need."""
    for number in range(4):
        github.add_repository(f"other{number}")
    async with replica(github, app_key, tmp_path, calls=4) as sweep:
        await sweep.round()
        lists = []
        for _ in range(4):
            github.calls.clear()
            await sweep.round()
            lists.append(sorted(call.path for call in github.calls if call.path.endswith("/pulls")))

    seen = [path for paths in lists for path in paths]
    assert len(set(seen[:5])) == 5
    assert max(len(paths) for paths in lists) <= 3


async def test_a_fault_of_github_s_leaves_the_rest_for_the_next_round(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """The claim on a redelivery that could not be asked for is taken back."""
    github.webhook = Webhook(
        "https://postil.example.com/webhooks/github", transport=httpx.MockTransport(lambda _: httpx.Response(503))
    )
    await github.deliver(github.delivery("pull_request", "opened", pull=opened(github, 1)))
    github.misbehave("POST", "/attempts$", faults.BAD_GATEWAY)
    async with replica(github, app_key, tmp_path) as sweep:
        await sweep.round()
        none = len(asked_again(github))
        await sweep.round()

    assert (none, list(asked_again(github).values())) == (0, [1])
