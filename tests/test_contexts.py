"""Who runs a piece of code: most false alarms are mistakes about that, so each context is held here once."""

import libcst as cst
import pytest

from postil.lint import SourceFile

# In every text of this file the call of `here(…)` is the place in question.


def place(text: str, path: str = "app/service.py") -> tuple[SourceFile, cst.Call]:
    file = SourceFile(path, text.strip("\n") + "\n")
    (here,) = [call for call in file.nodes(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "here"]
    return file, here


def function(text: str, name: str = "f") -> tuple[SourceFile, cst.FunctionDef]:
    file = SourceFile("app/service.py", text.strip("\n") + "\n")
    return file, next(each for each in file.nodes(cst.FunctionDef) if each.name.value == name)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("tests/api/factories.py", "test"),
        ("app/test_orders.py", "test"),
        ("app/orders_test.py", "test"),
        ("conftest.py", "test"),
        ("shop/tests.py", "test"),
        ("src/shop/testutils/cases.py", "test"),
        ("shop/_scripts/register.py", "script"),
        ("app/attest.py", "service"),
        ("app/latest/orders.py", "service"),
        ("scripts/backfill.py", "script"),
        ("examples/chat.py", "script"),
        ("docs/conf.py", "script"),
        ("benchmarks/load.py", "script"),
        ("tools/release.py", "script"),
        ("src/shop/tools/search.py", "service"),
        ("app/migrations/0007_orders.py", "script"),
        ("alembic/env.py", "script"),
        ("noxfile.py", "script"),
        ("setup.py", "script"),
        ("manage.py", "script"),
        ("shop/tasks.py", "service"),
        ("app/orders.py", "service"),
    ],
)
def test_a_file_is_test_script_or_service_by_its_path(path: str, kind: str) -> None:
    """Nearly all rules are off in tests; what waits in a script keeps nobody else waiting."""
    file = SourceFile(path, "x = 1\n")
    answers = {"test": file.is_test, "script": file.is_script, "service": file.is_service}

    assert [name for name, answer in answers.items() if answer] == [kind]


@pytest.mark.parametrize(
    ("path", "text", "script"),
    [
        ("run.py", "if __name__ == '__main__':\n    main()\n", True),
        ("app/run.py", "if __name__ == '__main__':\n    main()\n", False),
        ("app/run.py", "# /// script\n# dependencies = []\n# ///\n", True),
        ("run.py", "main()\n", False),
    ],
    ids=["guard-outside-packages", "guard-in-a-package", "inline-metadata", "no-guard"],
)
def test_a_file_is_a_script_by_its_main_guard_or_metadata(path: str, text: str, script: bool) -> None:
    """Modules of a package often carry a main guard for a quick try."""
    assert SourceFile(path, text).is_script is script


@pytest.mark.parametrize(
    ("path", "text", "inside"),
    [
        ("tests/test_a.py", "here()", True),
        ("app/a.py", "import pytest\n@pytest.fixture\ndef f():\n    here()", True),
        ("app/a.py", "import pytest\n@pytest.mark.asyncio\nasync def f():\n    here()", True),
        ("app/a.py", "def f():\n    here()", False),
    ],
    ids=["file", "fixture", "mark", "neither"],
)
def test_a_function_with_a_decorator_of_pytest_is_test_code(path: str, text: str, inside: bool) -> None:
    """Packages ship fixtures and test cases for their users."""
    file, here = place(text, path)

    assert file.in_test(here) is inside


