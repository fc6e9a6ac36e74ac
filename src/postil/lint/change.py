"""What a pull request did: one file before and after, and all of them together."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from postil.lint.project import Project
from postil.lint.source import SourceFile, Unreadable


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
    """One Python file before and after; either side may be missing.

    A side is parsed when a check asks for it, so look at the texts first: most files concern few checks.
    """

    path: str
    previous_path: str | None
    base_text: str | None
    head_text: str | None
    project: Project = field(default_factory=Project)
    base_project: Project = field(default_factory=Project)

    @cached_property
    def base(self) -> SourceFile | None:
        """The file before; None when it is new or doesn't parse."""
        return _parsed(self.previous_path or self.path, self.base_text, self.base_project)

    @cached_property
    def head(self) -> SourceFile | None:
        """The file after; None when it was removed or doesn't parse."""
        return _parsed(self.path, self.head_text, self.project)

    def mentions(self, *words: str) -> bool:
        """Whether one of these words stands in the file, before or after."""
        return any(word in text for text in (self.base_text, self.head_text) if text for word in words)


def _parsed(path: str, text: str | None, project: Project) -> SourceFile | None:
    if text is None:
        return None
    try:
        return SourceFile(path, text, project)
    except Unreadable:
        return None


@dataclass(frozen=True)
class ChangeSet:
    """Every changed file, and the project files before and after.

    `changed` holds the paths of all changed files, project files included.
    """

    files: tuple[FileChange, ...]
    project: Project = field(default_factory=Project)
    base_project: Project = field(default_factory=Project)
    changed: frozenset[str] = frozenset()

    def heads(self, *words: str) -> Iterator[SourceFile]:
        """The changed files as they are now; with `words`, only those in which one of them stands."""
        for change in self.files:
            text = change.head_text
            if text is None or (words and not any(word in text for word in words)):
                continue
            if change.head is not None:
                yield change.head
