"""`make load`: a storm of signed deliveries against the real service, and what came of it. Asserts nothing.

One process on SQLite, or several replicas on PostgreSQL, against the stand-in for GitHub over HTTP, with GitHub's
limits. Every pull request is opened, pushed to twice within moments, and talked about; one organisation has a fifth of
all of them, and in the middle of the storm a small one opens its only one. GitHub's pace is kept: a second between two
writes of one installation.

Service, stand-in and storm share the machine; the deliveries come from a process of their own, so that their answers
are timed by nobody who is busy.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench import Sent, children, peak, spread
from chaos.hosting import Fleet, Replica, postgresql, sqlite
from postil.demo import play
from postil.demo.deliveries import Delivery, Webhook
from postil.demo.fake_github import FakeGitHub, Limits
from postil.demo.state import FakePull, Installation
from postil.settings import Role

TALK = 4
"""Comments on each pull request, which ask for nothing."""
PUSHES = 2
EACH = 1 + PUSHES + TALK + 1
"""Deliveries of each pull request: it is opened, pushed to, talked about, and one of these is sent again."""
AT_WORK = 6
"""Pull requests that are pushed to and talked about at a time."""
BUSY = 0.2
"""The share of all pull requests that one organisation has."""
TEXT = "What this changes, why, and how it was tried.\n" * 250
"""The words of a pull request; with them a delivery has some 30 KB, as GitHub's have."""
PATIENCE = 3600.0
LOOK_EVERY = 2.0
FAULTY = """\
def pay_{0}(card):
    try:
        charge(card)
    except CardError as error:
        raise Failed{0}(card)
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """How the service was, so many seconds after the first delivery."""

    at: float
    oldest: float
    states: dict[str, int]
    memory: int


@dataclass
class Watch:
    """Looks at the replicas every few seconds."""

    replicas: Sequence[Replica]
    moments: list[Moment] = field(default_factory=list)
    highest: dict[int, int] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def look(self) -> Moment | None:
        """How the service is. The queue is the same for all replicas, so one is asked."""
        held = 0
        for replica in self.replicas:
            for process in (replica.pid, *children(replica.pid)):
                try:
                    size = peak(process)
                except (FileNotFoundError, ProcessLookupError, StopIteration):
                    continue
                self.highest[process] = max(size, self.highest.get(process, 0))
                held += size
        try:
            told = httpx.get(f"{self.replicas[0].url}/metrics", timeout=10).text
        except httpx.TransportError:
            return None
        states = {state: int(float(count)) for state, count in _values(told, "postil_pull_requests")}
        oldest = max((float(age) for _, age in _values(told, "postil_oldest_waiting_seconds")), default=0.0)
        moment = Moment(time.monotonic() - self._began, oldest, states, held)
        self.moments.append(moment)
        return moment

    def phases(self) -> dict[str, tuple[float, int]]:
        """What the parts of all reviews took together, in seconds, and how many there were."""
        sums: dict[str, tuple[float, int]] = {}
        for replica in self.replicas:
            told = httpx.get(f"{replica.url}/metrics", timeout=10).text
            counts = dict(_values(told, "postil_phase_seconds_count"))
            for phase, seconds in _values(told, "postil_phase_seconds_sum"):
                before, count = sums.get(phase, (0.0, 0))
                sums[phase] = before + float(seconds), count + int(float(counts[phase]))
        return sums


def _values(text: str, metric: str) -> list[tuple[str, str]]:
    """The samples of a metric with one label or none: its value, and the number."""
    return re.findall(rf'^{metric}(?:\{{\w+="([^"]+)"\}})? (\S+)$', text, re.MULTILINE)


class Storm:
    """The pull requests, and the deliveries that tell of them in the order in which things happen."""

    def __init__(self, fake: FakeGitHub, pulls: int, installations: int, seed: int) -> None:
        self._fake = fake
        self._chance = Random(seed)  # noqa: S311 - load, not secrets
        self.pulls: list[FakePull] = []
        self.told: dict[str, tuple[int, str]] = {}
        """By delivery: which pull request's head it told of."""
        self._opening: dict[int, Delivery] = {}
        self._talk: dict[int, list[Delivery]] = {}
        teams = [self._installed(f"team-{number}") for number in range(installations)]
        self._opened = [
            self._open(teams[0] if self._chance.random() < BUSY else self._chance.choice(teams[1:]))
            for _ in range(pulls)
        ]
        self.small, self._whose_small = self._open(self._installed("small"))

    def _installed(self, name: str) -> Installation:
        account = self._fake.account(name, "Organization")
        installation = self._fake.install(account)
        installation.repositories.append(self._fake.add_repository("shop", owner=name, installed=False))
        return installation

    def deliveries(self) -> Iterator[Delivery]:
        """All of them. The pushes happen when their deliveries are asked for; all else is there beforehand."""
        at_work: list[tuple[FakePull, Installation, list[str]]] = []
        for number, (pull, whose) in enumerate(self._opened):
            if number == len(self._opened) // 2:
                yield self._opening[id(self.small)]
            yield self._opening[id(pull)]
            at_work.append((pull, whose, [*["synchronize"] * PUSHES, *["talk"] * TALK, "again"]))
            # A few are at work at a time.
            while len(at_work) > AT_WORK or (at_work and number == len(self._opened) - 1):
                some_pull, theirs, acts = self._chance.choice(at_work)
                yield self._act(some_pull, theirs, acts.pop(0))
                at_work = [each for each in at_work if each[2]]

    def _open(self, whose: Installation) -> tuple[FakePull, Installation]:
        (repository,) = whose.repositories
        head = {path: text for path, text in play.files(play.SAMPLE / "after") if path.endswith(".py")}
        pull = self._fake.open_pull(
            base_files=None if repository.pulls else dict(play.files(play.SAMPLE / "before")),
            head_files={**head, f"shop/new_{len(repository.pulls)}.py": FAULTY.format(len(repository.pulls))},
            body=TEXT,
            repository=repository,
        )
        self.pulls.append(pull)
        self._opening[id(pull)] = self._about(pull, whose, "opened")
        comment = self._fake.write_comment(pull, "Shall we ship this on Friday?")
        about = {"comment": comment, "installation": {"id": whose.id}}
        self._talk[id(pull)] = [self._fake.delivery("issue_comment", "created", **about) for _ in range(TALK)]
        return pull, whose

    def _act(self, pull: FakePull, whose: Installation, act: str) -> Delivery:
        match act:
            case "synchronize":
                number = self._fake.next_id()
                pull.push({f"shop/more_{number}.py": FAULTY.format(number)})
                return self._about(pull, whose, act)
            case "talk":
                return self._talk[id(pull)].pop()
        return self._opening[id(pull)]

    def _about(self, pull: FakePull, whose: Installation, action: str) -> Delivery:
        delivery = self._fake.delivery("pull_request", action, pull=pull, installation={"id": whose.id})
        self.told[delivery.guid] = (id(pull), pull.head_sha)
        return delivery

    def waits(self, sent: Sequence[Sent]) -> dict[int, float]:
        """By pull request: the seconds from the delivery that told of its last head to the verdict on that head."""
        first: dict[tuple[int, str], float] = {}
        for each in sent:
            if about := self.told.get(each.guid):
                first[about] = min(each.at, first.get(about, each.at))
        waits = {}
        for pull in self.pulls:
            ended = [run.completed_at for run in pull.check_runs if run.head_sha == pull.head_sha and run.completed_at]
            asked = first.get((id(pull), pull.head_sha))
            if ended and asked is not None:
                waits[id(pull)] = min(ended).timestamp() - asked
        return waits


