"""What got lost between GitHub and us is found: once each, by one process at a time, within a number of calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from inline_snapshot import snapshot

from postgres import fresh_postgres, postgres_url
from postil.demo import faults
from postil.demo.deliveries import Webhook
from postil.demo.state import FakePull
from postil.github import GitHub
from postil.github.model import Attempt, OpenPull
from postil.jobs import Jobs, care
from postil.sweep import Sweep, unanswered, unjudged
from story import CLEAN, PAY, running, said, verdicts
from validated_github import ValidatedGitHub

__all__ = ["fresh_postgres", "postgres_url"]

pytestmark = pytest.mark.anyio

EVERY = 300.0


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: SQLite, unless the test asks for the other one as well."""
    kind = getattr(request, "param", "sqlite")
    return f"sqlite:///{tmp_path}/postil.db" if kind == "sqlite" else request.getfixturevalue("fresh_postgres")


def attempt(number: int, guid: str, status: int, at: float = 0.0) -> Attempt:
    """One line of GitHub's log."""
    return Attempt.model_construct(id=number, guid=guid, status_code=status, at=at or float(number))


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
    github: ValidatedGitHub, app_key: tuple[str, str], url: str, calls: int = 100
) -> AsyncGenerator[Sweep]:
    """Another process at the same database that only sweeps; its looks are due at once."""
    jobs = Jobs(url)
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


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
async def test_every_pull_request_gets_its_verdict_though_deliveries_are_lost(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path, url: str
) -> None:
    """Three in ten are refused, lost, or answered too late, two were never sent; two replicas sweep at once."""
    async with (
        running(github, app_key, tmp_path, DATABASE_URL=url) as postil,
        replica(github, app_key, url) as first,
        replica(github, app_key, url) as second,
    ):
        way = Lossy(postil.transport)
        github.webhook = Webhook("https://postil.example.com/webhooks/github", github.webhook.secret, way)
        await first.round()
        pulls = [opened(github, number) for number in range(11)]
        statuses = [await github.deliver(github.delivery("pull_request", "opened", pull=each)) for each in pulls[2:]]
        await postil.rests()
        before = [len(verdicts(each)) for each in pulls]
        way.mended = True
        await asyncio.gather(first.round(), second.round())
        await asyncio.gather(first.round(), second.round())
        await postil.rests()

    assert sorted(statuses) == [0, 0, 202, 202, 202, 202, 202, 202, 500]
    assert before.count(0) == 4
    assert [verdicts(each) for each in pulls] == [verdicts(pulls[2])] * 11
    assert [len(said(each)) for each in pulls] == [1] * 11
    assert [len(each.reviews) for each in pulls] == [1] * 11
    assert set(asked_again(github).values()) == {1}


async def test_what_fails_a_second_time_is_not_asked_for_for_ever(
    github: ValidatedGitHub, app_key: tuple[str, str], url: str
) -> None:
    """A delivery that the service can't take would otherwise come every few minutes, for days."""

    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(500)

    github.webhook = Webhook("https://postil.example.com/webhooks/github", transport=httpx.MockTransport(refuse))
    await github.deliver(github.delivery("pull_request", "opened", pull=opened(github, 1)))
    async with replica(github, app_key, url) as sweep:
        for _ in range(3):
            await sweep.round()

    assert list(asked_again(github).values()) == [1]


async def test_a_replica_that_leaves_hands_the_sweep_on_and_one_that_stays_keeps_it(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path, url: str
) -> None:
    """Two that sweep would ask twice as often as GitHub allows for; none would be missed by nobody."""

    def lists() -> int:
        return sum(call.path == "/app/hook/deliveries" for call in github.calls)

    async with replica(github, app_key, url) as second:
        async with running(github, app_key, tmp_path, DATABASE_URL=url), replica(github, app_key, url) as first:
            jobs = first._ledger
            assert isinstance(jobs, Jobs)
            await jobs._call(care.show_life)
            await first.round()
            await second.round()
            assert lists() == 1
        await second.round()
        assert lists() == 2


async def test_a_look_that_has_spent_its_calls_goes_on_where_it_stopped_in_whatever_process(
    github: ValidatedGitHub, app_key: tuple[str, str], url: str
) -> None:
    """A large organisation's look would else take the calls that its reviews need, or never come to its end."""
    for number in range(4):
        github.add_repository(f"other{number}")
        # Nothing is in some of the installations, and the lists of all of them take more calls than a round has.
        github.install(github.account(f"empty{number}", "Organization"))
        there = github.install(github.account(f"small{number}", "Organization"))
        there.repositories.append(github.add_repository("one", f"small{number}", installed=False))
    paths: list[list[str]] = []
    for _ in range(12):
        github.calls.clear()
        async with replica(github, app_key, url, calls=6) as sweep:
            await sweep.round()
        paths.append([call.path for call in github.calls if "access_tokens" not in call.path])
    seen = [path for each in paths for path in each if path.endswith("/pulls")]

    assert max(map(len, paths)) == 6
    assert seen[:9] == snapshot(
        [
            "/repos/acme/shop/pulls",
            "/repos/acme/other0/pulls",
            "/repos/acme/other1/pulls",
            "/repos/acme/other2/pulls",
            "/repos/acme/other3/pulls",
            "/repos/small0/one/pulls",
            "/repos/small1/one/pulls",
            "/repos/small2/one/pulls",
            "/repos/small3/one/pulls",
        ]
    )


async def test_a_fault_of_github_s_leaves_the_rest_for_the_next_round(
    github: ValidatedGitHub, app_key: tuple[str, str], url: str
) -> None:
    """The claim on a redelivery that could not be asked for is taken back."""
    github.webhook = Webhook(
        "https://postil.example.com/webhooks/github", transport=httpx.MockTransport(lambda _: httpx.Response(503))
    )
    await github.deliver(github.delivery("pull_request", "opened", pull=opened(github, 1)))
    github.misbehave("POST", "/attempts$", faults.BAD_GATEWAY)
    async with replica(github, app_key, url) as sweep:
        await sweep.round()
        none = len(asked_again(github))
        await sweep.round()

    assert (none, list(asked_again(github).values())) == (0, [1])