ON_LOOP = {
    "coroutine": "async def f():\n    here()",
    "async-generator": "async def f():\n    here()\n    yield",
    "comprehension": "async def f():\n    return [here(x) for x in y]",
    "default-of-a-nested-function": "async def f():\n    def g(x=here()):\n        pass",
    "lifespan": "async def lifespan(app):\n    here()\n    yield",
    "sync-startup": "@app.on_event('startup')\ndef f():\n    here()",
    "sync-shutdown": "@app.on_event('shutdown')\ndef f():\n    here()",
    "event-handler": "def f():\n    here()\napp.add_event_handler('startup', f)",
    "on-startup": "def f():\n    here()\napp = Starlette(on_startup=[f])",
    "call-soon": "def f():\n    here()\nloop.call_soon(f)",
    "call-later": (
        "class A:\n    def f(self):\n        here()\n    def g(self, loop):\n        loop.call_later(1, self.f)"
    ),
    "call-soon-lambda": "loop.call_soon(lambda: here())",
    "call-soon-partial": "from functools import partial\ndef f(x):\n    here()\nloop.call_soon(partial(f, 1))",
    "done-callback": "import asyncio\ndef f(task):\n    here()\nasyncio.create_task(g()).add_done_callback(f)",
    "argument-of-an-offload": "import asyncio\nasync def f():\n    await asyncio.to_thread(g, here())",
    "called-for-an-offload": "import asyncio\nasync def f():\n    await asyncio.to_thread(here())",
    "argument-of-a-partial": (
        "import asyncio, functools\nasync def f():\n    await asyncio.to_thread(functools.partial(g, here()))"
    ),
}
OFF_LOOP = {
    "module": "here()",
    "function": "def f():\n    here()",
    "nested-function": "async def f():\n    def g():\n        here()",
    "lambda": "async def f():\n    return lambda: here()",
    "sync-endpoint": "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef f():\n    here()",
    "sync-dependency": "from fastapi import Depends\ndef f():\n    here()\nasync def g(x=Depends(f)):\n    pass",
    "sync-exception-handler": "@app.exception_handler(Oops)\ndef f(request, error):\n    here()",
    "sync-background-task": "def f():\n    here()\nasync def g(tasks):\n    tasks.add_task(f)",
    "other-event": "@client.on_event('message')\ndef f():\n    here()",
    "callback-of-a-thread": (
        "from concurrent.futures import ThreadPoolExecutor\ndef f(done):\n    here()\n"
        "pool = ThreadPoolExecutor()\npool.submit(g).add_done_callback(f)"
    ),
    "same-name-elsewhere": (
        "class A:\n    def f(self):\n        here()\nclass B:\n    def f(self):\n        pass\n"
        "    def g(self, loop):\n        loop.call_soon(self.f)"
    ),
}


@pytest.mark.parametrize("text", ON_LOOP.values(), ids=ON_LOOP.keys())
def test_the_event_loop_runs_coroutines_and_what_it_calls_itself(text: str) -> None:
    """What blocks there blocks everybody."""
    file, here = place(text)

    assert file.runs_on_loop(here)


@pytest.mark.parametrize("text", OFF_LOOP.values(), ids=OFF_LOOP.keys())
def test_the_event_loop_does_not_run_what_frameworks_give_to_threads(text: str) -> None:
    """Sync endpoints, dependencies and handlers of errors may block: each has a thread."""
    file, here = place(text)

    assert not file.runs_on_loop(here)


OFFLOADED = {
    "to-thread-lambda": "import asyncio\nasync def f():\n    await asyncio.to_thread(lambda: here())",
    "to-thread-local-function": (
        "import asyncio\nasync def f():\n    def g():\n        here()\n    await asyncio.to_thread(g)"
    ),
    "to-thread-partial": (
        "import asyncio\nfrom functools import partial\ndef g(x):\n    here()\n"
        "async def f():\n    await asyncio.to_thread(partial(g, 1))"
    ),
    "imported-plainly": "from asyncio import to_thread\nasync def f():\n    await to_thread(lambda: here())",
    "run-in-executor": ("async def f(loop):\n    def g():\n        here()\n    await loop.run_in_executor(None, g)"),
    "anyio": "import anyio\ndef g():\n    here()\nasync def f():\n    await anyio.to_thread.run_sync(g)",
    "starlette": (
        "from fastapi.concurrency import run_in_threadpool\ndef g():\n    here()\n"
        "async def f():\n    await run_in_threadpool(g)"
    ),
    "executor-submit": (
        "from concurrent.futures import ThreadPoolExecutor\nasync def f():\n    with ThreadPoolExecutor() as workers:\n"
        "        workers.submit(lambda: here())"
    ),
    "executor-by-name": "async def f(self):\n    self.executor.submit(lambda: here())",
    "thread": "import threading\ndef f():\n    here()\nthreading.Thread(target=f).start()",
    "method": (
        "import threading\nclass A:\n    def f(self):\n        here()\n    def g(self):\n"
        "        threading.Thread(target=self.f).start()"
    ),
    "sync-to-async": "from asgiref.sync import sync_to_async\ndef f():\n    here()\ng = sync_to_async(f)",
    "sync-to-async-decorator": "from asgiref.sync import sync_to_async\n@sync_to_async\ndef f():\n    here()",
    "generator-that-is-sent": (
        "import asyncio\nasync def f():\n    await asyncio.to_thread(list, (here(x) for x in y))"
    ),
    "generator-that-is-named-and-sent": (
        "import asyncio\nasync def f():\n    read = (here(x) for x in y)\n    await asyncio.to_thread(list, read)"
    ),
}


