"""Finds constraints that are checked against all rows while nobody may write."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)

_BLOCKS_WRITES = {
    "create_foreign_key": "",
    "create_check_constraint": "",
    "add_foreign_key": "ADD FOREIGN KEY",
    "add_check": "ADD CHECK",
}
_BUILDS_INDEX = {"create_unique_constraint": "", "create_primary_key": "", "add_unique": "ADD UNIQUE"}
# What each of them is called where it is SQL.
_CHECKED = _BLOCKS_WRITES | _BUILDS_INDEX


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or not found.on_postgres:
        return
    added: set[tuple[str | None, str | None]] = set()
    for step in found.steps:
        if step.operation == "add_column":
            added.add((step.table, step.column))
        if step.operation not in _CHECKED or step.is_empty or not found.for_postgres(step):
            continue
        if any(arg.star == "**" for arg in step.call.args) or _is_true(step.argument("postgresql_not_valid")):
            continue
        where = f" of `{step.table}`" if step.table else ""
        what = f"`{step.shown or _CHECKED[step.operation]}` checks each row{where}"
        if step.operation in _BLOCKS_WRITES:
            trivial = step.operation == "create_foreign_key" and _is_of_new_columns(step, added)
            said = f"{what} while nobody may write to the table"
            yield Note(step.call, said, severity="hint" if trivial else None)
        else:
            yield Note(step.call, f"{what} and builds an index while nobody may use the table")


def _is_of_new_columns(step: Step, added: set[tuple[str | None, str | None]]) -> bool:
    """Whether the columns of a key were added by this revision, so there is nothing in them to check."""
    columns = step.argument("local_cols", 3)
    if not isinstance(columns, (cst.List, cst.Tuple)) or not columns.elements:
        return False
    return all((step.table, string_value(each.value)) in added for each in columns.elements)


def _is_true(expression: cst.BaseExpression | None) -> bool:
    return isinstance(expression, cst.Name) and expression.value == "True"
