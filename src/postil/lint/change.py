"""What a pull request did: one file before and after, and all of them together."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from posixpath import basename
from typing import Any, TypeAlias, TypeVar

from postil.lint.check import Located, Note, Span
from postil.lint.project import Project, TomlFile, lines_of, toml_file
from postil.lint.source import Parsed, SourceFile, Unreadable

PYTHON = (".py", ".pyi")
"""How the names of Python source files end."""

F = TypeVar("F")
Files: TypeAlias = Callable[..., Iterator[SourceFile]]
"""Gives the files in which one of the words stands that it is called with, or all of them: `ChangeSet.heads`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One changed file as text: `base` is None when it is new, `head` when it was removed.

    `compared` is False where no base was looked at: then `base` is None as well, and nothing counts as new.
    """

    path: str
    head: str | None
    base: str | None
    previous_path: str | None = None
    compared: bool = True

    @property
    def is_python(self) -> bool:
        """Whether this is Python source, by its name."""
        return self.path.endswith(PYTHON)


@dataclass(frozen=True)
class TextChange:
    """One file of any kind before and after, as text; either side may be missing. `compared` is as in `Change`."""

    path: str
    previous_path: str | None
    base_text: str | None
    head_text: str | None
    compared: bool = field(default=True, kw_only=True)

    @property
    def is_added(self) -> bool:
        """Whether the file is new."""
        return self.compared and self.base_text is None

    @cached_property
    def added(self) -> tuple[Span, ...]:
        """The lines that head has and base has not, in order. A line that only moved or was indented is not added."""
        if not self.compared or self.head_text is None:
            return ()
        return tuple(_lines_only_in(self.path, self.head_text, self.base_text or ""))

    @cached_property
    def removed(self) -> tuple[Span, ...]:
        """The lines that base has and head has not, in order."""
        if self.base_text is None:
            return ()
        return tuple(_lines_only_in(self.previous_path or self.path, self.base_text, self.head_text or ""))

    @cached_property
    def base_toml(self) -> TomlFile | None:
        """The file before as TOML; None when it is new or isn't TOML."""
        return None if self.base_text is None else toml_file(self.previous_path or self.path, self.base_text)

    @cached_property
    def head_toml(self) -> TomlFile | None:
        """The file after as TOML; None when it was removed or isn't TOML."""
        return None if self.head_text is None else toml_file(self.path, self.head_text)

    def mentions(self, *words: str) -> bool:
        """Whether one of these words stands in the file, before or after."""
        return any(word in text for text in (self.base_text, self.head_text) if text for word in words)


@dataclass(frozen=True)
class FileChange(TextChange):
    """One Python file before and after; either side may be missing.

    A side is parsed when a check asks for it, so look at the texts first: most files concern few checks.
    """

    project: Project = field(default_factory=Project)
    base_project: Project = field(default_factory=Project)
    parsed: Parsed = field(default_factory=Parsed, repr=False, compare=False)

    @cached_property
    def base(self) -> SourceFile | None:
        """The file before; None when it is new or doesn't parse."""
        return self._file(self.previous_path or self.path, self.base_text, self.base_project)

    @cached_property
    def head(self) -> SourceFile | None:
        """The file after; None when it was removed or doesn't parse."""
        return self._file(self.path, self.head_text, self.project)

    def _file(self, path: str, text: str | None, project: Project) -> SourceFile | None:
        try:
            return self.parsed.file(path, text, project) if text is not None else None
        except Unreadable:
            return None


def _lines_only_in(path: str, text: str, other: str) -> Iterator[Span]:
    lines = list(lines_of(path, text))
    others = [line.code for line in lines_of(path, other)]
    new: list[Span] = []
    moved: Counter[str] = Counter()
    matcher = SequenceMatcher(None, others, [line.code for line in lines])
    for kind, other_start, other_end, start, end in matcher.get_opcodes():
        if kind != "equal":
            moved.update(others[other_start:other_end])
            new += lines[start:end]
    for line in new:
        if moved[line.code]:
            moved[line.code] -= 1
        else:
            yield line


@dataclass(frozen=True)
class ChangeSet:
    """Every changed file, and the project files before and after.

    `files` are the Python files and `texts` the others; `changed` holds the paths of both. `compared` is False where
    no base was looked at: then all that is there is among them, nothing counts as new, and rules about the state of
    things speak of it.
    """

    files: tuple[FileChange, ...]
    project: Project = field(default_factory=Project)
    base_project: Project = field(default_factory=Project)
    changed: frozenset[str] = frozenset()
    texts: tuple[TextChange, ...] = ()
    compared: bool = True

    _facts: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def fact(self, kind: Callable[["ChangeSet"], F]) -> F:
        """What a class makes of this change set, made once for all checks that ask: `changes.fact(ContractChange)`."""
        if kind not in self._facts:
            self._facts[kind] = kind(self)
        return self._facts[kind]

    def named(self, name: str) -> Iterator[TextChange]:
        """The changed files with this name that aren't Python, in any folder, as far as they are still there."""
        for change in self.texts:
            if change.head_text is not None and basename(change.path) == name:
                yield change

    def tomls(self, name: str) -> Iterator[tuple[TomlFile, TomlFile | None]]:
        """The changed TOML files with this name: after, and before where there is one."""
        for change in self.named(name):
            if change.head_toml is not None:
                yield change.head_toml, change.base_toml

    def heads(self, *words: str) -> Iterator[SourceFile]:
        """The changed files as they are now; with `words`, only those in which one of them stands."""
        for change in self.files:
            if _has(change.head_text, words) and change.head is not None:
                yield change.head

    def bases(self, *words: str) -> Iterator[SourceFile]:
        """The changed files as they were; with `words`, only those in which one of them stood."""
        for change in self.files:
            if _has(change.base_text, words) and change.base is not None:
                yield change.base

    def new(self, find: Callable[[Files], Iterable[tuple[SourceFile, Note]]]) -> Iterator[Note]:
        """What is found in the files as they are, and was not found in them as they were: by words and code.

        `find` gets `heads` or `bases`, and gives each note with its file, as a rule asks that needs several files for
        one finding: only what stands in a file alone is compared with its base by the review.
        """
        found = list(find(self.heads))
        known = Counter(_trace(file, note) for file, note in find(self.bases)) if found else Counter()
        for file, note in found:
            trace = _trace(file, note)
            if known[trace]:
                known[trace] -= 1
            else:
                yield note


def _has(text: str | None, words: Sequence[str]) -> bool:
    """Whether there is a text, and one of the words in it if there are some."""
    return text is not None and (not words or any(word in text for word in words))


def _trace(file: SourceFile, note: Note) -> tuple[str, str]:
    node = note.place.node if isinstance(note.place, Located) else None
    return note.message, " ".join(file.code(node).split()) if node is not None else ""
