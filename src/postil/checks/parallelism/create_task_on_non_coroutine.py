"""Finds tasks that are made of something else than a coroutine, which fails when the line is reached."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument
from postil.lint.catalogue.coroutines import COROUTINE_FUNCTIONS
from postil.lint.coroutines import coroutine_function
from postil.lint.names import last_name, parameters
from postil.lint.tree import is_generator, walk_scope

MENTIONS = ("create_task", "ensure_future")

_CREATE = frozenset({"asyncio.create_task", "asyncio.tasks.create_task"})
_ENSURE = frozenset({"asyncio.ensure_future", "asyncio.tasks.ensure_future"})
_OWNERS = frozenset({"asyncio.TaskGroup", "asyncio.AbstractEventLoop", "asyncio.BaseEventLoop"})
# `create_task` wants a coroutine, and refuses what is running already (Lib/asyncio/tasks.py of Python 3.11).
_FUTURES = {
    "asyncio.gather": "future",
    "asyncio.shield": "future",
    "asyncio.wrap_future": "future",
    "asyncio.create_task": "task",
    "asyncio.ensure_future": "task",
}
_NOTHING_ELSE = frozenset({"asyncio.sleep", "asyncio.gather", "asyncio.wait"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    last = last_name(func)
    name = file.name_of(func)
    creates = name in _CREATE
    if not creates and name not in _ENSURE:
        if last != "create_task" or not isinstance(func, cst.Attribute) or file.type_of(func.value) not in _OWNERS:
            return
        creates = True
    work = argument(call, "coro" if creates else "coro_or_future", 0)
    if work is None or file.in_test(call):
        return
    written = file.code(work) if len(file.code(work)) <= 50 else None
    if creates and isinstance(work, cst.Call) and (kind := _future(work, file)) is not None:
        yield Note(
            call,
            f"`{file.code(work.func)}` gives a {kind}, and `{last}` wants a coroutine",
            fix=_bare(call, work, file),
        )
    elif isinstance(work, (cst.Name, cst.Attribute)) and _is_function(work, file):
        yield Note(
            call,
            f"`{last}` is given the function `{file.code(work)}`, which is not called",
            fix=_called(work, file),
        )
    elif isinstance(work, cst.Await) and _gives_value(work.expression, file):
        what = f"`{written}`" if written else "this"
        yield Note(
            call,
            f"{what} is awaited before `{last}` is given its result",
            fix=Fix.replace(work, file.code(work.expression), FixKind.SUGGESTION),
        )
    elif isinstance(work, cst.Call) and _returns_nothing(work, file):
        yield Note(
            call, f"`{file.code(work.func)}` is a plain function that returns nothing, and `{last}` is given that"
        )


def _future(work: cst.Call, file: SourceFile) -> str | None:
    """What a call gives that is running already: "future", "task"; None for everything else."""
    if isinstance(work.func, cst.Attribute) and work.func.attr.value == "run_in_executor":
        kind = file.type_of(work.func.value)
        return "future" if kind is None or kind in _OWNERS else None
    return _FUTURES.get(file.name_of(work.func) or "")


def _is_function(reference: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a name stands for a function itself; for a property it stands for what that gives."""
    if file.name_of(reference) in COROUTINE_FUNCTIONS:
        return True
    found = file.definition_of(reference)
    return isinstance(found, cst.FunctionDef) and (
        not found.decorators or coroutine_function(reference, file) is not None
    )


def _gives_value(awaited: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether what is awaited is known to give no coroutine."""
    if not isinstance(awaited, cst.Call):
        return False
    if file.name_of(awaited.func) in _NOTHING_ELSE:
        return True
    found = coroutine_function(awaited.func, file)
    return found is not None and _never_returns(found)


def _returns_nothing(work: cst.Call, file: SourceFile) -> bool:
    found = file.definition_of(work.func)
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is not None or found.decorators:
        return False
    above = file.parent(file.parent(found) or found)
    return not isinstance(above, cst.ClassDef) and not is_generator(found) and _never_returns(found)


def _never_returns(function: cst.FunctionDef) -> bool:
    """Whether a function gives back None: none of its `return`s has a value, and it isn't one to be filled in."""
    nodes = list(walk_scope(function.body))
    return not any(isinstance(node, cst.Return) and node.value is not None for node in nodes) and not any(
        isinstance(node, (cst.Raise, cst.Ellipsis)) for node in nodes
    )


def _bare(call: cst.Call, work: cst.Call, file: SourceFile) -> Fix | None:
    """What runs already, without a task around; a task's own coroutine, for the outer task."""
    name = file.name_of(work.func)
    if _FUTURES.get(name or "") == "task":
        return Fix.replace(work, file.code(work.args[0].value), FixKind.SUGGESTION) if len(work.args) == 1 else None
    if len(call.args) != 1 or isinstance(file.parent(call), cst.Expr):
        return None
    return Fix.replace(call, file.code(work), FixKind.SUGGESTION)


def _called(reference: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """`f()` for `f`, where it can be called without arguments."""
    found = file.definition_of(reference)
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is None:
        return None
    needed = [p for p in parameters(found) if p.default is None and not p.star and p.name.value not in ("self", "cls")]
    return Fix((Insert(reference, "()", after=True),), FixKind.SUGGESTION) if not needed else None
