"""Finds retries of every exception, which repeat what can't get better too."""

from collections.abc import Iterator, Mapping, Sequence

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import last_name
from postil.lint.queues import listed, number, options, task_classes
from postil.lint.retries import Retry
from postil.lint.tree import walk, walk_scope

MENTIONS = ("autoretry_for", "retry_if_exception_type", "on_exception", "stamina")

_EVERYTHING = frozenset({"Exception", "BaseException"})
_FILTERS = frozenset({"retry_if_exception_type"})
_EXCEPTIONS_TO_IT = frozenset(
    {"retry_if_not_exception_type", "retry_unless_exception_type", "retry_if_not_exception_message",
     "retry_if_exception_cause_type", "retry_if_exception_message"}
)  # fmt: skip
# What a task raises to end its retries, by celery.exceptions.
_ENDS = frozenset({"Ignore", "Reject"})


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for name, given, functions in _automatic(file):
        automatic = given.get("autoretry_for")
        if automatic is None or "dont_autoretry_for" in given:
            continue
        if _is_everything(automatic, file) and not any(_ends_some(function, file) for function in functions):
            yield Note(automatic, f"`{name}` is also tried again for what can't get better{_EXAMPLES}")
    for retry in file.retries:
        for place in _broad(retry, file):
            if retry.function is None or not _ends_some(retry.function, file):
                yield Note(place, f"`{file.code(place)}` also repeats what can't get better{_EXAMPLES}")


_EXAMPLES = ", as a wrong argument or a missing right"


def _automatic(
    file: SourceFile,
) -> Iterator[tuple[str, Mapping[str, cst.BaseExpression], Sequence[cst.FunctionDef]]]:
    """Celery's tasks and classes of tasks: what they are called, their options, and what runs."""
    for task in file.tasks:
        if task.framework == "celery" and (given := options(task)) is not None:
            yield task.function.name.value, given, [task.function]
    for kind in task_classes(file):
        yield kind.name, kind.options, kind.functions


def _broad(retry: Retry, file: SourceFile) -> Iterator[cst.BaseExpression]:
    """The filters of a retry that let everything through."""
    if number(retry.options.get("max_tries"), file) == 1:
        return
    if retry.library == "tenacity":
        given = retry.options.get("retry")
        if given is None or any(last_name(node) in _EXCEPTIONS_TO_IT for node in walk(given)):
            return
        for node in _alternatives(given):
            if isinstance(node, cst.Call) and last_name(node.func) in _FILTERS:
                caught = [arg.value for arg in node.args if arg.keyword is None]
                if not node.args or any(_is_everything(each, file) for each in caught):
                    yield node
    elif retry.library in ("backoff", "stamina"):
        given = retry.options.get("exception" if retry.library == "backoff" else "on")
        if given is not None and "giveup" not in retry.options and _is_everything(given, file):
            yield given


def _alternatives(expression: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The sides of `a | b`; what stands in `a & b` is narrowed by the other side."""
    if isinstance(expression, cst.BinaryOperation) and isinstance(expression.operator, cst.BitOr):
        yield from _alternatives(expression.left)
        yield from _alternatives(expression.right)
    else:
        yield expression


def _is_everything(expression: cst.BaseExpression, file: SourceFile) -> bool:
    return any(file.name_of(each) in _EVERYTHING for each in listed(expression, file))


def _ends_some(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function deals with some exceptions itself and doesn't let them out to be retried."""
    for node in walk_scope(function.body):
        if isinstance(node, cst.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, cst.Call) else node.exc
            if last_name(raised) in _ENDS or last_name(raised) == "TryAgain":
                return True
        if isinstance(node, cst.ExceptHandler) and not file.is_broad(node):
            leaves = [inner for inner in walk_scope(node.body) if isinstance(inner, cst.Raise)]
            if not leaves:
                return True
    return False
