"""Finds handlers for FastAPI's HTTPException, which miss what the router itself raises."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument

MENTIONS = ("exception_handler",)

_FASTAPI = frozenset({"fastapi.HTTPException", "fastapi.exceptions.HTTPException"})
_STARLETTE = frozenset({"starlette.exceptions.HTTPException", "fastapi.exceptions.StarletteHTTPException"})
_TEXT = "this handler misses the 404 and 405 of the router, which raises `starlette.exceptions.HTTPException`"


def check(file: SourceFile) -> Notes:
    handled = list(_handled(file))
    if any(isinstance(each, cst.Integer) or file.name_of(each) in _STARLETTE for each in handled):
        return
    for each in handled:
        if file.name_of(each) in _FASTAPI:
            yield Note(each, _TEXT, fix=_starlettes(each, file))


def _handled(file: SourceFile) -> Iterator[cst.BaseExpression]:
    """The exceptions and statuses that a file registers handlers for."""
    for call in file.nodes(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in (
            "exception_handler",
            "add_exception_handler",
        ):
            given = argument(call, "exc_class_or_status_code", 0)
            if given is not None:
                yield given
        listed = argument(call, "exception_handlers")
        if isinstance(listed, cst.Name):
            listed = file.value_of(listed)
        if isinstance(listed, cst.Dict):
            yield from (entry.key for entry in listed.elements if isinstance(entry, cst.DictElement))


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
