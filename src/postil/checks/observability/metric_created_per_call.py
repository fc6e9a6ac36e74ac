"""Finds Prometheus metrics that are made inside a function, where the second call raises."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.metrics import declared_metric
from postil.lint.names import dotted
from postil.lint.tree import walk, walk_scope

MENTIONS = ("prometheus_client",)


def check(call: cst.Call, file: SourceFile) -> Notes:
    metric = declared_metric(call, file)
    # A name that is put together is a new one each time, perhaps.
    if metric is None or metric.name is None or not file.is_service or argument(call, "registry") is not None:
        return
    function = file.enclosing_def(call)
    handler = file.served_by(call)
    if function is None or handler is None or _is_guarded(call, file):
        return
    yield Note(
        call,
        f"`{file.known_as(function)}` makes `{metric.name}` each time `{file.known_as(handler)}` is served, and the"
        " second one raises `ValueError`",
    )


def _is_guarded(call: cst.Call, file: SourceFile) -> bool:
    """Whether the metric is made only where it isn't there yet, or the error is expected."""
    kept = file.parent(call)
    # What is kept in an object or a class is most likely made once, and the condition says when.
    target = kept.targets[0].target if isinstance(kept, cst.Assign) else None
    name = (dotted(target) or "").rpartition(".")[2]
    for above in file.ancestors(call):
        if isinstance(above, cst.Try) and any("ValueError" in file.code(h.type) for h in above.handlers if h.type):
            return True
        if isinstance(above, cst.FunctionDef):
            tests = [node.test for node in walk_scope(above.body) if isinstance(node, cst.If)]
            return any(isinstance(target, cst.Attribute) or _asks_for(test, name) for test in tests)
    return False


def _asks_for(test: cst.BaseExpression, name: str) -> bool:
    """Whether a condition looks at what a metric is kept in: `if _jobs is None`, `if "jobs" not in metrics`."""
    parts = list(walk(test))
    if any(isinstance(part, cst.Name) and part.value == name for part in parts):
        return True
    return any(isinstance(part, (cst.In, cst.NotIn)) for part in parts)