@pytest.mark.parametrize("text", OFFLOADED.values(), ids=OFFLOADED.keys())
def test_what_is_handed_to_a_thread_is_not_on_the_loop(text: str) -> None:
    """A reference is no call: nothing inside it runs where it is handed over."""
    file, here = place(text)

    assert file.is_offloaded(here)
    assert not file.runs_on_loop(here)


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio\nasync def f():\n    await asyncio.to_thread(here())",
        "import asyncio\nasync def f():\n    await asyncio.to_thread(g, here())",
        "async def f(scheduler):\n    scheduler.submit(lambda: here())",
        "def f():\n    here()\nvalues = map(f, values)",
    ],
    ids=["called", "argument", "no-pool", "builtin-map"],
)
def test_what_is_called_at_once_is_not_handed_over(text: str) -> None:
    """`to_thread(read())` reads before the thread is asked for."""
    file, here = place(text)

    assert not file.is_offloaded(here)


STARTUP = {
    "module": "x = here()",
    "class-body": "class A:\n    x = here()",
    "lifespan-by-name": "async def lifespan(app):\n    here()\n    yield",
    "lifespan-by-use": (
        "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def run(app):\n    here()\n    yield\n"
        "app = FastAPI(lifespan=run)"
    ),
    "on-event": "@app.on_event('startup')\nasync def f():\n    here()",
    "add-event-handler": "async def f():\n    here()\napp.add_event_handler('shutdown', f)",
    "on-startup": "async def f():\n    here()\napp = Starlette(on_startup=[f])",
    "factory": "def create_app():\n    return here()",
    "main": "def main():\n    here()",
    "setup": "def setup():\n    here()",
    "init": "class A:\n    def __init__(self):\n        here()",
    "enter": "class A:\n    def __enter__(self):\n        here()",
    "aenter": "class A:\n    async def __aenter__(self):\n        here()",
    "fixture": "import pytest\n@pytest.fixture\ndef client():\n    return here()",
    "lazy-singleton": "from functools import lru_cache\n@lru_cache\ndef settings():\n    return here()",
    "lazy-singleton-called": "import functools\n@functools.cache\ndef settings():\n    return here()",
}
NOT_STARTUP = {
    "function": "def f():\n    here()",
    "cached-with-argument": "from functools import lru_cache\n@lru_cache\ndef client(host):\n    return here()",
    "cached-with-keyword": "from functools import lru_cache\n@lru_cache\ndef client(*, host):\n    return here()",
    "loop-callback": "def f():\n    here()\nloop.call_later(60, f)",
    "other-event": "@client.on_event('message')\nasync def f():\n    here()",
    "lambda": "f = lambda: here()",
}


@pytest.mark.parametrize("text", STARTUP.values(), ids=STARTUP.keys())
def test_code_that_runs_once_is_start_up(text: str) -> None:
    """A client that is made once may be made anywhere here."""
    file, here = place(text)

    assert file.is_startup(here)


