"""Finds Alembic revisions that change both the schema and the rows of existing tables."""

from dataclasses import dataclass

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.alembic import DML, batch_names, executed, is_revision, operation, runs, table_name, upgrades

MENTIONS = ("down_revision",)


@dataclass(frozen=True)
class _Write:
    call: cst.Call
    verb: str
    table: str | None
    reads: bool


def check(file: SourceFile, *, allow_backfill_before_not_null: bool = False) -> Notes:
    if not is_revision(file):
        return
    batches = batch_names(file)
    schema: list[tuple[cst.Call, str]] = []
    writes: list[_Write] = []
    created: set[str] = set()
    added: set[str] = set()
    required: set[str] = set()
    renamed: set[str] = set()
    loads = False
    for node in runs(file, upgrades(file)):
        if not isinstance(node, cst.Call):
            continue
        if (name := operation(file, node, batches)) is not None:
            schema.append((node, f"`{file.code(node.func)}`"))
            table = _table(file, node)
            if table is not None:
                {"create_table": created, "add_column": added, "rename_table": renamed}.get(name, set()).add(table)
                if name == "alter_column" and _is_false(argument(node, "nullable")):
                    required.add(table)
        elif (sql := executed(file, node)) is not None:
            # A commit writes what was changed on loaded objects; where none were loaded it ends the transaction only.
            if sql.verb in DML or (sql.verb == "COMMIT" and loads):
                writes.append(_Write(node, sql.verb, sql.table, sql.reads))
            elif sql.schema:
                schema.append((node, f"`{sql.schema}`"))
                created |= {sql.creates} if sql.creates else set()
                renamed |= {sql.renames} if sql.renames else set()
        elif isinstance(node.func, cst.Attribute) and node.func.attr.value in ("query", "scalars"):
            loads = True
    # A table that is made anew under another name and then renamed is SQLite's way to change a column.
    writes = [write for write in writes if write.table is None or write.table not in created & renamed]
    if not schema or not writes:
        return
    only_creates = all(what.rpartition(".")[2].startswith("create_") for _, what in schema) and bool(created)
    backfills = [write for write in writes if not _seeds(write, created, only_creates)]
    if allow_backfill_before_not_null:
        backfills = [w for w in backfills if w.verb != "UPDATE" or w.table not in added & required]
        if not backfills and not any(write.table in created for write in writes):
            return
    first, what = schema[0]
    if backfills:
        write = backfills[0]
        rows = f" of `{write.table}`" if write.table else ""
        message = f"this revision changes the schema ({what}) and also the rows{rows}"
        yield Note(write.call, message, secondary=(Secondary(first, "the schema is changed here"),))
    else:
        write = writes[0]
        message = f"this revision creates {f'`{write.table}`' if write.table else 'a table'} and also writes its rows"
        yield Note(write.call, message, severity="hint", secondary=(Secondary(first, "the schema is changed here"),))


def _seeds(write: _Write, created: set[str], only_creates: bool) -> bool:
    """Whether rows go into a table that nobody reads yet; new rows of an unknown table, where nothing else is done."""
    if write.reads:
        return False
    return write.table in created or (write.table is None and write.verb == "INSERT" and only_creates)


def _table(file: SourceFile, call: cst.Call) -> str | None:
    """The table of a schema operation: its first argument, or that of the batch around it."""
    if file.name_of(call.func) is not None:
        return table_name(file, argument(call, "table_name", 0))
    owner = call.func.value if isinstance(call.func, cst.Attribute) else None
    for above in file.ancestors(call):
        for item in above.items if isinstance(above, cst.With) else ():
            name = item.asname.name if item.asname is not None else None
            if isinstance(name, cst.Name) and isinstance(owner, cst.Name) and name.value == owner.value:
                return table_name(file, item.item)
    return None


def _is_false(expression: cst.BaseExpression | None) -> bool:
    return isinstance(expression, cst.Name) and expression.value == "False"
