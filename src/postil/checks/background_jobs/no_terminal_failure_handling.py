"""Finds Celery tasks after whose last retry nothing happens."""

from postil.lint import Note, Notes, SourceFile
from postil.lint.queues import asks_again, options

MENTIONS = ("autoretry_for", ".retry(")

# One of these anywhere in the file deals with tasks that failed for good.
_DEALS = (
    "on_failure", "link_error", "MaxRetriesExceeded", "task_failure", "sentry_sdk", "dead_letter", "dlq",
    "reject_on_worker_lost", "max_retries >", "max_retries:", "retries >=", "retries ==",
)  # fmt: skip


def check(file: SourceFile) -> Notes:
    if not file.is_service or any(file.mentions(word) for word in _DEALS) or _is_tracked(file):
        return
    for task in file.tasks:
        given = options(task) if task.framework == "celery" else None
        if given is None or "base" in given or not asks_again(task, file):
            continue
        yield Note(
            task.function,
            f"nothing here keeps or reports a `{task.function.name.value}` that fails for good",
            anchor=task.function.name,
        )


def _is_tracked(file: SourceFile) -> bool:
    """Whether the project uses an error tracker, which hears of every failed task."""
    nearest = file.project.nearest(file.path, "pyproject.toml")
    return nearest is not None and any(name in file.project.files[nearest] for name in ("sentry", "rollbar", "bugsnag"))