@pytest.mark.parametrize("text", NOT_STARTUP.values(), ids=NOT_STARTUP.keys())
def test_code_that_runs_again_and_again_is_not_start_up(text: str) -> None:
    """A cache with a key makes one for each key."""
    file, here = place(text)

    assert not file.is_startup(here)


REQUEST = {
    "fastapi": "from fastapi import APIRouter\nr = APIRouter()\n@r.get('/x')\nasync def f():\n    pass",
    "imported-router": "from app import router\n@router.post('/x')\nasync def f():\n    pass",
    "flask": "from flask import Flask\nx = Flask('x')\n@x.route('/x')\ndef f():\n    pass",
    "blueprint": "from flask import Blueprint\nb = Blueprint('b', 'b')\n@b.post('/x')\ndef f():\n    pass",
    "sanic": "from sanic import Sanic\ns = Sanic('s')\n@s.get('/x')\nasync def f(request):\n    pass",
    "websocket": "from fastapi import FastAPI\na = FastAPI()\n@a.websocket('/x')\nasync def f(socket):\n    pass",
    "middleware": "@app.middleware('http')\nasync def f(request, call_next):\n    pass",
    "exception-handler": "@app.exception_handler(Oops)\nasync def f(request, error):\n    pass",
    "dependency": "from fastapi import Depends\ndef f():\n    pass\nasync def g(x=Depends(f)):\n    pass",
    "annotated-dependency": (
        "from typing import Annotated\nfrom fastapi import Security\ndef f():\n    pass\n"
        "async def g(x: Annotated[str, Security(f)]):\n    pass"
    ),
    "dispatch": "class M(BaseHTTPMiddleware):\n    async def dispatch(self, request, call_next):\n        pass",
    "asgi": "class M:\n    async def __call__(self, scope, receive, send):\n        pass",
    "aiohttp": "from aiohttp import web\nasync def f(request: web.Request):\n    pass",
    "aiohttp-method": "from aiohttp import web\nclass A:\n    async def f(self, request: web.Request):\n        pass",
    "django-view": "class V(View):\n    def get(self, request):\n        pass",
    "rest-framework": "class V(viewsets.ModelViewSet):\n    def list(self, request):\n        pass",
}
NAMES = {"dispatch": "dispatch", "asgi": "__call__", "django-view": "get", "rest-framework": "list"}


@pytest.mark.parametrize("case", REQUEST)
def test_a_web_framework_calls_these_for_a_request(case: str) -> None:
    """What is slow or new here is so for each request."""
    file, found = function(REQUEST[case], NAMES.get(case, "f"))

    assert file.is_request_handler(found)


@pytest.mark.parametrize(
    "text",
    [
        "async def f():\n    pass",
        "@cache.get('user')\ndef f():\n    pass",
        "from app import client\n@client.get('/x')\ndef f():\n    pass",
        (
            "from fastapi import Depends\nclass A:\n    def f(self):\n        pass\n"
            "def g():\n    pass\nasync def h(x=Depends(g)):\n    pass"
        ),
    ],
    ids=["plain", "other-decorator", "other-object", "other-dependency"],
)
def test_other_functions_are_no_request_handlers(text: str) -> None:
    """A verb is also a method of clients and caches."""
    file, found = function(text)

    assert not file.is_request_handler(found)


TASKS = {
    "shared-task": "from celery import shared_task\n@shared_task\ndef f():\n    pass",
    "celery-app": "from celery import Celery\nx = Celery()\n@x.task(bind=True)\ndef f(self):\n    pass",
    "imported-celery-app": "from shop.celery import app\n@app.task\ndef f():\n    pass",
    "dramatiq": "import dramatiq\n@dramatiq.actor\ndef f():\n    pass",
    "rq": "from rq.decorators import job\n@job('low')\ndef f():\n    pass",
    "taskiq": "from taskiq import InMemoryBroker\nbroker = InMemoryBroker()\n@broker.task\nasync def f():\n    pass",
    "arq-settings": "async def f(ctx):\n    pass\nclass WorkerSettings:\n    functions = [f]",
    "arq-func": "from arq import func\nasync def f(ctx):\n    pass\nJOBS = [func(f, keep_result=0)]",
    "arq-cron": "from arq import cron\nasync def f(ctx):\n    pass\nJOBS = [cron(f, hour=3)]",
}


