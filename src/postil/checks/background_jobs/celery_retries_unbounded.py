"""Finds Celery tasks that are tried again for ever."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.contexts import Task
from postil.lint.queues import asks_again, options
from postil.lint.tree import walk

MENTIONS = ("max_retries",)


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    for task in file.tasks:
        given = options(task) if task.framework == "celery" else None
        limit = given.get("max_retries") if given is not None else None
        if given is None or not (isinstance(limit, cst.Name) and limit.value == "None"):
            continue
        if "expires" in given or not asks_again(task, file) or _looks_at_attempts(task):
            continue
        yield Note(
            limit,
            f"`{task.function.name.value}` is tried again for ever, as `max_retries=None` sets no end",
            fix=Fix.replace(limit, "10", FixKind.SUGGESTION),
        )


def _looks_at_attempts(task: Task) -> bool:
    """Whether the task compares how often or how long it was tried, and may end that itself."""
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in ("retries", "expires")
        for comparison in walk(task.function.body)
        if isinstance(comparison, cst.Comparison)
        for node in walk(comparison)
    )
