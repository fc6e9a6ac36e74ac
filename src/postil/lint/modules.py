"""Which file an import leads to, among the files at hand. What leads elsewhere is unknown."""

import re
from collections.abc import Callable, Iterable, Sequence
from posixpath import dirname, join, normpath
from typing import TypeVar

import libcst as cst

from postil.lint.change import FileChange
from postil.lint.names import Definition, bare
from postil.lint.source import ROOM, SourceFile

T = TypeVar("T")

_IMPORTS = re.compile(r"^[ \t]*(?:from|import)[ \t]([^\n(]*(?:\([^)]*\))?)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_HOPS = 5  # a name that is passed on through more packages than this is one that imports itself


def importing(changes: Sequence[FileChange], holds: Callable[[str], bool]) -> list[FileChange]:
    """The changed files whose text `holds` something and that others import, and these others.

    By their texts alone, so that the rest of a large change need not be parsed. None where they are too many to be
    held at once.
    """
    texts = {change.path: change.head_text for change in changes if change.head_text is not None}
    imported = {path: set(_WORD.findall(" ".join(_IMPORTS.findall(text)))) for path, text in texts.items()}
    stems = {_stem(path) for path, text in texts.items() if holds(text)}
    # A package hands on what its modules hold.
    stems |= {_stem(path) for path in texts if path.endswith("/__init__.py") and imported[path] & stems}
    importers = {path for path in texts if imported[path] & stems}
    wanted = {word for path in importers for word in imported[path] & stems}
    paths = importers | {path for path in texts if _stem(path) in wanted}
    fits = sum(len(texts[path]) for path in paths) <= ROOM
    return [change for change in changes if change.path in paths] if fits else []


def _stem(path: str) -> str:
    """The last part of the name under which a file is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").rpartition("/")[2]


class Modules:
    """The files of one state of a repository, by the names under which others import them."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._by_path: dict[str, SourceFile] = {}
        self._by_last: dict[str, list[tuple[tuple[str, ...], SourceFile]]] = {}
        for file in files:
            path = file.path.removesuffix(".py").removesuffix("/__init__")
            parts = tuple(path.split("/"))
            self._by_path[path] = file
            self._by_last.setdefault(parts[-1], []).append((parts, file))

    def named(self, name: str, importer: SourceFile) -> SourceFile | None:
        """The file of a dotted module name, dots in front if it is relative; None where none or several fit."""
        if name.startswith("."):
            path = dirname(importer.path)
            rest = name[1:]
            while rest.startswith("."):
                path, rest = dirname(path), rest[1:]
            return self._by_path.get(normpath(join(path, *rest.split("."))))
        parts = tuple(name.split("."))
        found = [file for known, file in self._by_last.get(parts[-1], ()) if known[-len(parts) :] == parts]
        return found[0] if len(found) == 1 else None

    def definition(self, file: SourceFile, expression: cst.CSTNode) -> tuple[SourceFile, Definition] | None:
        """The class or function that an expression in `file` names, with the file that defines it."""
        return self._found(file, expression, SourceFile.definition_of, SourceFile.definition_named)

    def called(self, name: str, importer: SourceFile) -> tuple[SourceFile, Definition] | None:
        """The class or function that `importer` knows under a dotted name, such as that of a type, and its file."""
        led = self._follow(name, importer)
        found = led[0].definition_named(led[1]) if led is not None else None
        return (led[0], found) if led is not None and found is not None else None

    def called_in(self, called: cst.BaseExpression, file: SourceFile) -> tuple[SourceFile, Definition] | None:
        """The function or class that `called` names in `file`, or the method of an object whose class is known."""
        if (led := self.definition(file, called)) is not None or not isinstance(called, cst.Attribute):
            return led
        owner = self._class_of(called.value, file)
        method = owner[0].member_of(owner[1], called.attr.value) if owner is not None else None
        return (owner[0], method) if owner is not None and method is not None else None

    def _class_of(self, value: cst.BaseExpression, file: SourceFile) -> tuple[SourceFile, cst.ClassDef] | None:
        """The class of an object from another file: by its type, its value there, or as the base of `self`'s class."""
        kind, led = file.type_of(value), None
        if kind is not None and "." in kind:
            led = self.called(kind, file)
        elif kind is not None and (own := file.class_named(kind)) is not None:
            led = self.definition(file, bare(own.bases[0].value)) if len(own.bases) == 1 else None
        elif (made := self.value(file, value)) is not None and made[0] is not file:
            kind = made[0].type_of(made[1])
            own = made[0].class_named(kind) if kind is not None else None
            led = (made[0], own) if own is not None else self.called(kind, made[0]) if kind is not None else None
        return (led[0], led[1]) if led is not None and isinstance(led[1], cst.ClassDef) else None

    def value(self, file: SourceFile, expression: cst.CSTNode) -> tuple[SourceFile, cst.BaseExpression] | None:
        """The one expression that a name or attribute stands for, with the file in which it is assigned."""
        return self._found(file, expression, SourceFile.value_of, SourceFile.global_value)

    def _found(
        self,
        file: SourceFile,
        expression: cst.CSTNode,
        here: Callable[[SourceFile, cst.CSTNode], T | None],
        elsewhere: Callable[[SourceFile, str], T | None],
    ) -> tuple[SourceFile, T] | None:
        """What an expression stands for: in its own file, else under its name there in the one it is imported from."""
        local = here(file, expression)
        if local is not None:
            return file, local
        led = self._lookup(file, expression)
        if led is None:
            return None
        owner, name = led
        found = elsewhere(owner, name)
        return (owner, found) if found is not None else None

    def _lookup(self, file: SourceFile, expression: cst.CSTNode) -> tuple[SourceFile, str] | None:
        """The file whose top level an imported name leads to, and what it is called there."""
        return self._follow(file.name_of(expression), file)

    def _follow(self, name: str | None, file: SourceFile) -> tuple[SourceFile, str] | None:
        for _ in range(_HOPS):
            if name is None:
                return None
            module, _, last = name.rpartition(".")
            if name.startswith(".") and not module.strip("."):
                module += "."
            owner = self.named(module, file) if module else None
            if owner is None:
                return None
            if last not in owner.imports:
                return owner, last
            file, name = owner, owner.imports[last]
        return None
