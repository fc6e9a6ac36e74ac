"""Finds tasks that nothing holds."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.names import last_name
from postil.lint.tree import is_generator, walk

MENTIONS = ("create_task", "ensure_future")

_STARTERS = frozenset({"asyncio.create_task", "asyncio.ensure_future", "asyncio.tasks.create_task"})
_A_TASK = re.compile(r"(^|_)(task|future|fut)$")
_LOOPS = frozenset({"asyncio.AbstractEventLoop", "asyncio.BaseEventLoop", "asyncio.events.AbstractEventLoop"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not call.args or not _starts_task(call, file) or file.in_test(call):
        return
    work = call.args[0].value
    written = file.code(work)
    if len(written) > 50 or "\n" in written:
        written = f"{file.code(work.func)}(…)" if isinstance(work, cst.Call) else ""
    of = f" of `{written}`" if 0 < len(written) <= 60 and "\n" not in written else ""
    if isinstance(file.parent(_with_callbacks(call, file)), cst.Expr):
        message = f"nothing holds the task{of}, so it may be collected before it is done"
    elif (name := _unused_local(call, file)) is not None:
        message = (
            f"nothing but the unused variable `{name}` holds the task{of}, so it may be collected before it is done"
        )
    else:
        return
    yield Note(call, message, fix=_kept(call, file))


def _starts_task(call: cst.Call, file: SourceFile) -> bool:
    func, work = call.func, call.args[0].value
    # `ensure_future(task)` gives back a task that is one already, and that somebody made.
    if isinstance(work, cst.Name) and _A_TASK.search(work.value):
        return False
    last = last_name(func)
    if not last.endswith(("create_task", "ensure_future")) and not isinstance(func, cst.Name):
        return False
    if file.name_of(func) in _STARTERS:
        return True
    return isinstance(func, cst.Attribute) and last == "create_task" and file.type_of(func.value) in _LOOPS


def _with_callbacks(call: cst.Call, file: SourceFile) -> cst.CSTNode:
    """The call of `call.add_done_callback(…)`, which holds nothing either, or the call itself."""
    method = file.parent(call)
    if isinstance(method, cst.Attribute) and method.attr.value == "add_done_callback":
        outer = file.parent(method)
        return outer if isinstance(outer, cst.Call) else call
    return call


def _unused_local(call: cst.Call, file: SourceFile) -> str | None:
    """The local variable that is given the task, if no code does anything with it but add callbacks."""
    statement = file.parent(call)
    function = file.enclosing_function(call)
    target = None
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
    elif isinstance(statement, cst.AnnAssign):
        target = statement.target
    # The frame of a generator or of `main` lives as long as what it started.
    if not isinstance(target, cst.Name) or not isinstance(function, cst.FunctionDef):
        return None
    if is_generator(function) or function.name.value == "main":
        return None
    for node in walk(function.body):
        if isinstance(node, cst.Name) and node.value == target.value and node is not target and _holds(node, file):
            return None
    return target.value


def _holds(name: cst.Name, file: SourceFile) -> bool:
    """Whether an occurrence of the variable may keep the task: anything but adding a callback to it."""
    above = file.parent(name)
    if isinstance(above, cst.Attribute):
        return above.value is name and above.attr.value != "add_done_callback"
    return not (isinstance(above, cst.Arg) and above.keyword is name)


def _kept(call: cst.Call, file: SourceFile) -> Fix | None:
    """Puts the task in a set of the module until it is done."""
    statement = file.enclosing_statement(call)
    expression = file.parent(call)
    function = file.enclosing_function(call)
    imports = [line for line in file.module.body if _is_import(line)]
    if (
        not isinstance(statement, cst.SimpleStatementLine)
        or len(statement.body) != 1
        or not isinstance(expression, cst.Expr)
        or not isinstance(function, cst.FunctionDef)
        or not imports
        or "running_tasks" in file.text
        or any(isinstance(node, cst.Name) and node.value == "task" for node in walk(function))
    ):
        return None
    unit, newline = file.module.default_indent, file.module.default_newline
    indent = "".join(
        above.indent if above.indent is not None else unit
        for above in file.ancestors(statement)
        if isinstance(above, cst.IndentedBlock)
    )
    kind = file.spelling_of("asyncio.Task")
    made = f"running_tasks: set[{kind}] = set()" if kind is not None else "running_tasks = set()"
    kept = f"{newline}{indent}running_tasks.add(task){newline}{indent}task.add_done_callback(running_tasks.discard)"
    edits = (
        Insert(imports[-1], f"{newline}{newline}{made}", after=True),
        Insert(call, "task = "),
        Insert(call, kept, after=True),
    )
    return Fix(edits, FixKind.SUGGESTION)


def _is_import(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], (cst.Import, cst.ImportFrom))
