"""Background jobs as code hands them to a queue, waits for them and tries them again.

May not guess: what has a `delay` and isn't known to be a task is none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.around import loop_of, put_into
from postil.lint.contexts import Task
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

# Methods that hand a job to a queue → the library, "" where several have it.
_METHODS: dict[str, str] = {
    "delay": "",
    "apply_async": "",
    "send": "dramatiq",
    "send_with_options": "dramatiq",
    "kiq": "taskiq",
    "enqueue": "rq",
    "enqueue_call": "rq",
    "enqueue_in": "rq",
    "enqueue_at": "rq",
    "enqueue_job": "arq",
}
_HAVE_DELAY = frozenset({"celery", "rq"})
WORDS = ("delay", "apply_async", "send", "kiq", "enqueue")
"""Without one of these in its text a file enqueues nothing."""

# The arguments in front of the job's own: the function, and for RQ's `enqueue_in` and `enqueue_at` the time.
_LEADING = {"enqueue": 1, "enqueue_call": 1, "enqueue_in": 2, "enqueue_at": 2, "enqueue_job": 1}
_RQ_QUEUES = frozenset({"rq.Queue", "rq.queue.Queue"})
_RQ_FUNCTIONS = frozenset({"django_rq.enqueue"})
_ARQ_POOLS = frozenset({"arq.ArqRedis", "arq.connections.ArqRedis"})
_POOLS = re.compile(r"(Executor|\.pool\.(Thread)?Pool|multiprocessing\.Pool)$")
_WORKER_MODULE = re.compile(r"(^|[._])(tasks?|actors?|jobs?|workers?)(\.|$)")
_CANVAS = frozenset(
    f"{module}.{name}"
    for module in ("celery", "celery.canvas")
    for name in ("chain", "group", "chord", "signature", "xmap", "xstarmap", "chunks")
)
_SIGNATURES = frozenset({"s", "si", "signature", "subtask"})
_RESULTS = frozenset(
    {
        "celery.result.AsyncResult",
        "celery.result.GroupResult",
        "celery.result.ResultSet",
        "celery.AsyncResult",
        "arq.jobs.Job",
    }
)
_RESULT_CLASSES = frozenset(name.rpartition(".")[2] for name in _RESULTS)
_RESULT_MAKERS = frozenset({"AsyncResult", "GroupResult"})
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Enqueued:
    """A call that hands a job to a queue.

    `task` is what will run: a task, a signature, or RQ's function and arq's name; `arguments` are what it is given, as
    far as they are written out. `framework` is "celery" also where another library with a `delay` can't be told apart.
    """

    call: cst.Call
    task: cst.BaseExpression
    framework: str
    arguments: tuple[cst.BaseExpression, ...]

    @property
    def name(self) -> str:
        """The last part of the task's name, "" where it has none."""
        return (dotted(self.task) or "").rpartition(".")[2]


def enqueued(call: cst.CSTNode, file: "SourceFile") -> Enqueued | None:
    """The job that a call hands to a queue; None where it hands over none, or that isn't certain."""
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        return None
    method = call.func.attr.value
    if method not in _METHODS:
        return None
    owner = call.func.value
    if method in _LEADING:
        return _enqueued_on(call, method, owner, file)
    framework = _framework(method, owner, file)
    if framework is None:
        return None
    if method in ("apply_async", "send_with_options"):
        return Enqueued(call, owner, framework, tuple(_spread(call)))
    return Enqueued(call, owner, framework, tuple(arg.value for arg in call.args if not arg.star))


