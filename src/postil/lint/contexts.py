"""Who runs a piece of code: the event loop, a thread, a web framework, a job queue, a test, the start-up.

Most false alarms are mistakes about context, so each question is answered here once, and tested once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.names import dotted, parameters
from postil.lint.tree import FUNCTIONS, walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_TEST_PATH = re.compile(
    r"(^|/)(_?tests?|testing|testsuite|test_?utils?|conftest\.py$|tests?\.py$|test_[^/]*\.py$|[^/]*_tests?\.py$)(/|$)"
)
_SCRIPT_FOLDER = re.compile(
    r"(^|/)(_?scripts?|examples?|samples?|docs?|docs_src|benchmarks?|migrations|alembic|tutorials?)/|^tools?/"
)
_COMMAND_PATH = re.compile(r"(^|/)(cli|commands?|management|__main__)(/|\.py$|_)|_(cli|commands?)\.py$")
_SCRIPT_FILES = frozenset({"noxfile.py", "setup.py", "manage.py", "fabfile.py", "locustfile.py"})
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
# Django REST framework's actions beside the verbs.
_VIEW_METHODS = _VERBS | {"list", "retrieve", "create", "update", "partial_update", "destroy", "dispatch"}
_HOOKS = frozenset({"middleware", "exception_handler", "errorhandler", "before_request", "after_request"})
# What runs a callable in a thread or process, and the position and keyword of that callable.
_OFFLOADERS: dict[str, tuple[int, str]] = {
    "asyncio.to_thread": (0, "func"),
    "anyio.to_thread.run_sync": (0, "func"),
    "anyio.to_process.run_sync": (0, "func"),
    "trio.to_thread.run_sync": (0, "sync_fn"),
    "starlette.concurrency.run_in_threadpool": (0, "func"),
    "fastapi.concurrency.run_in_threadpool": (0, "func"),
    "asgiref.sync.sync_to_async": (0, "func"),
    "channels.db.database_sync_to_async": (0, "func"),
    "twisted.internet.threads.deferToThread": (0, "f"),
    "threading.Thread": (1, "target"),
    "threading.Timer": (1, "function"),
    "multiprocessing.Process": (1, "target"),
}
_OFFLOADER_LASTS = frozenset(name.rpartition(".")[2] for name in _OFFLOADERS)
_OFFLOADING_METHODS: dict[str, tuple[int, str]] = {
    "run_in_executor": (1, "func"),
    "async_add_executor_job": (0, "target"),  # Home Assistant's
}
_POOL_METHODS: dict[str, tuple[int, str]] = {"submit": (0, "fn"), "map": (0, "fn"), "apply_async": (0, "func")}
_POOLS = re.compile(r"(Executor|\.pool\.(Thread)?Pool|multiprocessing\.Pool)$")
_POOL_NAME = re.compile(r"executor|pool", re.IGNORECASE)
_OFFLOADING_DECORATORS = ("asgiref.sync.sync_to_async", "channels.db.database_sync_to_async")
# Methods of the loop that call what they are given on it.
_LOOP_CALLBACKS = frozenset(
    {"call_soon", "call_later", "call_at", "call_soon_threadsafe", "add_signal_handler", "add_reader", "add_writer"}
)
_TASKS = frozenset({"asyncio.Task", "asyncio.Future"})
_EVENTS = frozenset({"startup", "shutdown"})
_STARTUP_NAMES = frozenset(
    {"create_app", "make_app", "get_app", "main", "setup", "startup", "on_startup", "lifespan", "__init__",
     "__aenter__", "__enter__", "__post_init__", "configure", "bootstrap"}
)  # fmt: skip
_FIXTURES = ("pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture")
_CLEANUP_NAME = re.compile(
    r"(?:^|_)(?:a?stop|a?close|close[ds]|stopp(?:ed|ing)|closing|shut_?(?:ting_?)?down|clean(?:_?up|ing|s)?|cancel(?:l?ing)?"
    r"|tear_?down|a?exit|dispose|drain|finali[sz]er?|terminate|kill(?:ed|ing)?|abort(?:ed|ing)?|fini|del)(?:_|$|\d)"
)
_CLEANUP_METHODS = frozenset({"close", "aclose", "cancel", "disconnect", "stop"})
_LIFESPAN_OWNERS = frozenset({"FastAPI", "Starlette", "Litestar", "Quart", "FastMCP"})
_CACHES = ("functools.lru_cache", "functools.cache", "async_lru.alru_cache", "cachetools.func.lru_cache")


def is_test_path(path: str) -> bool:
    """Whether a path is that of test code: a tests folder, `test_*.py`, `*_test.py`, `conftest.py`."""
    return _TEST_PATH.search(path) is not None


def is_command_path(path: str) -> bool:
    """Whether a path is that of a command line's code: a folder `cli` or `commands`, `cli.py`, `__main__.py`."""
    return _COMMAND_PATH.search(path) is not None


