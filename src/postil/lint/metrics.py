"""Which Prometheus metric an expression is, and how it was declared, as far as one file shows it."""

from dataclasses import dataclass

import libcst as cst

from postil.lint.catalogue.metrics import PROMETHEUS_METRICS
from postil.lint.source import SourceFile, argument, has_unpacking, string_value


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
