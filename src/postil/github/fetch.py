"""What a pull request changed, by git: for those that are larger than GitHub's API tells.

The API lists at most 3000 files of a pull request, and gives contents fifty at a time. git has no such limits, and asks
twice: for the trees of two commits, and for the contents that differ. The repository is hostile: nothing is checked
out, no hook, filter or submodule of it runs, and only one host is spoken to. The token travels in the environment of
git alone, which prints none of it: not on its command line, not in a file, not in an address.
"""

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from postil.github.model import Texts
from postil.lint.source import Unreadable, decode
from postil.review.model import ChangedFile, FileStatus

SECONDS = 120.0
"""The most that a fetch may take, all in all."""
MAX_BYTES = 200_000_000
"""The most that it may write."""

_LOOK = 0.2  # seconds between two looks at how much was written
_RENAMES = 1_000  # git compares each removed file with each added one, up to so many
_ARGUMENTS = 500_000  # characters of paths on one command line; Linux takes 2 MB
_STATUS = {"A": FileStatus.ADDED, "D": FileStatus.REMOVED, "M": FileStatus.MODIFIED, "R": FileStatus.RENAMED}
_FILES = ("100644", "100755")
_OPTIONS = (
    # The folder is ours and new, and what a repository or an administrator may set for others isn't wanted.
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
    "-c", "credential.helper=", "-c", "http.followRedirects=false", "-c", "fetch.negotiationAlgorithm=noop",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "protocol.version=2",
    # A promise is kept with the requests below or not at all.
    "-c", "remote.origin.promisor=true", "-c", "remote.origin.partialCloneFilter=blob:none",
)  # fmt: skip


class FetchError(Exception):
    """The fetch failed; the text says why, in a few words and without anything secret."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Every changed file, without patches, and the contents of those that were asked for, on both sides.

    `heads` also holds the unchanged files that were asked for; `bases` goes by the path at head.
    """

    files: tuple[ChangedFile, ...]
    heads: Texts
    bases: Texts


@dataclass(frozen=True, slots=True)
class _Side:
    """One file on one side: its mode ("000000" where there is none) and its blob."""

    mode: str
    oid: str


@dataclass(frozen=True, slots=True)
class _Entry:
    file: ChangedFile
    base: _Side
    head: _Side


class Clone:
    """A repository as git sees it.

    Args:
        url: its address, without credentials; https, or http on loopback.
        token: gives a token that may read its contents.
        seconds, size: limits of one fetch: its time, and the bytes that it may write.
        program: git itself.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], Awaitable[str]],
        seconds: float = SECONDS,
        size: int = MAX_BYTES,
        program: str | None = shutil.which("git"),
    ) -> None:
        self.url = url
        self._token = token
        self._program = program
        self._seconds = seconds
        self._size = size

    async def fetched(
        self, base: str, head: str, changed: Callable[[str], bool], around: Callable[[str], bool], most: int
    ) -> Fetched:
        """What changed from commit `base` to commit `head`, with the contents of the `changed` and `around` paths.

        `changed` is asked about each path that differs, `around` about each that doesn't. The contents are those of the
        first `most` changed files; the others have none, and no reason either.

        Raises:
            FetchError: it took too long or too much, git isn't there, or GitHub refused it.
        """
        protocol = _protocol(self.url)
        if self._program is None:
            raise FetchError("git is not installed")
        # Not in the folder's own file of settings, as that would be a file.
        secret = base64.b64encode(f"x-access-token:{await self._token()}".encode()).decode()
        with tempfile.TemporaryDirectory(prefix="postil-fetch-", ignore_cleanup_errors=True) as folder:
            git = _Git(self._program, Path(folder), self._size, _environment(folder, protocol, self.url, secret))
            try:
                async with asyncio.timeout(self._seconds):
                    return await _fetched(git, self.url, (base, head), changed, around, most)
            except TimeoutError as error:
                raise FetchError(f"it took longer than {self._seconds:g} s") from error


def _protocol(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "http":
        with contextlib.suppress(ValueError):
            if parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback:
                return "http"
    if parts.scheme != "https":
        raise FetchError("only https is spoken")
    return "https"


def _environment(folder: str, protocol: str, url: str, secret: str) -> dict[str, str]:
    """Nothing of our own but the search path and the proxies; and no settings but those given here."""
    proxies = {f"{name}_proxy": value for name, value in getproxies().items() if name in ("http", "https", "no")}
    return proxies | {
        "PATH": os.defpath,
        "HOME": folder,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CONFIG_COUNT": "1",
        # For this address and no other.
        "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {secret}",
    }


async def _fetched(
    git: "_Git",
    url: str,
    commits: tuple[str, str],
    changed: Callable[[str], bool],
    around: Callable[[str], bool],
    most: int,
) -> Fetched:
    base, head = commits
    await git.run("init", "--quiet", "--bare", "--template=", ".")
    await git.run("config", "remote.origin.url", url)
    await git.run("config", "extensions.partialClone", "origin")
    await git.fetch([base, head], "--depth=1")
    listed = list(_entries(await git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", base, head)))
    wanted = [entry for entry in listed if changed(entry.file.path)][:most]
    touched = {entry.file.path for entry in listed}
    unchanged = {
        path: side
        for path, side in _tree(await git.run("ls-tree", "-r", "-z", head))
        if path not in touched and around(path)
    }
    sides = [side for entry in wanted for side in (entry.base, entry.head)]
    blobs = {side.oid for side in (*sides, *unchanged.values()) if side.mode in _FILES}
    if blobs:
        await git.fetch(sorted(blobs))
    contents = await git.contents(blobs)
    moves = {entry.file.path: entry for entry in await _renames(git, base, head, wanted)}
    gone = {entry.file.previous_path for entry in moves.values()}
    entries = [moves.get(entry.file.path, entry) for entry in listed if entry.file.path not in gone]
    concerned = [entry for entry in entries if changed(entry.file.path)][:most]
    heads = _texts([(entry.file.path, entry.head) for entry in concerned] + [*unchanged.items()], contents)
    bases = _texts([(entry.file.path, entry.base) for entry in concerned], contents)
    return Fetched(tuple(entry.file for entry in entries), heads, bases)


async def _renames(git: "_Git", base: str, head: str, wanted: Sequence[_Entry]) -> list[_Entry]:
    """The renames among these files. Those that differ need contents, so no other file may be among the candidates."""
    candidates = [entry.file.path for entry in wanted if entry.file.status in (FileStatus.ADDED, FileStatus.REMOVED)]
    few = sum(map(len, candidates)) < _ARGUMENTS and len(candidates) < 2 * _RENAMES
    how = ["--find-renames", f"-l{_RENAMES}"] if few else ["--find-renames=100%"]
    limited = ["--", *candidates] if few else []
    if not candidates:
        return []
    found = _entries(await git.run("diff-tree", "-r", "-z", "--raw", *how, base, head, *limited))
    return [entry for entry in found if entry.file.status is FileStatus.RENAMED]


def _entries(raw: bytes) -> Iterator[_Entry]:
    """The files of `git diff-tree -z --raw`; see git's manual, "RAW OUTPUT FORMAT"."""
    fields = iter(raw.split(b"\0"))
    for field in fields:
        if not field:
            return
        base_mode, head_mode, base, head, status = field.decode("ascii").removeprefix(":").split(" ")
        path, previous = _path(next(fields)), None
        if status[0] in "RC":
            previous, path = path, _path(next(fields))
        file = ChangedFile(path, _STATUS.get(status[0], FileStatus.CHANGED), head, previous)
        yield _Entry(file, _Side(base_mode, base), _Side(head_mode, head))