def is_script(file: "SourceFile") -> bool:
    """Whether a file is a script: by its folder or name, a PEP 723 block, Ansible's module class, a bare main guard."""
    if _SCRIPT_FOLDER.search(file.path) or basename(file.path) in _SCRIPT_FILES:
        return True
    # Ansible copies a module to each host, where it runs once.
    if "# /// script" in file.text or "ansible.module_utils.basic" in file.text:
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
            framework = _framework(kind)
            known_otherwise = kind is not None and framework is None
            name = (dotted(owner) or "").rpartition(".")[2]
            if framework is None and (known_otherwise or path is None or not _APP_NAMES.search(name)):
                continue
            if framework is None and path and not path.startswith("/"):
                continue
            yield Route(function, decorator, call, method, path, owner, framework or _guess(file))


def _framework(kind: str | None) -> str | None:
    """The framework of an app or router by its class; a project's own `APIRouter` is a subclass of FastAPI's."""
    if kind is None:
        return None
    return _APPS.get(kind) or ("fastapi" if kind.rpartition(".")[2] in ("FastAPI", "APIRouter") else None)


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


def arq_functions(file: "SourceFile") -> set[str]:
    """The names of the functions that a file gives to arq: by `WorkerSettings.functions`, `func(…)` and `cron(…)`."""
    given: list[cst.BaseExpression] = []
    for owner in file.nodes(cst.ClassDef):
        if owner.name.value == "WorkerSettings":
            for node in walk_scope(owner.body):
                targets = [each.target for each in node.targets] if isinstance(node, cst.Assign) else []
                targets += [node.target] if isinstance(node, cst.AnnAssign) else []
                if isinstance(node, (cst.Assign, cst.AnnAssign)) and "functions" in map(dotted, targets):
                    given.extend(_elements(node.value))
    if "arq" in file.text:
        for call in file.nodes(cst.Call):
            if file.name_of(call.func) in _ARQ_WRAPPERS and call.args:
                given.append(call.args[0].value)
    return {name for each in given if (name := dotted(each)) is not None}


_ARQ_WRAPPERS = frozenset({"arq.func", "arq.worker.func", "arq.cron", "arq.cron.cron"})


def _elements(expression: cst.BaseExpression | None) -> Iterator[cst.BaseExpression]:
    """The elements of a list or tuple literal; none of anything else."""
    if isinstance(expression, (cst.List, cst.Tuple)):
        yield from (element.value for element in expression.elements)


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


@dataclass(frozen=True, eq=False)
class Handover:
    """One value that a call gives to a thread or process to be called there.

    `by` names what takes it ("asyncio.to_thread", "submit"). `certain` is False where only the name of a variable
    ("pool", "executor") says that this is a pool.
    """

    call: cst.Call
    arg: cst.Arg
    by: str
    certain: bool

    @property
    def value(self) -> cst.BaseExpression:
        """What is handed over."""
        return self.arg.value


def find_handovers(file: "SourceFile") -> Iterator[Handover]:
    """What a file hands to threads and processes to be called there."""
    for call in file.nodes(cst.Call):
        found = _offloader(call, file)
        if found is None:
            continue
        by, (position, keyword), certain = found
        for index, arg in enumerate(call.args):
            if arg.star or (arg.keyword is None and index > position):
                break
            if arg.keyword.value == keyword if arg.keyword is not None else index == position:
                yield Handover(call, arg, by, certain)
                break


