"""Finds drops that ship together with the removal of the code that uses what is dropped."""

import re

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile
from postil.lint.revisions import revision
from postil.lint.tables import Table, TableChange

MENTIONS = ("down_revision",)

_GOING = re.compile(r"(?i)deprecat|unused|no longer|to be (?:dropped|removed)")


def check(changes: ChangeSet) -> Notes:
    if not changes.compared:
        return
    for change in changes.files:
        if not change.is_added or "down_revision" not in (change.head_text or "") or change.head is None:
            continue
        found = change.head.fact(revision)
        if found is None or not any(step.operation in ("drop_column", "drop_table") for step in found.steps):
            continue
        tables = changes.fact(TableChange)
        for step in found.steps:
            before = tables.base.get(step.table) if step.table is not None else None
            after = tables.head.get(step.table) if step.table is not None else None
            if before is None or step.is_new or step.table in found.rebuilt:
                continue
            secondary = (Secondary(after.file.at(after.node), "it was mapped here"),) if after is not None else ()
            if step.operation == "drop_column" and step.column is not None:
                column = before.columns.get(step.column)
                if column is None or column.deferred or (after is not None and step.column in after.columns):
                    continue
                if after is not None and before.foreign != after.foreign:
                    continue
                if _GOING.search(column.file.code(column.file.enclosing_statement(column.node))):
                    continue
                what = f"`{step.table}.{step.column}`"
            elif step.operation == "drop_table" and after is None and _is_used(changes, before):
                what = f"the table `{step.table}`"
            else:
                continue
            said = f"{what} is dropped in the release that stops using it, while the one before still asks for it"
            yield Note(found.file.at(step.call), said, secondary=secondary)


def _is_used(changes: ChangeSet, table: Table) -> bool:
    """Whether other code of before is seen to use a mapped class."""
    name = getattr(table.node, "name", None)
    if name is None or _GOING.search(table.file.code(table.node)):
        return False
    word = re.compile(rf"\b{re.escape(name.value)}\b")
    return any(_mentions(change.base, word, table) for change in changes.files if word.search(change.base_text or ""))


def _mentions(file: SourceFile | None, word: re.Pattern[str], table: Table) -> bool:
    if file is None:
        return False
    return len(word.findall(file.text)) > (1 if file is table.file else 0)
