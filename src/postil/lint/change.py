"""What a pull request did: one file before and after, and all of them together."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from postil.lint.project import Project
from postil.lint.source import SourceFile


@dataclass(frozen=True, slots=True)
class Change:
    """One changed file as text: `base` is None when it is new, `head` when it was removed."""

    path: str
    head: str | None
    base: str | None
    previous_path: str | None = None

    @property
    def is_python(self) -> bool:
        """Whether this is Python source, by its name."""
        return self.path.endswith((".py", ".pyi"))


@dataclass(frozen=True)
class FileChange:
    """One Python file before and after; either side may be missing, or not parse."""

    path: str
    previous_path: str | None
    base: SourceFile | None
    head: SourceFile | None
    project: Project = field(default_factory=Project)


@dataclass(frozen=True)
class ChangeSet:
    """Every changed file, and the project files before and after.

    `changed` holds the paths of all changed files, project files included.
    """

    files: tuple[FileChange, ...]
    project: Project = field(default_factory=Project)
    base_project: Project = field(default_factory=Project)
    changed: frozenset[str] = frozenset()

    def heads(self) -> Iterator[SourceFile]:
        """The changed files as they are now, without the removed ones."""
        for change in self.files:
            if change.head is not None:
                yield change.head
