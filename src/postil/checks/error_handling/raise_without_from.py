"""Finds exceptions raised in a handler without their cause."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.names import targets
from postil.lint.tree import walk, walk_scope

# Raised to steer the program, not to report a failure; nobody reads their cause.
_CONTROL_FLOW = frozenset(
    {
        "SystemExit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "StopIteration",
        "StopAsyncIteration",
        "asyncio.CancelledError",
        "asyncio.exceptions.CancelledError",
        "typer.Exit",
        "typer.Abort",
        "click.Abort",
        "click.exceptions.Abort",
        "click.exceptions.Exit",
    }
)
_FREE_NAMES = ("error", "exc", "err", "caught", "original_error")

_Handler = cst.ExceptHandler | cst.ExceptStarHandler


def check(raised: cst.Raise, file: SourceFile) -> Notes:
    if raised.exc is None or raised.cause is not None:
        return
    handler = None
    made = raised.exc
    if isinstance(made, cst.Name) and made.value[:1].islower():
        handler = _handler_around(raised, file)
        made = _made_here(made, handler, file) if handler is not None else None
    what = _raised_class(made, file) if made is not None else None
    if what is None or file.name_of(what) in _CONTROL_FLOW:
        return
    handler = handler or _handler_around(raised, file)
    if handler is None:
        return
    name = file.code(what)
    if handler.name is None:
        yield Note(
            raised,
            f"`{name}` is raised without `from`, so what was caught is not shown as its cause",
            _named(raised, handler, file),
        )
        return
    cause = cst.ensure_type(handler.name.name, cst.Name).value
    fix = None if _rebinds(handler, cause) else Fix((Insert(raised, f" from {cause}", after=True),))
    yield Note(raised, f"`{name}` is raised without `from`, so `{cause}` is not shown as its cause", fix)


def _made_here(name: cst.Name, handler: _Handler, file: SourceFile) -> cst.Call | None:
    """The call that makes an exception in this handler, where a name stands for one and nothing sets its cause."""
    value = file.value_of(name)
    if not isinstance(value, cst.Call) or "__cause__" in file.code(handler):
        return None
    return value if any(above is handler for above in file.ancestors(value)) else None


def _raised_class(raised: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression | None:
    """The class of a new exception (`Failed(…)`, `Failed`); None for a value that exists already or may do."""
    called = isinstance(raised, cst.Call)
    while isinstance(raised, cst.Call):
        if isinstance(raised.func, cst.Attribute) and raised.func.attr.value == "with_traceback":
            raised = raised.func.value
            called = isinstance(raised, cst.Call)
        else:
            raised = raised.func
            break
    if not isinstance(raised, (cst.Name, cst.Attribute)):
        return None
    last = (raised.attr if isinstance(raised, cst.Attribute) else raised).value.lstrip("_")
    if not last[:1].isupper():
        return None
    if called or isinstance(file.definition_of(raised), cst.ClassDef):
        return raised
    return raised if file.name_of(raised) is not None and not last.isupper() else None


def _handler_around(raised: cst.Raise, file: SourceFile) -> _Handler | None:
    """The handler that runs `raised`, unless a `try` in it may catch the new exception again."""
    child: cst.CSTNode = raised
    for above in file.ancestors(raised):
        if isinstance(above, (cst.FunctionDef, cst.Lambda, cst.ClassDef)):
            return None
        if isinstance(above, (cst.Try, cst.TryStar)) and child is above.body and above.handlers:
            return None
        if isinstance(above, _Handler):
            return above
        child = above
    return None


def _named(raised: cst.Raise, handler: _Handler, file: SourceFile) -> Fix | None:
    """A fix that gives the caught exception a name which nothing around uses."""
    if handler.type is None:
        return None
    around = file.enclosing_def(handler) or file.module
    used = {node.value for node in walk(around) if isinstance(node, cst.Name)}
    name = next((free for free in _FREE_NAMES if free not in used), None)
    if name is None:
        return None
    end = handler.type.rpar[-1] if handler.type.rpar else handler.type
    edits = (Insert(end, f" as {name}", after=True), Insert(raised, f" from {name}", after=True))
    return Fix(edits, FixKind.SUGGESTION)


def _rebinds(handler: _Handler, name: str) -> bool:
    """Whether a handler gives the name of what it caught to something else, or takes it away."""
    for node in walk_scope(handler.body):
        match node:
            case cst.AssignTarget(target=target) | cst.NamedExpr(target=target) | cst.Del(target=target):
                bound = targets(target)
            case cst.AugAssign(target=target) | cst.AnnAssign(target=target) | cst.For(target=target):
                bound = targets(target)
            case cst.AsName(name=target):
                bound = targets(target)
            case _:
                continue
        if any(found.value == name for found in bound):
            return True
    return False