def _enqueued_on(call: cst.Call, method: str, owner: cst.BaseExpression, file: "SourceFile") -> Enqueued | None:
    """`queue.enqueue(function, …)` of RQ, `pool.enqueue_job("name", …)` of arq."""
    framework, kind = _METHODS[method], file.type_of(owner)
    is_queue = kind in (_ARQ_POOLS if framework == "arq" else _RQ_QUEUES)
    leading = _LEADING[method]
    given = [arg for arg in call.args if not arg.star]
    if framework == "arq" and kind is None:
        # Others have a method of that name, but don't call a job by its name.
        is_queue = bool(given) and isinstance(given[0].value, cst.SimpleString)
    if not is_queue and file.name_of(call.func) not in _RQ_FUNCTIONS:
        return None
    if len(given) < leading or given[leading - 1].keyword is not None:
        return None
    # RQ's and arq's own options look like arguments of the job.
    rest = tuple(arg.value for arg in given[leading:] if arg.keyword is None or not arg.keyword.value.startswith("_"))
    return Enqueued(call, given[leading - 1].value, framework, rest)


def _framework(method: str, owner: cst.BaseExpression, file: "SourceFile") -> str | None:
    """The library of a task or signature on which `delay`, `apply_async`, `send` or `kiq` is called."""
    wanted = _METHODS[method]
    found = file.definition_of(owner)
    if isinstance(found, cst.FunctionDef):
        task = next((task for task in file.tasks if task.function is found), None)
        if task is None or (wanted or task.framework) != task.framework:
            return None
        return task.framework if wanted or task.framework in _HAVE_DELAY else None
    if found is not None:
        return None
    if wanted == "":
        kind = file.type_of(owner)
        if kind is not None and _POOLS.search(kind):
            return None
        return "celery" if is_signature(owner, file) or file.name_of(owner) is not None else None
    name = file.name_of(owner)
    if name is None or (wanted == "dramatiq" and not _WORKER_MODULE.search(name.rpartition(".")[0])):
        return None
    return wanted


def _spread(call: cst.Call) -> Iterator[cst.BaseExpression]:
    """What `apply_async(args=[…], kwargs={…})` gives to the task."""
    places = {"args": 0, "kwargs": 1}
    for index, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and index > 1):
            continue
        if arg.keyword is not None and arg.keyword.value not in places:
            continue
        if isinstance(arg.value, (cst.List, cst.Tuple)):
            yield from (element.value for element in arg.value.elements)
        elif isinstance(arg.value, cst.Dict):
            yield from (element.value for element in arg.value.elements if isinstance(element, cst.DictElement))


def canvas(call: cst.Call, file: "SourceFile") -> str | None:
    """Which of Celery's compositions a call makes: "chain", "group", "chord" …; None for everything else."""
    name = file.name_of(call.func)
    return name.rpartition(".")[2] if name in _CANVAS else None


def is_signature(expression: cst.BaseExpression, file: "SourceFile", depth: int = 0) -> bool:
    """Whether an expression is seen to be a signature of Celery's: `task.s(…)`, `chain(…)`, a name for one."""
    if depth > _DEPTH:
        return False
    if isinstance(expression, cst.Name):
        value = file.value_of(expression)
        return value is not None and is_signature(value, file, depth + 1)
    if isinstance(expression, cst.BinaryOperation):
        return isinstance(expression.operator, cst.BitOr) and is_signature(expression.left, file, depth + 1)
    if not isinstance(expression, cst.Call):
        return False
    if isinstance(expression.func, cst.Attribute) and expression.func.attr.value in _SIGNATURES:
        return True
    return canvas(expression, file) is not None


def job_result(expression: cst.BaseExpression, file: "SourceFile", depth: int = 0) -> bool:
    """Whether an expression is the handle of a job: what enqueueing gave, or an `AsyncResult` made from an id."""
    if depth > _DEPTH:
        return False
    if isinstance(expression, cst.Await):
        return job_result(expression.expression, file, depth + 1)
    if isinstance(expression, cst.Call):
        last = expression.func.attr if isinstance(expression.func, cst.Attribute) else expression.func
        if isinstance(last, cst.Name) and last.value in _RESULT_MAKERS:
            name = file.name_of(expression.func)
            return name in _RESULTS or isinstance(expression.func, cst.Attribute)
        if enqueued(expression, file) is not None or _sends_by_name(expression, file):
            return True
        # `chain(…)()`, `chord(header)(body)`
        return is_signature(expression.func, file)
    if isinstance(expression, cst.Name):
        value = file.value_of(expression)
        if value is not None:
            return job_result(value, file, depth + 1)
        loop = loop_of(expression, file)
        if loop is not None:
            return _holds_results(loop.iter, file, depth + 1)
    return any(file.mentions(word) for word in _RESULT_CLASSES) and file.type_of(expression) in _RESULTS


