"""Finds Prometheus metrics whose type doesn't fit what they measure."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, string_value
from postil.lint.metrics import Metric, declared_metric, metric_of

MENTIONS = ("prometheus_client",)

_TIME = re.compile(
    r"(?:^|_)(?:latency|duration|elapsed|response_time)(?:_|$)"
    r"|(?:^|_)(?:request|response|query|processing|execution|handling)_(?:time|seconds|ms|milliseconds)(?:_|$)"
)
# One value at a time is meant: of the last run, of what is set, or worked out already.
_ONE_VALUE = re.compile(
    r"(?:^|_)(?:last|latest|current|previous|uptime|age|timestamp|created|target|threshold|limit|timeout|interval|max"
    r"|maximum|min|minimum|avg|average|mean|median|p\d+|percentile|quantile|estimated|expected|configured|lag|remaining"
    r"|slo|sla|oldest|until|since|expir\w*)(?:_|$)"
)
# The same in the words of the description.
_SAYS_ONE = re.compile(r"\b(?:last|latest|most recent|current|has been|since)\b", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not file.is_service:
        return
    metric = declared_metric(call, file)
    if metric is not None:
        yield from _declared(metric)
        return
    func = call.func
    if isinstance(func, cst.Attribute) and func.attr.value in ("dec", "inc"):
        yield from _counted_down(call, func, file)


def _declared(metric: Metric) -> Notes:
    name = metric.name
    if name is None or metric.kind != "Gauge":
        return
    if _TIME.search(name) and not _ONE_VALUE.search(name) and not _SAYS_ONE.search(_words(metric)):
        yield Note(metric.call, f"`{name}` is a time and a Gauge, which keeps one value and loses all others")
    elif name.endswith("_total"):
        yield Note(metric.call, f"the name `{name}` says counter, and it is a Gauge")


def _words(metric: Metric) -> str:
    """The description of a metric, as far as it is written there."""
    return string_value(argument(metric.call, "documentation", 1)) or ""


def _counted_down(call: cst.Call, func: cst.Attribute, file: SourceFile) -> Notes:
    """`dec()` and negative amounts on a Counter."""
    owner = func.value
    if isinstance(owner, cst.Call) and isinstance(owner.func, cst.Attribute) and owner.func.attr.value == "labels":
        owner = owner.func.value
    amount = argument(call, "amount", 0)
    negative = isinstance(amount, cst.UnaryOperation) and isinstance(amount.operator, cst.Minus)
    if func.attr.value == "inc" and not negative:
        return
    metric = metric_of(owner, file)
    if metric is not None and metric.kind == "Counter":
        raised = "`AttributeError`" if func.attr.value == "dec" else "`ValueError`"
        yield Note(
            call, f"`{file.code(owner)}` is a Counter, which only goes up: this raises {raised}", severity="error"
        )
