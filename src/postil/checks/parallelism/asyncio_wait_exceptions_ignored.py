"""Finds calls of `asyncio.wait` after which nobody asks the tasks how they ended."""

from collections.abc import Set as AbstractSet

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.around import tries_around
from postil.lint.fanout import awaited, works
from postil.lint.handlers import catches_all, raises
from postil.lint.names import dotted, last_name, targets
from postil.lint.tree import walk, walk_scope

MENTIONS = ("asyncio",)

_ASK = frozenset({"result", "exception", "add_done_callback", "all_tasks", "cancelled"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not call.args or file.name_of(call.func) != "asyncio.wait":
        return
    waiting, function = awaited(call, file), file.enclosing_function(call)
    if waiting is None or not isinstance(function, cst.FunctionDef) or file.in_test(call) or file.is_cleanup(waiting):
        return
    if not _starts_them(call, file):
        return
    done = _done(file.parent(waiting))
    if done is None or _asks(function, call, done, file):
        return
    names = " and ".join(f"`{name}`" for name in sorted(done))
    where = f"nothing asks {names}" if names else "nothing asks the tasks"
    yield Note(call, f"`asyncio.wait` raises nothing of what its tasks raised, and {where} afterwards")


def _starts_them(call: cst.Call, file: SourceFile) -> bool:
    """Whether the tasks are seen to begin here; those of others have others who look at them."""
    found = list(works(call, file)) if not isinstance(call.args[0].value, cst.Call) else []
    return bool(found) and all(_is_started(work.expression, file) for work in found)


def _is_started(work: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether work begins here and may fail: `event.wait()` doesn't, nor does what catches everything itself."""
    if not isinstance(work, cst.Call):
        return _is_task(work, file)
    found = file.definition_of(work.func) or _only_one_named(work.func, file)
    if isinstance(found, cst.FunctionDef):
        # A plain function that gives a task has kept it.
        return found.asynchronous is not None and not catches_all(found, file) and not _tries_each_wait(found, file)
    return not isinstance(work.func, cst.Attribute) or work.func.attr.value != "wait"


def _only_one_named(func: cst.BaseExpression, file: SourceFile) -> cst.FunctionDef | None:
    """The one function of this file that a method's name can mean, whatever object it is called on."""
    if not isinstance(func, cst.Attribute):
        return None
    named = [each for each in file.nodes(cst.FunctionDef) if each.name.value == func.attr.value]
    return named[0] if len(named) == 1 else None


def _tries_each_wait(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether each `await` of a function stands in a `try` that catches every `Exception`."""
    waits = [node for node in walk_scope(function.body) if isinstance(node, cst.Await)]
    return bool(waits) and all(_is_tried(wait, function, file) for wait in waits)


def _is_tried(wait: cst.Await, function: cst.FunctionDef, file: SourceFile) -> bool:
    innermost = next(tries_around(wait, function, file), None)
    return innermost is not None and any(file.is_broad(each) and not raises(each) for each in innermost.handlers)


def _is_task(expression: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a name is given a task where it is bound: `reading = create_task(…)`, of whatever owner."""
    made = file.value_of(expression)
    func = made.func if isinstance(made, cst.Call) else None
    last = last_name(func)
    return last.endswith(("create_task", "ensure_future"))


def _done(statement: cst.CSTNode | None) -> set[str] | None:
    """The names of the done tasks: none where all results are thrown away; None where it can't be told."""
    if isinstance(statement, cst.Expr):
        return set()
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0].target
    if isinstance(target, cst.Name):
        return None
    names = [name.value for name in targets(target)]
    return {names[0]} - {"_"} if len(names) == 2 else None


def _asks(function: cst.FunctionDef, call: cst.Call, done: set[str], file: SourceFile) -> bool:
    """Whether code of the function asks any task how it ended, awaits one, or hands the tasks on."""
    given = {dotted(call.args[0].value)} if isinstance(call.args[0].value, cst.Name) else set()
    tasks = given | done | {dotted(work.expression) for work in works(call, file)}
    for node in walk(function.body):
        if isinstance(node, cst.Attribute) and node.attr.value in _ASK:
            return True
        if isinstance(node, cst.Await) and not isinstance(node.expression, cst.Call):
            return True
        if isinstance(node, cst.Call) and node is not call and _takes(node, tasks, file):
            return True
        if isinstance(node, cst.Return) and _holds(node.value, tasks):
            return True
    return False


def _takes(call: cst.Call, tasks: AbstractSet[str | None], file: SourceFile) -> bool:
    """Whether a call is given the tasks, other than to count or cancel them."""
    if file.name_of(call.func) in ("len", "bool", "set", "list", "asyncio.create_task", "asyncio.ensure_future"):
        return False
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("append", "add", "discard", "remove"):
        return False
    return any(isinstance(arg.value, cst.Name) and arg.value.value in tasks for arg in call.args)


def _holds(value: cst.BaseExpression | None, tasks: AbstractSet[str | None]) -> bool:
    """Whether a returned value is the tasks, or a tuple with them."""
    if isinstance(value, cst.Tuple):
        return any(_holds(element.value, tasks) for element in value.elements)
    return isinstance(value, cst.Name) and value.value in tasks
