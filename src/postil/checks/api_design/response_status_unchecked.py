"""Finds answers whose body is used without a look at their status."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.fetched import MENTIONS as _LIBRARIES
from postil.lint.fetched import Fetched, fetched, given_to

MENTIONS = _LIBRARIES

_BODY = frozenset({"json", "text", "content", "read"})
_STATUS = frozenset(
    {"raise_for_status", "status_code", "status", "ok", "is_success", "is_error", "is_client_error", "is_server_error",
     "is_redirect", "has_redirect_location", "reason_phrase"}
)  # fmt: skip


def check(file: SourceFile) -> Notes:
    if not file.is_service or "event_hooks" in file.text or "raise_for_status=True" in file.text:
        return
    for answer in fetched(file):
        body = _body(answer, file)
        if body is None or _raises_itself(answer.call, file):
            continue
        text = f"{answer.by} may answer with an error, and its body is used without a look at the status"
        yield Note(body, text, fix=_checked(answer, file))


def _body(answer: Fetched, file: SourceFile) -> cst.CSTNode | None:
    """Where the body is used; None where the status is looked at, or somebody else may do so."""
    body: cst.CSTNode | None = None
    if answer.checked:
        return None
    for use in answer.uses:
        above = file.parent(use)
        if not isinstance(above, cst.Attribute) or above.attr.value in _STATUS:
            return None
        if above.attr.value in _BODY and body is None:
            body = above
    return body


def _raises_itself(call: cst.Call, file: SourceFile) -> bool:
    """Whether the client is made in a way that may look at each status."""
    made = file.value_of(call.func.value) if isinstance(call.func, cst.Attribute) else None
    if not isinstance(made, cst.Call):
        return False
    hooked = any(argument(made, option) is not None for option in ("transport", "raise_for_status", "connector"))
    return hooked or has_unpacking(made)


def _checked(answer: Fetched, file: SourceFile) -> Fix | None:
    statement = answer.statement
    name = given_to(statement) if statement is not None else None
    if statement is None or name is None:
        return None
    line = file.enclosing_statement(statement)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    text = f"\n{file.indentation(line)}{name.value}.raise_for_status()"
    return Fix((Insert(statement, text, after=True),), FixKind.SUGGESTION)
