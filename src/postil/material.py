"""What rules look at of a pull request: the changed files they can say something about, with both sides' texts.

They come from GitHub's API, or by git where they are too many for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

import structlog

from postil.github import Repository
from postil.github.contents import BATCH
from postil.github.fetch import FetchError
from postil.github.model import PullContext, Texts
from postil.lint.change import Change
from postil.lint.finding import Problem
from postil.lint.project import is_project_file
from postil.review.config import FILES
from postil.review.model import ChangedFile, FileStatus
from postil.review.plan import Plan

log = structlog.get_logger(__name__)

MAX_FILES = 4_000
"""Files of one pull request that are analysed."""
IN_CALLS = 500
"""Files whose contents the API is asked for, fifty a call; for more of them, git is quicker."""

AROUND = ("pyproject.toml", "uv.lock", "conftest.py")
ROOT_FILES = (
    *AROUND, "pytest.ini", "tox.ini", "setup.cfg", ".gitignore", "ruff.toml", ".ruff.toml", ".flake8", ".coveragerc",
    ".pre-commit-config.yaml",
)  # fmt: skip
"""Project files that rules look at even where the pull request doesn't change them: in each folder, and at the root."""


@dataclass(frozen=True)
class Material:
    """All changed paths, the files that are `concerned` with their texts, what could not be read, what is left out."""

    paths: frozenset[str]
    concerned: Sequence[ChangedFile]
    heads: Texts
    bases: Texts
    problems: Sequence[Problem]
    left_out: Sequence[ChangedFile]

    @property
    def changes(self) -> list[Change]:
        """The files that rules look at, as texts."""
        return as_changes(self.concerned, self.heads, self.bases)


async def fetch_material(
    repository: Repository, pull: PullContext, files: Sequence[ChangedFile], agreed: Plan
) -> Material:
    """Fetch what rules look at; `files` are those that the API lists.

    Raises what `Repository` raises; what only git could fetch, and didn't, is a problem of the material.
    """

    def is_wanted(path: str) -> bool:
        return _is_concerned(path) and not agreed.leaves_out(path)

    unlisted = max(0, pull.changed_files - len(files))
    problems = []
    fetched = None
    if unlisted or sum(is_wanted(file.path) for file in files) > IN_CALLS:
        try:
            fetched = await repository.fetched(pull, is_wanted, _is_around, MAX_FILES)
            files = fetched.files
        except FetchError as error:
            log.warning("not_fetched", why=str(error))
            if unlisted:
                listed = f"GitHub lists only {len(files)} of its {pull.changed_files} files"
                problems.append(Problem("", "too-large", f"{listed}, and git could not fetch the others"))
    left_out = [file for file in files if _is_concerned(file.path) and agreed.leaves_out(file.path)]
    concerned = [file for file in files if is_wanted(file.path)]
    concerned, beyond = concerned[:MAX_FILES], concerned[MAX_FILES:]
    problems += [Problem(file.path, "too-large", f"it is not among the first {MAX_FILES}") for file in beyond]
    paths = frozenset(file.path for file in files)
    if fetched is not None:
        heads, bases = fetched.heads, fetched.bases
    else:
        around = {path: f"{pull.head_sha}:{path}" for path in _project_paths(concerned) if path not in paths}
        heads, bases = await fetch_sides(repository, pull, concerned, around)
    missing = {**bases.missing, **heads.missing}
    unreadable = [Problem(path, "unreadable", why) for path, why in sorted(missing.items()) if path in paths]
    return Material(paths, concerned, heads, bases, [*unreadable, *problems], left_out)


async def fetch_sides(
    repository: Repository,
    pull: PullContext,
    files: Sequence[ChangedFile],
    around: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Texts, Texts]:
    """The contents of files at head, with those of others `around` them, and at the merge base, by the API."""
    blobs = [(file.path, file.sha) for file in files if file.status is not FileStatus.REMOVED]
    heads = await repository.texts(blobs, around)
    return heads, await repository.base_texts(files, heads.texts, pull.base_sha, pull.head_sha)


def as_changes(files: Sequence[ChangedFile], heads: Texts, bases: Texts) -> list[Change]:
    """Changed files as texts, without those of which a side that must exist could not be read."""
    return [change for file in files if (change := _change(file, heads, bases)) is not None]


def _change(file: ChangedFile, heads: Texts, bases: Texts) -> Change | None:
    """A changed file as text; None where a side that must exist could not be read, so that nothing is made up."""
    new = file.status in (FileStatus.ADDED, FileStatus.COPIED)
    head = heads.texts.get(file.path)
    base = None if new else bases.texts.get(file.path)
    if file.status is FileStatus.REMOVED:
        return Change(file.path, None, base) if base is not None else None
    if head is None or (base is None and not new):
        return None
    renamed = file.previous_path if file.status is FileStatus.RENAMED else None
    return Change(file.path, head, base, renamed)


def _is_concerned(path: str) -> bool:
    return path.endswith((".py", ".pyi")) or is_project_file(path) or path in FILES


def _is_around(path: str) -> bool:
    return path.rpartition("/")[2] in AROUND or path in ROOT_FILES


def _project_paths(files: Sequence[ChangedFile]) -> list[str]:
    """The project files that can stand around changed files, as many as fit into the calls that fetch those."""
    folders = {str(folder) for file in files for folder in PurePosixPath(file.path).parents} - {"."}
    nested = [f"{folder}/{name}" for name in AROUND for folder in sorted(folders)]
    calls = max(1, -(-len(files) // BATCH))
    return [*ROOT_FILES, *nested][: calls * BATCH]
