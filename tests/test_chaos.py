"""The real service as processes, killed, frozen and cut off from its database: the short forms of `make chaos`."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from chaos.books import audit, rest
from chaos.faults import Measure
from chaos.frozen import trials
from chaos.storm import Storm
from chaos.trial import Stage, stage, weather
from postil.settings import Role

LEASE = 6
SHORT = Measure(kills=10, outages=0, freezes=1, review=2.0, silence=False)

pytestmark = pytest.mark.kill


@pytest.fixture
def seed() -> int:
    """Another storm each time; a failing test shows which."""
    return secrets.randbelow(1_000_000)


@pytest.fixture(params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """GitHub, a database and no process of the service as yet."""
    with stage(request.param, LEASE) as made:
        yield made


def test_nothing_is_lost_said_twice_or_stuck_while_processes_are_killed(here: Stage, seed: int) -> None:
    """Web, worker and analysis die at random moments; on PostgreSQL a dead replica stays dead, and others take over."""
    report = asyncio.run(weather(here, SHORT, seed, LEASE))

    assert report.books.faults == []
    assert report.books.reviews


def test_while_the_database_is_gone_deliveries_are_refused_and_work_goes_on_when_it_is_back(
    here: Stage, seed: int
) -> None:
    """GitHub shows a refused delivery as failed, and it can be sent again; an accepted one that is lost can't."""

    async def story() -> tuple[list[int], list[str]]:
        here.fleet.start(Role.ALL)
        await asyncio.to_thread(here.fleet.up)
        # An answer is what it is about, and not how long a busy machine takes for it.
        storm = Storm(here.fake, here.addresses, seed=seed, patience=60)
        await storm.happen(storm.opens)
        await asyncio.to_thread(here.database.go)
        refused = [await storm.send(delivery) for _ in range(2) for delivery in storm.pushes(storm.authors[0])]
        await asyncio.to_thread(here.database.come_back)
        await storm.calm()
        await rest(here.ledger)
        return refused, audit(storm, here.ledger).faults

    assert asyncio.run(story()) == ([503, 503], [])


def test_a_process_ends_though_its_database_does_not_answer() -> None:
    """What it can't hand over is taken over; its platform would kill it for waiting, and an upgrade with it."""
    with stage("sqlite", LEASE) as here:
        replica = here.fleet.start(Role.ALL)
        here.fleet.up()
        here.database.go()
        replica.stop(within=60)
        here.database.come_back()

        assert replica.events("stopped")


def test_a_process_that_wakes_up_after_its_lease_says_nothing_twice(seed: int) -> None:
    """Others have done its work meanwhile. It can't know that it slept, and is in the middle of a sentence."""
    with stage("postgresql", 3) as here:
        storm, takeovers = asyncio.run(trials(here, 2, seed))

        assert audit(storm, here.ledger).faults == []
        assert takeovers.interrupted
