"""Finds schema changes that wait for their lock without limit, once for a pull request."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.revisions import revision

MENTIONS = ("down_revision",)


def check(changes: ChangeSet) -> Notes:
    if any(change.mentions("lock_timeout") for change in (*changes.files, *changes.texts)):
        return
    for change in changes.files:
        if change.head_text is None or "down_revision" not in change.head_text or change.head is None:
            continue
        found = change.head.fact(revision)
        if found is None or not found.on_postgres or (change.compared and not change.is_added):
            continue
        for step in found.schema_steps:
            if step.operation == "create_table" or step.is_empty or step.committed:
                continue
            if found.for_postgres(step):
                shown, where = step.shown or "ALTER TABLE", f"`{step.table}`" if step.table else "its table"
                said = f"`{shown}` waits for {where} without limit, and everybody behind it waits as well"
                yield Note(found.file.at(step.call), said)
                return
