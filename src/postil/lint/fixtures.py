"""The pytest fixtures and tests of a file: their names, their scopes, what they ask for.

May not guess: a scope that isn't written out is unknown, and so is a fixture that nobody at hand defines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname, join

import libcst as cst

from postil.lint.names import dotted, parameters
from postil.lint.source import SourceFile, Unreadable, argument, string_value

SCOPES = ("function", "class", "module", "package", "session")
"""The scopes of pytest, from the narrowest to the widest."""

NARROW_BUILT_INS = frozenset(
    {"monkeypatch", "tmp_path", "tmpdir", "capsys", "capsysbinary", "capteesys", "capfd", "capfdbinary", "caplog",
     "recwarn", "record_property", "record_xml_attribute", "subtests", "mocker"}
)  # fmt: skip
"""The fixtures of pytest and pytest-mock that live as long as one test (`pytest --fixtures -v`, pytest 9.2)."""

_DECORATORS = frozenset({"pytest.fixture", "pytest.yield_fixture", "pytest_asyncio.fixture"})


@dataclass(frozen=True, eq=False)
class Fixture:
    """One fixture of a file. `scope` is None where it isn't written out."""

    name: str
    scope: str | None
    function: cst.FunctionDef
    decorator: cst.Decorator

    def asks_for(self) -> Iterator[cst.Param]:
        """The parameters by which other fixtures are asked for."""
        return requested(self.function)


def requested(function: cst.FunctionDef) -> Iterator[cst.Param]:
    """The parameters of a fixture or test that name fixtures: those without a default, `self` left out."""
    for param in parameters(function):
        if param.default is None and not param.star and param.name.value not in ("self", "cls"):
            yield param


def find_fixtures(file: SourceFile) -> list[Fixture]:
    """The fixtures that a file defines, in source order."""
    if not file.mentions("fixture"):
        return []
    found = (fixture_of(function, file) for function in file.nodes(cst.FunctionDef) if function.decorators)
    return [fixture for fixture in found if fixture is not None]


def fixture_of(function: cst.FunctionDef, file: SourceFile) -> Fixture | None:
    """The fixture that a function is; None when it is none."""
    for decorator in function.decorators:
        expression = decorator.decorator
        call = expression if isinstance(expression, cst.Call) else None
        if not is_fixture(call.func if call is not None else expression, file):
            continue
        given = argument(call, "name") if call is not None else None
        return Fixture(string_value(given) or function.name.value, _scope(call), function, decorator)
    return None


def is_fixture(expression: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether an expression is `pytest.fixture` itself, or that of pytest-asyncio."""
    return file.name_of(expression) in _DECORATORS


def _scope(call: cst.Call | None) -> str | None:
    if call is None:
        return "function"
    if any(arg.star for arg in call.args):
        return None
    written = argument(call, "scope", 0)
    return "function" if written is None else string_value(written)


def conftests(file: SourceFile) -> Iterator[tuple[str, str]]:
    """The conftest files above a file, the nearest first, as path and text; without the file itself."""
    folder = dirname(file.path)
    while True:
        path = join(folder, "conftest.py")
        text = file.project.files.get(path)
        if text is not None and path != file.path:
            yield path, text
        if not folder:
            return
        folder = dirname(folder)


def fixtures_named(name: str, file: SourceFile) -> list[Fixture]:
    """The fixtures of that name in the nearest place that defines it, the file itself first; none when nobody does."""
    found = [fixture for fixture in find_fixtures(file) if fixture.name == name]
    if found:
        return found
    for path, text in conftests(file):
        # Most don't define it, and need not be parsed.
        if name not in text or "fixture" not in text:
            continue
        try:
            conftest = SourceFile(path, text, file.project)
        except Unreadable:
            return []
        found = [fixture for fixture in find_fixtures(conftest) if fixture.name == name]
        if found:
            return found
    return []


def is_test_module(path: str) -> bool:
    """Whether pytest collects a file by its name: `test_*.py`, `*_test.py`."""
    name = basename(path)
    return name.startswith("test_") or name.endswith("_test.py")


def is_test_function(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether pytest collects a function by its name: `test…`, at the top level or in a class."""
    if not function.name.value.startswith("test"):
        return False
    return file.enclosing_function(function) is None and fixture_of(function, file) is None


def in_unittest(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether `node` stands in a class of `unittest`'s kind, or in one whose bases aren't known.

    Such a class may not ask for fixtures by parameters.
    """
    owner = file.enclosing_class(node)
    seen: set[int] = set()
    while owner is not None and id(owner) not in seen:
        seen.add(id(owner))
        bases = [base.value for base in owner.bases]
        found = [file.definition_of(base) for base in bases]
        known = [base for base in found if isinstance(base, cst.ClassDef)]
        if len(known) < len(bases) and any(
            dotted(base) != "object" for base, each in zip(bases, found, strict=True) if each is None
        ):
            return True
        owner = known[0] if known else None
    return False
