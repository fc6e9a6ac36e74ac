"""Which marks pytest knows in a project: its configuration, the conftest files, the plugins.

What registers marks out of sight makes the list open, and nothing that isn't on it can be called unknown.
"""

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname, join
from typing import Any

import libcst as cst

from postil.lint.catalogue.pytest_marks import BUILT_IN, MARKS_OF, WITHOUT_MARKS
from postil.lint.dependencies import declared, distribution, locked
from postil.lint.project import Project
from postil.lint.source import SourceFile, Unreadable, string_value

REGISTERING = ("addinivalue_line", "pytest_plugins")
"""A module that registers marks, or has others do so, holds one of these words."""

_CONFIGURATIONS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Marks:
    """The marks that are known to be registered; `open` when others may be."""

    names: frozenset[str]
    open: bool = False


class Registry:
    """The marks of one state of a repository.

    Args:
        project: the project files, conftest files included.
        plugins: other files that register marks, in the state they have now.
    """

    def __init__(self, project: Project, plugins: Sequence[SourceFile]) -> None:
        self._project = project
        self._plugins = plugins
        self._known: dict[str, Marks | None] = {}

    def of(self, path: str) -> Marks | None:
        """The marks registered for the test file at `path`; None when its pytest configuration isn't known."""
        folder = dirname(path)
        if folder not in self._known:
            self._known[folder] = self._of(folder)
        return self._known[folder]

    @cached_property
    def _in_code(self) -> list[str | None]:
        """The marks that modules register; None for each that can't be told."""
        found: list[str | None] = []
        present = {plugin.path for plugin in self._plugins}
        for plugin in self._plugins:
            found += _registered(plugin)
        for path, text in self._project.files.items():
            is_conftest = path.rpartition("/")[2] == "conftest.py" and path not in present
            if is_conftest and any(word in text for word in REGISTERING):
                found += _registered_in(path, text)
        return found

    def _of(self, folder: str) -> Marks | None:
        found = list(_configurations(self._project, folder))
        if not found:
            return None
        names, is_open = set(BUILT_IN), None in self._in_code
        for settings in found:
            names.update(map(_name, _lines(settings.get("markers", []))))
            is_open = is_open or any(
                "UnknownMarkWarning" in line for line in _lines(settings.get("filterwarnings", []))
            )
        names.update(name for name in self._in_code if name is not None)
        dependencies = _dependencies(self._project, folder)
        complete = self._project.nearest(join(folder, "test.py"), "uv.lock") is not None
        for plugin, registered in MARKS_OF.items():
            # Only a lock says what isn't installed: a tox file or the project around may bring more than is declared.
            if plugin in dependencies or not complete:
                names |= registered
        strange = {name for name in dependencies if _is_plugin(name)} - MARKS_OF.keys() - WITHOUT_MARKS
        is_open = is_open or bool(strange) or _is_a_plugin(self._project, folder)
        return Marks(frozenset(names), is_open)


def _configurations(project: Project, folder: str) -> Iterator[Mapping[str, Any]]:
    """The settings of pytest from a folder upwards. It reads one of them; which depends on where it is called."""
    while True:
        for name in _CONFIGURATIONS:
            settings = _settings(project, join(folder, name), name)
            if settings is not None:
                yield settings
        if not folder:
            return
        folder = dirname(folder)


def _settings(project: Project, path: str, name: str) -> Mapping[str, Any] | None:
    if path not in project.files:
        return None
    if name.endswith(".toml"):
        toml = project.toml(path)
        keys = (("tool", "pytest", "ini_options"), ("tool", "pytest")) if name == "pyproject.toml" else (("pytest",),)
        found = [toml.get(*each) for each in keys] if toml is not None else []
        return next((each for each in found if isinstance(each, Mapping)), None)
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(project.files[path])
    except configparser.Error:
        return None
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    # A pytest.ini counts even when it is empty.
    return parser[section] if parser.has_section(section) else ({} if name.endswith("pytest.ini") else None)


def _lines(value: object) -> list[str]:
    lines = value.splitlines() if isinstance(value, str) else value
    return [line.strip() for line in lines if isinstance(line, str) and line.strip()] if isinstance(lines, list) else []


