"""Finds handlers for FastAPI's HTTPException, which miss what the router itself raises."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile
from postil.lint.errors_sent import handled_exceptions

MENTIONS = ("exception_handler",)

_FASTAPI = frozenset({"fastapi.HTTPException", "fastapi.exceptions.HTTPException"})
_STARLETTE = frozenset({"starlette.exceptions.HTTPException", "fastapi.exceptions.StarletteHTTPException"})
_TEXT = "this handler misses the 404 and 405 of the router, which raises `starlette.exceptions.HTTPException`"


def check(file: SourceFile) -> Notes:
    handled = list(handled_exceptions(file))
    if any(isinstance(each, cst.Integer) or file.name_of(each) in _STARLETTE for each in handled):
        return
    for each in handled:
        if file.name_of(each) in _FASTAPI:
            yield Note(each, _TEXT, fix=_starlettes(each, file))


def _starlettes(handled: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """Starlette's class in its place, imported after the last import of the top of the file."""
    known = file.spelling_of("starlette.exceptions.HTTPException")
    if known is not None:
        return Fix.replace(handled, known, FixKind.SUGGESTION)
    imports = [
        line
        for line in file.module.body
        if isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[-1], (cst.Import, cst.ImportFrom))
    ]
    if not imports:
        return None
    added = "\nfrom starlette.exceptions import HTTPException as StarletteHTTPException"
    return Fix(
        (Insert(imports[-1].body[-1], added, after=True), Replace(handled, "StarletteHTTPException")),
        FixKind.SUGGESTION,
    )
