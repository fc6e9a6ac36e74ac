"""Finds dependencies that catch the endpoint's exception and don't raise it again."""

import re
from collections.abc import Sequence

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.around import tries_around
from postil.lint.dependencies import is_older
from postil.lint.injected import lending
from postil.lint.names import dotted

MENTIONS = ("yield",)

_CAUGHT = frozenset({"fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException"})
_ENDS = ("GeneratorExit", "Cancelled", "StopIteration", "StopAsyncIteration", "Disconnect", "KeyboardInterrupt")
# What may raise, or end the request in another way.
_MAY_RAISE = re.compile(r"raise|abort|fail|exit|handle|error_?handler|convert|translate|map_")


def check(produced: cst.Yield, file: SourceFile) -> Notes:
    function = file.enclosing_def(produced)
    if function is None or function.decorators or not file.is_service:
        return
    found = _handler(produced, function, file)
    if found is None or lending(function, file) is not produced:
        return
    handler, is_broad = found
    # Before 0.110 FastAPI raised it for the dependency: https://fastapi.tiangolo.com/release-notes/#01100
    if is_older(file.project, file.path, "fastapi", "0.110"):
        return
    what = "exception, so that FastAPI answers 500 even for a 404"
    if not is_broad and handler.type is not None:
        what = f"`{file.code(handler.type)}`, so that FastAPI answers 500 and nobody hears why"
    yield Note(
        handler,
        f"`{function.name.value}` swallows the endpoint's {what}",
        anchor=handler.type,
        fix=_raise_again(handler, file),
        severity=None if is_broad else "warning",
    )


def _handler(produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> tuple[cst.ExceptHandler, bool] | None:
    """The handler that swallows an exception of the endpoint, and whether an `HTTPException` is among what it takes.

    A handler of less is one that only the endpoint can have raised it for: nothing but the `yield` is tried.
    """
    for tried in tries_around(produced, function, file):
        for handler in tried.handlers:
            is_broad = file.is_broad(handler) or _catches_http(handler, file)
            if is_broad:
                return None if _leaves(handler.body.body) else (handler, True)
            if len(tried.body.body) == 1 and not _ends_quietly(handler, file) and not _leaves(handler.body.body):
                return handler, False
    return None


def _ends_quietly(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether a handler is for the end of the request itself, which is no failure of the endpoint."""
    words = file.code(handler.type) if handler.type is not None else ""
    return any(word in words for word in _ENDS)


def _catches_http(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    caught = handler.type
    types = [element.value for element in caught.elements] if isinstance(caught, cst.Tuple) else [caught]
    return any(each is not None and file.name_of(each) in _CAUGHT for each in types)


def _leaves(body: Sequence[cst.CSTNode]) -> bool:
    """Whether statements raise on each way through them, or call something that may."""
    return any(_raises(statement) for statement in body)


def _raises(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.Raise():
            return True
        case cst.SimpleStatementLine():
            return _leaves(statement.body)
        case cst.Expr(value=(cst.Call() as call) | cst.Await(expression=cst.Call() as call)):
            last = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
            return isinstance(last, cst.Name) and _MAY_RAISE.search(last.value) is not None and not _is_log(call)
        case cst.If(orelse=orelse):
            other = orelse.body.body if isinstance(orelse, cst.Else) else [orelse] if orelse is not None else []
            return _leaves(statement.body.body) and _leaves(other)
        case cst.With():
            return _leaves(statement.body.body)
        case cst.Try():
            ends = statement.finalbody is not None and _leaves(statement.finalbody.body.body)
            return ends or (
                _leaves(statement.body.body) and all(_leaves(each.body.body) for each in statement.handlers)
            )
    return False


def _is_log(call: cst.Call) -> bool:
    owner = dotted(call.func.value) if isinstance(call.func, cst.Attribute) else None
    return owner is not None and "log" in owner


def _raise_again(handler: cst.ExceptHandler, file: SourceFile) -> Fix | None:
    """A bare `raise` at the end of the handler, where its way ends there."""
    block = handler.body
    last = block.body[-1] if isinstance(block, cst.IndentedBlock) and block.body else None
    if not isinstance(last, cst.SimpleStatementLine) or isinstance(last.body[-1], cst.Return):
        return None
    if len(last.body) == 1 and isinstance(last.body[0], cst.Pass):
        return Fix.replace(last.body[0], "raise", FixKind.SUGGESTION)
    return Fix((Insert(last, f"\n{file.indentation(last)}raise", after=True),), FixKind.SUGGESTION)
