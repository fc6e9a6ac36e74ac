"""Finds revisions that drop columns or tables with what is in them."""

import re
from collections.abc import Iterable

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)

# How a revision says that it is the last step of expand and contract, or that nobody uses what it drops.
_SAID = re.compile(
    r"(?i)\bexpand\W+(?:and\W+)?contract\b|\bcontract\W+(?:step|phase|part)\b|\bcontract:"
    r"|\bunused\b|\bno longer (?:used|read|needed|referenced)\b|\bnot used\b"
)
_COMMENT = re.compile(r"#[^\n]*")
_SHOWN = 5
_TEMPORARY = re.compile(r"(?i)^_?(?:alembic_)?te?mp(?:orary)?_|_te?mp(?:orary)?$")


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or found.on_sqlite:
        return
    added: set[tuple[str | None, str | None]] = set()
    columns: dict[str | None, list[Step]] = {}
    for step in found.steps:
        if step.operation == "add_column":
            added.add((step.table, step.column))
        if step.is_new or step.table in found.rebuilt:
            continue
        if step.operation == "drop_table" and not (step.table and _TEMPORARY.search(step.table)):
            columns.setdefault(f"{step.table} ", []).append(step)
        if step.operation == "drop_column" and (step.column is None or (step.table, step.column) not in added):
            columns.setdefault(step.table, []).append(step)
    if columns and not _SAID.search(_remarks(file)):
        for steps in columns.values():
            yield _note(steps)


def _remarks(file: SourceFile) -> str:
    """The docstrings and comments of a revision."""
    documented = [file.module, *(each for each in file.module.body if isinstance(each, cst.FunctionDef))]
    said = [docstring for each in documented if (docstring := each.get_docstring()) is not None]
    return "\n".join((*said, *_COMMENT.findall(file.text)))


def _note(steps: list[Step]) -> Note:
    first, *others = steps
    shown = f"`{first.shown}`" if first.shown else f"`{first.operation.replace('_', ' ').upper()}`"
    if first.operation == "drop_table":
        what = f"the table `{first.table}`" if first.table else "a table"
    elif len(steps) == 1 and first.column:
        what = f"`{first.table}.{first.column}`" if first.table else f"`{first.column}`"
    else:
        what = _columns(step.column for step in steps) + (f" of `{first.table}`" if first.table else "")
    return Note(
        first.call,
        f"{shown} drops {what}, which the version that still runs may use and nothing brings back",
        secondary=tuple(Secondary(step.call, f"{_columns([step.column])} here") for step in others[:_SHOWN]),
    )


def _columns(names: Iterable[str | None]) -> str:
    known = list(dict.fromkeys(f"`{name}`" for name in names if name is not None))
    if not known:
        return "columns"
    return ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