class Sender:
    """Sends deliveries from a process of its own, and remembers what became of each."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [f"{url}/webhooks/github" for url in urls]
        command = [sys.executable, __file__, "--send"]
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None  # noqa: S101
        # What comes while it starts would be sent all at once.
        self._process.stdout.readline()
        self.sent: list[Sent] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        self.sent.extend(Sent(*json.loads(line)) for line in self._process.stdout)

    def send(self, number: int, delivery: Delivery) -> None:
        """Hand one over; the replicas are taken in turn."""
        assert self._process.stdin is not None  # noqa: S101
        url = self._urls[number % len(self._urls)]
        self._process.stdin.write(json.dumps([url, delivery.headers, delivery.body.decode()]) + "\n")

    def end(self) -> None:
        """Wait for all answers."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()


async def send() -> None:
    """Be the sender: a delivery for each line on stdin, and a line on stdout for each answer."""

    async def one(client: httpx.AsyncClient, url: str, headers: dict[str, str], body: str) -> None:
        at, began = time.time(), time.perf_counter()
        try:
            status = (await client.post(url, content=body.encode(), headers=headers)).status_code
        except httpx.TransportError:
            status = 0
        print(json.dumps([headers["X-GitHub-Delivery"], at, time.perf_counter() - began, status]), flush=True)

    # What is timed are the answers, and no pause of ours.
    gc.disable()
    # GitHub gives up after 10 seconds.
    async with httpx.AsyncClient(timeout=10) as client, asyncio.TaskGroup() as group:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            group.create_task(one(client, *json.loads(line)))


