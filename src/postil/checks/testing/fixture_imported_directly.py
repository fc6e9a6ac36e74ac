"""Finds fixtures that a test module imports by hand."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.fixtures import conftests, find_fixtures, fixture_of, is_test_function, is_test_module, requested
from postil.lint.mocks import patch_of
from postil.lint.names import imported

MENTIONS = ("conftest", "fixture")

_OWN = re.compile(r"(?:^|\.)(?:conftest|\w*fixtures?\w*)(?:\.|$)")


def check(statement: cst.ImportFrom, file: SourceFile) -> Notes:
    if not is_test_module(file.path) or isinstance(statement.names, cst.ImportStar):
        return
    for local, name in imported(statement):
        module, _, last = name.rpartition(".")
        if not _OWN.search(module) or module.startswith(("pytest", "_pytest")):
            continue
        asking = next(_asking(local, file), None)
        if asking is not None and _may_be_fixture(module, last, file):
            yield Note(
                statement,
                f"`{local}` is imported for `{asking.name.value}`, which gets fixtures by their names from a "
                "`conftest.py` or a plugin",
            )


def _asking(name: str, file: SourceFile) -> Iterator[cst.FunctionDef]:
    """The tests and fixtures that ask for a fixture of this name, and get it neither from a mark nor from a patch."""
    for function in file.nodes(cst.FunctionDef):
        if not is_test_function(function, file) and fixture_of(function, file) is None:
            continue
        decorators = [each.decorator for each in function.decorators]
        if any(patch_of(each, file) is not None or _names(each, name, file) for each in decorators):
            continue
        if any(param.name.value == name for param in requested(function)):
            yield function


def _names(decorator: cst.BaseExpression, name: str, file: SourceFile) -> bool:
    """Whether a decorator fills the parameter: `parametrize("client", …)`."""
    first = decorator.args[0].value if isinstance(decorator, cst.Call) and decorator.args else None
    words = re.findall(r"\w+", string_value(first) or (file.code(first) if first is not None else ""))
    return name in words


def _may_be_fixture(module: str, name: str, file: SourceFile) -> bool:
    """Whether the conftest that it comes from defines it as a fixture, where that is at hand."""
    if not module.endswith("conftest"):
        return True
    known = [SourceFile(path, text, file.project) for path, text in conftests(file) if f"def {name}(" in text]
    return not known or any(fixture.name == name for each in known for fixture in find_fixtures(each))
