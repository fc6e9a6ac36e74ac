"""Finds endpoints that answer success with another status."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or before.hidden or before.status is None or after.status is None:
            continue
        if before.status != after.status:
            text = f"`{after.shown}` answers {after.status} instead of {before.status}"
            yield Note(after.file.at(after.route.decorator), text)
