"""Finds Celery tasks whose parameters and `bind` disagree."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.contexts import Task
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("celery", "shared_task")

_ONLY_A_TASK_HAS = frozenset({"request", "retry"})


def check(file: SourceFile) -> Notes:
    for task in file.tasks:
        if task.framework == "celery" and not _is_method(task.function, file):
            yield from _unbound(task, file)
            yield from _bound(task, file)


def _is_method(function: cst.FunctionDef, file: SourceFile) -> bool:
    body = file.parent(function)
    return body is not None and isinstance(file.parent(body), cst.ClassDef)


def _unbound(task: Task, file: SourceFile) -> Notes:
    """A task that takes itself, and is not declared to get it."""
    function, call = task.function, task.call
    first = next(iter([*function.params.posonly_params, *function.params.params]), None)
    if first is None or first.name.value not in ("self", "task"):
        return
    if call is not None and (has_unpacking(call) or argument(call, "base") is not None):
        return
    bind = argument(call, "bind") if call is not None else None
    if bind is not None and not _is(bind, "False"):
        return
    # A decorator between the two may hand `self` over itself.
    if function.decorators[-1] is not task.decorator or not _may_be_task(first, file):
        return
    name = first.name.value
    used = _attribute_used(function, name)
    if used is None:
        return
    yield Note(
        function,
        f"`{function.name.value}` uses `{name}.{used}`, and without `bind=True` Celery passes it no `{name}`",
        fix=_bind(task, file),
    )


def _may_be_task(first: cst.Param, file: SourceFile) -> bool:
    """Whether a parameter isn't declared to be something else."""
    if first.annotation is None or first.name.value == "self":
        return True
    declared = file.annotated_type(first.annotation.annotation) or dotted(first.annotation.annotation) or "Task"
    return declared.rpartition(".")[2] in ("Task", "Any", "object")


def _attribute_used(function: cst.FunctionDef, name: str) -> str | None:
    """The first attribute of `name` that the body uses and that tells it is the task."""
    for node in walk(function.body):
        if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == name:
            attribute = node.attr.value
            if name == "self" or attribute in _ONLY_A_TASK_HAS:
                return attribute
    return None


def _bind(task: Task, file: SourceFile) -> Fix:
    """Adds `bind=True` to the decorator."""
    call = task.call
    if call is None:
        return Fix((Insert(task.decorator.decorator, "(bind=True)", after=True),))
    if (bind := argument(call, "bind")) is not None:
        return Fix.replace(bind, "True")
    if not call.args:
        return Fix.replace(call, f"{file.code(call.func)}(bind=True)")
    keyword = next((arg for arg in call.args if arg.keyword is not None), None)
    if keyword is not None:
        return Fix((Insert(keyword, "bind=True, "),))
    return Fix((Insert(call.args[-1], ", bind=True", after=True),))


def _bound(task: Task, file: SourceFile) -> Notes:
    """A task that is declared to get itself, and takes nothing."""
    function, call = task.function, task.call
    bind = argument(call, "bind") if call is not None else None
    if call is None or bind is None or not _is(bind, "True") or function.decorators[-1] is not task.decorator:
        return
    params = function.params
    if params.posonly_params or params.params or isinstance(params.star_arg, cst.Param):
        return
    yield Note(
        function,
        f"`{function.name.value}` is bound, so Celery passes it the task, and it takes no positional argument",
        fix=_unbind(call, function, file),
    )


def _unbind(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> Fix | None:
    """Takes `bind=True` away where the function doesn't want the task."""
    wanted = any(isinstance(node, cst.Name) and node.value in ("self", "task") for node in walk(function.body))
    if wanted or "#" in file.code(call):
        return None
    rest = [arg for arg in call.args if arg.keyword is None or arg.keyword.value != "bind"]
    if rest and call.args[-1] not in rest:
        rest[-1] = rest[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return Fix.replace(call, file.code(call.with_changes(args=rest)))


def _is(expression: cst.BaseExpression, name: str) -> bool:
    return isinstance(expression, cst.Name) and expression.value == name
