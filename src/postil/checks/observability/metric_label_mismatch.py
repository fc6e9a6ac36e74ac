"""Finds uses of a Prometheus metric that don't fit the labels it was declared with."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, has_unpacking
from postil.lint.catalogue.metrics import PROMETHEUS_USES
from postil.lint.metrics import Metric, metric_of

MENTIONS = ("prometheus_client",)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute):
        return
    method = func.attr.value
    if method != "labels" and method not in PROMETHEUS_USES:
        return
    # `with timer.time() as metric: metric.labels(…)` gives the values later; tests do what is wrong on purpose.
    if (method == "time" and _is_named(call, file)) or file.is_test:
        return
    metric = metric_of(func.value, file)
    if metric is None or metric.labels is None:
        return
    name = file.code(func.value)
    wrong: str | None = None
    if method == "labels":
        wrong = None if has_unpacking(call) else _wrong(call, metric, name)
    elif metric.labels:
        wrong = f"`{name}` has labels, and `{method}` is called on it without values for {_listed(metric.labels)}"
    if wrong is not None:
        yield Note(call, wrong, secondary=(Secondary(metric.call, "declared here"),))


def _wrong(call: cst.Call, metric: Metric, name: str) -> str | None:
    """How the arguments of `labels` differ from what was declared."""
    declared = metric.labels or ()
    if not declared:
        return f"`{name}` is declared without labels, and `labels` raises `ValueError`"
    keywords = [arg.keyword.value for arg in call.args if arg.keyword is not None]
    positional = len(call.args) - len(keywords)
    if keywords and positional:
        return "`labels` takes values either by position or by keyword, and raises `ValueError` for both"
    if not keywords:
        if positional == len(declared):
            return None
        return f"`{name}` has {_count(len(declared), 'label')}, and `labels` gets {_count(positional, 'value')}"
    unknown = [keyword for keyword in keywords if keyword not in declared]
    missing = [label for label in declared if label not in keywords]
    if unknown:
        return f"`{name}` has no label {_listed(unknown)}; it is declared with {_listed(declared)}"
    return f"`labels` gets no value for {_listed(missing)} of `{name}`" if missing else None


def _is_named(call: cst.Call, file: SourceFile) -> bool:
    item = file.parent(call)
    return isinstance(item, cst.WithItem) and item.asname is not None


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
