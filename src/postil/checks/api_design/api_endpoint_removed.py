"""Finds endpoints that a change takes away."""

import re

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, Span
from postil.lint.contract import ContractChange
from postil.lint.interface import Endpoint
from postil.lint.source import SourceFile

_INTERNAL = re.compile(r"(^|[/_-])(internal|private|debug|admin|backoffice|health|metrics)([/_-]|$)")
_DEVELOPMENT = re.compile(r"(?i)(?:\b|_)(?:dev|debug|development|testing)(?:\b|_)")


def check(changes: ChangeSet) -> Notes:
    heads = {(each.previous_path or each.path): each for each in changes.files}
    for each in changes.fact(ContractChange).endpoints:
        gone = each.before
        if each.after is not None or gone.hidden or _INTERNAL.search(gone.shown) or _is_for_developers(gone):
            continue
        text, severity = f"`{gone.shown}` is no longer there", None
        if gone.deprecated:
            text, severity = f"{text}, and was deprecated before", "hint"
        change = heads[gone.file.path]
        if change.head is None:
            yield Note(Span(change.path, 1, 1, 1, 1, code=gone.shown), text, severity=severity)
        else:
            yield Note(change.head.at(_beside(gone, change.head)), text, severity=severity)


def _is_for_developers(gone: Endpoint) -> bool:
    """Whether it was there only where the service is developed."""
    above = gone.file.ancestors(gone.route.function)
    return any(isinstance(each, cst.If) and _DEVELOPMENT.search(gone.file.code(each.test)) for each in above)


def _beside(gone: Endpoint, head: SourceFile) -> cst.CSTNode:
    """Where it stood: at the endpoint before it that is still there, or else at the first line of code."""
    last = None
    for route in gone.file.routes:
        if route.function is gone.route.function:
            break
        still = head.definition_named(route.function.name.value)
        last = still or last
    return last or next((line for line in head.module.body), head.module)
