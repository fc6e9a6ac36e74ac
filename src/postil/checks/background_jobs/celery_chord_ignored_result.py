"""Finds chords whose head holds a task that keeps no result."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile, argument
from postil.lint.queues import canvas, is_signature, options

MENTIONS = ("ignore_result",)

_SIGNATURES = frozenset({"s", "si", "signature", "subtask"})


def check(node: cst.Call | cst.BinaryOperation, file: SourceFile) -> Notes:
    header = _header(node, file) if not file.is_test else None
    for task, place in _head(header, file) if header is not None else ():
        given = next((options(each) for each in file.tasks if each.function is task), None)
        ignored = given.get("ignore_result") if given is not None else None
        if isinstance(ignored, cst.Name) and ignored.value == "True":
            yield Note(
                place,
                f"`{task.name.value}` keeps no result, so the callback of this chord never runs",
                fix=Fix.replace(ignored, "False", FixKind.SUGGESTION),
                secondary=(Secondary(ignored, "ignored here"),),
            )


def _header(node: cst.Call | cst.BinaryOperation, file: SourceFile) -> cst.BaseExpression | None:
    """The head of a chord: of `chord(head, …)`, and of `group(…) | callback`, which Celery makes one."""
    if isinstance(node, cst.Call):
        return argument(node, "header", 0) if canvas(node, file) == "chord" else None
    if not isinstance(node.operator, cst.BitOr) or not isinstance(node.left, cst.Call):
        return None
    return node.left if canvas(node.left, file) == "group" and is_signature(node.right, file) else None


def _head(header: cst.BaseExpression, file: SourceFile) -> Iterator[tuple[cst.FunctionDef, cst.CSTNode]]:
    """The tasks of this file whose signatures a chord's head consists of, and where each stands."""
    if isinstance(header, cst.Name):
        value = file.value_of(header)
        if value is not None:
            yield from _head(value, file)
    elif isinstance(header, (cst.List, cst.Tuple)):
        for element in header.elements:
            yield from _head(element.value, file)
    elif isinstance(header, (cst.GeneratorExp, cst.ListComp)):
        yield from _head(header.elt, file)
    elif isinstance(header, cst.Call):
        if canvas(header, file) == "group":
            for arg in header.args:
                yield from _head(arg.value, file)
        elif isinstance(header.func, cst.Attribute) and header.func.attr.value in _SIGNATURES:
            task = file.definition_of(header.func.value)
            if isinstance(task, cst.FunctionDef):
                yield task, header
