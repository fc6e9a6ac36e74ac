"""`make bench`: what Postil costs, as ratios and percentiles of one run. Asserts nothing, as machines differ.

Five questions: how much slower than the bare parse is a file with every rule, and how much of that is each rule's own?
How much memory does the analysing process need? How fast is a delivery answered while reviews run? How long does a pull
request wait for its review?

The load comes from a process of its own, so that the stand-in for GitHub, which lives in this one, doesn't slow it.
"""

import argparse
import asyncio
import copy
import gc
import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import libcst as cst
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from postil import packs
from postil.demo import play
from postil.demo.deliveries import Delivery, Webhook
from postil.demo.fake_github import FakeGitHub
from postil.demo.state import FakePull
from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.project import Project
from postil.lint.source import Parsed, SourceFile, Unreadable, decode
from postil.review.analysis import analyse
from postil.sandbox import Analyst, Limits

LARGEST = 200_000
"""Bytes; larger files of an environment are tables of data, which no one reviews."""
SMALL = 50
"""Lines; shorter files are parsed in no time, and say nothing about a ratio."""
PULL = 50
"""Files of the pull request whose memory is measured."""
SAMPLED = 120
"""Files on which each rule is measured alone."""
ANSWERS = 8
"""Deliveries a pull request: one that asks for a review, one that is sent again, and talk that asks for nothing."""
REVIEWS = 8  # the default
PACE = 0.02
PATIENCE = 300.0

Row = tuple[str, str, str]


