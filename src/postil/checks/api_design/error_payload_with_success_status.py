"""Finds endpoints that tell of an error in an answer of success."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, string_value
from postil.lint.answers import is_probe, returned
from postil.lint.contexts import Route
from postil.lint.names import dotted
from postil.lint.statuses import status_of
from postil.lint.tree import walk_scope

MENTIONS = ("fastapi", "APIRouter", "flask")

_WORDS = ("error", "errors", "success", "status", "ok")
# Whoever calls these decides what an answer must be, or an answer holds several results.
_OTHERS = re.compile(r"web_?hook|callback|graphql|json-?rpc|(^|[/_-])(bulk|batch|mcp|test|validate|check)([/_-]|$)",
                     re.IGNORECASE)  # fmt: skip
_REASONS = frozenset({"message", "msg", "error", "errors", "reason", "detail"})
_SUCCESS = (200, 201, 202)
_ERRORS = frozenset({"error", "failed", "failure", "fail"})


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for route in file.routes:
        if route.framework not in ("fastapi", "flask") or route.method == "websocket":
            continue
        if is_probe(route) or _is_others(route, file) or _sets_status(route, file) or _has_forms(route):
            continue
        for value in returned(route.function):
            told = _error(value, route, file)
            if told is not None:
                text = f"`{route.function.name.value}` tells of an error by `{told}`, and answers with success"
                yield Note(value, text)


def _is_others(route: Route, file: SourceFile) -> bool:
    if _OTHERS.search(route.function.name.value) or _OTHERS.search(route.path or ""):
        return True
    status = argument(route.call, "status_code")
    return status is not None and status_of(status, file) not in _SUCCESS


def _has_forms(route: Route) -> bool:
    """Whether an endpoint promises one of several forms, of which an error may be one: `-> Order | Failure`."""
    declared = argument(route.call, "response_model")
    if declared is None and route.function.returns is not None:
        declared = route.function.returns.annotation
    return declared is not None and len([part for part in _members(declared) if not _is_no_form(part)]) > 1


def _members(annotation: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
        yield from _members(annotation.left)
        yield from _members(annotation.right)
    elif isinstance(annotation, cst.Subscript) and (dotted(annotation.value) or "").rpartition(".")[2] == "Union":
        yield from (each.slice.value for each in annotation.slice if isinstance(each.slice, cst.Index))
    else:
        yield annotation


def _is_no_form(part: cst.BaseExpression) -> bool:
    name = (dotted(part) or "").rpartition(".")[2]
    return name == "None" or name.endswith("Response")


def _sets_status(route: Route, file: SourceFile) -> bool:
    """Whether the function sets the status of its answer: `response.status_code = 400`, `abort`, `return …, 400`."""
    return any(
        isinstance(node, cst.AssignTarget)
        and isinstance(node.target, cst.Attribute)
        and node.target.attr.value == "status_code"
        for node in walk_scope(route.function.body)
    )


def _error(value: cst.BaseExpression, route: Route, file: SourceFile) -> str | None:
    """The part of a returned dict that tells of an error; None where there is none, or another status is given."""
    if isinstance(value, cst.Call):
        name = (dotted(value.func) or "").rpartition(".")[2]
        if name == "jsonify" and all(arg.keyword is not None for arg in value.args):
            pairs = [(arg.keyword.value, arg.value) for arg in value.args if arg.keyword is not None]
            return _told(pairs, file)
        status = argument(value, "status_code", 1)
        if name not in ("jsonify", "JSONResponse", "ORJSONResponse"):
            return None
        if status is not None and status_of(status, file) not in _SUCCESS:
            return None
        content = argument(value, "content", 0)
        return _error(content, route, file) if isinstance(content, cst.Dict) else None
    if not isinstance(value, cst.Dict):
        return None
    if any(isinstance(entry, cst.StarredDictElement) for entry in value.elements):
        return None
    pairs = [
        (key, entry.value)
        for entry in value.elements
        if isinstance(entry, cst.DictElement) and (key := string_value(entry.key)) is not None
    ]
    return _told(pairs, file)


def _told(pairs: list[tuple[str, cst.BaseExpression]], file: SourceFile) -> str | None:
    has_reason = any(key in _REASONS for key, _ in pairs)
    for key, value in pairs:
        if key not in _WORDS:
            continue
        text = " ".join(file.code(value).split())
        shown = f'"{key}": {text if len(text) <= 40 else "…"}'
        if key in ("success", "ok") and dotted(value) == "False":
            return shown
        # What has failed may be what was asked about, a payment or a job; with a reason beside it it's the question.
        if key == "status" and string_value(value) in _ERRORS and (string_value(value) == "error" or has_reason):
            return shown
        if key == "error" and _is_said(value, file):
            return shown
    return None


def _is_said(value: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a value is surely an error: a text, `True`, the text of an exception, and no name that may be None."""
    if isinstance(value, (cst.SimpleString, cst.ConcatenatedString)):
        return bool(string_value(value))
    if isinstance(value, cst.Call):
        return file.name_of(value.func) in ("str", "repr")
    return isinstance(value, (cst.FormattedString, cst.Dict)) or dotted(value) == "True"
