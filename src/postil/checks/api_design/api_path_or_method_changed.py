"""Finds endpoints that callers no longer reach where they were."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or not each.moved or before.hidden or after.hidden:
            continue
        slash = {path.rstrip("/") for path in before.paths} == {path.rstrip("/") for path in after.paths}
        slash = slash and before.methods <= after.methods
        text = f"`{before.shown}` becomes `{after.shown}`"
        if slash:
            text += ", which FastAPI redirects to only where `redirect_slashes` is on"
        severity = "hint" if before.deprecated else "warning" if slash else None
        yield Note(after.file.at(after.route.decorator), text, severity=severity)
