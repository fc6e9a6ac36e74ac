"""Finds Celery compositions that are given running tasks instead of signatures."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, Replace, SourceFile
from postil.lint.queues import canvas, enqueued, is_signature

MENTIONS = ("celery",)

_COMPOSITIONS = frozenset({"chain", "group", "chord"})
_LINKS = frozenset({"link", "link_error"})
_RUNS = frozenset({"delay", "apply_async", "apply"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    for where, value in _wants_signatures(call, file):
        for part in _parts(value, file):
            yield from _judged(part, where, file)


def _wants_signatures(call: cst.Call, file: SourceFile) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The arguments of a call that must be signatures, and what wants them."""
    if not call.args:
        return
    # `chord(header)(callback)`
    kind = canvas(call.func if isinstance(call.func, cst.Call) else call, file)
    if kind in _COMPOSITIONS:
        for arg in call.args:
            if arg.keyword is None or arg.keyword.value in ("header", "body"):
                yield kind, arg.value
    elif any(arg.keyword is not None and arg.keyword.value in _LINKS for arg in call.args) and enqueued(call, file):
        for arg in call.args:
            if arg.keyword is not None and arg.keyword.value in _LINKS:
                yield arg.keyword.value, arg.value


def _parts(expression: cst.BaseExpression, file: SourceFile) -> Iterator[cst.Call]:
    """The calls that an argument consists of: itself, the elements of a list, what a comprehension makes."""
    if isinstance(expression, cst.Name):
        value = file.value_of(expression)
        if value is not None and not isinstance(value, cst.Name):
            yield from _parts(value, file)
    elif isinstance(expression, cst.Call):
        yield expression
    elif isinstance(expression, (cst.List, cst.Tuple)):
        for element in expression.elements:
            yield from _parts(element.value, file)
    elif isinstance(expression, (cst.GeneratorExp, cst.ListComp)):
        yield from _parts(expression.elt, file)


def _judged(part: cst.Call, where: str, file: SourceFile) -> Notes:
    func = part.func
    if isinstance(func, cst.Attribute) and func.attr.value in _RUNS:
        job = enqueued(part, file)
        task = file.definition_of(func.value)
        if job is None and not (func.attr.value == "apply" and any(each.function is task for each in file.tasks)):
            return
        composed = is_signature(func.value, file)
        yield Note(
            part,
            f"`{file.code(func)}` runs the task now, and `{where}` wants a signature",
            fix=Fix((Replace(func.attr, "s"),)) if func.attr.value == "delay" and not composed else None,
        )
        return
    called = file.definition_of(func)
    if any(task.function is called and task.framework == "celery" for task in file.tasks):
        yield Note(
            part,
            f"`{file.code(func)}` is called here, and `{where}` wants a signature",
            fix=Fix((Insert(func, ".s", after=True),)),
        )
