"""One trial: a stand-in for GitHub, the service, a storm, what breaks in it, quiescence, and the audit."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos.books import Books, Ledger, audit, rest
from chaos.faults import Faults, Measure, Takeovers
from chaos.hosting import Database, Fleet, SQLite, postgresql, sqlite
from chaos.storm import Storm
from postil.demo import play
from postil.demo.deliveries import Webhook
from postil.demo.fake_github import FakeGitHub
from postil.settings import Role

DISK = 64
"""Megabytes of the disk that gets full."""


@dataclass(frozen=True)
class Stage:
    """Where a trial takes place: GitHub, the service's processes (none as yet), and its database."""

    fake: FakeGitHub
    fleet: Fleet
    database: Database
    ledger: Ledger

    def addresses(self) -> list[str]:
        """Where deliveries go, whether somebody listens there just now or not."""
        return sorted({each.url for each in self.fleet.replicas if each.role is not Role.WORKER})


@contextmanager
def stage(kind: str, lease: int, *, disk: int | None = None) -> Generator[Stage]:
    """Set one up on "sqlite" or "postgresql". With `disk`, SQLite has a disk of so many megabytes, made by root."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postil-chaos-")))
        database = stack.enter_context(postgresql() if kind == "postgresql" else sqlite(disk))
        theirs = play.free_socket()
        key, public = play.key_pair()
        hook = Webhook("http://127.0.0.1:1/webhooks/github", secrets.token_hex(16))
        fake = FakeGitHub(folder / "git", webhook=hook, public_key=public, url=play.address(theirs), limits=None)
        stack.enter_context(play.serving(fake, theirs))
        env = play.environment(fake, key, "http://127.0.0.1:1", str(folder)) | {
            "POSTIL_DATABASE_URL": database.url,
            "POSTIL_LEASE": str(lease),
        }
        fleet = stack.enter_context(Fleet(folder, env))
        ledger = Ledger(database.url)
        stack.callback(ledger.close)
        yield Stage(fake, fleet, database, ledger)


@dataclass(frozen=True)
class Report:
    """What a trial came to."""

    storm: Storm
    faults: Faults
    books: Books

    def rows(self) -> Iterator[tuple[str, str]]:
        """What was measured, and the figures."""
        for what, count in sorted(self.faults.done.items()):
            yield what, str(count)
        refused = sum(count for status, count in self.storm.statuses.items() if status != 202)
        yield "deliveries sent", f"{self.storm.sent}, {refused} of them not answered 202 and sent again"
        yield "deliveries accepted", f"{len(self.storm.accepted)} different ones"
        yield "pull requests", str(len(self.storm.authors))
        yield "runs interrupted", str(self.faults.takeovers.interrupted)
        yield "seconds until they were taken up, half of them and all", self.faults.takeovers.within()
        yield from self.books.rows()


async def weather(stage: Stage, measure: Measure, seed: int, lease: int) -> Report:
    """Start the service, let the storm rage while things break, and audit the books when all is quiet."""
    workers = 1 if isinstance(stage.database, SQLite) else 3
    fleet = stage.fleet
    for role in (Role.WEB, *[Role.WORKER] * workers):
        fleet.start(role)
    await asyncio.to_thread(fleet.up)
    # What a dead replica held waits for the end of its lease; the living ones need work meanwhile.
    storm = Storm(stage.fake, stage.addresses, seed, installations=4 * workers, pulls=12 * workers)
    takeovers = Takeovers(stage.ledger)
    chance = Random(seed + 1)  # noqa: S311 - chaos, not secrets
    faults = Faults(fleet, stage.database, storm, takeovers, chance, measure, lease)
    watching = asyncio.create_task(takeovers.watch())
    await faults.strike()
    await storm.calm()
    await rest(stage.ledger)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return Report(storm, faults, audit(storm, stage.ledger))
