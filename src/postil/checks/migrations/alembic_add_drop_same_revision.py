"""Finds revisions that add one column and drop another of the same table, which is what a rename looks like."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.alembic import Sql, runs
from postil.lint.normal import Form, Forms
from postil.lint.revisions import Revision, Step, revision

MENTIONS = ("down_revision",)

_LEAVES_ROWS = frozenset({"ALTER", "ANALYZE", "COMMENT", "DROP", "GRANT", "LOCK", "RESET", "REVOKE", "SET"})
_EXECUTES = frozenset({"execute", "exec_driver_sql", "commit", "flush"})


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None:
        return
    added: dict[str, list[Step]] = {}
    dropped: dict[str, list[Step]] = {}
    for step in found.steps:
        if step.table is not None and step.column is not None and not step.is_new:
            if step.operation == "add_column":
                added.setdefault(step.table, []).append(step)
            elif step.operation == "drop_column":
                dropped.setdefault(step.table, []).append(step)
    common = [table for table in dropped if table in added]
    if not common or _copies(found):
        return
    types = _types(found)
    for table in common:
        pair = _pair(found, added[table], dropped[table], types)
        if pair is not None:
            new, old = pair
            said = f"`{table}.{old.column}` is dropped and `{table}.{new.column}` of the same type added"
            yield Note(
                old.call,
                f"{said}: if that is a rename, it loses all that `{old.column}` holds",
                secondary=(Secondary(new.call, "the new column"),),
            )


def _copies(found: Revision) -> bool:
    """Whether rows may be carried over: something is written, or sent that isn't known."""
    for node in runs(found.file, found.upgrades):
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _EXECUTES:
            step = next((step for step in found.steps if step.call is node), None)
            if step is None or step.writes or (step.sql is not None and not _leaves_rows(step.sql)):
                return True
    return any(step.writes for step in found.steps)


def _leaves_rows(sql: Sql) -> bool:
    """Whether a statement is known to write no rows: one that changes the schema, or how the session works."""
    alone = ";" not in sql.code.strip().removesuffix(";")
    return bool(sql.operations) or (alone and sql.verb in _LEAVES_ROWS)


def _types(found: Revision) -> dict[tuple[str | None, str | None], Form]:
    """The types of the columns that the way back adds."""
    forms = Forms(found.file)
    return {
        (step.table, step.column): _type(found, step, forms)
        for step in found.way_back
        if step.operation == "add_column"
    }


def _type(found: Revision, step: Step, forms: Forms) -> Form:
    column = found.column(step.argument("column", 1))
    kind = argument(column, "type_", 1) if column is not None else None
    if isinstance(kind, cst.Call):
        # `String(length=20)` is `String(20)`, and `Text()` is `Text`.
        given = tuple(forms.of(arg.value) for arg in kind.args)
        return ("type", forms.of(kind.func), *given)
    return ("type", forms.of(kind)) if kind is not None else None


def _pair(
    found: Revision, added: list[Step], dropped: list[Step], types: dict[tuple[str | None, str | None], Form]
) -> tuple[Step, Step] | None:
    """A column that was added and one that was dropped, of one type; None where there is no such pair."""
    forms = Forms(found.file)
    names = {step.column for step in added}
    for old in dropped:
        kind = types.get((old.table, old.column))
        for new in added:
            if kind is not None and old.column not in names and kind == _type(found, new, forms):
                return new, old
    return None
