"""Finds endpoints that a change takes out of the OpenAPI document."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or each.moved or before.hidden or not after.hidden:
            continue
        text = f"`{after.shown}` is taken out of the OpenAPI document, and still answers"
        yield Note(after.file.at(after.route.decorator), text)
