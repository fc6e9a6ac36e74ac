"""Finds `SET NOT NULL` that reads a whole table while nobody else may."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)

_VALIDATES = re.compile(r"\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)
_IS_NOT_NULL = re.compile(r"\bIS\s+NOT\s+NULL\b", re.IGNORECASE)


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or not found.on_postgres:
        return
    for step in found.schema_steps:
        if step.operation != "set_not_null" or step.is_empty or not found.for_postgres(step) or _may_be_set(step):
            continue
        if not any(_proves(file, other, step) for other in found.steps):
            what = f"`{step.table}.{step.column}`" if step.table and step.column else f"`{step.column or 'a column'}`"
            said = f"setting {what} to `NOT NULL` reads the whole table while nobody else may read or write it"
            yield Note(step.call, said)


def _may_be_set(step: Step) -> bool:
    """Whether the column may be `NOT NULL` already: one that changes otherwise is told it again, for MySQL's sake."""
    if step.sql is not None:
        return False
    given = step.argument("existing_nullable")
    said = isinstance(given, cst.Name) and given.value == "False"
    return said or step.argument("type_") is not None or step.argument("new_column_name") is not None


def _proves(file: SourceFile, other: Step, step: Step) -> bool:
    """Whether a step shows that a checked constraint says the same, so PostgreSQL doesn't look again (since 12).

    It is validated before, or dropped afterwards, as it has served its purpose.
    """
    if other.table not in (step.table, None):
        return False
    if other.sql is not None:
        return bool(_VALIDATES.search(other.sql.code) or (_IS_NOT_NULL.search(other.sql.code) and not other.writes))
    if other.operation == "create_check_constraint":
        return "not_null" in file.code(other.call).lower() or "isnot" in file.code(other.call).lower()
    return other.operation == "drop_constraint" and "check" in file.code(other.call)
