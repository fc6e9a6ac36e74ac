"""Finds endpoints that answer 200 with the id of a job that has only begun."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.contexts import Route
from postil.lint.names import dotted
from postil.lint.queues import WORDS, job_result
from postil.lint.tree import walk, walk_scope

MENTIONS = WORDS

_ASKS = frozenset({"ready", "successful", "get", "wait", "join", "result", "get_result", "wait_result"})
_IDS = frozenset({"id", "task_id", "job_id", "message_id"})


def check(file: SourceFile) -> Notes:
    for route in file.routes if file.is_service else ():
        if route.framework != "fastapi" or route.method not in ("post", "put", "patch", "delete"):
            continue
        if argument(route.call, "status_code") is not None or has_unpacking(route.call) or _sets_status(route):
            continue
        if "hook" in (route.path or "") or not _returns_job(route, file) or _waits(route, file):
            continue
        last = route.call.args[-1]
        yield Note(
            route.decorator,
            f"`{route.function.name.value}` answers 200 with a job that has only begun",
            fix=Fix((Insert(last, ", status_code=202", after=True),)),
        )


def _sets_status(route: Route) -> bool:
    """Whether an endpoint chooses its status itself: an explicit response, `response.status_code = …`."""
    return any(
        (isinstance(node, cst.Call) and (dotted(node.func) or "").rpartition(".")[2].endswith("Response"))
        or (isinstance(node, cst.Attribute) and node.attr.value == "status_code")
        for node in walk_scope(route.function.body)
    )


def _waits(route: Route, file: SourceFile) -> bool:
    """Whether an endpoint asks the job whether it is done, or for its result, so that it may be."""
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in _ASKS and job_result(node.value, file)
        for node in walk_scope(route.function.body)
    )


def _returns_job(route: Route, file: SourceFile) -> bool:
    """Whether every answer of an endpoint holds the id of a job that it enqueued."""
    answers = [node.value for node in walk_scope(route.function.body) if isinstance(node, cst.Return)]
    return bool(answers) and all(
        answer is not None
        and any(
            isinstance(node, cst.Attribute) and node.attr.value in _IDS and _is_new(node.value, file)
            for node in walk(answer)
        )
        for answer in answers
    )


def _is_new(handle: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a handle was made by enqueueing, and not from an id that somebody asks about."""
    made = file.value_of(handle) if isinstance(handle, cst.Name) else handle
    return made is not None and "AsyncResult" not in file.code(made) and job_result(made, file)
