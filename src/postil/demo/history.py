"""A bare git repository on disk, read and written through `git` alone: the truth behind the stand-in.

Patches, blobs, merge bases and renames come from git itself, so an anchor that is right here is right on GitHub.
Every option that a user's git configuration could change is given on the command line.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Self

GIT = shutil.which("git") or "git"
GIT_TIMEOUT = 120.0
NO_BLOB = "0" * 40
FIXED = re.compile(r"[0-9a-f]{40}(?![0-9a-f])")  # what starts with an object id never means anything else
STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
DIFF = (
    "-c", "core.quotePath=false", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M",
    "--full-index", "--abbrev=40", "--diff-algorithm=myers", "--inter-hunk-context=0",
    "--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null",
)  # fmt: skip
COMMIT_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%B"


class GitFailed(Exception):
    """`git` ended with an error; the message holds the command and what it said."""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file between two commits. `patch` starts at the first hunk; None for binary files and mere renames."""

    path: str
    status: str
    sha: str | None
    previous_path: str | None
    additions: int
    deletions: int
    patch: str | None


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, as far as GitHub's answers tell of it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of a tree: `kind` is blob, tree or commit; `size` is None for what is no blob."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


def run_git(*arguments: str, stdin: bytes | None = None) -> bytes:
    """Run `git` and give its output back. Raises `GitFailed` for any exit code but 0, and when it takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and revisions stand behind --end-of-options or in a fixed form
            [GIT, *arguments], input=stdin, capture_output=True, timeout=GIT_TIMEOUT, check=True
        )
    except subprocess.TimeoutExpired as problem:
        raise GitFailed(f"git {arguments[0]} took longer than {GIT_TIMEOUT:.0f} s") from problem
    except subprocess.CalledProcessError as problem:
        said = problem.stderr.decode(errors="replace").strip()
        raise GitFailed(f"git {' '.join(arguments)}: {said or f'exit code {problem.returncode}'}") from problem
    return done.stdout


def commit_at(source: Path, revision: str) -> str:
    """The commit that a revision names in the repository at `source`. Raises `GitFailed`."""
    return (
        run_git("-C", str(source), "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        .decode()
        .strip()
    )


class History:
    """The repository in `folder` (made there when it is empty). All methods block; call them off the event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files_between = lru_cache(maxsize=256)(self._files_between)
        self.merge_base = lru_cache(maxsize=1024)(self._merge_base)
        self._resolved = lru_cache(maxsize=4096)(self._resolve)
        self._trees = lru_cache(maxsize=1024)(self._tree)
        self._blobs: dict[str, bytes] = {}
        self._tips: dict[str, str] = {}  # where the refs that were written here point

    @classmethod
    def create(cls, folder: Path, branch: str = "main") -> Self:
        """An empty repository whose default branch is `branch`."""
        folder.mkdir(parents=True, exist_ok=True)
        history = cls(folder)
        if not (folder / "HEAD").exists():
            history.git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}")
        return history

    def git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run `git` on this repository and give its output back. Raises `GitFailed`."""
        return run_git(f"--git-dir={self.folder}", *arguments, stdin=stdin)

    def borrow(self, source: Path) -> None:
        """Make every object of the repository at `source` readable here, without a copy and without touching it."""
        asked = run_git("-C", str(source), "rev-parse", "--path-format=absolute", "--git-common-dir")
        common = Path(asked.decode().rstrip("\n"))
        (self.folder / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (self.folder / "objects" / "info" / "alternates").write_text(f"{common / 'objects'}\n")
        if (common / "shallow").exists():
            (self.folder / "shallow").write_bytes((common / "shallow").read_bytes())

    def resolve(self, revision: str) -> str | None:
        """The object id that a revision names (commit, branch, `ref:path`, tree or blob id), or None."""
        return self._resolved(revision) if FIXED.match(revision) else self._resolve(revision)

    def _resolve(self, revision: str) -> str | None:
        if tip := self._tips.get(revision.removesuffix("^{commit}")):
            return tip
        try:
            return self.git("rev-parse", "--verify", "--quiet", "--end-of-options", revision).decode().strip()
        except GitFailed:
            return None

    def commit_of(self, revision: str) -> str | None:
        """The commit that a branch, tag or id names, or None."""
        return self.resolve(f"{revision}^{{commit}}")

    def set_ref(self, ref: str, sha: str) -> None:
        """Point a full ref name at a commit."""
        self.git("update-ref", ref, sha)
        self._tips[ref] = sha

    def delete_ref(self, ref: str) -> None:
        """Delete a ref; its commits stay, as GitHub keeps those of pull requests."""
        self.git("update-ref", "-d", ref)
        self._tips.pop(ref, None)

    def commit(
        self,
        ref: str,
        files: Mapping[str, str | bytes | None],
        *,
        parent: str | None,
        author: str,
        at: datetime,
        message: str,
    ) -> str:
        """Write a commit on `parent` that sets each path to its text, or removes it (None); `ref` points at it.

        Author and date are arguments, so the same story has the same object ids on every machine.
        """
        seconds = int(at.timestamp())
        words = message.encode()
        stream = [
            f"commit {ref}\n".encode(),
            f"committer {author} <{author}@users.noreply.example> {seconds} +0000\n".encode(),
            b"data %d\n%s\n" % (len(words), words),
        ]
        if parent is not None:
            stream.append(f"from {parent}\n".encode())
        for path, text in files.items():
            if text is None:
                stream.append(b"D " + _quoted(path) + b"\n")
                continue
            content = text.encode() if isinstance(text, str) else text
            stream.append(b"M 100644 inline " + _quoted(path) + b"\ndata %d\n%s\n" % (len(content), content))
        if parent is None:
            stream.insert(0, f"reset {ref}\n".encode())
        self.git("fast-import", "--quiet", "--force", "--date-format=raw", stdin=b"".join([*stream, b"\n", b"done\n"]))
        self._tips.pop(ref, None)
        made = self.resolve(ref)
        if made is None:
            raise GitFailed(f"git fast-import left {ref} unborn")
        self._tips[ref] = made
        return made

    def describe(self, revision: str) -> Commit | None:
        """One commit's facts, or None where there is no such commit."""
        sha = self.commit_of(revision)
        return next(iter(self._log("-1", sha)), None) if sha else None

    def commits_between(self, base: str, head: str) -> list[Commit]:
        """The commits that `head` has and `base` has not, oldest first."""
        return self._log("--reverse", "--topo-order", f"{base}..{head}")

    def _log(self, *arguments: str) -> list[Commit]:
        out = self.git("log", "-z", "--no-color", f"--format=%x01{COMMIT_FORMAT}", *arguments, "--").decode(
            errors="replace"
        )
        commits = []
        for record in out.split("\x01")[1:]:
            sha, tree, parents, author, email, at, message = record.split("\x00", 6)
            moment = datetime.fromisoformat(at)
            commits.append(
                Commit(sha, tree, tuple(parents.split()), author, email, moment, message.rstrip("\x00").rstrip("\n"))
            )
        return commits

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return self.merge_base(old, new) == old

    def _merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.git("merge-base", one, other).decode().strip() or None
        except GitFailed:
            return None

    def _files_between(self, base: str, head: str) -> tuple[FileDiff, ...]:
        """What changed from one commit (or tree) to another, renames found, in git's order of paths."""
        facts = self.git(*DIFF, "--raw", "--numstat", "-z", base, head, "--").decode(errors="surrogateescape")
        patches = _sections(self.git(*DIFF, "-U3", "-p", base, head, "--"))
        fields = facts.split("\x00")
        raw: list[tuple[str, str, str, str | None]] = []
        at = 0
        while at < len(fields) and fields[at].startswith(":"):
            _, _, _, sha, status = fields[at].split(" ")
            renamed = status[0] in "RC"
            raw.append((status[0], sha, fields[at + 1 + renamed], fields[at + 1] if renamed else None))
            at += 2 + renamed
        counts: list[tuple[int, int]] = []
        while at < len(fields) and "\t" in fields[at]:
            added, deleted, path = fields[at].split("\t", 2)
            counts.append((0 if added == "-" else int(added), 0 if deleted == "-" else int(deleted)))
            at += 1 if path else 3
        files = []
        for (letter, sha, path, previous), (added, deleted) in zip(raw, counts, strict=True):
            patch = next(patches)
            if letter == "T":
                patch = "\n".join(part for part in (patch, next(patches)) if part) or None
            kept = None if sha == NO_BLOB else sha
            if letter == "D":
                kept = self.resolve(f"{base}:{path}")
            files.append(FileDiff(_text(path), STATUSES[letter], kept, _maybe_text(previous), added, deleted, patch))
        return tuple(files)

    def line_map(self, old: str, new: str, path: str, new_path: str | None = None) -> "LineMap":
        """How the line numbers of one file moved from commit `old` to commit `new`."""
        try:
            out = self.git(*DIFF, "-U0", "-p", f"{old}:{path}", f"{new}:{new_path or path}", "--")
        except GitFailed:
            return LineMap(gone=True)
        return LineMap(hunks=tuple(_hunk_ranges(out.decode(errors="replace"))))

    def fetch(self, names: list[str]) -> None:
        """Read many blobs (ids or `ref:path`) in one process, for `blob` to answer from memory."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._blobs and "\n" not in name and name]
        if not wanted:
            return
        out = self.git("cat-file", "--batch", stdin="\n".join(wanted).encode(errors="surrogateescape") + b"\n")
        at = 0
        for name in wanted:
            end = out.index(b"\n", at)
            header = out[at:end].split(b" ")
            if header[-1] == b"missing" or header[-1] == b"ambiguous":
                at = end + 1
                continue
            size = int(header[2])
            if header[1] == b"blob":
                content = out[end + 1 : end + 1 + size]
                self._blobs[header[0].decode()] = content
                if FIXED.match(name):
                    self._blobs[name] = content
            at = end + 1 + size + 1

    def kind(self, sha: str) -> str | None:
        """blob, tree, commit or tag; None where there is no such object."""
        try:
            return self.git("cat-file", "-t", sha).decode().strip()
        except GitFailed:
            return None

    def blob(self, sha: str) -> bytes | None:
        """A blob's content by its id, or None."""
        self.fetch([sha])
        return self._blobs.get(sha)

    def tree(self, treeish: str, *, recursive: bool = False) -> list[TreeEntry]:
        """The entries of a tree; with `recursive` also those of its folders (and the folders themselves)."""
        return self._trees(treeish, recursive) if FIXED.match(treeish) else self._tree(treeish, recursive)

    def _tree(self, treeish: str, recursive: bool) -> list[TreeEntry]:
        flags = ("-r", "-t") if recursive else ()
        out = self.git("ls-tree", "-l", "-z", "--full-tree", *flags, treeish).decode(errors="surrogateescape")
        entries = []
        for line in out.split("\x00"):
            if not line:
                continue
            facts, path = line.split("\t", 1)
            mode, kind, sha, size = facts.split()
            entries.append(TreeEntry(mode, kind, sha, None if size == "-" else int(size), _text(path)))
        return entries

    def unified_diff(self, base: str, head: str) -> str:
        """The whole diff as text, for GitHub's diff media type."""
        return self.git(*DIFF, "-U3", "-p", base, head, "--").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class LineMap:
    """Line numbers of an older text in a newer one. `gone`: the newer text is not there."""

    hunks: tuple[tuple[int, int, int, int], ...] = ()
    gone: bool = False

    def now(self, line: int) -> int | None:
        """Where line `line` of the old text stands in the new one, or None when it was changed or removed."""
        if self.gone:
            return None
        shift = 0
        for old, old_count, _, new_count in self.hunks:
            if old_count and old <= line < old + old_count:
                return None
            if line >= old + max(old_count, 1):
                shift += new_count - old_count
        return line + shift


def _hunk_ranges(diff: str) -> list[tuple[int, int, int, int]]:
    found = re.finditer(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", diff, re.MULTILINE)
    return [(int(m[1]), int(m[2] or 1), int(m[3]), int(m[4] or 1)) for m in found]


def _sections(diff: bytes) -> Iterator[str | None]:
    """The patch of each file of a whole diff, in order; None where a file has none."""
    text = diff.decode(errors="replace")
    for section in re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]:
        start = section.find("\n@@ ")
        yield None if start < 0 else section[start + 1 :].removesuffix("\n")


def _quoted(path: str) -> bytes:
    """A path for fast-import's stream: C-style quotes, so that any character may be in it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode(errors="surrogateescape")


def _maybe_text(path: str | None) -> str | None:
    """Like `_text`, where there may be no path."""
    return None if path is None else _text(path)


def _text(path: str) -> str:
    """A path as text that JSON can carry (bytes that are no UTF-8 become replacement characters)."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
