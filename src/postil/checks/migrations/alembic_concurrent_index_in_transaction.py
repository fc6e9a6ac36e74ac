"""Finds `CONCURRENTLY` inside of the transaction that Alembic opens."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile
from postil.lint.change import Files
from postil.lint.revisions import Revision, Step, revision

MENTIONS = ("concurrently", "CONCURRENTLY")


def check(changes: ChangeSet, *, transactional: bool = True) -> Notes:
    """`transactional`: whether `env.py` leaves it to Alembic to run revisions in a transaction, as is the default."""
    if transactional:
        yield from changes.new(_found)


def _found(files: Files) -> Iterator[tuple[SourceFile, Note]]:
    concerned = [file for file in files(*MENTIONS) if file.mentions("down_revision")]
    if not concerned or any(True for _ in files("AUTOCOMMIT", "transactional_ddl")):
        return  # an engine or a connection without transactions is made somewhere
    for file in concerned:
        found = file.fact(revision)
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