def main(arguments: Sequence[str]) -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=600, help="real files to lint")
    parser.add_argument("--rounds", type=int, default=3, help="times that each file is measured; the fastest counts")
    parser.add_argument("--pulls", type=int, default=40, help="pull requests under load; 0 leaves the service out")
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_path("purelib")), help="where the files are")
    parser.add_argument("--post", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.post:
        asyncio.run(post(options.post))
        return
    texts = real_files(options.folder, options.files)
    rules = packs.load().rules
    costs = own_costs(rules, dict(list(texts.items())[:: max(1, len(texts) // SAMPLED)]), options.rounds)
    rows = [*memory(texts), *speed(rules, texts, options.rounds), dearest(costs)]
    if options.pulls:
        rows += service(options.pulls)
    table = Table("measured", "figure", "how", box=MARKDOWN)
    for row in rows:
        table.add_row(*row)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    listed = Table("rule", "its own cost, in hundredths of the parse", box=MARKDOWN)
    for name, share in costs.items():
        listed.add_row(name, f"{100 * share:.2f}")
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(table)
    console.print(listed)


def real_files(folder: Path, most: int) -> dict[str, str]:
    """Up to `most` Python files below a folder, evenly spread over it; those that can't be parsed are left out."""
    found = [file for file in sorted(folder.rglob("*.py")) if 0 < file.stat().st_size <= LARGEST]
    texts: dict[str, str] = {}
    # Some won't parse (templates, tests of parsers), so begin with a few more.
    for file in found[:: max(1, len(found) // (most + most // 20 + 1))]:
        try:
            text = decode(file.read_bytes())
            cst.parse_module(text)
        except (Unreadable, cst.ParserSyntaxError):
            continue
        texts[file.relative_to(folder).as_posix()] = text
        if len(texts) == most:
            break
    return texts


def speed(rules: RuleSet, texts: Mapping[str, str], rounds: int) -> list[Row]:
    """All rules on each file, positions and findings included, against LibCST's parse of the same file.

    Once as a file that is there, and once as one that changed in its last line, with what compares base and head. By
    the processor's time, as other work on the machine only adds waiting.
    """
    nothing = Project()
    fastest: dict[str, list[float]] = {"parse": [], "lint": [], "review": []}
    found = 0
    for path, text in texts.items():
        change = Change(path, f"{text}\n", text)
        work: dict[str, Callable[[], object]] = {
            "parse": lambda text=text: cst.parse_module(text),
            "lint": lambda path=path, text=text: rules.lint(path, text),
            "review": lambda change=change: analyse(rules, [change], nothing, nothing),
        }
        times: dict[str, list[float]] = {what: [] for what in work}
        for turn in range(rounds):
            # In turns, and each time another one first, so that a busy moment strikes all alike.
            for what in sorted(work, reverse=bool(turn % 2)):
                gc.collect(0)
                gc.disable()
                began = time.process_time()
                work[what]()
                times[what].append(time.process_time() - began)
                gc.enable()
        for what, taken in times.items():
            fastest[what].append(min(taken))
        found += len(rules.lint(path, text).findings)
    parsed, linted, reviewed = fastest.values()
    sizes = [text.count("\n") for text in texts.values()]
    lines = sum(sizes)
    ratios = [lint / parse for lint, parse, size in zip(linted, parsed, sizes, strict=True) if size >= SMALL]
    return [
        (
            f"{len(rules.rules)} rules, against the parse",
            f"{sum(linted) / sum(parsed):.2f} times libcst.parse_module",
            f"{len(texts)} real files, {lines:,} lines, {found} findings; target 1.25",
        ),
        (
            "the same, file by file",
            spread(ratios, "times"),
            f"files of {SMALL} lines and more; the garbage collector held for both",
        ),
        (
            "the same for a changed file",
            f"{sum(reviewed) / sum(parsed):.2f} times libcst.parse_module",
            "base compared, fixes proved",
        ),
        (
            "time for each file",
            spread([1000 * each for each in linted], "ms"),
            f"{lines / sum(linted):,.0f} lines a second",
        ),
    ]


def own_costs(rules: RuleSet, texts: Mapping[str, str], rounds: int) -> dict[str, float]:
    """What each rule adds to the parse when it is the only one, as a share of the parse, the dearest first.

    Facts that rules share are counted for each of them, so that the sum is more than all rules cost together. Rules
    about changes are given files whose last line is new.
    """

    def fastest(work: Callable[[], object]) -> float:
        times = []
        for _ in range(rounds):
            gc.collect(0)
            gc.disable()
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
            gc.enable()
        return min(times)

    nothing = Project()
    files = []
    for path, text in texts.items():
        file = SourceFile(path, text)
        file.kinds()  # the walk belongs to the engine
        files.append(file)
    changes = [Change(path, f"{text}\n", text) for path, text in texts.items()]
    sides = [
        (change.path, text, SourceFile(change.path, text, nothing))
        for change in changes
        for text in (change.head or "", change.base or "")
    ]
    for *_, file in sides:
        file.kinds()

    def lint(chosen: RuleSet) -> None:
        for file in files:
            chosen.lint_file(unasked(file))

    def compare(chosen: RuleSet) -> None:
        known = AllParsed({(path, text): unasked(file) for path, text, file in sides})
        for change in changes:
            chosen.lint_change_set([change], nothing, nothing, known)

    parsing = fastest(lambda: [cst.parse_module(text) for text in texts.values()])
    idle = fastest(lambda: lint(RuleSet(())))
    shares = {}
    for rule in rules.rules:
        alone = RuleSet((rule,))
        taken = (
            fastest(lambda alone=alone: compare(alone))
            if alone.compares
            else fastest(lambda alone=alone: lint(alone)) - idle
        )
        shares[rule.name] = max(0.0, taken / parsing)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


class AllParsed(Parsed):
    """Files that are parsed beforehand, as the parse is no rule's own cost."""

    def __init__(self, files: Mapping[tuple[str, str], SourceFile]) -> None:
        super().__init__()
        self._all = files

    def file(self, path: str, text: str, project: Project | None = None) -> SourceFile:
        """The file; anything else is parsed as usual."""
        return self._all.get((path, text)) or super().file(path, text, project)


def unasked(file: SourceFile) -> SourceFile:
    """A file of which no rule has asked anything yet: its tree is walked, and that is all."""
    fresh = copy.copy(file)
    fresh.__dict__.clear()
    fresh.__dict__.update({name: file.__dict__[name] for name in ("path", "text", "project", "module", "_walked")})
    fresh.__dict__.update(_names={}, _mentioned={})
    return fresh


def dearest(costs: Mapping[str, float]) -> Row:
    """The rule that costs most."""
    name, share = next(iter(costs.items()))
    over = sum(each > 0.1 for each in costs.values())
    return ("the dearest rule's own cost", f"{share:.3f} times the parse", f"{name}; {over} take more than a tenth")


def memory(texts: Mapping[str, str]) -> list[Row]:
    """What the fenced child process holds at its peak (VmHWM), by the size of the change set."""
    changes = [Change(path, text, None) for path, text in texts.items()]
    few = changes[:: max(1, len(changes) // PULL)][:PULL]
    limits = Limits(children=1, seconds=600.0, total_seconds=3600.0)

    async def measured(changed: Sequence[Change]) -> int:
        async with Analyst(limits=limits) as analyst:
            analysis = await analyst.analyse(changed, {}, {})
            if analysis.files != len(changed):
                raise SystemExit(f"only {analysis.files} of {len(changed)} files were analysed: {analysis.problems}")
            return max(peak(child) for child in children(os.getpid()))

    async def all_of_them() -> list[int]:
        return [await measured(part) for part in ([], few, changes)]

    idle, pull, everything = asyncio.run(all_of_them())
    sizes = f"{idle / 1e6:.0f} MB idle, {pull / 1e6:.0f} MB, {everything / 1e6:.0f} MB"
    return [
        (
            "peak memory of the analysing process",
            sizes,
            f"before any file, with {len(few)}, with {len(changes)} new files",
        )
    ]


def children(parent: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def peak(process: int) -> int:
    """The most memory that a process held at once, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(line for line in status.split("\n") if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery as its sender saw it: when it went out (seconds since 1970), and how long the answer took."""

    guid: str
    at: float
    seconds: float
    status: int


def service(pulls: int) -> list[Row]:
    """The real service in a process of its own, with SQLite, against the stand-in for GitHub without limits."""
    with tempfile.TemporaryDirectory(prefix="postil-bench-") as folder, ExitStack() as stack:
        ours, theirs = play.free_socket(), play.free_socket()
        url, github = play.address(ours), play.address(theirs)
        ours.close()
        key, public = play.key_pair()
        hook = Webhook(f"{url}/webhooks/github", secrets.token_hex(16))
        fake = FakeGitHub(Path(folder), webhook=hook, public_key=public, url=github, limits=None)
        stack.enter_context(play.serving(fake, theirs))
        env = play.environment(fake, key, url, folder) | {
            "POSTIL_LISTEN": url.removeprefix("http://"),
            "POSTIL_LOG_LEVEL": "warning",
            "POSTIL_CONCURRENCY": str(REVIEWS),
        }
        stack.enter_context(running(env, url))
        alone = [
            sent_and_seen([pull], [opened(fake, pull)], hook.url) for pull in opened_pulls(fake, max(3, pulls // 4))
        ]
        busy = opened_pulls(fake, pulls)
        sent, begun, waits = sent_and_seen(busy, [each for pull in busy for each in talk(fake, pull)], hook.url)
    asked = {each.guid for each in sent}
    answers = [1000 * each.seconds for each in sent]
    return [
        (
            "webhook's answer while reviews run",
            spread(answers, "ms"),
            f"{len(sent)} deliveries ({len(asked)} different), stored in SQLite",
        ),
        (
            "from delivery to review, alone",
            spread([wait for *_, ones in alone for wait in ones], "s"),
            f"{len(alone)} pull requests, one after the other",
        ),
        (
            "from delivery to check run, alone",
            spread([wait for _, ones, _ in alone for wait in ones], "s"),
            "the same ones",
        ),
        (
            "from delivery to review, under load",
            spread(waits, "s"),
            f"{len(waits)} pull requests at once, {REVIEWS} reviews at a time",
        ),
        ("from delivery to check run, under load", spread(begun, "s"), "the same ones"),
    ]


@contextmanager
def running(env: Mapping[str, str], url: str) -> Generator[None]:
    """The service, until the block ends."""
    command = [sys.executable, "-m", "postil.cli", "serve"]
    with subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
        try:
            end = time.monotonic() + 60
            while not answers_health(url):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("the service doesn't start; run `postil serve` to see why")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def answers_health(url: str) -> bool:
    """Whether the service answers."""
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def opened_pulls(fake: FakeGitHub, count: int) -> list[FakePull]:
    """Pull requests with the change of `postil demo`, each in a repository and an installation of its own.

    GitHub asks for a second between two writes of one installation, and many installations are what a busy service has.
    """
    pulls = []
    for _ in range(count):
        owner = f"team-{fake.next_id()}"
        repository = fake.add_repository("shop", owner=owner, installed=False)
        fake.install(repository.owner).repositories.append(repository)
        pulls.append(play.sample_pull(fake, repository))
    return pulls


def opened(fake: FakeGitHub, pull: FakePull) -> Delivery:
    """The delivery that asks for a review."""
    installation = next(each for each in fake.installations if pull.repository in each.repositories)
    return fake.delivery("pull_request", "opened", pull=pull, installation={"id": installation.id})


def talk(fake: FakeGitHub, pull: FakePull) -> Iterable[Delivery]:
    """What comes in for one busy pull request."""
    first = opened(fake, pull)
    comment = fake.write_comment(pull, "Shall we ship this on Friday?")
    chat = [fake.delivery("issue_comment", "created", comment=comment) for _ in range(ANSWERS - 2)]
    return [first, *chat, first]


def sent_and_seen(
    pulls: Sequence[FakePull], deliveries: Sequence[Delivery], url: str
) -> tuple[list[Sent], list[float], list[float]]:
    """Send deliveries from another process, and wait for all reviews.

    Gives what was sent, and the seconds from a pull request's first delivery to its check run, and to its review.
    """
    lines = "".join(json.dumps([each.headers, each.body.decode()]) + "\n" for each in deliveries)
    command = [sys.executable, __file__, "--post", url]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 - ourselves
    sent = [Sent(*json.loads(line)) for line in done.stdout.splitlines()]
    if refused := [each for each in sent if each.status != httpx.codes.ACCEPTED]:
        raise SystemExit(f"the service refused {len(refused)} deliveries, the first with {refused[0].status}")
    end = time.monotonic() + PATIENCE
    while not all(pull.reviews for pull in pulls):
        if time.monotonic() > end:
            raise SystemExit(f"{sum(not pull.reviews for pull in pulls)} reviews didn't come in {PATIENCE:.0f} s")
        time.sleep(0.05)
    went = {each.guid: each for each in deliveries if each.event == "pull_request"}
    first = {
        went[each.guid].payload["repository"]["full_name"]: each.at for each in reversed(sent) if each.guid in went
    }

    def since(times: Iterable[tuple[FakePull, datetime | None]]) -> list[float]:
        return [at.timestamp() - first[pull.repository.full_name] for pull, at in times if at is not None]

    begun = since((pull, pull.check_runs[0].started_at) for pull in pulls)
    return sent, begun, since((pull, pull.reviews[0].submitted_at) for pull in pulls)


async def post(url: str) -> None:
    """Send the deliveries on stdin at an even pace, and say on stdout what became of each. The load's own process."""

    async def one(client: httpx.AsyncClient, headers: dict[str, str], body: str) -> None:
        at, began = time.time(), time.perf_counter()
        answer = await client.post(url, content=body.encode(), headers=headers)
        taken = time.perf_counter() - began
        print(json.dumps([headers["X-GitHub-Delivery"], at, taken, answer.status_code]), flush=True)

    deliveries = [json.loads(line) for line in sys.stdin]
    # GitHub gives up after 10 seconds.
    async with httpx.AsyncClient(timeout=10) as client, asyncio.TaskGroup() as group:
        for headers, body in deliveries:
            group.create_task(one(client, headers, body))
            await asyncio.sleep(PACE)


def spread(values: Sequence[float], unit: str) -> str:
    """The middle and the bad end of some values."""
    ordered = sorted(values)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    digits = 2 if last < 100 else 0
    return f"p50 {statistics.median(ordered):.{digits}f} {unit}, p99 {last:.{digits}f} {unit}"


if __name__ == "__main__":
    main(sys.argv[1:])
