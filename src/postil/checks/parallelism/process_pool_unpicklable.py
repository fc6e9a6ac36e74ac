"""Finds functions that can't be sent to another process."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.catalogue.pools import POOL_METHODS, PROCESS_EXECUTORS, PROCESS_POOLS

MENTIONS = ("ProcessPoolExecutor", "multiprocessing")

_POOLS = PROCESS_EXECUTORS | PROCESS_POOLS


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not isinstance(call.func, cst.Attribute) or not call.args:
        return
    method = call.func.attr.value
    if method == "run_in_executor":
        sent = call.args[1].value if len(call.args) > 1 else None
        pool: cst.BaseExpression | None = call.args[0].value
    elif method in POOL_METHODS:
        sent, pool = call.args[0].value, call.func.value
    else:
        return
    if sent is None or file.type_of(pool) not in _POOLS or (what := _unpicklable(sent, file)) is None:
        return
    if not file.in_test(call):
        yield Note(sent, f"{what} can't be pickled, so the pool fails to send it to a process")


def _unpicklable(sent: cst.BaseExpression, file: SourceFile) -> str | None:
    if isinstance(sent, cst.Call) and file.name_of(sent.func) == "functools.partial" and sent.args:
        return _unpicklable(sent.args[0].value, file)
    if isinstance(sent, cst.Lambda):
        return "a lambda"
    if isinstance(sent, cst.Name) and isinstance(file.value_of(sent), cst.Lambda):
        return f"the lambda `{sent.value}`"
    if isinstance(sent, cst.Attribute):
        return (
            f"`{sent.attr.value}`, a method of a class inside a function," if _is_of_local_class(sent, file) else None
        )
    found = file.definition_of(sent)
    if not isinstance(found, cst.FunctionDef) or not isinstance(sent, cst.Name):
        return None
    if file.enclosing_function(found) is None or _is_global(sent, file):
        return None
    return f"`{sent.value}`, which is defined inside a function,"


def _is_of_local_class(method: cst.Attribute, file: SourceFile) -> bool:
    made = file.value_of(method.value)
    owner = file.definition_of(made.func) if isinstance(made, cst.Call) else None
    return isinstance(owner, cst.ClassDef) and file.enclosing_function(owner) is not None


def _is_global(name: cst.Name, file: SourceFile) -> bool:
    """Whether `global name` puts a nested definition where other processes find it."""
    return any(item.name.value == name.value for node in file.nodes(cst.Global) for item in node.names)
