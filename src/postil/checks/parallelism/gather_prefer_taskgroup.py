"""Finds plain `gather`s in projects whose Python has task groups."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile, argument
from postil.lint.fanout import assigned
from postil.lint.names import last_name
from postil.lint.tree import walk

MENTIONS = ("gather",)

_GATHER = "asyncio.gather"
# These give futures, which `create_task` refuses.
_FUTURES = frozenset({"run_in_executor", "async_add_executor_job", "create_task", "ensure_future", "gather", "shield",
                      "wrap_future", "run_coroutine_threadsafe"})  # fmt: skip


def check(waiting: cst.Await, file: SourceFile) -> Notes:
    call = waiting.expression
    if not isinstance(call, cst.Call) or len(call.args) < 2 or file.name_of(call.func) != _GATHER:
        return
    if argument(call, "return_exceptions") is not None or not all(_is_work(arg) for arg in call.args):
        return
    version = file.project.requires_python(file.path)
    if version is None or version < (3, 11) or not file.is_service or file.in_test(call) or file.is_cleanup(waiting):
        return
    if any(isinstance(above, cst.Try) for above in file.ancestors(call)):
        return
    yield Note(
        call,
        "if one of these fails, `gather` raises and leaves the others running",
        fix=_grouped(waiting, call, file),
    )


def _is_work(arg: cst.Arg) -> bool:
    """Whether an argument is a call, and not of something that gives a future."""
    if arg.star or arg.keyword is not None or not isinstance(arg.value, cst.Call):
        return False
    func = arg.value.func
    last = last_name(func)
    return last not in _FUTURES


def _grouped(waiting: cst.Await, call: cst.Call, file: SourceFile) -> Fix | None:
    """The same work in an `asyncio.TaskGroup`, where the results are thrown away or go to plain names."""
    statement = file.parent(waiting)
    line = file.enclosing_statement(waiting)
    function = file.enclosing_function(waiting)
    group = file.spelling_of("asyncio.TaskGroup")
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1 or function is None or group is None:
        return None
    names = assigned(statement)
    discarded = isinstance(statement, cst.Expr)
    if not discarded and (not isinstance(statement, cst.Assign) or len(names) != len(call.args)):
        return None
    variables = [f"{name.lstrip('_') or 'done'}_task" for name in names]
    taken = {node.value for node in walk(function) if isinstance(node, cst.Name)}
    if taken & {"group", *variables} or len(set(variables)) < len(variables) or "\n" in file.code(call).strip():
        return None
    newline = file.module.default_newline + file.indentation(line)
    inner = newline + file.module.default_indent
    starts = [f"group.create_task({file.code(arg.value)})" for arg in call.args]
    if discarded:
        text = f"async with {group}() as group:{inner}{inner.join(starts)}"
    else:
        started = [f"{variable} = {start}" for variable, start in zip(variables, starts, strict=True)]
        results = ", ".join(f"{variable}.result()" for variable in variables)
        text = f"async with {group}() as group:{inner}{inner.join(started)}{newline}{', '.join(names)} = {results}"
    return Fix((Replace(line.body[0], text),), FixKind.SUGGESTION)