def _offloader(call: cst.Call, file: "SourceFile") -> tuple[str, tuple[int, str], bool] | None:
    func = call.func
    if isinstance(func, cst.Attribute):
        method = func.attr.value
        if method in _OFFLOADING_METHODS:
            return method, _OFFLOADING_METHODS[method], True
        if method in _POOL_METHODS:
            kind = file.type_of(func.value)
            certain = kind is not None and _POOLS.search(kind) is not None
            if certain or (kind is None and _POOL_NAME.search((dotted(func.value) or "").rpartition(".")[2])):
                return method, _POOL_METHODS[method], certain
            return None
        if method not in _OFFLOADER_LASTS:
            return None
    elif not isinstance(func, cst.Name) or (
        func.value not in _OFFLOADER_LASTS and file.imports.get(func.value) not in _OFFLOADERS
    ):
        return None
    name = file.name_of(func)
    return (name, _OFFLOADERS[name], True) if name in _OFFLOADERS else None


class Contexts:
    """The contexts of one file; each set is gathered once, when asked."""

    def __init__(self, file: "SourceFile") -> None:
        self._file = file
        self._elsewhere, self._callbacks, self._events = self._gather()
        self._dependencies: set[int] | None = None
        self._lifespans: set[str] | None = None

    def _gather(self) -> tuple[set[int], set[int], set[int]]:
        """The ids of the functions that run in threads, that the loop calls, and that start or end an app."""
        file = self._file
        elsewhere: set[int] = set()
        callbacks: set[int] = set()
        events: set[int] = set()
        for handover in file.handovers:
            elsewhere.update(self._referred(handover.value))
            # A generator is consumed where it is sent to: `to_thread(list, (read(p) for p in paths))`.
            for arg in handover.call.args:
                given = file.value_of(arg.value) if arg.value.__class__ is cst.Name else arg.value
                if given.__class__ is cst.GeneratorExp:
                    elsewhere.add(id(given))
        for call in file.nodes(cst.Call):
            for value in _called_by_loop(call, file):
                callbacks.update(self._referred(value))
            for value in _event_handlers(call):
                events.update(self._referred(value))
        for function in file.nodes(cst.FunctionDef):
            if function.decorators and file.decorator(function, *_OFFLOADING_DECORATORS) is not None:
                elsewhere.add(id(function))
            elif any(_is_event_decorator(decorator) for decorator in function.decorators):
                events.add(id(function))
        return elsewhere, callbacks, events

    def _referred(self, value: cst.BaseExpression) -> Iterator[int]:
        """The function that a reference stands for, `functools.partial` taken off, or the lambda itself."""
        value = _unwrapped(self._file, value)
        if isinstance(value, cst.Lambda):
            yield id(value)
        elif isinstance(found := self._file.definition_of(value), cst.FunctionDef):
            yield id(found)

    def is_offloaded(self, node: cst.CSTNode) -> bool:
        """Whether `node` is inside a callable that is handed to a thread or process."""
        return any(id(above) in self._elsewhere for above in (node, *self._file.ancestors(node)))

    def runs_on_loop(self, node: cst.CSTNode) -> bool:
        """Whether the event loop runs `node` itself."""
        function = self._file.enclosing_function(node)
        if function is None:
            return False
        if isinstance(function, cst.FunctionDef) and function.asynchronous is not None:
            return not self._elsewhere or not self.is_offloaded(node)
        called = id(function) in self._callbacks or id(function) in self._events
        return called and id(function) not in self._elsewhere

    def is_startup(self, node: cst.CSTNode) -> bool:
        """Whether `node` runs once, when the process starts."""
        function = self._file.enclosing_def(node)
        if function is None:
            return self._file.enclosing_function(node) is None
        name = function.name.value
        if name == "__init__" and id(function) in self._depended_on():
            return False
        if name in _STARTUP_NAMES or "lifespan" in name or "startup" in name:
            return True
        if id(function) in self._events or self.is_lifespan(function):
            return True
        if not function.decorators:
            return False
        if self._file.decorator(function, *_FIXTURES) is not None:
            return True
        zero_arguments = not any(param.name.value not in ("self", "cls") for param in parameters(function))
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
        if id(function) in self._depended_on():
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
        if owner is not None and name in _VIEW_METHODS and any("View" in (dotted(b.value) or "") for b in owner.bases):
            return True
        plain = [param for param in function.params.params if param.name.value != "self"]
        first = plain[0] if plain else None
        return (
            function.asynchronous is not None
            and first is not None
            and first.annotation is not None
            and file.annotated_type(first.annotation.annotation)
            in ("aiohttp.web.Request", "aiohttp.web_request.Request")
        )

    def _depended_on(self) -> set[int]:
        """The ids of the functions that FastAPI calls for a request: dependencies, constructors among them."""
        if self._dependencies is None:
            self._dependencies = set()
            for call in self._file.nodes(cst.Call):
                name = self._file.name_of(call.func) or ""
                if not (name.startswith("fastapi.") and name.endswith((".Depends", ".Security"))):
                    continue
                given = call.args[0].value if call.args else declared_beside(call, self._file)
                if given is None:
                    continue
                self._dependencies.update(self._referred(given))
                if isinstance(owner := self._file.definition_of(given), cst.ClassDef):
                    self._dependencies.add(id(self._file.member_of(owner, "__init__")))
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
        """Whether `node` belongs to code that ends something, or is itself a call that does."""
        if _ends_something(node):
            return True
        child = node
        for above in self._file.ancestors(node):
            if isinstance(above, cst.Finally):
                return True
            if isinstance(above, FUNCTIONS) and child is above.body:
                break
            child = above
        function = self._file.enclosing_def(node)
        if function is None:
            return False
        around = (function, *self._file.ancestors(function))
        if any(isinstance(each, cst.FunctionDef) and is_cleanup_name(each.name.value) for each in around):
            return True
        return any(isinstance(inner, cst.Call) and _method(inner) == "cancel" for inner in walk_scope(function.body))


