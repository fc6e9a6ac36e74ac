"""Runs the analysis in fenced child processes, because what it parses was written by strangers.

A file can bring the parser down, take it minutes or gigabytes. That costs a child process and one line in the review:
the child says which file it begins, so the one that it died on becomes a problem, and a fresh child does the rest. The
child inherits nothing but the packs' paths, has limits on memory, processor time, open files and written bytes, dies
with its parent, and puts up the fences of `postil.fence` before it reads a request. It talks JSON, one value a line:
requests on stdin, answers on stdout.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import structlog
from pydantic import TypeAdapter

from postil import fence, packs
from postil.lint.change import Change
from postil.lint.finding import Problem
from postil.lint.project import Project
from postil.review.analysis import Part, analyse
from postil.review.config import Choice
from postil.review.model import Analysis

# By way of logging in any case: where nobody has configured structlog, it would print on stdout, among the results of
# whoever uses this module alone.
log: structlog.stdlib.BoundLogger = structlog.wrap_logger(logging.getLogger(__name__))

_CHANGES = TypeAdapter(tuple[Change, ...])
_FILES = TypeAdapter(dict[str, str])
_ANALYSIS = TypeAdapter(Analysis)
_CHOICE = TypeAdapter(Choice | None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CODE = tuple(map(Path, (*sys.path, sys.prefix, sys.base_prefix, "/lib", "/lib64", "/usr/lib", "/usr/share/zoneinfo")))
"""Where modules are loaded from that weren't needed yet, with the libraries that they link to."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the analysis of a change set may cost.

    `seconds` is for one file, `total_seconds` for all of them, both by the clock. Of the processor's time a file of
    `file_bytes` may take `seconds`, a smaller one in proportion, and any `least_seconds` more: the parser takes some 2
    ms for a kilobyte of what people write, and ten seconds for a chain of 5,000 calls. A child has `memory` bytes of
    address space, and its answer at most `output` bytes. After `deaths` children that died on one change set the rest
    of it isn't tried. `children` run at the same time, and each is replaced after `uses` change sets. They give way to
    others by `niceness`, from 0 to 19.
    """

    file_bytes: int = 1_000_000
    seconds: float = 20.0
    least_seconds: float = 2.0
    total_seconds: float = 240.0
    memory: int = 1 << 30
    output: int = 32 << 20
    deaths: int = 5
    children: int = 2
    uses: int = 200
    niceness: int = 0


class SandboxError(Exception):
    """The child process can't be started, or can't begin. That is our fault, not that of a file."""


class _DeathError(Exception):
    """A child died or was ended: on which file (None before the first, "" for all of them together), and why.

    After a `final` one no other child would fare better.
    """

    def __init__(self, path: str | None, kind: str, message: str, *, final: bool = False) -> None:
        super().__init__(path, kind, message)
        self.path = path
        self.kind = kind
        self.message = message
        self.final = final


class Analyst:
    """Children that analyse change sets under the rules of `paths`, kept warm, replaced when they die.

    `died` is told of each death, and gets its kind, which is that of the problem that it becomes.
    """

    def __init__(
        self,
        paths: Sequence[Path] = (packs.BUILT_IN,),
        limits: Limits | None = None,
        died: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._paths = [str(path.resolve()) for path in paths]
        self._limits = limits or Limits()
        self._died = died
        self._free = asyncio.Semaphore(self._limits.children)
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._fences_told = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def fences(self) -> dict[str, str]:
        """What keeps a child from network, files and processes, tried in one. Raises SandboxError."""
        child = _Child(self._paths, self._limits)
        self._all.add(child)
        await child.start()
        return child.fences

    async def analyse(
        self,
        changes: Sequence[Change],
        project_files: Mapping[str, str],
        base_project_files: Mapping[str, str],
        choice: Choice | None = None,
        part: Part = Part.ALL,
        begun: Callable[[str], None] = lambda _: None,
    ) -> Analysis:
        """What `changes` introduced. Files that can't be analysed are among the problems, and cost the others nothing.

        `choice` says by which rules; None means those that are on by default. `part` says how they are looked at.
        `begun` hears the path of each file that is begun, "" for all of them together, and may hear one twice.

        Raises:
            SandboxError: no child could be started.
        """
        problems: list[Problem] = []
        left: list[Change] = []
        for change in changes:
            size = max(len((text or "").encode("utf-8", "surrogatepass")) for text in (change.head, change.base))
            if change.is_python and size > self._limits.file_bytes:
                allowed = f"files over {self._limits.file_bytes / 1e6:g} MB are left out"
                problems.append(Problem(change.path, "too-large", f"it has {size / 1e6:.1f} MB; {allowed}"))
            else:
                left.append(change)
        files = {"files": dict(project_files), "base_files": dict(base_project_files), "part": str(part)}
        around = {**files, "choice": _CHOICE.dump_python(choice, mode="json")}
        analysis = await self._analyse(left, around, problems, begun)
        return Analysis(analysis.introduced, analysis.suppressed, (*analysis.problems, *problems), analysis.files)

    async def _analyse(
        self,
        left: list[Change],
        around: Mapping[str, Any],
        problems: list[Problem],
        begun: Callable[[str], None],
    ) -> Analysis:
        """Try until a child comes through, each time without the file that the one before died on."""
        compare = True
        why = "other files of the change brought the analysis down too often"
        async with self._free:
            for _ in range(self._limits.deaths):
                changes = _CHANGES.dump_python(tuple(left), mode="json")
                request = {**around, "changes": changes, "compare": compare}
                try:
                    async with self._child() as child:
                        return await child.ask(request, begun)
                except _DeathError as death:
                    log.warning("child_died", file=death.path, kind=death.kind, why=death.message)
                    self._died(death.kind)
                    if death.final:
                        why = death.message
                        break
                    if death.path == "":
                        compare = False
                        left_out = f"the rules about the change as a whole were left out: {death.message}"
                        problems.append(Problem("", death.kind, left_out))
                    elif death.path is not None:
                        problems.append(Problem(death.path, death.kind, death.message))
                        left = [change for change in left if change.path != death.path]
        python = [change.path for change in left if change.is_python and change.head is not None]
        problems.extend(Problem(path, "crash", why) for path in python)
        return Analysis(files=0)

    @asynccontextmanager
    async def _child(self) -> AsyncGenerator["_Child"]:
        child = next((each for each in self._idle if each.alive), None)
        for each in list(self._idle):
            if each is child or not each.alive:
                self._idle.remove(each)
        if child is None:
            child = _Child(self._paths, self._limits)
            self._all.add(child)
        fit = False
        try:
            await child.start()
            if not self._fences_told:
                self._fences_told = True
                log.info("fence", **child.fences)
            yield child
            fit = child.uses < self._limits.uses
        finally:
            if fit:
                self._idle.append(child)
            else:
                self._all.discard(child)
                await child.end()

    async def close(self) -> None:
        """End every child."""
        self._idle.clear()
        for child in list(self._all):
            await child.end()
        self._all.clear()


class _Child:
    """One child process, as its parent sees it."""

    def __init__(self, paths: Sequence[str], limits: Limits) -> None:
        self.uses = 0
        self.fences: dict[str, str] = {}
        self._paths = paths
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        """Whether it was started and hasn't ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id; 0 before it is started."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process and wait until it has read its rules. Raises SandboxError."""
        if self._process is not None:
            return
        settings = {**asdict(self._limits), "parent": os.getpid()}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-PB",
            "-m",
            "postil.sandbox",
            json.dumps(settings),
            *self._paths,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of our environment, which may hold secrets; only where its modules are.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            limit=self._limits.output,
        )
        try:
            async with asyncio.timeout(60):
                answer = await self._read()
        except TimeoutError as error:
            raise SandboxError("the analysing process took longer than a minute to start") from error
        except _DeathError as death:
            raise SandboxError(f"the analysing process can't start: {death.message}") from death
        if "ready" not in answer:
            raise SandboxError(f"the analysing process can't read the packs: {answer.get('failed')}")
        self.fences = dict(answer["fences"])

    async def ask(self, request: Mapping[str, Any], begun: Callable[[str], None]) -> Analysis:
        """Have a change set analysed. Raises _DeathError, and then it's of no further use."""
        self.uses += 1
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.total_seconds
        path: str | None = None
        await self._write(request)
        while True:
            file_end = loop.time() + self._limits.seconds
            try:
                async with asyncio.timeout_at(min(file_end, end)):
                    answer = await self._read()
            except TimeoutError as error:
                if loop.time() >= end:
                    why = f"the whole change took longer than {self._limits.total_seconds:g} s"
                    raise _DeathError(path, "timeout", why, final=True) from error
                raise _DeathError(path, "timeout", f"it took longer than {self._limits.seconds:g} s") from error
            except _DeathError as death:
                raise _DeathError(path, death.kind, death.message, final=death.final) from death
            if "analysis" in answer:
                return _ANALYSIS.validate_python(answer["analysis"])
            path = str(answer.get("started"))
            begun(path)

    async def _write(self, request: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            # That it is dead shows, with the reason, when its answer is read.
            await self._process.stdin.drain()

    async def _read(self) -> dict[str, Any]:
        """Its next line. Raises _DeathError, with no path, when there is none."""
        assert self._process is not None and self._process.stdout is not None  # noqa: S101, PT018
        try:
            line = await self._process.stdout.readline()
        except ValueError as error:
            why = f"there is more to say about the change than {self._limits.output / (1 << 20):g} MiB hold"
            raise _DeathError(None, "crash", why, final=True) from error
        if line.endswith(b"\n"):
            return json.loads(line)
        return self._died(await self._process.wait())

    def _died(self, code: int) -> Any:
        memory = f"it needed more than {self._limits.memory / (1 << 30):g} GiB of memory"
        match -code:
            case signal.SIGSEGV | signal.SIGBUS:
                raise _DeathError(None, "too-deep", "its code nests deeper than the parser bears")
            case signal.SIGXCPU:
                raise _DeathError(None, "timeout", "it takes the analysis far longer than its size explains")
            case signal.SIGABRT | signal.SIGKILL:
                raise _DeathError(None, "crash", memory)
        raise _DeathError(None, "crash", f"the analysing process ended with {code}")

    async def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def main(arguments: Sequence[str]) -> None:
    """Be the child: `{…, "parent": …}`, which are the limits and the parent's id, and the packs' paths."""
    settings = json.loads(arguments[0])
    parent = settings.pop("parent")
    limits = Limits(**settings)
    paths = [Path(path) for path in arguments[1:]]
    _limit(limits.memory, parent)
    os.nice(limits.niceness)
    # Whatever a check prints must not get into the conversation.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        guideline = packs.load(paths)
    except packs.PackError as error:
        _say(answers, {"failed": str(error)})
        return
    fences = fence.put_up([*paths, *_CODE])
    # The standard streams, the answers' own, and modules that are loaded when first asked for.
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    # What is loaded now stays for ever; what comes is freed by its counters, and swept between change sets.
    gc.freeze()
    gc.disable()
    _say(answers, {"ready": True, "fences": fences})
    for line in sys.stdin.buffer:
        try:
            _say(answers, {"analysis": _answer(json.loads(line), guideline, answers, limits)})
        except MemoryError:
            # As the parser's own code does.
            os.abort()
        gc.collect()


def _answer(request: dict[str, Any], guideline: packs.Guideline, answers: BinaryIO, limits: Limits) -> Any:
    changes = _CHANGES.validate_python(request["changes"])
    sizes = {change.path: len(change.head or "") + len(change.base or "") for change in changes}

    def started(path: str) -> None:
        _say(answers, {"started": path})
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        share = sizes[path] / limits.file_bytes if path else 1.0
        seconds = min(limits.seconds, limits.least_seconds + limits.seconds * share)
        resource.setrlimit(resource.RLIMIT_CPU, (round(used + seconds) + 1, resource.RLIM_INFINITY))

    choice = _CHOICE.validate_python(request["choice"])
    rules = guideline.default_rules if choice is None else choice.of(guideline.of(choice.packs).rules)
    if not request["compare"]:
        rules, _ = rules.apart()
    analysis = analyse(
        rules,
        changes,
        Project(_FILES.validate_python(request["files"])),
        Project(_FILES.validate_python(request["base_files"])),
        started,
        Part(request["part"]),
    )
    return _ANALYSIS.dump_python(analysis, mode="json")


def _say(answers: BinaryIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value).encode() + b"\n")
    answers.flush()


def _limit(memory: int, parent: int) -> None:
    """Die with the parent, and have limits that no code in here can lift."""
    if sys.platform == "linux":
        # Elsewhere a child that is left alone ends when it has answered, for its input ends, or when its time does.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before the line above; nobody would be told.
        raise SystemExit(1)
    with contextlib.suppress(OSError, ValueError):
        # macOS refuses any limit of address space: there the time limits are what ends a file that takes ever more.
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
