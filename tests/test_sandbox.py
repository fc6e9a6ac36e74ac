"""The fenced child: what strangers wrote brings down a child process, never the review of the other files."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from hostile import hostile_pack
from postil.lint.change import Change
from postil.review.model import Analysis
from postil.sandbox import Analyst, Limits, SandboxError

GOOD = "try:\n    f()\nexcept ValueError:\n    raise KeyError()\n"

CHECK = '''"""A check that does what the file tells it to."""

import ctypes
import os
import sys

import libcst as cst
from postil.lint import Note, Notes, SourceFile


def check(call: cst.Call, file: SourceFile) -> Notes:
    """Obey."""
    match file.name_of(call.func) or file.code(call.func):
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            while True:
                pass
        case "wait":
            __import__("time").sleep(3600)
        case "hog":
            bytearray(1 << 40)
        case "leave":
            os._exit(3)
        case "chatter":
            yield Note(call, "blah " * 1_000_000)
        case "abort":
            os.abort()
        case "speak" | "speak_too":
            print("not for the parent")
            yield Note(call, "It spoke.")
        case "tell":
            yield Note(call, repr(sorted(os.environ)))
'''


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack whose only check crashes, hangs or hogs as the reviewed file says."""
    return hostile_pack(tmp_path, "hostile_checks", CHECK, monkeypatch)


def analysed(changes: Sequence[Change], limits: Limits | None = None, pack: Path | None = None) -> Analysis:
    """What one analyst says."""

    async def story() -> Analysis:
        async with Analyst([pack], limits) if pack else Analyst(limits=limits) as analyst:
            return await analyst.analyse(changes, {}, {})

    return asyncio.run(story())


def told(analysis: Analysis) -> list[tuple[str, str, str]]:
    """Its problems as plain values."""
    return [(problem.path, problem.kind, problem.message) for problem in analysis.problems]


def test_it_finds_what_the_analysis_finds() -> None:
    """The way through the child loses nothing: findings, suggestions and problems come back as they were."""
    analysis = analysed([Change("a.py", GOOD, None), Change("b.py", "def :\n", None)])

    assert [(each.finding.rule, each.finding.path, each.finding.line) for each in analysis.introduced] == snapshot(
        [("raise-without-from", "a.py", 4)]
    )
    assert [each.suggestion is not None for each in analysis.introduced] == snapshot([True])
    assert told(analysis) == snapshot([("b.py", "syntax", "line 1: parser error: error at 1:5: expected NAME")])


DEEP = ("too-deep", "its code nests deeper than the parser bears")
HUNGRY = ("crash", "it needed more than 1 GiB of memory")
SLOW = ("timeout", "it took longer than 3 s")
# For what is ended by its memory or its depth, on a machine that does a lot else.
PATIENT = Limits(seconds=200.0, least_seconds=200.0)
# Of the processor's time there is enough, so that it is the clock that says stop.
BY_THE_CLOCK = Limits(seconds=3.0, least_seconds=200.0)


@pytest.mark.parametrize(
    ("killer", "why"),
    [
        ("x = " + "not " * 20_000 + "1\n", DEEP),
        ("x = " + "-" * 20_000 + "1\n", HUNGRY),
        ("x = " + "lambda: " * 20_000 + "1\n", DEEP),
        ("if a:\n    pass\n" + "elif a:\n    pass\n" * 20_000, DEEP),
        ("x = 1\n" * 150_000, HUNGRY),
    ],
    ids=["not", "minus", "lambda", "elif", "statements"],
)
def test_what_brings_the_parser_down_is_named_and_the_rest_is_analysed(killer: str, why: tuple[str, str]) -> None:
    """Inputs that really crash the parser, as anybody can push them."""
    changes = [Change("a.py", GOOD, None), Change("killer.py", killer, None), Change("z.py", GOOD, None)]

    analysis = analysed(changes, PATIENT)

    assert [each.finding.path for each in analysis.introduced] == ["a.py", "z.py"]
    assert told(analysis) == [("killer.py", *why)]


