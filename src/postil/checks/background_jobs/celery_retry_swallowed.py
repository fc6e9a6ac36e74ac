"""Finds `self.retry(…)` whose exception a handler around it catches and keeps."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Secondary, SourceFile, argument
from postil.lint.around import tries_around
from postil.lint.handlers import raises
from postil.lint.queues import retry_calls

MENTIONS = (".retry(",)

_RETRY = "celery.exceptions.Retry"
# `Retry` and its bases, by celery.exceptions.
_CATCHES_RETRY = frozenset(
    {_RETRY, "celery.exceptions.TaskPredicate", "celery.exceptions.CeleryError", "Exception", "BaseException"}
)


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    for asked in retry_calls(file):
        throw = argument(asked.call, "throw")
        if isinstance(throw, cst.Name) and throw.value == "False":
            continue
        handler = _swallows(asked.call, file)
        if handler is not None:
            yield Note(
                asked.call,
                f"`{file.code(asked.call.func)}` raises `Retry`, and `{_head(handler, file)}` catches it",
                fix=_let_through(handler, file),
                secondary=(Secondary(handler, "caught here"),),
            )


def _swallows(call: cst.Call, file: SourceFile) -> cst.ExceptHandler | None:
    """The handler that ends the `Retry`; None where it gets through all handlers around it."""
    for tried in tries_around(call, file.enclosing_def(call), file):
        handler = next((each for each in tried.handlers if _catches(each, file)), None)
        if handler is not None:
            return None if raises(handler) else handler
    return None


def _catches(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    if handler.type is None:
        return True
    types = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
    return any(file.name_of(each) in _CATCHES_RETRY for each in types)


def _head(handler: cst.ExceptHandler, file: SourceFile) -> str:
    return "except:" if handler.type is None else f"except {file.code(handler.type)}"


def _let_through(handler: cst.ExceptHandler, file: SourceFile) -> Fix | None:
    """A handler in front that lets `Retry` through, where its name is at hand."""
    name = file.spelling_of(_RETRY)
    if name is None or name.startswith("celery.") or handler.type is None:
        return None
    indent = file.indentation(handler)
    unit = file.module.default_indent
    return Fix((Insert(handler, f"except {name}:\n{indent}{unit}raise\n{indent}"),), FixKind.SUGGESTION)
