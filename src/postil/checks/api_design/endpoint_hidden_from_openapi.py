"""Finds endpoints that a change takes out of the OpenAPI document, and documents that it takes away."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.change import FileChange
from postil.lint.contract import ContractChange
from postil.lint.names import dotted

_APP = "FastAPI"


def check(changes: ChangeSet) -> Notes:
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or each.moved or before.hidden or not after.hidden:
            continue
        text = f"`{after.shown}` is taken out of the OpenAPI document, and still answers"
        yield Note(after.file.at(after.route.decorator), text)
    for change in changes.files:
        if change.mentions("openapi_url") or (
            change.mentions("include_router") and change.mentions("include_in_schema")
        ):
            yield from _whole(change)


def _whole(change: FileChange) -> Iterator[Note]:
    """Applications that lose their document, and routers that are included without theirs."""
    base, head = change.base, change.head
    if base is None or head is None or not head.is_service:
        return
    shown = {what for call in base.nodes(cst.Call) if (what := _documents(call, base)) and not _hides(call)}
    for call in head.nodes(cst.Call):
        what = _documents(call, head)
        if what in shown and _hides(call):
            lost = "this application has no OpenAPI document" if what == _APP else f"`{what}` is in no OpenAPI document"
            yield Note(head.at(call), f"{lost} any more, and still answers")


def _documents(call: cst.Call, file: SourceFile) -> str | None:
    """What a call puts into a document: an application, or the router that it includes."""
    if isinstance(call.func, cst.Attribute) and call.func.attr.value == "include_router":
        router = argument(call, "router", 0)
        return file.code(router) if router is not None else None
    return _APP if file.name_of(call.func) in ("fastapi.FastAPI", "fastapi.applications.FastAPI") else None


def _hides(call: cst.Call) -> bool:
    """Whether a call says so itself; a condition decides anew for each environment."""
    hidden = argument(call, "include_in_schema"), argument(call, "openapi_url")
    return dotted(hidden[0]) == "False" or dotted(hidden[1]) == "None"
