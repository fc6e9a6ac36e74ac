"""Which Prometheus metric an expression is, how it was declared, and what has no bound as a label or a name."""

from dataclasses import dataclass

import libcst as cst

from postil.lint.catalogue.metrics import PROMETHEUS_METRICS
from postil.lint.names import dotted
from postil.lint.source import SourceFile, argument, has_unpacking, string_value

_REQUESTS = frozenset({"request", "req", "websocket"})
_RAW = frozenset({"url", "path", "full_path", "path_info", "raw_path", "uri", "url.path", "rel_url", "base_url"})


@dataclass(frozen=True, eq=False)
class Metric:
    """A declared metric. `kind` is its class ("Counter"), `name` its literal name; `labels` is None where unknown."""

    call: cst.Call
    kind: str
    name: str | None
    labels: tuple[str, ...] | None


def declared_metric(call: cst.CSTNode | None, file: SourceFile) -> Metric | None:
    """The metric that a call of prometheus_client makes; None for every other expression."""
    if not isinstance(call, cst.Call):
        return None
    name = file.name_of(call.func)
    if name not in PROMETHEUS_METRICS:
        return None
    given = argument(call, "labelnames", 2)
    labels = (None if has_unpacking(call) else ()) if given is None else _strings(given, file)
    return Metric(call, name.rpartition(".")[2], string_value(argument(call, "name", 0)), labels)


def metric_of(expression: cst.CSTNode, file: SourceFile) -> Metric | None:
    """The metric that a name or an attribute of `self` is, where the file assigns it exactly once."""
    return declared_metric(file.value_of(expression), file)


def raw_part_of_request(attribute: cst.Attribute) -> str | None:
    """What an attribute of a request is that differs from one to the next, in words: its raw path, or its address."""
    parts = (dotted(attribute) or "").removeprefix("self.").split(".")
    if parts[0] in _REQUESTS and ".".join(parts[1:]) in _RAW:
        return "the raw path of a request" if "path" in parts[-1] else "the address of a request"
    return None


def _strings(expression: cst.BaseExpression, file: SourceFile) -> tuple[str, ...] | None:
    listed = file.value_of(expression) if isinstance(expression, cst.Name) else expression
    if not isinstance(listed, (cst.List, cst.Tuple)):
        return None
    found = []
    for element in listed.elements:
        value = file.value_of(element.value) if isinstance(element.value, cst.Name) else element.value
        text = string_value(value)
        if text is None:
            return None
        found.append(text)
    return tuple(found)
