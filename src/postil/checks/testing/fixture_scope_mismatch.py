"""Finds fixtures that ask for a fixture with a narrower scope, which pytest refuses."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile
from postil.lint.fixtures import NARROW_BUILT_INS, SCOPES, Fixture, find_fixtures, fixtures_named
from postil.lint.source import string_value
from postil.lint.tree import walk

MENTIONS = ("scope",)


def check(file: SourceFile) -> Notes:
    for fixture in find_fixtures(file):
        if fixture.scope not in SCOPES or fixture.scope == "function":
            continue
        for param in fixture.asks_for():
            narrower = _narrower(param.name.value, fixture, fixture.scope, file)
            if narrower is not None:
                yield Note(
                    param,
                    f"`{fixture.name}` has the scope {fixture.scope} and asks for `{param.name.value}`, "
                    f"whose scope is {narrower}: pytest raises `ScopeMismatch`",
                    fix=_fixed(param, fixture, file),
                )


def _narrower(name: str, fixture: Fixture, scope: str, file: SourceFile) -> str | None:
    """The scope of a fixture that is asked for, if it is narrower than `scope`; else None."""
    found = fixtures_named(name, file)
    # A fixture that asks for its own name gets the one that it overrides.
    if any(each.function is fixture.function for each in found):
        return None
    if not found:
        return "function" if name in NARROW_BUILT_INS else None
    scopes = {each.scope for each in found}
    only = scopes.pop() if len(scopes) == 1 else None
    return only if only in SCOPES and SCOPES.index(only) < SCOPES.index(scope) else None


def _fixed(param: cst.Param, fixture: Fixture, file: SourceFile) -> Fix | None:
    """Asks for the wide form of a built-in fixture instead."""
    name = param.name.value
    if fixtures_named(name, file) or param.annotation is not None:
        return None
    body = fixture.function.body
    if name == "mocker":
        wide = f"{fixture.scope}_mocker"
        used = [node for node in walk(body) if isinstance(node, cst.Name) and node.value == name]
        return Fix((Replace(param, wide), *(Replace(each, wide) for each in used)), FixKind.SUGGESTION)
    if name != "tmp_path" or not isinstance(body, cst.IndentedBlock):
        return None
    first = next((line for line in body.body if not _is_docstring(line)), None)
    if first is None:
        return None
    made = f'tmp_path = tmp_path_factory.mktemp("{fixture.name}")'
    gap = f"{file.module.default_newline}{file.indentation(first)}"
    return Fix((Replace(param, "tmp_path_factory"), Insert(first, made + gap)), FixKind.SUGGESTION)


def _is_docstring(line: cst.CSTNode) -> bool:
    return (
        isinstance(line, cst.SimpleStatementLine)
        and isinstance(line.body[0], cst.Expr)
        and string_value(line.body[0].value) is not None
    )