def _tree(raw: bytes) -> Iterator[tuple[str, _Side]]:
    """The files of `git ls-tree -r -z`."""
    for line in filter(None, raw.split(b"\0")):
        facts, _, path = line.partition(b"\t")
        mode, _, oid = facts.decode("ascii").split(" ")
        yield _path(path), _Side(mode, oid)


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _texts(sides: Sequence[tuple[str, _Side]], contents: Mapping[str, bytes]) -> Texts:
    texts: dict[str, str] = {}
    missing: dict[str, str] = {}
    for path, side in sides:
        if side.mode == "000000":
            continue
        if side.oid not in contents:
            missing[path] = "it was not fetched" if side.mode in _FILES else "it is not a file"
            continue
        try:
            texts[path] = decode(contents[side.oid])
        except Unreadable as error:
            missing[path] = error.message
    return Texts(texts=texts, missing=missing)


class _Git:
    """git on one bare repository in a folder of its own."""

    def __init__(self, program: str, folder: Path, size: int, env: Mapping[str, str]) -> None:
        self._program = program
        self._folder = folder
        self._size = size
        self._env = env

    async def fetch(self, objects: Sequence[str], *options: str) -> None:
        """Fetch these objects: of commits the trees, but no contents."""
        arguments = ("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
        wanted = "".join(f"{oid}\n" for oid in objects).encode()
        await self.run("fetch", *arguments, *options, "--stdin", "origin", stdin=wanted)

    async def contents(self, blobs: set[str]) -> dict[str, bytes]:
        """The contents of blobs, as far as they are here."""
        oids = sorted(blobs)
        out = await self.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in oids).encode())
        found: dict[str, bytes] = {}
        position = 0
        for oid in oids:
            end = out.index(b"\n", position)
            facts = out[position:end].split(b" ")
            position = end + 1
            if len(facts) == 3:
                size = int(facts[2])
                found[oid] = out[position : position + size]
                position += size + 1
        return found

    async def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints. It and its own children end with this call, whatever happens."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *_OPTIONS,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
            cwd=self._folder,
            start_new_session=True,
        )
        try:
            talk = asyncio.ensure_future(process.communicate(stdin))
            done = False
            while not done:
                done = bool((await asyncio.wait({talk}, timeout=_LOOK))[0])
                # Once more at the end: it may have been faster than the look.
                if _written(self._folder) > self._size:
                    raise FetchError(f"it is larger than {self._size // 1_000_000} MB")
            out, said = await talk
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            talk.cancel()
            await process.wait()
        if process.returncode:
            lines = said.decode("utf-8", "replace").strip().split("\n")
            raise FetchError(f"git {arguments[0]}: {lines[-1].removeprefix('fatal: ')[:200]}")
        return out


def _written(folder: Path) -> int:
    """The bytes of all files below a folder, which somebody else is writing."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total
