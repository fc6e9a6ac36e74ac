"""Finds Celery tasks whose retries all wait the same time."""

from collections.abc import Mapping

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.contexts import Task
from postil.lint.handlers import innermost_handler
from postil.lint.queues import is_empty, merged, number, retry_calls, task_classes

MENTIONS = ("autoretry_for", ".retry(")

_USUAL = 180  # seconds: `default_retry_delay` of celery.app.task.Task
_OWN_DELAY = ("retry_backoff", "default_retry_delay")


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    for task in file.tasks:
        if task.framework == "celery":
            yield from _automatic(task, file)
    for kind in task_classes(file):
        if not _has_delay(kind.options, file):
            yield Note(
                kind.options["autoretry_for"],
                f"each retry of `{kind.name}` waits the same {_USUAL} s, as no `retry_backoff` is set",
            )
    seen: set[int] = set()
    for asked in retry_calls(file):
        # One note for each task: what cures one of its calls cures all.
        # Outside of a handler nothing has failed: the task looks again whether something is ready.
        if asked.task is None or id(asked.task) in seen or innermost_handler(asked.call, file) is None:
            continue
        delay = _constant(asked.call, asked.task, file)
        chosen = argument(asked.call, "countdown") is not None
        if delay is not None and not (chosen and _waits_for_a_lock(asked.call, file)):
            seen.add(id(asked.task))
            yield Note(
                asked.call,
                f"each retry of `{asked.task.function.name.value}` waits the same {delay:g} s",
                severity="hint" if chosen else None,
            )


def _automatic(task: Task, file: SourceFile) -> Notes:
    """`autoretry_for` without a delay that grows or was chosen."""
    given = merged(task, file)
    args = task.call.args if task.call is not None else ()
    option = next((arg for arg in args if arg.keyword is not None and arg.keyword.value == "autoretry_for"), None)
    if given is None or option is None or _has_delay(given, file):
        return
    yield Note(
        option,
        f"each retry of `{task.function.name.value}` waits the same {_USUAL} s, as no `retry_backoff` is set",
        fix=Fix((Insert(option, "retry_backoff=True, "),), FixKind.SUGGESTION),
    )


def _has_delay(given: Mapping[str, cst.BaseExpression], file: SourceFile) -> bool:
    """Whether options choose a delay, or leave one retry at most."""
    if is_empty(given["autoretry_for"]) or any(option in given for option in _OWN_DELAY) or _once(given, file):
        return True
    more = given.get("retry_kwargs")
    return more is not None and not _is_without_countdown(more, file)


def _waits_for_a_lock(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call stands in the handler for a lock that another task holds, and looks again whether it is free."""
    handler = innermost_handler(call, file)
    caught = handler.type if isinstance(handler, cst.ExceptHandler) else None
    return caught is not None and "Lock" in file.code(caught)


def _is_without_countdown(options: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether `retry_kwargs` is a dict that is written out, sets no delay, and leaves more than one retry."""
    value = options if isinstance(options, cst.Dict) else file.value_of(options)
    if not isinstance(value, cst.Dict):
        return False
    for element in value.elements:
        key = element.key if isinstance(element, cst.DictElement) else None
        if not isinstance(key, cst.SimpleString) or key.raw_value in ("countdown", "eta"):
            return False
        if key.raw_value == "max_retries" and (number(element.value, file) or 2) <= 1:
            return False
    return True


def _once(given: Mapping[str, cst.BaseExpression], file: SourceFile) -> bool:
    """Whether there is one retry at most: no row of equal delays."""
    limit = number(given.get("max_retries"), file)
    return limit is not None and limit <= 1


def _constant(call: cst.Call, task: Task, file: SourceFile) -> float | None:
    """The seconds that every `self.retry(…)` of a task waits; None where they grow, were chosen, or aren't known."""
    given = merged(task, file)
    if given is None or has_unpacking(call) or any(option in given for option in _OWN_DELAY):
        return None
    passed = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    if "eta" in passed or len(passed) != len(call.args) or _once({**given, **passed}, file):
        return None
    if "countdown" not in passed:
        return _USUAL
    return number(passed["countdown"], file)
