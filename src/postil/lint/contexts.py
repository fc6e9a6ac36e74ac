"""Who runs a piece of code: the event loop, a thread, a web framework, a job queue, a test, the start-up.

Most false alarms are mistakes about context, so each question is answered here once, and tested once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.names import dotted
from postil.lint.tree import walk, walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_TEST_PATH = re.compile(r"(^|/)(tests?|testing|testsuite|conftest\.py$|test_[^/]*\.py$|[^/]*_tests?\.py$)(/|$)")
_SCRIPT_FOLDER = re.compile(
    r"(^|/)(scripts?|examples?|samples?|docs?|docs_src|benchmarks?|tools?|migrations|alembic|tutorials?)/"
)
_SCRIPT_FILES = frozenset({"noxfile.py", "setup.py", "manage.py", "fabfile.py", "tasks.py", "conftest.py"})
_VERBS = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "trace", "route", "api_route", "websocket",
     "websocket_route"}
)  # fmt: skip
_APPS: dict[str, str] = {
    "fastapi.FastAPI": "fastapi",
    "fastapi.APIRouter": "fastapi",
    "fastapi.applications.FastAPI": "fastapi",
    "fastapi.routing.APIRouter": "fastapi",
    "flask.Flask": "flask",
    "flask.Blueprint": "flask",
    "quart.Quart": "quart",
    "quart.Blueprint": "quart",
    "sanic.Sanic": "sanic",
    "sanic.Blueprint": "sanic",
    "starlette.applications.Starlette": "starlette",
    "aiohttp.web.RouteTableDef": "aiohttp",
    "litestar.Litestar": "litestar",
}
_APP_NAMES = re.compile(r"(^|_)(app|router|api|application|blueprint|bp|routes)$")
_HOOKS = frozenset({"middleware", "exception_handler", "errorhandler", "before_request", "after_request"})
_OFFLOADERS: dict[str, int] = {
    "asyncio.to_thread": 0,
    "anyio.to_thread.run_sync": 0,
    "anyio.to_process.run_sync": 0,
    "starlette.concurrency.run_in_threadpool": 0,
    "fastapi.concurrency.run_in_threadpool": 0,
    "asgiref.sync.sync_to_async": 0,
    "trio.to_thread.run_sync": 0,
}
_LOOP_CALLBACKS = frozenset({"call_soon", "call_later", "call_at", "call_soon_threadsafe", "add_done_callback"})
_STARTUP_NAMES = frozenset(
    {"create_app", "make_app", "get_app", "main", "setup", "startup", "on_startup", "lifespan", "__init__",
     "__aenter__", "__enter__", "__post_init__", "configure", "bootstrap"}
)  # fmt: skip
_CLEANUP_NAME = re.compile(
    r"stop|close|shutdown|clean|cancel|teardown|exit|dispose|drain|finali[sz]e|terminate|__del__"
)
_LIFESPAN_OWNERS = frozenset({"FastAPI", "Starlette", "Litestar", "Quart", "FastMCP"})
_CACHES = ("functools.lru_cache", "functools.cache", "async_lru.alru_cache", "cachetools.func.lru_cache")


def is_test_path(path: str) -> bool:
    """Whether a path is that of test code: a tests folder, `test_*.py`, `*_test.py`, `conftest.py`."""
    return _TEST_PATH.search(path) is not None


def is_script(file: "SourceFile") -> bool:
    """Whether a file is a script, by its folder, its name, a PEP 723 block, or a main guard outside any package."""
    if _SCRIPT_FOLDER.search(file.path) or basename(file.path) in _SCRIPT_FILES:
        return True
    if "# /// script" in file.text:
        return True
    outside_packages = "/" not in file.path
    return outside_packages and any(_is_main_guard(node) for node in file.module.body)


def _is_main_guard(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.If)
        and isinstance(node.test, cst.Comparison)
        and isinstance(node.test.left, cst.Name)
        and node.test.left.value == "__name__"
    )


@dataclass(frozen=True, eq=False)
class Route:
    """One endpoint. `framework` is None where the object that carries it comes from another file.

    `method` is the decorator's lower-case name ("get", "route", "websocket" …), `path` the literal path or None.
    """

    function: cst.FunctionDef
    decorator: cst.Decorator
    call: cst.Call
    method: str
    path: str | None
    owner: cst.BaseExpression
    framework: str | None


@dataclass(frozen=True, eq=False)
class Task:
    """One background task and the queue that runs it. `call` is None for a decorator without parentheses."""

    function: cst.FunctionDef
    decorator: cst.Decorator
    call: cst.Call | None
    framework: str


def find_routes(file: "SourceFile") -> Iterator[Route]:
    """The decorated endpoints of a file."""
    for function in file.nodes(cst.FunctionDef):
        for decorator in function.decorators:
            call = decorator.decorator
            if not (isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute)):
                continue
            method, owner = call.func.attr.value, call.func.value
            if method not in _VERBS:
                continue
            path = _literal(call.args[0].value) if call.args else _keyword_literal(call, "path")
            kind = file.type_of(owner)
            framework = _APPS.get(kind) if kind else None
            known_otherwise = kind is not None and framework is None
            name = (dotted(owner) or "").rpartition(".")[2]
            if framework is None and (known_otherwise or path is None or not _APP_NAMES.search(name)):
                continue
            if framework is None and path and not path.startswith("/"):
                continue
            yield Route(function, decorator, call, method, path, owner, framework or _guess(file))
            break


def _guess(file: "SourceFile") -> str | None:
    """The one web framework that the file imports."""
    roots = {origin.split(".", 1)[0] for origin in file.imports.values()}
    found = roots & set(_APPS.values())
    return found.pop() if len(found) == 1 else None


def _literal(expression: cst.CSTNode) -> str | None:
    if isinstance(expression, (cst.SimpleString, cst.ConcatenatedString)):
        value = expression.evaluated_value
        return value if isinstance(value, str) else None
    return None


def _keyword_literal(call: cst.Call, keyword: str) -> str | None:
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == keyword:
            return _literal(arg.value)
    return None


_TASK_DECORATORS: dict[str, str] = {
    "celery.shared_task": "celery",
    "celery.task": "celery",
    "celery.app.shared_task": "celery",
    "celery.decorators.task": "celery",
    "dramatiq.actor": "dramatiq",
    "rq.job": "rq",
    "rq.decorators.job": "rq",
    "django_rq.job": "rq",
    "huey.contrib.djhuey.task": "huey",
    "huey.contrib.djhuey.db_task": "huey",
    "huey.contrib.djhuey.periodic_task": "huey",
}
_TASK_OWNERS: dict[str, str] = {
    "celery.Celery": "celery",
    "celery.app.Celery": "celery",
    "celery.app.base.Celery": "celery",
    "huey.RedisHuey": "huey",
    "huey.SqliteHuey": "huey",
    "huey.MemoryHuey": "huey",
    "huey.Huey": "huey",
}
_TASK_OWNER_NAMES = re.compile(r"(^|_)celery(_app)?$")


def find_tasks(file: "SourceFile") -> Iterator[Task]:
    """The decorated background tasks of a file."""
    for function in file.nodes(cst.FunctionDef):
        for decorator in function.decorators:
            call = decorator.decorator if isinstance(decorator.decorator, cst.Call) else None
            target = call.func if call is not None else decorator.decorator
            framework = _TASK_DECORATORS.get(file.name_of(target) or "")
            if framework is None and isinstance(target, cst.Attribute) and target.attr.value in _TASK_METHODS:
                framework = _owner_framework(file, target)
            if framework is not None:
                yield Task(function, decorator, call, framework)
                break


_TASK_METHODS = frozenset({"task", "actor", "job", "periodic_task"})


def _owner_framework(file: "SourceFile", target: cst.Attribute) -> str | None:
    kind = file.type_of(target.value)
    if kind in _TASK_OWNERS:
        return _TASK_OWNERS[kind]
    if kind is not None and kind.startswith("taskiq") and target.attr.value == "task":
        return "taskiq"
    owner = dotted(target.value)
    if owner is None or target.attr.value != "task":
        return None
    origin = file.name_of(target.value) or ""
    last = owner.rpartition(".")[2]
    if _TASK_OWNER_NAMES.search(last):
        return "celery"
    # `from proj.celery import app` is Celery's own advice for the module's name.
    if re.search(r"(^|\.)celery(_app)?\.\w+$", origin):
        return "celery"
    return None


class Contexts:
    """The contexts of one file; each set is gathered once, when asked."""

    def __init__(self, file: "SourceFile") -> None:
        self._file = file
        self._offloaded_names, self._offloaded_nodes, self._callbacks = self._gather()
        self._dependencies: set[str] | None = None
        self._lifespans: set[str] | None = None

    def _gather(self) -> tuple[set[str], set[int], set[str]]:
        names: set[str] = set()
        nodes: set[int] = set()
        callbacks: set[str] = set()
        for call in self._file.nodes(cst.Call):
            for value in self._handed_over(call):
                nodes.add(id(value))
                if (name := dotted(_unwrapped(self._file, value))) is not None:
                    names.add(name.removeprefix("self."))
            if isinstance(call.func, cst.Attribute) and call.func.attr.value in _LOOP_CALLBACKS:
                for arg in call.args:
                    if (name := dotted(arg.value)) is not None:
                        callbacks.add(name.removeprefix("self."))
        return names, nodes, callbacks

    def _handed_over(self, call: cst.Call) -> Iterator[cst.BaseExpression]:
        """The arguments of a call that are run in a thread or process."""
        func = call.func
        name = self._file.name_of(func)
        position: int | None = _OFFLOADERS.get(name or "")
        if position is None and isinstance(func, cst.Attribute):
            if func.attr.value == "run_in_executor":
                position = 1
            elif func.attr.value in ("submit", "map"):
                kind = self._file.type_of(func.value) or ""
                owner = (dotted(func.value) or "").lower()
                if "Executor" in kind or "executor" in owner or "pool" in owner:
                    position = 0
        if position is not None and len(call.args) > position and not call.args[position].star:
            yield call.args[position].value
        if name in ("threading.Thread", "multiprocessing.Process", "threading.Timer"):
            for index, arg in enumerate(call.args):
                if (arg.keyword is not None and arg.keyword.value in ("target", "function")) or (
                    arg.keyword is None and index == 1
                ):
                    yield arg.value

    def is_offloaded(self, node: cst.CSTNode) -> bool:
        """Whether `node` is inside a callable that is handed to a thread or process."""
        for above in (node, *self._file.ancestors(node)):
            if id(above) in self._offloaded_nodes:
                return True
            if isinstance(above, cst.FunctionDef) and above.name.value in self._offloaded_names:
                return True
        return False

    def runs_on_loop(self, node: cst.CSTNode) -> bool:
        """Whether the event loop runs `node` itself."""
        function = self._file.enclosing_function(node)
        if not isinstance(function, cst.FunctionDef):
            return False
        if function.asynchronous is not None:
            return True
        if function.name.value in self._callbacks and function.name.value not in self._offloaded_names:
            return True
        return any(_is_event_decorator(decorator) for decorator in function.decorators)

    def is_startup(self, node: cst.CSTNode) -> bool:
        """Whether `node` runs once, when the process starts."""
        function = self._file.enclosing_def(node)
        if function is None:
            return self._file.enclosing_function(node) is None
        name = function.name.value
        if name in _STARTUP_NAMES or "lifespan" in name or "startup" in name:
            return True
        if any(_is_event_decorator(decorator) for decorator in function.decorators):
            return True
        zero_arguments = not any(param.name.value not in ("self", "cls") for param in function.params.params)
        return zero_arguments and self._file.decorator(function, *_CACHES) is not None

    def is_request_handler(self, function: cst.FunctionDef) -> bool:
        """Whether a web framework calls `function` for each request."""
        file = self._file
        if any(route.function is function for route in file.routes):
            return True
        for decorator in function.decorators:
            target = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
            if isinstance(target, cst.Attribute) and target.attr.value in _HOOKS:
                return True
        name = function.name.value
        if name in self._depended_on():
            return True
        owner = file.enclosing_class(function)
        params = [param.name.value for param in function.params.params]
        if (
            owner is not None
            and name == "dispatch"
            and any("Middleware" in (dotted(b.value) or "") for b in owner.bases)
        ):
            return True
        if name == "__call__" and params[-3:] == ["scope", "receive", "send"]:
            return True
        if owner is not None and name in _VERBS and any("View" in (dotted(b.value) or "") for b in owner.bases):
            return True
        first = function.params.params[0] if function.params.params else None
        return (
            function.asynchronous is not None
            and first is not None
            and first.annotation is not None
            and file.annotated_type(first.annotation.annotation)
            in ("aiohttp.web.Request", "aiohttp.web_request.Request")
        )

    def _depended_on(self) -> set[str]:
        if self._dependencies is None:
            self._dependencies = set()
            for call in self._file.nodes(cst.Call):
                name = self._file.name_of(call.func) or ""
                injects = name.startswith("fastapi.") and name.endswith((".Depends", ".Security"))
                if injects and call.args and (dependency := dotted(call.args[0].value)) is not None:
                    self._dependencies.add(dependency)
        return self._dependencies

    def is_lifespan(self, function: cst.FunctionDef) -> bool:
        """Whether `function` is an app's lifespan: by its name, its parameter's type, or as `lifespan=` of a call."""
        if "lifespan" in function.name.value:
            return True
        first = function.params.params[0] if function.params.params else None
        if first is not None and first.annotation is not None:
            kind = self._file.annotated_type(first.annotation.annotation) or ""
            if kind.rpartition(".")[2] in _LIFESPAN_OWNERS:
                return True
        if self._lifespans is None:
            self._lifespans = {
                name
                for call in self._file.nodes(cst.Call)
                for arg in call.args
                if arg.keyword is not None and arg.keyword.value in ("lifespan", "lifespan_context")
                if (name := dotted(arg.value)) is not None
            }
        return function.name.value in self._lifespans

    def is_cleanup(self, node: cst.CSTNode) -> bool:
        """Whether `node` belongs to code that ends something."""
        for above in self._file.ancestors(node):
            if isinstance(above, cst.Finally):
                return True
        function = self._file.enclosing_def(node)
        if function is None:
            return False
        if _CLEANUP_NAME.search(function.name.value):
            return True
        return any(
            isinstance(inner, cst.Call) and isinstance(inner.func, cst.Attribute) and inner.func.attr.value == "cancel"
            for inner in walk_scope(function.body)
        )


def _is_event_decorator(decorator: cst.Decorator) -> bool:
    """`@app.on_event("startup")` and `("shutdown")`, which the loop calls itself, sync ones too."""
    call = decorator.decorator
    return isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and call.func.attr.value == "on_event"


def _unwrapped(file: "SourceFile", value: cst.BaseExpression) -> cst.BaseExpression:
    """`f` of `functools.partial(f, …)`."""
    if isinstance(value, cst.Call) and file.name_of(value.func) == "functools.partial" and value.args:
        return value.args[0].value
    return value


def calls_in(function: cst.FunctionDef) -> Iterator[cst.Call]:
    """The calls that run when `function` runs: nested functions are left out."""
    for node in walk_scope(function.body):
        if isinstance(node, cst.Call):
            yield node


def contains(node: cst.CSTNode, *kinds: type[cst.CSTNode]) -> bool:
    """Whether `node` or anything below it is of one of these classes."""
    return any(isinstance(below, kinds) for below in walk(node))
