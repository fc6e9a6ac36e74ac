"""Finds health endpoints that tell of a failure in the body and answer 200."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.names import dotted, parameters
from postil.lint.probes import Probe, asked_by_balancer, asked_outside, probes
from postil.lint.tree import walk, walk_scope

MENTIONS = ("health", "ready", "readiness", "live", "ping")

_FAILED = re.compile(
    r"^(?:unhealthy|not[ _-]?(?:ready|healthy|ok)|error|down|degraded|fail(?:ed|ure|ing)?|unavailable|unready"
    r"|disconnected|critical|bad|ko|nok)\b",
    re.IGNORECASE,
)
_JSON = frozenset({"JSONResponse", "ORJSONResponse", "json_response", "JsonResponse"})
_KEYS = re.compile(r"^(?:status|state|health|healthy|ready|result|ok|alive)$", re.IGNORECASE)


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    seen: set[int] = set()
    found = list(probes(file))
    for probe in found:
        if id(probe.function) in seen:
            continue
        seen.add(id(probe.function))
        # A liveness endpoint shouldn't ask at all, which another rule says; with 503 it would only do more harm.
        if (
            probe.readiness
            or asked_by_balancer(probe, found)
            or next(asked_outside(probe.function, file), None) is None
        ):
            yield from _answers(probe, file)


def _answers(probe: Probe, file: SourceFile) -> Notes:
    function = probe.function
    # `response.status_code = 503`, or a status that is worked out
    if _sets_status(function):
        return
    for node in walk_scope(function.body):
        if not isinstance(node, cst.Return) or node.value is None:
            continue
        told = _told(node.value, file)
        if told is None and isinstance(node.value, cst.Name):
            told = _told_meanwhile(node.value.value, function, file)
        if told is not None:
            yield Note(node, f"`{probe.path}` says {told} and answers 200, which is all that a load balancer reads")


def _sets_status(function: cst.FunctionDef) -> bool:
    for node in walk(function.body):
        if isinstance(node, cst.AssignTarget):
            target = node.target
            if isinstance(target, cst.Attribute) and target.attr.value in ("status_code", "status"):
                return True
    # the response, handed on to whoever sets the status
    return any(param.name.value == "response" for param in parameters(function))


def _told(value: cst.BaseExpression, file: SourceFile) -> str | None:
    """The failure that a result tells of while its status is the usual one; None where it is none, or has a status."""
    match value:
        case cst.Dict():
            return _in_dictionary(value, file)
        case cst.Call():
            name = (file.name_of(value.func) or dotted(value.func) or "").rpartition(".")[2]
            if any(
                a.keyword is not None and a.keyword.value in ("status_code", "code", "http_status") for a in value.args
            ):
                return None
            if name == "jsonify":
                told = [_failure(arg.keyword.value, arg.value) for arg in value.args if arg.keyword is not None]
                told += [_told(arg.value, file) for arg in value.args if arg.keyword is None]
                return next(filter(None, told), None)
            if name in _JSON and len(value.args) == 1 and value.args[0].keyword is None:
                return _told(value.args[0].value, file)
            if name.endswith(("Response", "Status", "Health", "HealthCheck", "Readiness")):
                for arg in value.args:
                    if arg.keyword is not None and (said := _failure(arg.keyword.value, arg.value)) is not None:
                        return said
        case cst.Name() if (made := file.value_of(value)) is not None and isinstance(made, cst.Dict):
            return _in_dictionary(made, file)
    return None


def _told_meanwhile(name: str, function: cst.FunctionDef, file: SourceFile) -> str | None:
    """What a failure puts into the result that is returned: `result["status"] = "down"`, `result = {…}`."""
    nodes = list(walk_scope(function.body))
    if any(isinstance(node, cst.Raise) for node in nodes):
        return None
    for node in nodes:
        target = node.targets[0].target if isinstance(node, cst.Assign) else None
        if not isinstance(node, cst.Assign) or target is None:
            continue
        told = None
        if isinstance(target, cst.Subscript) and dotted(target.value) == name:
            index = target.slice[0].slice
            key = string_value(index.value) if isinstance(index, cst.Index) else None
            told = _failure(key, node.value) if key is not None else None
        elif dotted(target) == name and isinstance(node.value, cst.Dict):
            told = _in_dictionary(node.value, file)
        if told is not None:
            return told
    return None


def _in_dictionary(value: cst.Dict, file: SourceFile) -> str | None:
    for element in value.elements:
        key = string_value(element.key) if isinstance(element, cst.DictElement) else None
        if key is not None and (told := _failure(key, element.value)) is not None:
            return told
    return None


def _failure(key: str, value: cst.BaseExpression) -> str | None:
    if not _KEYS.match(key):
        return None
    if isinstance(value, cst.Name) and value.value == "False" and key != "result":
        return f"`{key}: False`"
    if isinstance(value, cst.IfExp):
        # computed: `"ok" if up else "down"`
        return _failure(key, value.body) or _failure(key, value.orelse)
    text = string_value(value)
    return f"`{text}`" if text is not None and _FAILED.match(text) else None
