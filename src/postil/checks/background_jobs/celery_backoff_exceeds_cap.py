"""Finds Celery backoffs that their own cap cuts off at the first retry."""

from collections.abc import Iterator, Mapping

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.queues import merged, number, options, task_classes

MENTIONS = ("retry_backoff",)

_USUAL_CAP = 600  # seconds: `retry_backoff_max` in celery.app.autoretry
_USUAL_RETRIES = 3  # `max_retries` of celery.app.task.Task
_LONGEST = 7 * 24 * 3600


def check(file: SourceFile) -> Notes:
    for given, is_complete in _options(file):
        if "retry_backoff" not in given:
            continue
        backoff, cap = given["retry_backoff"], given.get("retry_backoff_max")
        first = number(backoff, file)
        limit = number(cap, file) if cap is not None else _USUAL_CAP
        # A base class may set the cap.
        if first is None or limit is None or first <= limit or (cap is None and not is_complete):
            continue
        own = isinstance(file.parent(backoff), cst.Arg)
        by_default = "" if cap is not None else " unless it is set"
        yield Note(
            backoff,
            f"`retry_backoff` asks for {first:g} s, and `retry_backoff_max` is {limit:g} s{by_default}, "
            f"so no retry waits longer than that",
            fix=_raised(backoff, cap, first, number(given.get("max_retries"), file)) if own else None,
        )


def _options(file: SourceFile) -> Iterator[tuple[Mapping[str, cst.BaseExpression], bool]]:
    """The options of Celery's tasks and classes of tasks, and whether those are all."""
    for task in file.tasks:
        given = options(task) if task.framework == "celery" else None
        if given is not None and "retry_backoff" in given:
            all_of_them = merged(task, file)
            yield (all_of_them, True) if all_of_them is not None else (given, False)
    for kind in task_classes(file):
        yield kind.options, True


def _raised(backoff: cst.BaseExpression, cap: cst.BaseExpression | None, first: float, retries: float | None) -> Fix:
    """A cap that lets the delay grow to the last retry, for a week at most."""
    doublings = min(int(_USUAL_RETRIES if retries is None else retries), 20) - 1
    enough = max(first, min(first * 2 ** max(doublings, 0), _LONGEST))
    if cap is not None:
        return Fix.replace(cap, str(int(enough)), FixKind.SUGGESTION)
    return Fix((Insert(backoff, f", retry_backoff_max={int(enough)}", after=True),), FixKind.SUGGESTION)
