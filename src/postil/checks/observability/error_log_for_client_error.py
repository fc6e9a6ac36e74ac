"""Finds errors in the log for what the client did wrong."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile, argument, string_value
from postil.lint.catalogue.client_errors import CLIENT_ERROR_RESPONSES, CLIENT_ERRORS
from postil.lint.logs import log_call
from postil.lint.names import dotted
from postil.lint.statuses import status_of

MENTIONS = ("40", "41", "42", "HTTP", "exceptions", "NotFound", "HttpResponse")

_TOO_HIGH = frozenset({"error", "exception", "critical"})
# A project's own exception, by its name.
_NOT_FOUND = re.compile(r"(?:^|\.)\w*NotFound(?:Error|Exception)?$")
_AUDIT = re.compile(r"audit|security", re.IGNORECASE)
# Often an upstream's doing, and worth an alarm.
_NOT_THE_CLIENT = frozenset({408, 424, 429, 499})
# What was asked for isn't there. Other statuses are also given to clients for failures of the service itself.
_CERTAIN = frozenset({404, 405, 410})
_OF_THE_CLIENT = re.compile(
    r"invalid|missing|required|not found|unknown|unsupported|must |empty|not (?:an?|in|allowed|permitted) |denied"
    r"|forbidden|already exists|conflict|malformed|expired|too (?:long|large|short|many)|unauthori[sz]ed",
    re.IGNORECASE,
)
_OF_THE_SERVICE = re.compile(r"\bLLM\b|response|fail|persisted|config|internal|database|upstream|admin", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not isinstance(call.func, cst.Attribute) or not file.is_service:
        return
    line = log_call(call, file)
    if line is None or line.level not in _TOO_HIGH:
        return
    for statement in _following(call, file):
        status = _status(statement, file)
        if status is None:
            continue
        if status in _NOT_THE_CLIENT or (status in (401, 403) and _AUDIT.search(file.code(line.logger))):
            return
        if status not in _CERTAIN and not _blames_client(call, file):
            return
        yield Note(
            call,
            f"the client gets a {status}, which is no failure of the service, and the log says {line.level}",
            fix=_lower(call.func),
            secondary=(Secondary(statement, f"answers {status}"),),
            severity=None if status in _CERTAIN else "hint",
        )
        return


def _blames_client(call: cst.Call, file: SourceFile) -> bool:
    """Whether the text of a log line speaks of what the client sent."""
    text = next((part for arg in call.args[:1] for part in _texts(arg.value)), "")
    return _OF_THE_CLIENT.search(text) is not None and _OF_THE_SERVICE.search(file.code(call)) is None


def _texts(expression: cst.BaseExpression) -> Iterator[str]:
    if isinstance(expression, cst.FormattedString):
        yield "".join(part.value for part in expression.parts if isinstance(part, cst.FormattedStringText))
    elif (text := string_value(expression)) is not None:
        yield text


def _following(call: cst.Call, file: SourceFile) -> Iterator[cst.BaseSmallStatement]:
    """The simple statements behind a log line in its own block; none where any exception may have led there."""
    statement = file.enclosing_statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.IndentedBlock):
        return
    handlers = [a for a in file.ancestors(block) if isinstance(a, (cst.ExceptHandler, cst.ExceptStarHandler))]
    if any(file.is_broad(handler) for handler in handlers):
        return
    behind = False
    for line in block.body:
        if behind and isinstance(line, cst.SimpleStatementLine):
            yield from line.body
        behind = behind or line is statement


def _status(statement: cst.BaseSmallStatement, file: SourceFile) -> int | None:
    """The status from 400 to 499 with which a statement ends a request, if it is written there."""
    status: int | None = None
    match statement:
        case cst.Raise(exc=cst.Call() as made):
            name = file.name_of(made.func) or ""
            status = CLIENT_ERRORS.get(name)
            if status is None and name.rpartition(".")[2] == "HTTPException":
                status = status_of(argument(made, "status_code", 0), file)
            if status is None and _NOT_FOUND.search(dotted(made.func) or "") and _answers(statement, file):
                status = 404
        case cst.Raise(exc=cst.BaseExpression() as raised):
            status = CLIENT_ERRORS.get(file.name_of(raised) or "")
        case cst.Expr(value=cst.Call() as made) if file.name_of(made.func) in (
            "flask.abort",
            "werkzeug.exceptions.abort",
        ):
            status = status_of(argument(made, "code", 0), file)
        case cst.Return(value=cst.Call() as made):
            name = file.name_of(made.func) or ""
            status = CLIENT_ERROR_RESPONSES.get(name)
            if status is None and name.endswith("Response"):
                status = status_of(argument(made, "status_code", 1) or argument(made, "status"), file)
        case cst.Return(value=cst.Tuple(elements=[_, cst.Element(value=second)])):
            status = status_of(second, file)
    return status if status is not None and 400 <= status < 500 else None


def _answers(statement: cst.BaseSmallStatement, file: SourceFile) -> bool:
    """Whether an endpoint raises this itself, so that whatever the class is, it becomes the answer."""
    function = file.enclosing_def(statement)
    return function is not None and any(route.function is function for route in file.routes)


def _lower(func: cst.Attribute) -> Fix:
    method = "awarning" if func.attr.value.startswith("a") else "warning"
    kind = FixKind.SAFE if func.attr.value.endswith("error") else FixKind.SUGGESTION
    return Fix.replace(func.attr, method, kind)
