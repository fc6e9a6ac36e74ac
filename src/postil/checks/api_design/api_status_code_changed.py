"""Finds endpoints that answer success with another status."""

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, argument
from postil.lint.contract import ContractChange
from postil.lint.interface import Endpoint
from postil.lint.statuses import status_of


def check(changes: ChangeSet) -> Notes:
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or before.hidden or before.status is None or after.status is None:
            continue
        if before.status != after.status and not _documents(after, before.status):
            text = f"`{after.shown}` answers {after.status} instead of {before.status}"
            yield Note(after.file.at(after.route.decorator), text)


def _documents(endpoint: Endpoint, status: int) -> bool:
    """Whether an endpoint says with `responses=` that it answers a status as well."""
    said = argument(endpoint.route.call, "responses")
    return isinstance(said, cst.Dict) and any(
        isinstance(each, cst.DictElement) and status_of(each.key, endpoint.file) == status for each in said.elements
    )
