"""Finds `CONCURRENTLY` inside of the transaction that Alembic opens."""

from collections.abc import Iterator, Sequence

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile
from postil.lint.revisions import Revision, Step, revision

MENTIONS = ("concurrently", "CONCURRENTLY")


def check(changes: ChangeSet, *, transactional: bool = True) -> Notes:
    """`transactional`: whether `env.py` leaves it to Alembic to run revisions in a transaction, as is the default."""
    if transactional and any(word in (each.head_text or "") for each in changes.files for word in MENTIONS):
        yield from changes.new(_found)


def _found(files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, Note]]:
    if any(file.mentions("AUTOCOMMIT") or file.mentions("transactional_ddl") for file in files):
        return  # an engine or a connection without transactions is made somewhere
    for file in files:
        found = file.fact(revision) if file.mentions("down_revision") and any(map(file.mentions, MENTIONS)) else None
        if found is not None:
            yield from ((file, note) for note in _notes(found))


def _notes(found: Revision) -> Notes:
    for step in (*found.steps, *found.way_back):
        if _is_concurrent(step) and not step.committed and found.for_postgres(step):
            shown = f"`{step.shown}(…)`" if step.shown else f"`{(step.sql.verb if step.sql else '')} … CONCURRENTLY`"
            said = f"{shown} runs in Alembic's transaction, in which PostgreSQL refuses to work concurrently"
            yield Note(found.file.at(step.call), said)


def _is_concurrent(step: Step) -> bool:
    if step.sql is not None:
        return step.sql.concurrently
    given = step.argument("postgresql_concurrently")
    return isinstance(given, cst.Name) and given.value == "True"