def test_what_takes_the_parser_too_long_is_named() -> None:
    """Long call chains take quadratic time."""
    slow = "x = a" + "()" * 20_000 + "\n"

    analysis = analysed([Change("a.py", GOOD, None), Change("slow.py", slow, None)], BY_THE_CLOCK)

    assert told(analysis) == [("slow.py", *SLOW)]
    assert [each.finding.path for each in analysis.introduced] == ["a.py"]


def test_a_small_file_gets_little_of_the_processor() -> None:
    """The parser takes ten seconds or more for these 12 kB, and a fortieth of a second for as much real code."""
    slow = "x = a" + "()" * 6_000 + "\n"
    limits = Limits(seconds=40.0, least_seconds=0.5)

    analysis = analysed([Change("a.py", GOOD, None), Change("slow.py", slow, None)], limits)

    assert told(analysis) == snapshot(
        [("slow.py", "timeout", "it takes the analysis far longer than its size explains")]
    )
    assert [each.finding.path for each in analysis.introduced] == ["a.py"]


def test_a_file_too_deep_to_say_where_is_named_and_no_check_is_blamed() -> None:
    """The parser bears 1,500 operators, and Python's stack doesn't bear to look for one place among them."""
    deep = "try:\n    f()\nexcept ValueError:\n    raise KeyError(a" + " + a" * 1_500 + ")\n"

    analysis = analysed([Change("deep.py", deep, None), Change("a.py", GOOD, None)], PATIENT)

    assert told(analysis) == snapshot([("deep.py", "too-deep", "its code nests deeper than the analysis bears")])
    assert [each.finding.path for each in analysis.introduced] == ["a.py"]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("segfault", DEEP),
        ("hang", SLOW),
        ("wait", SLOW),
        ("leave", ("crash", "the analysing process ended with 3")),
        ("abort", HUNGRY),
        ("hog", ("check-crash", "the check `hostile` crashed (MemoryError: )")),
    ],
)
def test_a_check_that_runs_wild_costs_one_file(hostile: Path, call: str, why: tuple[str, str]) -> None:
    """Packs are written by many, and their checks read hostile code."""
    changes = [Change(f"{name}.py", f"{name}()\n", None) for name in ("speak", call, "speak_too")]

    analysis = analysed(changes, BY_THE_CLOCK if why == SLOW else PATIENT, hostile)

    assert told(analysis) == [(f"{call}.py", *why)]
    assert [each.finding.path for each in analysis.introduced] == ["speak.py", "speak_too.py"]


def test_an_answer_without_measure_is_refused(hostile: Path) -> None:
    """Findings are bounded in number by the file, but what a check says of each is not."""
    analysis = analysed([Change("a.py", "chatter()\n", None)], Limits(output=1 << 20), hostile)

    assert told(analysis) == [("a.py", "crash", "there is more to say about the change than 1 MiB hold")]


def test_a_check_that_prints_does_not_disturb_the_answer(hostile: Path) -> None:
    """The conversation with the parent has a channel of its own."""
    analysis = analysed([Change("a.py", "speak()\n", None)], None, hostile)

    assert [each.finding.message for each in analysis.introduced] == ["It spoke."]


