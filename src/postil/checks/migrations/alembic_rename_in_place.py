"""Finds revisions that rename a table or a column under the version that still runs."""

import re

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.revisions import Revision, Step, revision

MENTIONS = ("down_revision",)


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or found.on_sqlite:
        return
    added: set[tuple[str | None, str | None]] = set()
    for step in found.steps:
        if step.operation == "add_column":
            added.add((step.table, step.column))
        if step.is_new or step.operation not in ("rename_table", "rename_column"):
            continue
        if step.operation == "rename_column" and ((step.table, step.column) in added or _is_replaced(found, step)):
            continue
        if step.operation == "rename_table" and _has_successor(found, step):
            continue
        yield _note(step)


def _note(step: Step) -> Note:
    shown = f"`{step.shown}`" if step.shown else "`ALTER TABLE`"
    if step.operation == "rename_table":
        what = f"the table `{step.table}`" if step.table else "a table"
    elif step.column and step.table:
        what = f"`{step.table}.{step.column}`"
    else:
        what = f"the column `{step.column}`" if step.column else "a column"
    return Note(step.call, f"{shown} renames {what}, and the version that still runs asks for the old name")


def _is_replaced(found: Revision, step: Step) -> bool:
    """Whether another column takes the old name: one that is added, or that gets it."""
    if step.column is None:
        return False
    for other in found.steps:
        if other.table == step.table and other.call is not step.call:
            if other.operation == "add_column" and other.column == step.column:
                return True
            if other.operation == "rename_column" and string_value(other.argument("new_column_name")) == step.column:
                return True
    return False


def _has_successor(found: Revision, step: Step) -> bool:
    """Whether something else takes the old name: a table that is made anew, another one that is renamed, a view."""
    if step.table is None:
        return False
    view = re.compile(rf"CREATE\s+(?:OR\s+REPLACE\s+)?VIEW\s+\W?{re.escape(step.table)}\b", re.IGNORECASE)
    for other in found.steps:
        if other.operation == "create_table" and other.table == step.table:
            return True
        if other.operation == "rename_table" and string_value(other.argument("new_table_name", 1)) == step.table:
            return True
        if other.sql is not None and view.search(other.sql.code):
            return True
    return False
