"""The questions that checks ask a file: names, values, types, handlers."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.configuration import builds_settings
from postil.lint.logs import log_call
from postil.lint.metrics import metric_of
from postil.lint.positions import Positions
from postil.lint.probes import probes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("LABELS = ('a', 'b')\nuse(LABELS)", "('a', 'b')"),
        ("LABELS: tuple = ('a',)\nuse(LABELS)", "('a',)"),
        ("def f():\n    labels = ['a']\n    use(labels)", "['a']"),
        ("LABELS = ('a',)\nLABELS = ('b',)\nuse(LABELS)", None),
        ("from app import LABELS\nuse(LABELS)", None),
        ("LABELS = 1\ndef f(LABELS):\n    use(LABELS)", None),
        ("for label in LABELS:\n    use(label)", None),
    ],
    ids=["module", "annotated", "local", "twice", "imported", "parameter", "loop"],
)
def test_a_name_has_a_value_where_exactly_one_is_assigned(text: str, value: str | None) -> None:
    """A constant's value may be judged; anything that may differ at run time may not."""
    file = SourceFile("a.py", text + "\n")
    used = next(call for call in file.nodes(cst.Call) if file.code(call.func) == "use").args[0].value
    found = file.value_of(used)

    assert (file.code(found) if found is not None else None) == value


@pytest.mark.parametrize(
    ("handler", "broad"),
    [
        ("except:", True),
        ("except Exception:", True),
        ("except BaseException as error:", True),
        ("except (ValueError, Exception):", True),
        ("except* Exception:", True),
        ("except ValueError:", False),
        ("except errors.Exception:", False),
        ("except FAMILIES:", False),
    ],
)
def test_a_handler_is_broad_if_it_catches_every_exception(handler: str, broad: bool) -> None:
    """What it is called elsewhere says nothing: only the builtins catch everything."""
    file = SourceFile("a.py", f"from app import errors\ntry:\n    f()\n{handler}\n    pass\n")
    (found,) = [*file.nodes(cst.ExceptHandler), *file.nodes(cst.ExceptStarHandler)]

    assert file.is_broad(found) is broad


@pytest.mark.parametrize(
    ("text", "lifespan"),
    [
        ("async def app_lifespan(x):\n    yield", True),
        ("from fastapi import FastAPI\nasync def run(app: FastAPI):\n    yield", True),
        ("async def run(x):\n    yield\napp = FastAPI(lifespan=run)", True),
        ("async def run(x):\n    yield\napp = FastAPI(on_startup=run)", False),
    ],
    ids=["by-name", "by-parameter", "handed-over", "something-else"],
)
def test_a_lifespan_is_known_by_its_name_its_parameter_or_its_use(text: str, lifespan: bool) -> None:
    """What follows its `yield` runs at shutdown whatever a request raised."""
    file = SourceFile("a.py", text + "\n")

    assert file.is_lifespan(file.nodes(cst.FunctionDef)[0]) is lifespan


def test_a_string_in_brackets_of_its_own_lines_moves_what_follows() -> None:
    """A formatter puts long messages so, and every finding below would stand two lines too high."""
    file = SourceFile("a.py", 'x = (\n    "long"\n)\nraise x\n')

    assert Positions(file).place(file.nodes(cst.Raise)[0]).line == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import structlog\nlog = structlog.get_logger().bind(a=1)\nlog.warn('x')", ("structlog", "warning")),
        ("import logging\nlogging.exception('x')", ("logging", "exception")),
        ("import logging\nlogging.getLogger('a').getChild('b').fatal('x')", ("logging", "critical")),
        ("from loguru import logger\nlogger.opt(exception=True).error('x')", ("loguru", "error")),
        ("from loguru import logger\nlog = logger.bind(a=1)\nlog.error('x')", ("loguru", "error")),
        ("from app.log import logger\nlogger.error('x')", ("", "error")),
        ("class A:\n    def f(self):\n        self._log.error('x')", ("", "error")),
        ("from app import catalog\ncatalog.error('x')", None),
        ("log = {}\nlog.error('x')", None),
        ("import logging\nlogging.getLogger('a').setLevel(1)", None),
    ],
)
def test_a_logger_is_known_by_its_type_and_else_by_its_name(text: str, found: tuple[str, str] | None) -> None:
    """Libraries differ in what their methods take, so only a typed logger has a library."""
    file = SourceFile("app/a.py", text + "\n")
    lines = [line for call in file.nodes(cst.Call) if (line := log_call(call, file)) is not None]

    assert [(line.library, line.level) for line in lines] == ([found] if found else [])


