"""Finds constraints that a revision creates without a name."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.change import Files
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
    yield from changes.new(_found)


def _found(files: Files) -> Iterator[tuple[SourceFile, Note]]:
    concerned = [file for file in files(*_NAMED_AT) if file.mentions("down_revision")]
    if not concerned or any(True for _ in files("naming_convention")):
        return
    for file in concerned:
        found = file.fact(revision)
        if found is None or _CONVENTION.search(file.text):
            continue
        for step in found.steps:
            if step.operation in _NAMED_AT and step.sql is None:
                name = argument(step.call, _NAMED_AT[step.operation], 0)
                if isinstance(name, cst.Name) and name.value == "None":
                    where = f" of `{step.table}`" if step.table else ""
                    said = f"`{step.shown}` gives the constraint{where} no name, so nothing can drop it later"
                    yield file, Note(file.at(step.call), said)
