"""Health and readiness endpoints: which functions answer them, and what in them asks something outside the process."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from postil.lint.catalogue.outside import OUTSIDE_FUNCTIONS, OUTSIDE_LIBRARIES, OUTSIDE_METHODS
from postil.lint.names import dotted, parameters
from postil.lint.source import SourceFile, argument, string_value
from postil.lint.tree import walk_scope

_LIVENESS = frozenset({"health", "healthz", "livez", "live", "liveness", "alive", "ping"})
_READINESS = frozenset({"ready", "readyz", "readiness"})
# What may stand before the last part of a path without making it the health of something else.
_GENERAL = re.compile(
    r"api|v\d+|internal|private|public|system|probes?|k8s|health|healthz|healthcheck|_+\w*", re.IGNORECASE
)
_ADDERS: dict[str, tuple[int, int]] = {
    "add_get": (0, 1),
    "add_api_route": (0, 1),
    "add_route": (0, 1),
    "Route": (0, 1),
    "APIRoute": (0, 1),
    "add_url_rule": (0, 2),
}
_HANDLERS = ("handler", "endpoint", "view_func")
_LIKE_A_CLIENT = re.compile(
    r"(?:^|_)(?:db|session|conn|connection|cursor|cur|engine|redis|cache|database|client|mongo|pool|valkey|pg|broker|admin)$",
    re.IGNORECASE,
)
_CERTAIN = frozenset({"ping", "execute", "exec_driver_sql", "fetchval", "fetchrow", "command", "server_info"})


@dataclass(frozen=True, eq=False)
class Probe:
    """An endpoint for an orchestrator or a load balancer. `readiness` is False for one that asks for liveness."""

    function: cst.FunctionDef
    path: str
    readiness: bool


def probes(file: SourceFile) -> Iterator[Probe]:
    """The health and readiness endpoints that a file declares, by the last part of their paths."""
    for route in file.routes:
        if route.method in ("get", "route", "api_route", "head") and route.path is not None:
            yield from _probe(route.function, _prefix(route.owner, file) + route.path)
    for call in file.nodes(cst.Call):
        last = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        places = _ADDERS.get(last.value) if isinstance(last, cst.Name) else None
        if places is None:
            continue
        path = string_value(argument(call, "rule" if places[1] == 2 else "path", places[0]))
        handler = next((a.value for a in call.args if a.keyword is not None and a.keyword.value in _HANDLERS), None)
        handler = handler or argument(call, "", places[1])
        found = file.definition_of(handler) if handler is not None else None
        if path is not None and isinstance(found, cst.FunctionDef):
            yield from _probe(found, path)


def _probe(function: cst.FunctionDef, path: str) -> Iterator[Probe]:
    *before, last = [part.lower() for part in path.split("/") if part] or [""]
    if last in _READINESS:
        yield Probe(function, path, readiness=True)
    elif last in _LIVENESS and all(_GENERAL.fullmatch(part) for part in before):
        yield Probe(function, path, readiness=False)


def _prefix(owner: cst.BaseExpression, file: SourceFile) -> str:
    made = file.value_of(owner)
    if not isinstance(made, cst.Call):
        return ""
    return string_value(argument(made, "prefix")) or string_value(argument(made, "url_prefix")) or ""


def outside_calls(function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.Call]:
    """The calls in a function's own body that wait for a database, a cache, a broker or another service."""
    for node in walk_scope(function.body):
        if isinstance(node, cst.Call) and is_outside(node, file):
            yield node


def is_outside(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call waits for an answer from outside the process."""
    name = file.name_of(call.func)
    if name is not None:
        root, _, last = name.partition(".")
        if name in OUTSIDE_FUNCTIONS or root in OUTSIDE_LIBRARIES:
            return name in OUTSIDE_FUNCTIONS or last in OUTSIDE_METHODS
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in OUTSIDE_METHODS:
        return False
    kind = file.type_of(call.func.value)
    if kind is not None:
        return kind.partition(".")[0] in OUTSIDE_LIBRARIES and not _is_text(call)
    return call.func.attr.value in _CERTAIN and _LIKE_A_CLIENT.search(_last_name(call.func.value)) is not None


def _is_text(call: cst.Call) -> bool:
    """`session.query(Model)` builds a question and asks nothing."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "query"


def _last_name(expression: cst.BaseExpression) -> str:
    """The name of what is called upon: `redis` of `app.redis`, `get_redis()`, `app[REDIS]` and `ctx["redis"]`."""
    if isinstance(expression, cst.Call):
        expression = expression.func
    if isinstance(expression, cst.Subscript) and isinstance(key := expression.slice[0].slice, cst.Index):
        return string_value(key.value) or (dotted(key.value) or "").rpartition(".")[2]
    return (dotted(expression) or "").rpartition(".")[2]


def asked_by_balancer(probe: Probe, beside: Sequence[Probe]) -> bool:
    """Whether a load balancer may ask a liveness endpoint: it is no `/live`, and such a one stands beside it."""
    last = probe.path.rpartition("/")[2]
    return "live" not in last and any(
        not other.readiness and "live" in other.path.rpartition("/")[2] for other in beside
    )


def asked_outside(function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.Call]:
    """The calls by which an endpoint, or a function of this file that it calls, waits for something outside."""
    for each in file.calls.reached(function):
        yield from outside_calls(each, file)


def outside_dependencies(function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.Param]:
    """The parameters through which a framework hands a database session or another client to an endpoint."""
    for param in parameters(function):
        kind = file.annotated_type(param.annotation.annotation) if param.annotation is not None else None
        if kind is not None and kind.partition(".")[0] in OUTSIDE_LIBRARIES and not kind.startswith("aiohttp.web"):
            yield param
            continue
        given = param.default
        injected = isinstance(given, cst.Call) and (file.name_of(given.func) or "").endswith((".Depends", ".Security"))
        if injected and given.args and _LIKE_A_CLIENT.search(dotted(given.args[0].value) or ""):
            yield param