def test_the_child_inherits_no_secret(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the service holds the private key and the webhook secret."""
    monkeypatch.setenv("POSTIL_GITHUB_PRIVATE_KEY", "secret")

    analysis = analysed([Change("a.py", "tell()\n", None)], None, hostile)

    assert [each.finding.message for each in analysis.introduced] == ["['LC_ALL', 'PYTHONPATH']"]


def test_a_file_over_the_limit_is_not_even_parsed() -> None:
    """A file of such a size is generated or data."""
    analysis = analysed([Change("big.py", "x = 1\n" * 200_000, None), Change("a.py", GOOD, None)])

    assert told(analysis) == [("big.py", "too-large", "it has 1.2 MB; files over 1 MB are left out")]
    assert [each.finding.path for each in analysis.introduced] == ["a.py"]


def test_a_change_set_of_killers_ends(hostile: Path) -> None:
    """Each costs a child; after a few of them the rest is given up, and said so file by file."""
    changes = [Change(f"{number}.py", "leave()\n", None) for number in range(5)]

    analysis = analysed(changes, Limits(deaths=3), hostile)

    assert told(analysis) == snapshot(
        [
            ("0.py", "crash", "the analysing process ended with 3"),
            ("1.py", "crash", "the analysing process ended with 3"),
            ("2.py", "crash", "the analysing process ended with 3"),
            ("3.py", "crash", "other files of the change brought the analysis down too often"),
            ("4.py", "crash", "other files of the change brought the analysis down too often"),
        ]
    )


def test_a_child_is_kept_warm_and_replaced_after_its_uses() -> None:
    """Starting one costs a second; keeping one for ever would keep its leaks for ever."""

    async def story() -> list[int]:
        pids = []
        async with Analyst(limits=Limits(uses=2, children=1)) as analyst:
            for _ in range(3):
                await analyst.analyse([Change("a.py", GOOD, None)], {}, {})
                pids.append(next(iter(analyst._all)).pid if analyst._all else 0)
        return pids

    first, second, third = asyncio.run(story())

    assert first != 0
    assert second == 0
    assert third not in (0, first)


def test_only_so_many_children_run_at_once() -> None:
    """Each may take a gigabyte and a core."""

    async def story() -> tuple[int, int]:
        async with Analyst(limits=Limits(children=2)) as analyst:
            results = await asyncio.gather(*(analyst.analyse([Change("a.py", GOOD, None)], {}, {}) for _ in range(6)))
            return len(analyst._all), sum(len(result.introduced) for result in results)

    assert asyncio.run(story()) == (2, 6)


def test_a_child_gives_way_as_far_as_it_is_told_to() -> None:
    """Deliveries are answered within GitHub's patience while analyses take all processors."""

    async def story() -> int:
        async with Analyst(limits=Limits(children=1, niceness=3)) as analyst:
            await analyst.analyse([Change("a.py", GOOD, None)], {}, {})
            (child,) = analyst._all
            return os.getpriority(os.PRIO_PROCESS, child.pid)

    assert asyncio.run(story()) == os.getpriority(os.PRIO_PROCESS, 0) + 3


def test_an_idle_child_that_died_is_replaced_without_blame() -> None:
    """An operator's or the kernel's kill between two reviews is no file's fault."""

    async def story() -> Analysis:
        async with Analyst(limits=Limits(children=1)) as analyst:
            await analyst.analyse([Change("a.py", GOOD, None)], {}, {})
            (child,) = analyst._all
            os.kill(child.pid, signal.SIGKILL)
            return await analyst.analyse([Change("a.py", GOOD, None)], {}, {})

    analysis = asyncio.run(story())

    assert told(analysis) == []
    assert len(analysis.introduced) == 1


def test_a_pack_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """That is our fault, and trying another file would not help."""
    with pytest.raises(SandboxError, match=r"pack\.toml"):
        analysed([Change("a.py", GOOD, None)], None, tmp_path)


def test_an_analysis_that_is_given_up_leaves_no_child_at_work(hostile: Path) -> None:
    """A run that reached its timeout must not go on costing a core."""

    async def story() -> int:
        begun = asyncio.Event()
        async with Analyst([hostile]) as analyst:
            changes = [Change("a.py", "wait()\n", None)]
            task = asyncio.create_task(analyst.analyse(changes, {}, {}, begun=lambda _: begun.set()))
            await begun.wait()
            (child,) = analyst._all
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return child.pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(story()), 0)


def state_of(pid: int) -> str:
    """A process's state as the kernel names it (Z: dead, not yet collected); "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return stat.rsplit(")", 1)[1].split()[0]


@pytest.mark.kill
def test_the_child_dies_with_its_parent(hostile: Path) -> None:
    """A parent that is killed can end nobody, and a child at work doesn't read that its input ended."""
    program = f"""
import asyncio
from pathlib import Path
from postil.lint.change import Change
from postil.sandbox import Analyst

async def main():
    analyst = Analyst([Path({str(hostile)!r})])

    def begun(path):
        print(next(iter(analyst._all)).pid, flush=True)

    await analyst.analyse([Change("a.py", "hang()", None)], {{}}, {{}}, begun=begun)

asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        # What is logged is not on stdout, though nobody has set up a log here.
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()

    deadline = time.monotonic() + 10
    while (state := state_of(child)) not in ("", "Z") and time.monotonic() < deadline:
        time.sleep(0.05)

    assert state in ("", "Z")