def _holds_results(expression: cst.BaseExpression, file: "SourceFile", depth: int) -> bool:
    """Whether an expression is a list of handles: a comprehension that enqueues, or a name for what was filled so."""
    value = file.value_of(expression) if isinstance(expression, cst.Name) else expression
    if isinstance(value, (cst.ListComp, cst.GeneratorExp)):
        return job_result(value.elt, file, depth)
    if not isinstance(expression, cst.Name) or not isinstance(value, cst.List) or value.elements:
        return False
    put = [call.args[0].value for call in put_into(expression, expression, file)]
    return bool(put) and all(job_result(each, file, depth) for each in put)


def _sends_by_name(call: cst.Call, file: "SourceFile") -> bool:
    """Whether a call is `app.send_task("name")` of Celery's, which no other library has."""
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == "send_task" and file.mentions("celery")


def options(task: Task) -> Mapping[str, cst.BaseExpression] | None:
    """The options in a task's decorator by name; None where some may come from elsewhere (`**options`)."""
    if task.call is None:
        return {}
    if any(arg.star for arg in task.call.args):
        return None
    return {arg.keyword.value: arg.value for arg in task.call.args if arg.keyword is not None}


def merged(task: Task, file: "SourceFile") -> Mapping[str, cst.BaseExpression] | None:
    """The options of a task with those that its base class gives it; None where some may come from elsewhere."""
    given = options(task)
    if given is None or "base" not in given:
        return given
    base = file.definition_of(given["base"])
    inherited = class_options(base, file) if isinstance(base, cst.ClassDef) else None
    return {**inherited, **given} if inherited is not None else None


def class_options(owner: cst.ClassDef, file: "SourceFile", depth: int = 0) -> Mapping[str, cst.BaseExpression] | None:
    """What a class of tasks and its bases set in their bodies; None where a base from elsewhere may set more."""
    found: dict[str, cst.BaseExpression] = {}
    for base in owner.bases:
        above = file.definition_of(base.value)
        if isinstance(above, cst.ClassDef) and depth < _DEPTH:
            inherited = class_options(above, file, depth + 1)
            if inherited is None:
                return None
            found |= inherited
        elif not _is_celery_task(base.value, file):
            return None
    for line in owner.body.body if isinstance(owner.body, cst.IndentedBlock) else ():
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.Assign) and isinstance(part.targets[0].target, cst.Name):
                found[part.targets[0].target.value] = part.value
            elif isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name) and part.value is not None:
                found[part.target.value] = part.value
    return found


@dataclass(frozen=True, eq=False)
class TaskClass:
    """A class of Celery tasks that says what they are tried again for.

    `options` are all that hold for it, those included that tasks of this file add to them; `functions` are what runs:
    its own `run`, and the tasks of this file that have it as their base.
    """

    name: str
    options: Mapping[str, cst.BaseExpression]
    functions: tuple[cst.FunctionDef, ...]


def task_classes(file: "SourceFile") -> Iterator[TaskClass]:
    """The classes of a file that set `autoretry_for`; none whose options may be completed by another class."""
    if not file.mentions("autoretry_for"):
        return
    classes = file.nodes(cst.ClassDef)
    inherited = {id(file.definition_of(base.value)) for owner in classes for base in owner.bases}
    for owner in classes:
        found = class_options(owner, file) if owner.bases and id(owner) not in inherited else None
        if found is None or "autoretry_for" not in found:
            continue
        run = file.member_of(owner, "run")
        functions = [run] if isinstance(run, cst.FunctionDef) else []
        added: dict[str, cst.BaseExpression] = {}
        for task in file.tasks:
            given = options(task) or {}
            if "base" in given and file.definition_of(given["base"]) is owner:
                functions.append(task.function)
                added |= given
        yield TaskClass(owner.name.value, {**added, **found}, tuple(functions))


