"""Finds Celery tasks that wait for the result of another task."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.contexts import Task
from postil.lint.queues import job_result
from postil.lint.tree import walk_scope

MENTIONS = ("celery", "shared_task")

_WAITS = frozenset({"get", "join", "wait", "join_native"})
_ALLOWED = "allow_join_result"


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    seen: set[int] = set()
    for task in file.tasks:
        if task.framework == "celery":
            yield from _waits(task, file, seen)


def _waits(task: Task, file: SourceFile, seen: set[int]) -> Notes:
    for function in file.calls.reached(task.function):
        for node in walk_scope(function.body):
            if not isinstance(node, cst.Call) or id(node) in seen or not _is_wait(node, file):
                continue
            seen.add(id(node))
            through = () if function is task.function else (Secondary(task.function, "the task that gets here"),)
            name = task.function.name.value
            yield Note(
                node,
                f"`{file.code(node.func)}` waits for another task inside of `{name}`, which Celery refuses"
                if not through
                else f"`{file.code(node.func)}` waits for a task, and the task `{name}` calls it, which Celery refuses",
                secondary=through,
            )


def _is_wait(call: cst.Call, file: SourceFile) -> bool:
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in _WAITS:
        return False
    sync = argument(call, "disable_sync_subtasks")
    if isinstance(sync, cst.Name) and sync.value == "False":
        return False
    return job_result(call.func.value, file) and not _is_allowed(call, file)


def _is_allowed(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call stands in `with allow_join_result():`."""
    return any(
        isinstance(above, cst.With) and any(_ALLOWED in file.code(item.item) for item in above.items)
        for above in file.ancestors(call)
    )
