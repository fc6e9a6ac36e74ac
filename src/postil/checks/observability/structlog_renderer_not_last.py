"""Finds structlog processors that come after the renderer."""

import libcst as cst

from postil.lint import Fix, Note, Notes, Secondary, SourceFile, argument
from postil.lint.catalogue.structlog_names import PROCESSOR_MODULES, RENDERERS

MENTIONS = ("structlog",)


def check(call: cst.Call, file: SourceFile) -> Notes:
    processors = argument(call, "processors")
    if not isinstance(processors, cst.List) or file.is_test:
        return
    elements = processors.elements
    names = [_name(element.value, file) for element in elements]
    for position, name in enumerate(names[:-1]):
        if name not in RENDERERS:
            continue
        after = names[position + 1 :]
        wrong = next((i for i, n in enumerate(after, position + 1) if n and n.startswith(PROCESSOR_MODULES)), None)
        if wrong is not None:
            yield Note(
                elements[wrong],
                f"`{_short(names[wrong])}` stands behind `{_short(name)}` and gets text instead of the event, so each"
                " call that logs raises",
                fix=_moved(processors, position, file),
                secondary=(Secondary(elements[position], "the event becomes text here"),),
            )
        return


def _name(expression: cst.BaseExpression, file: SourceFile) -> str | None:
    return file.name_of(expression.func if isinstance(expression, cst.Call) else expression)


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
