"""Finds new `NOT NULL` columns for which the rows that are there have no value."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, string_value
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)

_GENERATED = frozenset({"Computed", "Identity", "Sequence"})


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or found.on_mysql:
        return
    for step in found.steps:
        if step.is_empty:
            continue
        if step.operation == "add_required_column":
            what = f"`{step.table}.{step.column}`" if step.table and step.column else "the new column"
            yield Note(
                step.call, f"{what} admits no null and has no `DEFAULT`, so it can't be added to a table with rows"
            )
        if step.operation != "add_column":
            continue
        column = found.column(step.argument("column", 1))
        if column is not None and _is_required(file, column):
            yield _note(file, step, column)


def _is_required(file: SourceFile, column: cst.Call) -> bool:
    """Whether a column admits no null and gets its value from nowhere."""
    if any(arg.star for arg in column.args):
        return False
    default = argument(column, "server_default")
    if default is not None and not _is(default, "None"):
        return False
    parts = [arg.value for arg in column.args if arg.keyword is None and isinstance(arg.value, cst.Call)]
    if any((file.name_of(part.func) or "").rpartition(".")[2] in _GENERATED for part in parts):
        return False
    if _is(argument(column, "primary_key"), "True"):
        # PostgreSQL numbers the rows of an integer key by itself, as Alembic makes it SERIAL.
        kind = argument(column, "type_", 1)
        kind = kind.func if isinstance(kind, cst.Call) else kind
        name = (file.name_of(kind) or "").rpartition(".")[2] if kind is not None else ""
        return name not in ("", "Integer", "BigInteger", "SmallInteger", "INTEGER", "BIGINT", "SMALLINT")
    return _is(argument(column, "nullable"), "False")


def _note(file: SourceFile, step: Step, column: cst.Call) -> Note:
    what = f"`{step.table}.{step.column}`" if step.table and step.column else f"`{step.column or 'the new column'}`"
    message = f"{what} admits no null and has no `server_default`, so it can't be added to a table with rows"
    default = argument(column, "default")
    if default is not None and not _is(default, "None"):
        message = f"{what} admits no null, and only Python knows its `default=`, so a table with rows refuses it"
    return Note(step.call, message, fix=_fix(file, column, default))


def _fix(file: SourceFile, column: cst.Call, default: cst.BaseExpression | None) -> Fix | None:
    """The default that Python knows, told to the database as well, where it is a plain value."""
    text = string_value(default)
    if text is not None and default is not None:
        told = file.code(default)
    elif isinstance(default, cst.Integer):
        told = f'"{default.value}"'
    elif _is(default, "True") or _is(default, "False"):
        name = file.spelling_of("sqlalchemy")
        if name is None or default is None:
            return None
        told = f"{name}.{file.code(default).lower()}()"
    else:
        return None
    if argument(column, "server_default") is not None or default is None:
        return None
    return Fix((Insert(default, f", server_default={told}", after=True),), FixKind.SUGGESTION)


def _is(expression: cst.BaseExpression | None, name: str) -> bool:
    return isinstance(expression, cst.Name) and expression.value == name
