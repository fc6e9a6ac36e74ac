"""Finds Celery tasks that are tried again for ever."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.queues import asks_again, options, task_classes
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
        if "expires" not in given and asks_again(task, file) and not _looks_at_attempts(task.function):
            yield _note(limit, task.function.name.value)
    for kind in task_classes(file):
        limit = kind.options.get("max_retries")
        if not (isinstance(limit, cst.Name) and limit.value == "None") or "expires" in kind.options:
            continue
        if not any(_looks_at_attempts(function) for function in kind.functions):
            yield _note(limit, kind.name)


def _note(limit: cst.Name, name: str) -> Note:
    return Note(
        limit,
        f"`{name}` is tried again for ever, as `max_retries=None` sets no end",
        fix=Fix.replace(limit, "10", FixKind.SUGGESTION),
    )


def _looks_at_attempts(function: cst.FunctionDef) -> bool:
    """Whether a task compares how often or how long it was tried, and may end that itself."""
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in ("retries", "expires")
        for comparison in walk(function.body)
        if isinstance(comparison, cst.Comparison)
        for node in walk(comparison)
    )