@pytest.mark.parametrize("text", TASKS.values(), ids=TASKS.keys())
def test_a_job_queue_calls_these(text: str) -> None:
    """They run in a worker, perhaps twice, with nobody watching."""
    file, found = function(text)

    assert file.is_task(found)


@pytest.mark.parametrize(
    "text",
    [
        "from prefect import task\n@task\ndef f():\n    pass",
        "from invoke import task\n@task\ndef f(c):\n    pass",
        "@app.task\ndef f():\n    pass",
        "async def f(ctx):\n    pass",
    ],
    ids=["prefect", "invoke", "unknown-app", "plain"],
)
def test_other_tasks_belong_to_no_job_queue(text: str) -> None:
    """Prefect, Airflow and Invoke have a `task` too, and that is more often meant."""
    file, found = function(text)

    assert not file.is_task(found)


CLEANUP = {
    "finally": "def f():\n    try:\n        g()\n    finally:\n        here()",
    "stop": "def stop():\n    here()",
    "close-session": "async def close_session():\n    here()",
    "shutdown": "def _shutdown_workers():\n    here()",
    "tear-down": "class A:\n    def tearDown(self):\n        here()",
    "exit": "class A:\n    async def __aexit__(self, *error):\n        here()",
    "del": "class A:\n    def __del__(self):\n        here()",
    "cleanup": "def cleanup_files():\n    here()",
    "dispose": "def dispose():\n    here()",
    "helper-of-close": "def close():\n    def one(x):\n        here()\n    g(one)",
    "drain": "async def drain_queue():\n    here()",
    "cancels": "async def f(tasks):\n    for task in tasks:\n        task.cancel()\n    here()",
}
NOT_CLEANUP = {
    "module": "here()",
    "function": "def f():\n    here()",
    "closest": "def closest_shop():\n    here()",
    "stopwords": "def remove_stopwords():\n    here()",
    "exited-elsewhere": "def f():\n    here()\ndef stop():\n    g()",
    "try-body": "def f():\n    try:\n        here()\n    finally:\n        g()",
    "function-made-in-finally": "try:\n    g()\nfinally:\n    def f():\n        here()",
}


@pytest.mark.parametrize("text", CLEANUP.values(), ids=CLEANUP.keys())
def test_code_that_ends_things_is_clean_up(text: str) -> None:
    """There a failure may have to be passed over, so that the rest is ended too."""
    file, here = place(text)

    assert file.is_cleanup(here)


@pytest.mark.parametrize("text", NOT_CLEANUP.values(), ids=NOT_CLEANUP.keys())
def test_other_code_is_not_clean_up(text: str) -> None:
    """A word inside another word means something else."""
    file, here = place(text)

    assert not file.is_cleanup(here)


@pytest.mark.parametrize("call", ["x.close()", "await x.aclose()", "task.cancel()", "server.stop()"])
def test_a_call_that_ends_something_is_clean_up_anywhere(call: str) -> None:
    """`gather(*(client.aclose() …))` closes, whatever the function around it is called."""
    file = SourceFile("a.py", f"async def f():\n    {call}\n")
    node = file.nodes(cst.Expr)[0].value

    assert file.is_cleanup(node)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("shop/cli/report.py", True),
        ("shop/cli.py", True),
        ("shop/__main__.py", True),
        ("shop/management/commands/load.py", True),
        ("shop/report_command.py", True),
        ("shop/client.py", False),
        ("shop/click_counts.py", False),
    ],
)
def test_a_command_line_is_known_by_its_path(path: str, command: bool) -> None:
    """What runs for one person and ends may do what a service may not."""
    assert SourceFile(path, "x = 1\n").is_command is command


def test_a_module_of_ansible_is_a_script() -> None:
    """It lies among a package's files, and runs once, alone, on another host."""
    file = SourceFile("shop/modules/mounts.py", "from ansible.module_utils.basic import AnsibleModule\n")

    assert file.is_script
