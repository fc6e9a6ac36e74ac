"""A local git repository: what changed between two commits, as GitHub would tell it."""

import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from postil.lint.change import Change
from postil.lint.finding import Problem
from postil.lint.project import is_project_file
from postil.lint.source import Unreadable, decode
from postil.review.config import FILES
from postil.review.model import ChangedFile, FileStatus
from postil.review.noise import MARKS

_SECONDS = 60
_AS_GITHUB_DOES = (
    "--find-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--unified=3",
    "--inter-hunk-context=0", "--diff-algorithm=myers", "--submodule=short", "--ignore-submodules=none", "-O/dev/null",
)  # fmt: skip
"""What a user's configuration of git may say otherwise, though a pull request on GitHub looks the same to all."""
_STATUS = {
    "A": FileStatus.ADDED,
    "D": FileStatus.REMOVED,
    "M": FileStatus.MODIFIED,
    "R": FileStatus.RENAMED,
    "C": FileStatus.COPIED,
    "T": FileStatus.CHANGED,
}


class GitError(Exception):
    """git couldn't do it; the text is its own, or what is missing."""


@dataclass(frozen=True, slots=True)
class LocalPull:
    """What a pull request of `head` into `base` would hold, compared from their merge base.

    `config` are the files that may configure Postil (and .gitattributes) at the tip of the base, which `config_at`
    names; `proposed` are the same at head, None where they don't differ.
    """

    base_sha: str
    head_sha: str
    files: tuple[ChangedFile, ...]
    changes: tuple[Change, ...]
    project: dict[str, str]
    base_project: dict[str, str]
    config: "Written"
    config_at: str
    proposed: "Written | None"
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Files by path: the texts of those that can be read, and for each of the others the reason."""

    texts: dict[str, str]
    unread: dict[str, str]


def local_pull(folder: Path, revisions: str) -> LocalPull:
    """The change between two revisions `BASE..HEAD` of the repository at `folder`.

    Raises:
        GitError: no repository, no such revision, a malformed range, or git isn't installed.
    """
    base, dots, head = revisions.partition("...") if "..." in revisions else revisions.partition("..")
    if not dots or not base:
        raise GitError(f"`{revisions}` is no range; write BASE..HEAD, for example main..HEAD")
    git = _Git(folder)
    head_sha = git.commit(head or "HEAD")
    tip = git.commit(base)
    base_sha = git.merge_base(tip, head_sha)
    if base_sha is None:
        raise GitError(f"`{base}` and `{head or 'HEAD'}` have no commit in common to compare with{git.cut_off()}")
    files = tuple(git.changed(base_sha, head_sha))
    changes, problems = [], []
    concerned = [f for f in files if f.path.endswith((".py", ".pyi")) or is_project_file(f.path)]
    heads = git.blobs(head_sha, [f.path for f in concerned if f.status is not FileStatus.REMOVED])
    bases = git.blobs(base_sha, [f.previous_path or f.path for f in concerned if f.status is not FileStatus.ADDED])
    for file in concerned:
        try:
            after, before = _text(heads, file.path), _text(bases, file.previous_path or file.path)
        except Unreadable as error:
            problems.append(Problem(file.path, error.kind, error.message))
            continue
        if after is None and file.status is not FileStatus.REMOVED:
            problems.append(Problem(file.path, "unreadable", "git gives no text for it under this name"))
        else:
            changes.append(Change(file.path, after, before, file.previous_path))
    changes_config = not {file.path for file in files}.isdisjoint(FILES)
    return LocalPull(
        base_sha,
        head_sha,
        files,
        tuple(changes),
        git.project(head_sha),
        git.project(base_sha),
        git.written(tip, (*FILES, MARKS)),
        f"{base}@{tip[:7]}",
        git.written(head_sha, FILES) if changes_config else None,
        tuple(problems),
    )


def _text(blobs: Mapping[str, bytes], path: str) -> str | None:
    return decode(blobs[path]) if path in blobs else None


class _Git:
    """git in one folder. Arguments go as a list, never through a shell; a revision never reads as an option."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise GitError(f"{folder} is no folder")

    def raw(self, *arguments: str, stdin: bytes = b"", ends: Collection[int] = (0,)) -> bytes:
        """What git prints; one of `ends` is how it ends when nothing is wrong."""
        settings = ("-c", "core.quotePath=false", "-c", "diff.suppressBlankEmpty=false")
        command = ["git", "-C", str(self._folder), *settings, *arguments]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - a list, no shell
        except FileNotFoundError as error:
            raise GitError("git is not installed; install it, or use `postil check`") from error
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git took longer than {_SECONDS} s") from error
        if done.returncode not in ends:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise GitError(f"git says of {self._folder}: {said.removeprefix('fatal: ')}")
        return done.stdout

    def line(self, *arguments: str) -> str:
        return self.raw(*arguments).decode().strip()

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names."""
        found = self.raw("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", ends=(0, 1))
        if not found:
            raise GitError(f"there is no commit `{revision}` in {self._folder}{self.cut_off()}")
        return found.decode().strip()

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit at which two histories parted; None where they have nothing in common."""
        return self.raw("merge-base", one, other, ends=(0, 1)).decode().strip() or None

    def cut_off(self) -> str:
        """What to do where the history may lack what was asked for, as the end of a sentence."""
        if self.line("rev-parse", "--is-shallow-repository") != "true":
            return ""
        return "; this clone has only the newest commits: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow"

    def changed(self, base: str, head: str) -> Iterator[ChangedFile]:
        """The changed files with their hunks, as `git diff` and GitHub both find them."""
        options = (*_AS_GITHUB_DOES, base, head, "--")
        listed = self.raw("diff", "--name-status", "-z", *options).decode("utf-8", "replace").split("\0")
        # Lines of hunks begin with a space, a sign or a backslash, so this splits nothing but files.
        whole = "\n" + self.raw("diff", "--patch", *options).decode("utf-8", "replace")
        patches = iter(whole.split("\ndiff --git ")[1:])
        position = 0
        while position + 1 < len(listed):
            code = listed[position][:1]
            paths = listed[position + 1 : position + (3 if code in "RC" else 2)]
            position += 1 + len(paths)
            patch = next(patches, "")
            if code == "T":
                # A link that became a file, or the reverse: git shows one go and then the other come.
                patch = next(patches, "")
            hunks = patch.find("\n@@ ")
            yield ChangedFile(
                path=paths[-1],
                status=_STATUS.get(code, FileStatus.CHANGED),
                previous_path=paths[0] if len(paths) == 2 else None,
                patch=patch[hunks + 1 :].removesuffix("\n") if hunks >= 0 else None,
            )

    def blobs(self, revision: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of files at a commit, in one call; what isn't there is left out."""
        wanted = [path for path in paths if "\n" not in path]
        out = self.raw("cat-file", "--batch", stdin="".join(f"{revision}:{path}\n" for path in wanted).encode())
        found: dict[str, bytes] = {}
        position = 0
        for path in wanted:
            end = out.index(b"\n", position)
            header = out[position:end]
            position = end + 1
            if header.endswith((b" missing", b" ambiguous")):
                continue
            size = int(header.rsplit(b" ", 1)[1])
            if b" blob " in header:
                found[path] = out[position : position + size]
            position += size + 1
        return found

    def written(self, revision: str, paths: Iterable[str]) -> Written:
        """The contents of files at a commit as text."""
        found = Written({}, {})
        for path, raw in self.blobs(revision, paths).items():
            try:
                found.texts[path] = decode(raw)
            except Unreadable as error:
                found.unread[path] = error.message
        return found

    def project(self, revision: str) -> dict[str, str]:
        """The project files of a commit, wherever they stand."""
        names = self.raw("ls-tree", "-r", "-z", "--name-only", revision).decode("utf-8", "replace").split("\0")
        return self.written(revision, filter(is_project_file, names)).texts