def test_what_a_handler_calls_runs_for_the_request() -> None:
    """A setting read two calls below an endpoint is read in every request; one read in a cached getter is not."""
    file = SourceFile(
        "app/a.py",
        "from functools import cache\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/a')\ndef a():\n    b()\n    d()\n"
        "def b():\n    c()\ndef c():\n    pass\n@cache\ndef d():\n    pass\ndef e():\n    c()\n",
    )
    served = {function.name.value for function in file.nodes(cst.FunctionDef) if file.served_by(function.body)}

    assert served == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("M = Counter('a', 'b', ['x', 'y'])\nuse(M)", ("x", "y")),
        ("M = Counter('a', 'b')\nuse(M)", ()),
        ("L = ('x',)\nM = Counter('a', 'b', labelnames=L)\nuse(M)", ("x",)),
        ("class A:\n    m = Counter('a', 'b', ['x'])\n    def f(self):\n        use(self.m)", ("x",)),
        ("class A:\n    def __init__(self):\n        self.m = Counter('a', 'b', ['x'])\n        use(self.m)", ("x",)),
        ("M = Counter('a', 'b', labels())\nuse(M)", "unknown"),
        ("M = Counter(*args)\nuse(M)", "unknown"),
        ("M = Counter('a', 'b')\nM = Counter('a', 'b', ['x'])\nuse(M)", None),
    ],
)
def test_a_metric_is_known_where_it_is_made_once(text: str, labels: tuple[str, ...] | str | None) -> None:
    """What may have been declared in two ways has no labels that a use could be held to."""
    file = SourceFile("app/a.py", f"from prometheus_client import Counter\n{text}\n")
    used = next(call for call in file.nodes(cst.Call) if file.code(call.func) == "use").args[0].value
    found = metric_of(used, file)

    assert (found and (found.labels if found.labels is not None else "unknown")) == labels


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@app.get('/healthz')\ndef a(): ...", ("/healthz", False)),
        ("@app.get('/api/v1/ready')\ndef a(): ...", ("/api/v1/ready", True)),
        ("@app.get('/health/ready')\ndef a(): ...", ("/health/ready", True)),
        ("@app.get('/health/db')\ndef a(): ...", None),
        ("@app.get('/machines/{id}/health')\ndef a(): ...", None),
        ("@app.post('/ping')\ndef a(): ...", None),
        ("def a(): ...\napp.add_api_route('/livez', a)", ("/livez", False)),
        ("def a(): ...\nroutes = [Route('/ready', endpoint=a)]", ("/ready", True)),
        ("router = APIRouter(prefix='/health')\n@router.get('')\ndef a(): ...", ("/health", False)),
    ],
)
def test_a_probe_is_known_by_the_last_part_of_its_path(text: str, found: tuple[str, bool] | None) -> None:
    """The health of one machine or of the database is no liveness of the process."""
    file = SourceFile("app/a.py", f"from fastapi import APIRouter, FastAPI\napp = FastAPI()\n{text}\n")

    assert [(probe.path, probe.readiness) for probe in probes(file)] == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("class S(BaseSettings): ...\nS()", ["S"]),
        ("class Base(BaseSettings): ...\nclass S(Base): ...\nS(_env_file='.env')", ["S"]),
        ("class S(BaseSettings): ...\nS(debug=True)", []),
        ("class S(BaseModel): ...\nS()", []),
        ("from app.config import Settings\nSettings()", ["Settings"]),
        ("from app.models import Settings\nSettings()", []),
    ],
)
def test_settings_are_built_without_arguments_from_a_class_that_reads_the_environment(
    text: str, built: list[str]
) -> None:
    """A class that is called `Settings` and filled by hand reads nothing."""
    file = SourceFile(
        "app/a.py", f"from pydantic import BaseModel\nfrom pydantic_settings import BaseSettings\n{text}\n"
    )

    assert [name for call in file.nodes(cst.Call) if (name := builds_settings(call, file))] == built


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import structlog\nlog = structlog.get_logger().bind(a=1)\nuse(log)", "structlog.BoundLogger"),
        (
            "from structlog.stdlib import BoundLogger\ndef f(log: BoundLogger):\n    use(log.new())",
            "structlog.stdlib.BoundLogger",
        ),
        (
            "from opentelemetry import metrics\nuse(metrics.get_meter(__name__).create_counter('orders'))",
            "opentelemetry.metrics.Counter",
        ),
    ],
    ids=["bound", "annotated", "instrument"],
)
def test_what_loggers_and_meters_make_is_known(text: str, kind: str) -> None:
    """Rules about logging and metrics go by the type: other libraries' methods are called the same."""
    file = SourceFile("a.py", text + "\n")
    used = next(call for call in file.nodes(cst.Call) if file.code(call.func) == "use").args[0].value

    assert file.type_of(used) == kind


def test_a_projects_own_router_is_fastapis() -> None:
    """Larger services subclass `APIRouter`, and all their endpoints would go unseen."""
    file = SourceFile("a.py", "from app.routing import APIRouter\nr = APIRouter()\n@r.get('/x')\ndef f(): ...\n")

    assert [route.framework for route in file.routes] == ["fastapi"]


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("mark()\n", ""),
        ("def f():\n    mark()\n", "    "),
        ("class A:\n  def f(self):\n      if x:\n       mark()\n", "       "),
        ("def f():\n\tif x: mark()\n", "\t"),
    ],
)
def test_a_statement_put_in_front_is_indented_like_the_line(text: str, space: str) -> None:
    """A suggestion that is indented otherwise is a syntax error."""
    file = SourceFile("a.py", text)

    assert file.indentation(file.nodes(cst.Call)[0]) == space


def test_a_statement_is_laid_out_for_another_place_line_by_line() -> None:
    """A fix that adds a `with` around code has to indent all of it, and a text over several lines would change."""
    text = (
        "def f():\n    # why\n    if x:\n        # so\n        g(1,\n          2)\n\n        h()\n    t = '''a\nb'''\n"
    )
    file = SourceFile("a.py", text)
    first, second = file.nodes(cst.FunctionDef)[0].body.body
    same = "if x:\n        # so\n        g(1,\n          2)\n\n        h()"

    assert file.laid_out(first, first) == same
    assert file.laid_out(first, first, deeper=True) == same.replace("\n    ", "\n        ")
    assert file.laid_out(second, second) is None