def _name(line: str) -> str:
    """`slow` of `slow: takes long`, `data` of `data(path): reads a file`."""
    return line.partition(":")[0].partition("(")[0].strip()


def _registered_in(path: str, text: str) -> Iterator[str | None]:
    try:
        file = SourceFile(path, text)
    except Unreadable:
        yield None
    else:
        yield from _registered(file)


def _registered(file: SourceFile) -> Iterator[str | None]:
    """The marks that a module registers by `config.addinivalue_line`; None for one whose name isn't written out."""
    for call in file.nodes(cst.Call):
        if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "addinivalue_line"):
            continue
        arguments = [arg.value for arg in call.args]
        if len(arguments) != 2 or string_value(arguments[0]) not in (None, "markers"):
            continue
        text = _start(arguments[1])
        yield _name(text) if string_value(arguments[0]) and text else None
    for name, value in _plugin_modules(file):
        # Modules of an installed plugin are among the dependencies; others are this project's own.
        if name is None or not (value is None or _is_plugin(name.partition(".")[0].replace("_", "-"))):
            yield None


def _start(expression: cst.BaseExpression) -> str | None:
    """The literal start of a text, as far as the mark's name goes."""
    if isinstance(expression, cst.FormattedString) and expression.parts:
        first = expression.parts[0]
        text = first.value if isinstance(first, cst.FormattedStringText) else ""
        return text if ":" in text or "(" in text else None
    if isinstance(expression, cst.ConcatenatedString) and string_value(expression) is None:
        return _start(expression.left)
    return string_value(expression)


def _plugin_modules(file: SourceFile) -> Iterator[tuple[str | None, cst.CSTNode | None]]:
    """The modules that `pytest_plugins` names."""
    for node in file.nodes(cst.Assign):
        if any(isinstance(each.target, cst.Name) and each.target.value == "pytest_plugins" for each in node.targets):
            value = node.value
            elements = [e.value for e in value.elements] if isinstance(value, (cst.List, cst.Tuple)) else [value]
            for element in elements:
                yield string_value(element), element


def _dependencies(project: Project, folder: str) -> frozenset[str]:
    """Everything that the projects around a folder declare or lock."""
    names: set[str] = set()
    while True:
        pyproject, lock = project.toml(join(folder, "pyproject.toml")), project.toml(join(folder, "uv.lock"))
        names |= declared(pyproject) if pyproject is not None else set()
        names |= set(locked(lock)) if lock is not None else set()
        if not folder:
            break
        folder = dirname(folder)
    for each, text in project.files.items():
        if each.endswith((".txt", ".in", "Pipfile", "setup.cfg", "tox.ini")):
            names.update(name for line in text.splitlines() if (name := distribution(line)) is not None)
    return frozenset(names)


def _is_plugin(name: str) -> bool:
    return name.startswith("pytest-") or name.endswith("-pytest")


def _is_a_plugin(project: Project, folder: str) -> bool:
    """Whether the project around a folder is a pytest plugin, which may register marks in any of its modules."""
    nearest = project.nearest(join(folder, "test.py"), "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    return toml is not None and toml.get("project", "entry-points", "pytest11") is not None


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known mark that `name` is a slip of: at most two letters wrong, missing, too many or swapped."""
    if len(name) < 5:
        return None
    best = min(((_distance(name, each), each) for each in known if len(each) > 3), default=(9, ""))
    far, meant = best
    if far > (2 if len(name) > 6 else 1) or _is_sibling(name, meant):
        return None
    return meant


def _is_sibling(one: str, other: str) -> bool:
    """Whether two names differ on purpose: in a number, or in a short last part (`needs_s3`, `needs_db`)."""
    if re.sub(r"\d+", "", one) == re.sub(r"\d+", "", other):
        return True
    (start, _, end), (begin, _, finish) = one.rpartition("_"), other.rpartition("_")
    return bool(start) and start == begin and max(len(end), len(finish)) < 4


def _distance(one: str, other: str) -> int:
    """The letters to change, add, drop or swap that lead from one word to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        oldest, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
    return row[-1]
