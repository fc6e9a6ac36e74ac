"""Finds Celery tasks that retry one exception by their options and by hand."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.queues import is_empty, listed, options, retry_calls

MENTIONS = ("autoretry_for",)

_EVERYTHING = frozenset({"Exception", "BaseException"})


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    for asked in retry_calls(file):
        given = options(asked.task) if asked.task is not None else None
        automatic = given.get("autoretry_for") if given is not None else None
        if automatic is None or is_empty(automatic):
            continue
        handler = _handler(asked.call, file)
        if handler is None:
            continue
        by_option = {_name(each, file) for each in listed(automatic, file)}
        by_hand = {_name(each, file) for each in listed(handler.type, file)} if handler.type else {"Exception"}
        # One kind of failure with a delay of its own, under `autoretry_for=(Exception,)`, is a choice.
        both = sorted(by_option if by_hand & _EVERYTHING else by_option & by_hand)
        if both:
            yield Note(
                asked.call,
                f"`{both[0]}` is tried again by `autoretry_for` and by this call, each with its own delay",
                secondary=(Secondary(automatic, "also retried here"),),
            )


def _handler(call: cst.Call, file: SourceFile) -> cst.ExceptHandler | None:
    """The handler of the task in which a call stands."""
    for above in file.ancestors(call):
        if isinstance(above, cst.FunctionDef):
            return None
        if isinstance(above, cst.ExceptHandler):
            return above
    return None


def _name(expression: cst.BaseExpression, file: SourceFile) -> str:
    return file.name_of(expression) or file.code(expression)
