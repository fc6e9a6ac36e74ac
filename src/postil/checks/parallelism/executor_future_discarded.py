"""Finds jobs that are given to a pool, and whose failure nobody can see."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.catalogue.pools import EXECUTORS, POOLS
from postil.lint.handlers import catches_most
from postil.lint.names import dotted

MENTIONS = ("Executor", "Pool")


def check(statement: cst.Expr, file: SourceFile) -> Notes:
    call = statement.value
    if call.__class__ is not cst.Call or not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        return
    method, kind = call.func.attr.value, None
    if method in ("submit", "apply_async") and call.args:
        kind = file.type_of(call.func.value)
    if not (kind in EXECUTORS if method == "submit" else kind in POOLS):
        return
    if method == "apply_async" and (argument(call, "error_callback", 4) is not None):
        return
    work = call.args[0].value
    if isinstance(work, cst.Call) and file.name_of(work.func) == "functools.partial" and work.args:
        work = work.args[0].value
    # What isn't seen may well deal with its failures itself.
    found = file.definition_of(work)
    if isinstance(found, cst.FunctionDef) and found.asynchronous is not None:
        return  # it makes a coroutine that nobody runs, which is another matter
    if not isinstance(work, cst.Lambda) and (
        not isinstance(found, cst.FunctionDef) or _deals(found, file) or _only_calls_another(found, file)
    ):
        return
    if file.in_test(call):
        return
    written = dotted(work)
    what = f"`{written}` raises" if written is not None else "this job raises"
    yield Note(call, f"what {what} is lost, as nothing keeps what `{dotted(call.func) or method}` returns")


def _deals(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function or one of this file that it gets to catches what fails."""
    return any(catches_most(each, file) for each in file.calls.reached(function))


def _only_calls_another(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether all that a function does is one call of something that isn't seen."""
    lines = [line for line in function.body.body if isinstance(line, cst.SimpleStatementLine)]
    if len(lines) != 1 or len(function.body.body) != 1:
        return False
    only = lines[0].body[0]
    call = only.value if isinstance(only, (cst.Expr, cst.Return)) else None
    return isinstance(call, cst.Call) and file.definition_of(call.func) is None
