"""Finds metric labels with a value for each user, request or text."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, string_value
from postil.lint.catalogue.metrics import (
    OTEL_INSTRUMENTS,
    PROMETHEUS_METRICS,
    STATSD_CLIENTS,
    STATSD_METHODS,
    TENANT_LABELS,
    UNBOUNDED_LABELS,
)
from postil.lint.names import last_name

MENTIONS = ("prometheus_client", "opentelemetry", "datadog")

_PROMETHEUS_KINDS = frozenset(name.rpartition(".")[2] for name in PROMETHEUS_METRICS)
_OTEL_METHODS = frozenset(OTEL_INSTRUMENTS.values())

_Label = tuple[cst.CSTNode, str]


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not file.is_service or "push_to_gateway" in file.text:
        return
    for place, label in _labels(call, file):
        name = re.sub(r"[.\-]", "_", label).lower()
        if name in UNBOUNDED_LABELS:
            yield Note(place, f"the label `{label}` has no bound, and each of its values is a time series of its own")
        elif name in TENANT_LABELS:
            yield Note(
                place,
                f"the label `{label}` grows with the customers, and each of its values is a time series of its own",
                severity="hint",
            )


def _labels(call: cst.Call, file: SourceFile) -> Iterator[_Label]:
    """The label names that a call declares or sends, with their places."""
    func = call.func
    last = last_name(func)
    # An alias may have any name, so it is looked up as well.
    if (last in _PROMETHEUS_KINDS or isinstance(func, cst.Name)) and file.name_of(func) in PROMETHEUS_METRICS:
        yield from _names(argument(call, "labelnames", 2), file)
    elif not isinstance(func, cst.Attribute):
        return
    elif last in _OTEL_METHODS and OTEL_INSTRUMENTS.get(file.type_of(func.value) or "") == last:
        yield from _keys(argument(call, "attributes", 1), file)
    elif last in STATSD_METHODS:
        tags = argument(call, "tags", 1 if last in ("timed", "distributed") else 2)
        if tags is not None and {file.name_of(func.value), file.type_of(func.value)} & STATSD_CLIENTS:
            yield from _tags(tags)


def _written(expression: cst.BaseExpression | None, file: SourceFile) -> cst.BaseExpression | None:
    """An expression itself, or what the name it is was assigned."""
    return file.value_of(expression) if isinstance(expression, cst.Name) else expression


def _names(expression: cst.BaseExpression | None, file: SourceFile) -> Iterator[_Label]:
    listed = _written(expression, file)
    if isinstance(listed, (cst.List, cst.Tuple, cst.Set)):
        for element in listed.elements:
            name = string_value(_written(element.value, file))
            if name is not None:
                yield element.value, name


def _keys(expression: cst.BaseExpression | None, file: SourceFile) -> Iterator[_Label]:
    """The keys of attributes whose values are not constant."""
    attributes = _written(expression, file)
    if isinstance(attributes, cst.Dict):
        for element in attributes.elements:
            if isinstance(element, cst.DictElement) and string_value(element.value) is None:
                key = string_value(_written(element.key, file))
                if key is not None:
                    yield element.key, key


def _tags(expression: cst.BaseExpression) -> Iterator[_Label]:
    """The names in `["name:value", …]` whose values are not constant."""
    if not isinstance(expression, (cst.List, cst.Tuple)):
        return
    for element in expression.elements:
        if string_value(element.value) is None and (found := re.match(r"([\w.\-]+):", _beginning(element.value))):
            yield element.value, found[1]


def _beginning(expression: cst.BaseExpression) -> str:
    """The constant text with which a string that is put together begins."""
    match expression:
        case cst.FormattedString(parts=[cst.FormattedStringText(value=text), *_]):
            return text
        case cst.BinaryOperation(left=left) | cst.ConcatenatedString(left=left):
            return _beginning(left)
        case cst.Call(func=cst.Attribute(value=text, attr=cst.Name(value="format"))):
            return _beginning(text)
    return string_value(expression) or ""
