"""Finds uses of a Prometheus metric that don't fit the labels it was declared with."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from posixpath import basename

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile, has_unpacking
from postil.lint.catalogue.metrics import PROMETHEUS_USES
from postil.lint.metrics import Metric, declared_metric
from postil.lint.modules import Modules

_LIBRARY = "prometheus_client"
_USES = PROMETHEUS_USES | {"labels"}
# Loggers and clocks have the others as well.
_TELLING = _USES - {"info", "state", "time"}


def check(changes: ChangeSet) -> Notes:
    declaring = [change for change in changes.files if _LIBRARY in (change.head_text or "")]
    if not declaring:
        return
    heads = Modules(change.head for change in declaring if change.head is not None)
    # Who uses a metric of another module names that module.
    modules = {basename(change.path.removesuffix("/__init__.py").removesuffix(".py")) for change in declaring}
    using = [change for change in changes.files if _may_use(change.head_text or "", modules)]
    found = [use for change in using if change.head is not None for use in _uses(change.head, heads)]
    if not found:
        return
    bases = Modules(change.base for change in declaring if change.base is not None)
    known = Counter(use.said for change in using if change.base is not None for use in _uses(change.base, bases))
    for use in found:
        if known[use.said] > 0:
            known[use.said] -= 1
        else:
            where, metric = use.declared
            yield Note(use.file.at(use.call), use.wrong, secondary=(Secondary(where.at(metric.call), "declared here"),))


def _may_use(text: str, modules: Collection[str]) -> bool:
    """Whether a file may use a metric, by its text alone: parsing takes longer."""
    if _LIBRARY in text:
        return True
    return any(f".{use}(" in text for use in _TELLING) and any(module in text for module in modules)


@dataclass(frozen=True, eq=False)
class _Use:
    """A use of a metric that doesn't fit, how, and the metric with the file that declares it."""

    file: SourceFile
    call: cst.Call
    wrong: str
    declared: tuple[SourceFile, Metric]

    @property
    def said(self) -> tuple[str, str, str]:
        """What it has in common with the same use before the change."""
        return self.file.scope_of(self.call), self.file.code(self.call), self.wrong


def _uses(file: SourceFile, modules: Modules) -> Iterator[_Use]:
    """The uses in a file that don't fit the labels of their metrics."""
    if file.is_test:
        return  # tests do what is wrong on purpose
    for call in file.nodes(cst.Call):
        func = call.func
        if not isinstance(func, cst.Attribute) or func.attr.value not in _USES:
            continue
        method = func.attr.value
        # `with timer.time() as metric: metric.labels(…)` gives the values later.
        if method == "time" and _is_named(call, file):
            continue
        where, made = modules.value(file, func.value) or (file, None)
        metric = declared_metric(made, where)
        if metric is None or metric.labels is None:
            continue
        name = file.code(func.value)
        wrong: str | None = None
        if method == "labels":
            wrong = None if has_unpacking(call) else _wrong(call, metric, name)
        elif metric.labels:
            wrong = f"`{name}` has labels, and `{method}` is called on it without values for {_listed(metric.labels)}"
        if wrong is not None:
            yield _Use(file, call, wrong, (where, metric))


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