def declared_beside(call: cst.Call, file: "SourceFile") -> cst.BaseExpression | None:
    """The class of `current: Settings = Depends()` and `current: Annotated[Settings, Depends()]`."""
    param = next((above for above in file.ancestors(call) if isinstance(above, cst.Param)), None)
    declared = param.annotation.annotation if param is not None and param.annotation is not None else None
    if isinstance(declared, cst.Subscript):
        first = declared.slice[0].slice
        return first.value if isinstance(first, cst.Index) else None
    return declared


def _ends_something(node: cst.CSTNode) -> bool:
    """Whether a node is a call, awaited or not, of `.close()`, `.cancel()`, `.stop()` or one of their kind."""
    call = node.expression if isinstance(node, cst.Await) else node
    return isinstance(call, cst.Call) and _method(call) in _CLEANUP_METHODS


def is_cleanup_name(name: str) -> bool:
    """Whether a function is named for ending something: `close_all`, `tearDown`, `_abort_jobs`."""
    return _CLEANUP_NAME.search(_snake(name)) is not None


def _snake(name: str) -> str:
    """`tearDownClass` as `tear_down_class`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_event_decorator(decorator: cst.Decorator) -> bool:
    """`@app.on_event("startup")` and `("shutdown")`, which the loop calls itself, sync ones too."""
    call = decorator.decorator
    return (
        isinstance(call, cst.Call)
        and _method(call) == "on_event"
        and bool(call.args)
        and _literal(call.args[0].value) in _EVENTS
    )


def _event_handlers(call: cst.Call) -> Iterator[cst.BaseExpression]:
    """What a call registers for the start and the end of an app; the loop calls these itself, sync ones too."""
    if _method(call) == "add_event_handler" and call.args and _literal(call.args[0].value) in _EVENTS:
        yield from (arg.value for arg in call.args[1:])
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value in ("on_startup", "on_shutdown"):
            yield from _elements(arg.value)


def _called_by_loop(call: cst.Call, file: "SourceFile") -> Iterator[cst.BaseExpression]:
    """The callbacks in a call that the event loop runs itself."""
    if not isinstance(call.func, cst.Attribute):
        return
    method = call.func.attr.value
    # The callbacks of a `concurrent.futures.Future` run in the worker's thread.
    if method in _LOOP_CALLBACKS or (method == "add_done_callback" and file.type_of(call.func.value) in _TASKS):
        yield from (arg.value for arg in call.args if not arg.star)


def _method(call: cst.Call) -> str | None:
    """`m` of `x.m(…)`."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else None


def _unwrapped(file: "SourceFile", value: cst.BaseExpression) -> cst.BaseExpression:
    """`f` of `functools.partial(f, …)`."""
    if isinstance(value, cst.Call) and file.name_of(value.func) == "functools.partial" and value.args:
        return value.args[0].value
    return value