@dataclass(frozen=True, eq=False)
class RetryCall:
    """A call of Celery's `self.retry(…)` in a task; `task` is None in the method of a task class."""

    call: cst.Call
    task: Task | None


def retry_calls(file: "SourceFile") -> Iterator[RetryCall]:
    """Where Celery tasks of a file ask for another attempt themselves."""
    for call in file.nodes(cst.Call):
        if (found := _retry_call(call, file)) is not None:
            yield found


def _retry_call(call: cst.Call, file: "SourceFile") -> RetryCall | None:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value != "retry" or not isinstance(func.value, cst.Name):
        return None
    around = file.enclosing_def(call)
    while around is not None:
        task = next((each for each in file.tasks if each.function is around), None)
        if task is not None:
            first = next(parameters(task.function), None)
            own = (first.name.value if first is not None else "", task.function.name.value)
            asked = func.value.value in own or file.name_of(func.value) == "celery.current_task"
            return RetryCall(call, task) if task.framework == "celery" and asked else None
        if func.value.value == "self" and _is_task_class(file.enclosing_class(around), file):
            return RetryCall(call, None)
        around = file.enclosing_def(around)
    return None


def _is_task_class(owner: cst.ClassDef | None, file: "SourceFile") -> bool:
    return owner is not None and any(_is_celery_task(base.value, file) for base in owner.bases)


def _is_celery_task(base: cst.BaseExpression, file: "SourceFile") -> bool:
    """Whether a class is Celery's own of tasks: `celery.Task`, `app.Task`."""
    if file.name_of(base) in ("celery.Task", "celery.app.task.Task"):
        return True
    if not isinstance(base, cst.Attribute) or base.attr.value != "Task":
        return False
    return file.type_of(base.value) == "celery.Celery" or "celery" in (file.name_of(base) or dotted(base) or "")


def asks_again(task: Task, file: "SourceFile") -> bool:
    """Whether a Celery task is tried again when it fails: by its options, or because it asks for it."""
    given = options(task)
    if given is None or (given.get("autoretry_for") is not None and not is_empty(given["autoretry_for"])):
        return True
    return any(_retry_call(call, file) is not None for call in calls_in(task.function.body))


def is_empty(expression: cst.BaseExpression) -> bool:
    """Whether an expression is an empty tuple or list."""
    return isinstance(expression, (cst.Tuple, cst.List)) and not expression.elements


def listed(expression: cst.BaseExpression, file: "SourceFile", depth: int = 0) -> list[cst.BaseExpression]:
    """The elements of a tuple or list, constants of the module looked up; the expression itself for anything else."""
    if isinstance(expression, (cst.Tuple, cst.List)):
        return [element.value for element in expression.elements]
    value = file.value_of(expression) if depth < _DEPTH else None
    return listed(value, file, depth + 1) if isinstance(value, (cst.Tuple, cst.List)) else [expression]


def number(expression: cst.BaseExpression | None, file: "SourceFile", depth: int = 0) -> float | None:
    """The value of a number that is written out (`600`, `60 * 60`, a constant of the module); else None."""
    match expression:
        case cst.Integer() | cst.Float():
            return expression.evaluated_value
        case cst.BinaryOperation(operator=cst.Multiply()):
            left, right = number(expression.left, file, depth + 1), number(expression.right, file, depth + 1)
            return left * right if left is not None and right is not None else None
        case cst.Name():
            return number(file.value_of(expression), file, depth + 1) if depth < _DEPTH else None
    return None


def calls_in(node: cst.CSTNode) -> Iterator[cst.Call]:
    """The calls in a piece of code."""
    return (each for each in walk(node) if isinstance(each, cst.Call))
