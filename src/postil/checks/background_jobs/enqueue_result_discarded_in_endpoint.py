"""Finds endpoints that start a job and throw its id away."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.contexts import Route
from postil.lint.names import parameters
from postil.lint.queues import WORDS, Enqueued, enqueued
from postil.lint.tree import walk, walk_scope

MENTIONS = WORDS

_WRITES = frozenset({"post", "put", "patch"})
_HOOK = re.compile(r"hook|callback|event|notif|webhook|receive", re.IGNORECASE)
# Work that nobody asks about afterwards.
_FORGET = re.compile(
    r"mail|notif|audit|track|log|metric|event|webhook|hook|sms|push|alert|invalidat|refresh|sync|clean|purge|expire"
    r"|record|warm|index|analytic|telemetry|publish|broadcast|remind|welcome",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(?:^|_)(?:u?id|uuid|pk|key|slug|token|location|url|href|number|reference|handle)s?$", re.IGNORECASE
)


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for route in file.routes:
        if route.method not in _WRITES or _HOOK.search(f"{route.path} {route.function.name.value}"):
            continue
        dropped = [job for job in _dropped(route, file) if not _FORGET.search(job.name)]
        if len(dropped) == 1 and not _can_be_asked(route, file):
            job = dropped[0]
            yield Note(
                job.call, f"the id of `{job.name}` is thrown away, and the answer holds nothing to ask for it by"
            )


def _dropped(route: Route, file: SourceFile) -> list[Enqueued]:
    """The jobs that an endpoint enqueues without looking at the handle."""
    found = []
    for node in walk_scope(route.function.body):
        if isinstance(node, cst.Expr):
            call = node.value.expression if isinstance(node.value, cst.Await) else node.value
            if (job := enqueued(call, file)) is not None:
                found.append(job)
    return found


def _can_be_asked(route: Route, file: SourceFile) -> bool:
    """Whether the client has something to ask by: the entity of the path, or an id in what is returned."""
    named = {param.name.value for param in parameters(route.function)}
    if any(_IDENTIFIER.search(name) for name in named) or "{" in (route.path or "") or "<" in (route.path or ""):
        return True
    answers = [node.value for node in walk_scope(route.function.body) if isinstance(node, cst.Return)]
    return any(answer is not None and not _says_nothing(answer, file) for answer in answers)


def _says_nothing(answer: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether an answer is written out and holds no value that differs from one call to the next."""
    for node in walk(answer):
        if isinstance(node, cst.DictElement) and _IDENTIFIER.search(string_value(node.key) or ""):
            return False
        if isinstance(node, cst.Arg) and node.keyword is not None and _IDENTIFIER.search(node.keyword.value):
            return False
        if isinstance(node, cst.Name) and file.is_local(node):
            return False
        if isinstance(node, (cst.Await, cst.FormattedString)):
            return False
        if isinstance(node, cst.Call) and "redirect" in file.code(node.func).lower():
            return False
    return True
