"""Finds an `HTTPException` whose detail has another form than those of the rest of the service."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.contract import Service
from postil.lint.errors_sent import convention, handled_exceptions
from postil.lint.interface import Interface

_LEAST = 10
_EXCEPTIONS = frozenset(
    {"fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException"}
)  # fmt: skip
_TEXTS = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    files = [file for file in interface.files if file.is_service and file.mentions("HTTPException")]
    # A handler gives them all one form, whatever the detail is.
    if any(file.name_of(each) in _EXCEPTIONS for file in files for each in handled_exceptions(file)):
        return
    details = [(file, detail, shape) for file in files for detail, shape in _details(file)]
    usual = convention((shape for *_, shape in details), _LEAST)
    for file, detail, shape in details if usual is not None else ():
        if shape != usual:
            yield Note(file.at(detail), f"this detail is {shape}, where those of this service are mostly {usual}")


def _details(file: SourceFile) -> Iterator[tuple[cst.BaseExpression, str]]:
    for call in file.nodes(cst.Call):
        if file.name_of(call.func) not in _EXCEPTIONS or argument(call, "headers", 2) is not None:
            continue
        detail = argument(call, "detail", 1)
        if detail is not None and (shape := _shape(detail, file)) is not None:
            yield detail, shape


def _shape(detail: cst.BaseExpression, file: SourceFile) -> str | None:
    """What a client gets there, in words; None where that isn't written out."""
    if isinstance(detail, _TEXTS):
        return "text"
    if isinstance(detail, (cst.Dict, cst.List)):
        return "an object" if isinstance(detail, cst.Dict) else "a list"
    if isinstance(detail, cst.Call):
        if file.name_of(detail.func) in ("str", "repr"):
            return "text"
        if isinstance(detail.func, cst.Attribute) and isinstance(detail.func.value, _TEXTS):
            return "text"
    return None
