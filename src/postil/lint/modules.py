"""Which file an import leads to, among the files at hand. What leads elsewhere is unknown."""

from collections.abc import Callable, Iterable
from posixpath import dirname, join, normpath
from typing import TypeVar

import libcst as cst

from postil.lint.names import Definition
from postil.lint.source import SourceFile

T = TypeVar("T")

_HOPS = 5  # a name that is passed on through more packages than this is one that imports itself


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
        name = file.name_of(expression)
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
