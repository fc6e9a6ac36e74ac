"""Finds jobs that are enqueued one by one, and whose results are then collected one by one."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.queues import enqueued
from postil.lint.tree import walk, walk_scope

MENTIONS = ("celery", "shared_task")

_WAITS = frozenset({"get", "wait"})


def check(node: cst.For | cst.ListComp, file: SourceFile) -> Notes:
    name, call = _collected(node, file) if not file.is_test else (None, None)
    if name is None or call is None:
        return
    waits = _waited_for(name, node, file)
    if waits is not None:
        yield Note(
            call,
            f"`{file.code(call.func)}` enqueues in a loop, and `{name}` is waited for result by result",
            secondary=(Secondary(waits, "waited for here"),),
        )


def _collected(node: cst.For | cst.ListComp, file: SourceFile) -> tuple[str | None, cst.Call | None]:
    """The name of the list that a loop or comprehension fills with the results of jobs, and the call that enqueues."""
    if isinstance(node, cst.ListComp):
        above = file.parent(node)
        job = enqueued(node.elt, file)
        if job is not None and job.framework == "celery" and isinstance(above, cst.Assign):
            target = above.targets[0].target
            return (target.value, job.call) if isinstance(target, cst.Name) else (None, None)
        return None, None
    for inner in walk_scope(node.body):
        if (
            isinstance(inner, cst.Call)
            and isinstance(inner.func, cst.Attribute)
            and inner.func.attr.value == "append"
            and isinstance(inner.func.value, cst.Name)
            and len(inner.args) == 1
        ):
            job = enqueued(inner.args[0].value, file)
            if job is not None and job.framework == "celery":
                return inner.func.value.value, job.call
    return None, None


def _waited_for(name: str, after: cst.CSTNode, file: SourceFile) -> cst.CSTNode | None:
    """Where the function waits for the members of a list one after the other."""
    function = file.enclosing_def(after)
    for node in walk_scope(function.body if function is not None else file.module):
        if node is after or not isinstance(node, (cst.For, cst.ListComp, cst.GeneratorExp)):
            continue
        clause = node if isinstance(node, cst.For) else node.for_in
        body = node.body if isinstance(node, cst.For) else node.elt
        if not (
            isinstance(clause.iter, cst.Name) and clause.iter.value == name and isinstance(clause.target, cst.Name)
        ):
            continue
        for inner in walk(body):
            if (
                isinstance(inner, cst.Attribute)
                and inner.attr.value in _WAITS
                and isinstance(inner.value, cst.Name)
                and inner.value.value == clause.target.value
            ):
                return inner
    return None
