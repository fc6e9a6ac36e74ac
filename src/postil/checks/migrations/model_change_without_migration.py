"""Finds changes of mapped tables that come without an Alembic revision."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile
from postil.lint.dependencies import declared, distribution
from postil.lint.names import last_name
from postil.lint.tables import WORDS, Column, Table, TableChange

MENTIONS = WORDS

_REVISIONS = re.compile(r"(?:^|/)(?:versions|migrations?|alembic)/")
_ALEMBIC = frozenset({"alembic", "flask-migrate"})


def check(changes: ChangeSet) -> Notes:
    if not changes.compared or any(_REVISIONS.search(path) for path in changes.changed):
        return
    if any("down_revision" in (change.head_text or change.base_text or "") for change in changes.files):
        return
    if not any(change.mentions(*WORDS) for change in changes.files):
        return
    tables = changes.fact(TableChange)
    for name, after in tables.head.items():
        if not _uses_alembic(after.file):
            continue
        before = tables.base.get(name)
        if before is None:
            if _may_have_been_elsewhere(tables, after):
                continue
            yield Note(after.file.at(after.node), f"the table `{name}` is new, and no revision creates it")
            continue
        places = list(_differences(before, after))
        if places:
            said = ", ".join(text for text, _ in places[:3])
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            where = next((column for _, column in places if column is not None), None)
            place = where.file.at(where.node) if where is not None else after.file.at(after.node)
            yield Note(place, f"`{name}` {said}{more}, and no revision tells the database")


def _differences(before: Table, after: Table) -> Iterator[tuple[str, Column | None]]:
    """What became of the columns, with the place of each that is still there."""
    same_bases = before.foreign == after.foreign
    for name, column in after.columns.items():
        was = before.columns.get(name)
        if was is None:
            if same_bases:
                yield f"gains `{name}`", column
        elif was.differs(column):
            yield f"changes `{name}`", column
    for name in before.columns:
        if name not in after.columns and same_bases:
            yield f"loses `{name}`", None
    if before.constraints is not None and after.constraints is not None:
        for form, call in after.constraints.items():
            kind = last_name(call.func)
            # One that is written elsewhere in the file before may have moved.
            if form not in before.constraints and _count(kind, before.file) < _count(kind, after.file):
                yield f"gains the `{kind}` of `__table_args__`", None


def _count(kind: str, file: SourceFile) -> int:
    return len(re.findall(rf"\b{kind}\(", file.text))


def _may_have_been_elsewhere(tables: TableChange, after: Table) -> bool:
    """Whether a class was there before under another table's name, or with a name that isn't written out."""
    if not isinstance(after.node, cst.ClassDef):
        return True
    name = after.node.name.value
    return any(isinstance(each.node, cst.ClassDef) and each.node.name.value == name for each in tables.base.values())


def _uses_alembic(file: SourceFile) -> bool:
    """Whether the project around a file installs Alembic."""
    project = file.project
    nearest = project.nearest(file.path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    if toml is not None and not _ALEMBIC.isdisjoint(declared(toml)):
        return True
    listed = project.nearest(file.path, "requirements.txt")
    lines = project.files[listed].split("\n") if listed is not None else []
    return any(distribution(line) in _ALEMBIC for line in lines)
