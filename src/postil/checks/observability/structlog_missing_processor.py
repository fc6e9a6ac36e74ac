"""Finds structlog configurations without the context, the time or a format for machines."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile, argument
from postil.lint.catalogue.structlog_names import CONFIGURE, JSON_RENDERERS, RENDERERS
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("structlog",)

_MERGE = "structlog.contextvars.merge_contextvars"
_STAMPER = "structlog.processors.TimeStamper"
_FOR_FORMATTER = "structlog.stdlib.ProcessorFormatter.wrap_for_formatter"
# What a project's own processor may be there for.
_OWN_CONTEXT = re.compile(r"context|request|correlation|trace", re.IGNORECASE)
_OWN_TIME = re.compile(r"time|stamp|date", re.IGNORECASE)
_OWN_RENDERER = re.compile(r"render|json|format|serial|dump|logger|emit", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not file.is_service or file.name_of(call.func) not in CONFIGURE:
        return
    given = argument(call, "processors", 0)
    elements = list(_elements(given, file)) if given is not None else []
    if not elements or any(element is None for element in elements):
        return
    known = [element for element in elements if element is not None]
    missing = []
    if not _has(known, {_MERGE}, _OWN_CONTEXT, file):
        missing.append("`merge_contextvars`")
    if not _has(known, {_STAMPER}, _OWN_TIME, file):
        missing.append("`TimeStamper`")
    if not _renders(known, file):
        missing.append("renderer for JSON")
    if missing:
        yield Note(
            given or call,
            f"the processors have no {' and no '.join(missing)}",
            fix=_added(call, given, missing, file),
        )


def _elements(expression: cst.BaseExpression, file: SourceFile, depth: int = 0) -> Iterator[cst.BaseExpression | None]:
    """The processors of a list through names, stars and sums; None for what isn't all visible."""
    match expression:
        case cst.List() | cst.Tuple():
            for element in expression.elements:
                if isinstance(element, cst.StarredElement):
                    yield from _elements(element.value, file, depth + 1)
                else:
                    yield element.value
        case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
            yield from _elements(left, file, depth + 1)
            yield from _elements(right, file, depth + 1)
        case cst.Name() if depth < 4 and (value := file.value_of(expression)) is not None:
            if _grows(expression.value, file):
                yield None
            else:
                yield from _elements(value, file, depth + 1)
        case _:
            yield None


def _grows(name: str, file: SourceFile) -> bool:
    """Whether a list is added to after it was made."""
    changing = ("append", "extend", "insert", "remove", "pop")
    return any(
        isinstance(call.func, cst.Attribute) and call.func.attr.value in changing and dotted(call.func.value) == name
        for call in file.nodes(cst.Call)
    )


def _names(element: cst.BaseExpression, file: SourceFile) -> Iterator[str]:
    """The names that may tell what a processor is: its own, its constructor's, that of each branch."""
    for node in walk(element):
        if isinstance(node, (cst.Name, cst.Attribute)):
            value = file.value_of(node) if isinstance(node, cst.Name) else None
            if isinstance(value, cst.Call):
                yield from _names(value.func, file)
            yield file.name_of(node) or dotted(node) or ""


def _has(elements: list[cst.BaseExpression], wanted: set[str], own: re.Pattern[str], file: SourceFile) -> bool:
    """Whether one of the processors is what is wanted, or one of another library or project that may be."""
    for element in elements:
        for name in _names(element, file):
            if name in wanted or (not name.startswith("structlog.") and own.search(name)):
                return True
    return False


def _renders(elements: list[cst.BaseExpression], file: SourceFile) -> bool:
    """Whether the events leave as JSON, somewhere else, or in a way that the file doesn't show."""
    last = elements[-1]
    names = set(_names(last, file))
    if names & JSON_RENDERERS or _FOR_FORMATTER in names:
        return True
    if names & RENDERERS:
        # `ConsoleRenderer() if debug else JSONRenderer()` names both; so may a project that chooses elsewhere.
        return not isinstance(last, cst.Call)
    return True


def _added(call: cst.Call, given: cst.BaseExpression | None, missing: list[str], file: SourceFile) -> Fix | None:
    """The context first and the time before the renderer, where the whole list stands in the call."""
    if not isinstance(given, cst.List) or not isinstance(call.func, cst.Attribute) or "renderer for JSON" in missing:
        return None
    if any(isinstance(element, cst.StarredElement) for element in given.elements):
        return None
    structlog = file.code(call.func.value)
    edits = []
    if "`merge_contextvars`" in missing:
        edits.append(Insert(given.elements[0].value, f"{structlog}.contextvars.merge_contextvars, "))
    if "`TimeStamper`" in missing:
        stamper = f'{structlog}.processors.TimeStamper(fmt="iso"), '
        if len(given.elements) == 1 and edits:
            edits = [Insert(given.elements[0].value, edits[0].text + stamper)]
        else:
            edits.append(Insert(given.elements[-1].value, stamper))
    return Fix(tuple(edits))
