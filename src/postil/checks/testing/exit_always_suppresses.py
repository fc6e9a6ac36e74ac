"""Finds context managers that drop every error of their block."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.flow import reaches_end
from postil.lint.handlers import hands_on, raises, reports
from postil.lint.logs import log_call
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk, walk_scope

MENTIONS = ("exit__", "contextmanager")

# What drops errors by its name says so to whoever uses it.
_SAYS_SO = re.compile(r"suppress|ignor|swallow|catch|captur|expect|rais|guard|silen|tolerat|safe|quiet", re.IGNORECASE)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    name = function.name.value
    if name in ("__exit__", "__aexit__"):
        yield from _method(function, file)
    elif (
        file.decorator(function, "contextlib.contextmanager", "contextlib.asynccontextmanager") is not None
        and not _SAYS_SO.search(name)
        and not file.is_lifespan(function)
    ):
        yield from _generator(function, file)


def _method(function: cst.FunctionDef, file: SourceFile) -> Notes:
    owner = file.enclosing_class(function)
    if owner is None or _SAYS_SO.search(owner.name.value) or reaches_end(function.body, file):
        return
    nodes = list(walk_scope(function.body))
    returned = [node for node in nodes if isinstance(node, cst.Return)]
    if not returned or any(dotted(each.value) != "True" for each in returned):
        return
    errors = {param.name.value for param in list(parameters(function))[1:]}
    if any(isinstance(node, (cst.Raise, cst.Assert)) or _keeps(node, errors, file) for node in nodes):
        return
    name, statement = function.name.value, "async with" if function.asynchronous is not None else "with"
    yield Note(
        returned[-1],
        f"`{name}` returns True whatever happened, so `{statement} {owner.name.value}(…)` drops every error",
    )


def _keeps(node: cst.CSTNode, errors: set[str], file: SourceFile) -> bool:
    """Whether a statement stores the error, or hands it to somebody else than a logger."""
    if isinstance(node, cst.Call):
        if log_call(node, file) is not None:
            return False
        values = [arg.value for arg in node.args]
    elif isinstance(node, (cst.Assign, cst.AnnAssign)):
        values = [node.value] if node.value is not None else []
    else:
        return False
    return any(isinstance(part, cst.Name) and part.value in errors for value in values for part in walk(value))


def _generator(function: cst.FunctionDef, file: SourceFile) -> Notes:
    for tried in walk_scope(function.body):
        if not isinstance(tried, cst.Try) or not any(isinstance(node, cst.Yield) for node in walk_scope(tried.body)):
            continue
        for handler in tried.handlers:
            if file.is_broad(handler) and not _is_told(handler, file):
                caught = f"except {file.code(handler.type)}" if handler.type is not None else "except"
                yield Note(
                    handler, f"`{caught}:` around the `yield` of `{function.name.value}` drops every error of its block"
                )


def _is_told(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether somebody hears of the error: it is raised, here or by a helper, or handed on."""
    if raises(handler) or reports(handler) or hands_on(handler, file) or not reaches_end(handler.body, file):
        return True
    return any(
        isinstance(node, cst.Assign) and isinstance(node.value, cst.Call) and dotted(node.value.func) == "sys.exc_info"
        for node in walk_scope(handler.body)
    )
