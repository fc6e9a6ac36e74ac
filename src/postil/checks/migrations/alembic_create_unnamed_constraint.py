"""Finds constraints that a revision creates without a name."""

import re
from collections.abc import Iterator, Sequence

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.revisions import revision

MENTIONS = ("down_revision",)

# Autogenerate writes op.f(…) where a naming convention is at work, and SQLAlchemy brings one for indexes itself.
_CONVENTION = re.compile(r"""\bop\.f\(\s*["'](?!ix_)""")
_NAMED_AT = {
    "create_foreign_key": "constraint_name",
    "create_unique_constraint": "constraint_name",
    "create_check_constraint": "constraint_name",
}


def check(changes: ChangeSet) -> Notes:
    if any(word in (each.head_text or "") for each in changes.files for word in _NAMED_AT):
        yield from changes.new(_found)


def _found(files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, Note]]:
    if any(file.mentions("naming_convention") for file in files):
        return
    for file in files:
        found = file.fact(revision) if file.mentions("down_revision") and any(map(file.mentions, _NAMED_AT)) else None
        if found is None or _CONVENTION.search(file.text):
            continue
        for step in found.steps:
            if step.operation in _NAMED_AT and step.sql is None:
                name = argument(step.call, _NAMED_AT[step.operation], 0)
                if isinstance(name, cst.Name) and name.value == "None":
                    where = f" of `{step.table}`" if step.table else ""
                    said = f"`{step.shown}` gives the constraint{where} no name, so nothing can drop it later"
                    yield file, Note(file.at(step.call), said)
