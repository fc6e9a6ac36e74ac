"""Finds revisions that drop what a model still maps."""

from postil.lint import ChangeSet, Note, Notes, Secondary, string_value
from postil.lint.revisions import Revision, Step, revision
from postil.lint.tables import Column, Table, TableChange

MENTIONS = ("down_revision",)


def check(changes: ChangeSet) -> Notes:
    revisions = [
        (change, found)
        for change in changes.files
        if (change.is_added or not changes.compared)
        and "down_revision" in (change.head_text or "")
        and change.head is not None
        and (found := change.head.fact(revision)) is not None
    ]
    if not any(each.operation in ("drop_column", "drop_table") for _, found in revisions for each in found.steps):
        return
    followed = {parent for _, found in revisions for parent in found.parents or ()}
    tables = changes.fact(TableChange).head
    for _, found in revisions:
        if not changes.compared and found.name in followed:
            continue  # what was dropped then may be back
        for step in found.steps:
            table = tables.get(step.table) if step.table is not None else None
            if step.is_new or step.operation not in ("drop_column", "drop_table"):
                continue
            if _comes_back(found, step, [each for _, each in revisions]):
                continue
            if step.operation == "drop_table" and table is not None:
                yield _note(found, step, f"the table `{step.table}`", table)
            elif step.operation == "drop_column" and step.column is not None:
                column = table.columns.get(step.column) if table is not None else None
                if table is not None and column is not None:
                    yield _note(found, step, f"`{step.table}.{step.column}`", table, column)


def _note(found: Revision, step: Step, what: str, table: Table, column: Column | None = None) -> Note:
    file, node = (column.file, column.node) if column is not None else (table.file, table.node)
    shown = f"`{step.shown}`" if step.shown else f"`{step.operation.replace('_', ' ').upper()}`"
    said = f"{shown} drops {what}, which this code still maps and asks for in each query"
    return Note(found.file.at(step.call), said, secondary=(Secondary(file.at(node), "mapped here"),))


def _comes_back(found: Revision, step: Step, revisions: list[Revision]) -> bool:
    """Whether what a step drops is made again, by the same revision or another new one."""
    if step.table in found.rebuilt:
        return True
    for each in revisions:
        for other in each.steps:
            if other.call is step.call:
                continue
            if other.operation == "create_table" and other.table == step.table:
                return True
            if other.operation == "add_column" and (other.table, other.column) == (step.table, step.column):
                return True
            if other.operation == "rename_table" and other.table == step.table:
                return True
            if other.operation == "rename_column" and other.table == step.table:
                new = string_value(other.argument("new_column_name"))
                if step.operation == "drop_table" or new in (None, step.column):
                    return True
    return False
