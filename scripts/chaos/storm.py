"""What people do on GitHub while things break: pull requests, pushes, commands, closing, and the same delivery again.

A delivery that isn't answered 202 is sent again later, as an operator does, or the sweep.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import httpx

from postil.demo.deliveries import Delivery
from postil.demo.fake_github import FakeGitHub
from postil.demo.state import FakePull, Installation, IssueComment

PATIENCE = 10.0
"""Seconds after which GitHub gives up on an answer, if it isn't told otherwise."""
AT_ONCE = 8
"""Deliveries that wait for their answers side by side: all that were refused at once would only be refused again."""
CALM_WITHIN = 300.0
"""Seconds after the storm in which every delivery must be accepted."""
FAULTY = """\
def pay_{0}(card):
    try:
        charge(card)
    except CardError as error:
        raise PaymentFailed{0}(card)
"""
CLEAN = """\
def total_{0}(prices):
    return sum(prices)
"""
MOST = 6
"""Functions of one pull request, after which it is cleared up: its pages cost time, and tell nothing new."""


@dataclass
class Author:
    """Somebody at work on one pull request. `faulty` are the numbers of the functions that a review will not like."""

    pull: FakePull
    installation: Installation
    faulty: set[int] = field(default_factory=set)
    clean: set[int] = field(default_factory=set)
    commands: list[IssueComment] = field(default_factory=list)

    def files(self) -> dict[str, str | bytes | None]:
        """What the pull request adds."""
        faulty = [FAULTY.format(number) for number in sorted(self.faulty)]
        return {"pay.py": "\n\n".join([*faulty, *(CLEAN.format(number) for number in sorted(self.clean))])}


@dataclass
class Storm:
    """Everybody who is at work, and the deliveries that tell of it. `addresses` says where the service listens.

    After `patience` seconds without an answer GitHub gives a delivery up.
    """

    fake: FakeGitHub
    addresses: Callable[[], Sequence[str]]
    seed: int
    installations: int = 4
    pulls: int = 12
    patience: float = PATIENCE
    authors: list[Author] = field(default_factory=list)
    accepted: dict[str, Delivery] = field(default_factory=dict)
    refused: deque[Delivery] = field(default_factory=deque)
    statuses: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    chance: Random = field(init=False)
    _numbers: int = 0
    _lines: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _in_flight: set[asyncio.Task[int]] = field(default_factory=set)
    _installed: list[Installation] = field(default_factory=list)
    _client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 - chaos, not secrets
        self._client = httpx.AsyncClient(timeout=self.patience)

    async def gust(self) -> None:
        """Let somebody do something, send what tells of it, and one that was refused once more."""
        for delivery in await asyncio.to_thread(self._happening):
            self.send(delivery)
        if self.refused:
            self.send(self.refused.popleft())

    async def happen(self, deed: Callable[[], Sequence[Delivery]]) -> None:
        """Let something happen, and send what tells of it until all is accepted."""
        for delivery in await asyncio.to_thread(deed):
            self.send(delivery)
        await self.calm()

    async def calm(self) -> None:
        """Send what was refused until all is accepted."""
        async with asyncio.timeout(CALM_WITHIN):
            while self.refused or self._in_flight:
                while self.refused:
                    self.send(self.refused.popleft())
                await asyncio.gather(*self._in_flight)
                if self.refused:
                    await asyncio.sleep(0.5)

    def send(self, delivery: Delivery) -> asyncio.Task[int]:
        """Send a delivery; what it gives is the status of the answer, 0 where there was none."""
        task = asyncio.create_task(self._sent(delivery))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        return task

    async def _sent(self, delivery: Delivery) -> int:
        self.sent += 1
        async with self._lines:
            address = self.chance.choice(self.addresses())
            try:
                answer = await self._client.post(
                    f"{address}/webhooks/github", content=delivery.body, headers=delivery.headers
                )
                status = answer.status_code
            except httpx.TransportError:
                status = 0
        self.statuses[status] += 1
        if status == httpx.codes.ACCEPTED:
            self.accepted[delivery.guid] = delivery
        elif delivery.guid not in self.accepted:
            self.refused.append(delivery)
        return status

    # What people do

    def _happening(self) -> list[Delivery]:
        if len(self.authors) < self.pulls and self.chance.random() < 0.5:
            return self.opens()
        if not self.authors:
            return []
        author = self.chance.choice(self.authors)
        deeds = [self.pushes, self.pushes, self._bursts, self._commands, self._closes, self._repeats]
        return self.chance.choice(deeds)(author)

    def opens(self) -> list[Delivery]:
        """Somebody opens a pull request, the first ones in an installation of their own."""
        if len(self._installed) < self.installations:
            account = self.fake.account(f"team-{len(self._installed)}", "Organization")
            installation = self.fake.install(account)
            self._installed.append(installation)
            repository = self.fake.add_repository("shop", owner=account.login, installed=False)
            installation.repositories.append(repository)
        else:
            installation = self.chance.choice(self._installed)
        self._numbers += 1
        faulty = {self._numbers}
        pull = self.fake.open_pull(
            head_files={"pay.py": FAULTY.format(self._numbers)}, repository=installation.repositories[0]
        )
        author = Author(pull, installation, faulty)
        self.authors.append(author)
        return [self._told(author, "opened")]

    def pushes(self, author: Author) -> list[Delivery]:
        """Somebody pushes one more function."""
        self._numbers += 1
        if len(author.faulty) + len(author.clean) >= MOST:
            author.faulty.clear()
            author.clean.clear()
        self.chance.choice([author.faulty, author.faulty, author.clean]).add(self._numbers)
        author.pull.push(author.files(), force=self.chance.random() < 0.2)
        return [self._told(author, "synchronize")]

    def _bursts(self, author: Author) -> list[Delivery]:
        return [delivery for _ in range(3) for delivery in self.pushes(author)]

    def _commands(self, author: Author) -> list[Delivery]:
        said = self.chance.choice(["/recheck", "/postil help", "/postil config"])
        comment = author.pull.comment(said)
        author.commands.append(comment)
        return [self._tells(author, "issue_comment", "created", comment=comment)]

    def _closes(self, author: Author) -> list[Delivery]:
        author.pull.close()
        closed = self._told(author, "closed")
        author.pull.reopen()
        return [closed, self._told(author, "reopened")]

    def _repeats(self, _author: Author) -> list[Delivery]:
        return [self.chance.choice(list(self.accepted.values()))] if self.accepted else []

    def _told(self, author: Author, action: str) -> Delivery:
        return self._tells(author, "pull_request", action, pull=author.pull)

    def _tells(self, author: Author, event: str, action: str, **about: object) -> Delivery:
        return self.fake.delivery(event, action, installation={"id": author.installation.id}, **about)