def main() -> None:
    """Let the storm pass, and print what was measured."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--deliveries", type=int, default=800, help=f"{EACH} for each pull request")
    parser.add_argument("--rate", type=float, default=30.0, help="deliveries a second")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--replicas", type=int, default=3, help="processes on PostgreSQL; on SQLite it is one")
    parser.add_argument("--installations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.send:
        asyncio.run(send())
        return
    replicas = 1 if asked.database == "sqlite" else asked.replicas
    # Whoever ends it early ends the service and the database with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postil-load-")))
        database = stack.enter_context(sqlite() if asked.database == "sqlite" else postgresql())
        key, public = play.key_pair()
        theirs = play.free_socket()
        hook = Webhook("http://127.0.0.1:1/webhooks/github", secrets.token_hex(16))
        limits = Limits(requests_per_hour=15_000, content_per_hour=100_000)
        fake = FakeGitHub(folder / "git", webhook=hook, public_key=public, url=play.address(theirs), limits=limits)
        stack.enter_context(play.serving(fake, theirs))
        env = play.environment(fake, key, "http://127.0.0.1:1", str(folder))
        fleet = stack.enter_context(
            Fleet(folder, {**env, "POSTIL_DATABASE_URL": database.url, "POSTIL_LOG_LEVEL": "warning"})
        )
        running = [fleet.start(Role.ALL) for _ in range(replicas)]
        fleet.up()
        storm = Storm(fake, max(2, asked.deliveries // EACH), asked.installations, asked.seed)
        # The stand-in's answers shouldn't wait either, for a look through all that has been made by now.
        gc.collect()
        gc.freeze()
        watch = Watch(running)
        sender = Sender([each.url for each in running])
        give_way()
        seconds = rage(storm, sender, watch, asked.rate)
        print(f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.0f}")
        print(
            f"{asked.database}, {replicas} process{'es' if replicas > 1 else ''}, {asked.rate:g} deliveries a second\n"
        )
        table = Table("measured", "figure", "how", box=MARKDOWN)
        for row in rows(storm, sender.sent, watch, len(fake.calls), seconds):
            table.add_row(*row)
        Console(width=None if sys.stdout.isatty() else 180).print(table)


def give_way() -> None:
    """Let the stand-in for GitHub have the processor last: the real one has machines of its own. On Linux only."""
    tasks = Path("/proc/self/task")
    for task in tasks.iterdir() if tasks.is_dir() else ():
        os.setpriority(os.PRIO_PROCESS, int(task.name), 10)


def rage(storm: Storm, sender: Sender, watch: Watch, rate: float) -> float:
    """Send everything at an even pace, and wait until nothing is left to do; gives the seconds that this took."""
    began = time.monotonic()
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            watch.look()

    looking = threading.Thread(target=look)
    looking.start()
    for number, delivery in enumerate(storm.deliveries()):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        sender.send(number, delivery)
    sender.end()
    over.set()
    looking.join()
    while time.monotonic() < began + PATIENCE:
        now = watch.look()
        if now and not now.states.get("queued") and not now.states.get("running"):
            break
        time.sleep(LOOK_EVERY)
    return time.monotonic() - began


def rows(
    storm: Storm, sent: Sequence[Sent], watch: Watch, calls: int, seconds: float
) -> Iterator[tuple[str, str, str]]:
    """What was measured, the figure, and how."""
    answers = [1000 * each.seconds for each in sent]
    refused = sum(each.status != httpx.codes.ACCEPTED for each in sent)
    sending = max(each.at for each in sent) - min(each.at for each in sent)
    yield (
        "answer to a delivery",
        f"{spread(answers, 'ms')}, max {max(answers):.0f} ms",
        f"{len(sent)} deliveries, {len(sent) / sending:.0f} a second; {refused} not answered with 202",
    )
    verdicts = [run for pull in storm.pulls for run in pull.check_runs if run.conclusion not in (None, "cancelled")]
    superseded = sum(run.conclusion == "cancelled" for pull in storm.pulls for run in pull.check_runs)
    yield (
        "reviews",
        f"{60 * len(verdicts) / seconds:.0f} a minute",
        f"{len(verdicts)} on {len(storm.pulls)} pull requests, {superseded} more cut short by a push; {seconds:.0f} s",
    )
    waits = storm.waits(sent)
    small = waits.pop(id(storm.small), None)
    if waits:
        yield "from the last push to its verdict", spread(list(waits.values()), "s"), f"max {max(waits.values()):.0f} s"
    if small is not None:
        yield "the same for a small installation", f"{small:.1f} s", "its only pull request, opened in mid-storm"
    yield "calls for each review", f"{calls / max(1, len(verdicts)):.1f}", "tokens and reviews cut short included"
    parents = {replica.pid for replica in watch.replicas}
    held = [size for process, size in watch.highest.items() if process in parents]
    below = [size for process, size in watch.highest.items() if process not in parents]
    yield (
        "peak memory",
        f"{max(held) / 1e6:.0f} MB a process, {max(below, default=0) / 1e6:.0f} MB an analysing one",
        f"{max(moment.memory for moment in watch.moments) / 1e6:.0f} MB all together",
    )
    step = max(1, len(watch.moments) // 6)
    ages = ", ".join(f"{moment.oldest:.0f} s at {moment.at:.0f} s" for moment in watch.moments[::step])
    most = max(moment.states.get("queued", 0) + moment.states.get("running", 0) for moment in watch.moments)
    yield "age of the oldest that waits", ages, f"at most {most} pull requests open"
    phases = ", ".join(f"{phase} {took / count:.2f} s" for phase, (took, count) in watch.phases().items() if count)
    yield "a review's parts", phases, "means; posting keeps GitHub's pace"
    left = [pull for pull in storm.pulls if id(pull) not in waits and pull is not storm.small]
    yield "without a verdict", str(len(left)), "pull requests whose last head nobody judged"


if __name__ == "__main__":
    main()
