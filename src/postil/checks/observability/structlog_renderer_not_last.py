"""Finds structlog processors that come after the renderer."""

from itertools import islice

import libcst as cst

from postil.lint import Fix, Note, Notes, Secondary, SourceFile, argument
from postil.lint.catalogue.structlog_names import PROCESSOR_MODULES, RENDERERS
from postil.lint.names import parameters

MENTIONS = ("structlog",)

_DICTIONARIES = frozenset({"dict", "Dict", "EventDict", "MutableMapping", "Mapping"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    processors = argument(call, "processors")
    if not isinstance(processors, cst.List) or file.is_test:
        return
    elements = processors.elements
    names = [_name(element.value, file) for element in elements]
    for position, name in enumerate(names[:-1]):
        if name not in RENDERERS:
            continue
        after = range(position + 1, len(elements))
        wrong = next((i for i in after if _takes_event(elements[i].value, names[i], file)), None)
        if wrong is not None:
            behind = _short(names[wrong] or file.code(elements[wrong].value))
            yield Note(
                elements[wrong],
                f"`{behind}` stands behind `{_short(name)}` and gets text instead of the event, so each"
                " call that logs raises",
                fix=_moved(processors, position, file),
                secondary=(Secondary(elements[position], "the event becomes text here"),),
            )
        return


def _name(expression: cst.BaseExpression, file: SourceFile) -> str | None:
    return file.name_of(expression.func if isinstance(expression, cst.Call) else expression)


def _takes_event(expression: cst.BaseExpression, name: str | None, file: SourceFile) -> bool:
    """Whether a processor needs the event as a dictionary: structlog's own, and one of this file that says so."""
    if name is not None:
        return name.startswith(PROCESSOR_MODULES)
    found = file.definition_of(expression)
    if not isinstance(found, cst.FunctionDef):
        return False
    event = next(islice(parameters(found), 2, None), None)
    kind = file.annotated_type(event.annotation.annotation) if event is not None and event.annotation else None
    return kind is not None and kind.rpartition(".")[2] in _DICTIONARIES


def _short(name: str | None) -> str:
    return (name or "").rpartition(".")[2]


def _moved(processors: cst.List, position: int, file: SourceFile) -> Fix | None:
    """The list with the renderer at its end; commas and line breaks stay where they are."""
    if "#" in file.code(processors):
        return None
    values = [element.value for element in processors.elements]
    values.append(values.pop(position))
    moved = [element.with_changes(value=value) for element, value in zip(processors.elements, values, strict=True)]
    return Fix.replace(processors, file.code(processors.with_changes(elements=moved)))
