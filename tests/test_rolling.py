"""An upgrade while pull requests come in: processes of the previous release and of this one, on one database."""

import asyncio
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from chaos.books import audit, rest
from chaos.hosting import Replica
from chaos.storm import Storm
from chaos.trial import stage
from postil.settings import Role

HERE = Path(__file__).parent
PREVIOUS = "e92393bc0735"
"""The commit of the previous release. From each release on it is that one's."""
LEASE = 30
"""The service's default, which the previous release has no setting for."""

pytestmark = pytest.mark.kill


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the previous release."""
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=HERE.parent, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"the previous release, {PREVIOUS}, isn't in this clone's history: `git fetch --unshallow` gets it")
    folder = tmp_path_factory.mktemp("previous")
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder / "src"


@pytest.fixture
def seed() -> int:
    """Another storm each time; a failing test shows which."""
    return secrets.randbelow(1_000_000)


def ran(replicas: Sequence[Replica]) -> bool:
    """Whether any of these processes did a run."""
    return any(replica.events("job_ended") for replica in replicas)


def test_replicas_of_two_releases_work_side_by_side_and_the_old_ones_go_one_by_one(previous: Path, seed: int) -> None:
    """So does a platform replace them. The new release has brought the tables further under the old one's hands."""
    with stage("postgresql", LEASE) as here:
        start = here.fleet.start

        async def story() -> tuple[list[str], bool]:
            old_web, *old = [start(role, sources=previous) for role in (Role.WEB, Role.WORKER, Role.WORKER)]
            await asyncio.to_thread(here.fleet.up)
            storm = Storm(here.fake, here.addresses, seed, pulls=8)
            for _ in range(4):
                await storm.happen(storm.opens)
            new = []
            for leaving in old:
                new.append(start(Role.WORKER))
                await asyncio.to_thread(here.fleet.up)
                for _ in range(4):
                    await storm.gust()
                await asyncio.to_thread(leaving.stop)
            start(Role.WEB)
            await asyncio.to_thread(here.fleet.up)
            for _ in range(4):
                await storm.gust()
            await asyncio.to_thread(old_web.stop)
            await storm.happen(storm.opens)
            await rest(here.ledger)
            return audit(storm, here.ledger).faults, ran(old) and ran(new)

        assert asyncio.run(story()) == ([], True)


def test_what_an_old_process_left_undone_is_done_by_its_successor(previous: Path, seed: int) -> None:
    """On SQLite the two can't be there at once: what the old one was told stands in the file."""
    with stage("sqlite", LEASE) as here:

        async def story() -> tuple[list[str], bool]:
            old = here.fleet.start(Role.ALL, sources=previous)
            await asyncio.to_thread(here.fleet.up)
            # Two at a time of one installation: the others wait.
            storm = Storm(here.fake, here.addresses, seed, installations=1)
            opened = [delivery for _ in range(5) for delivery in await asyncio.to_thread(storm.opens)]
            for delivery in opened:
                storm.send(delivery)
            await storm.calm()
            await asyncio.to_thread(old.stop)
            left = here.ledger.busy()
            new = here.fleet.start(Role.ALL, url=old.url)
            await asyncio.to_thread(here.fleet.up)
            await storm.happen(lambda: storm.pushes(storm.authors[0]))
            await rest(here.ledger)
            return audit(storm, here.ledger).faults, bool(left) and ran([new])

        assert asyncio.run(story()) == ([], True)
