"""What pages say about frameworks, tried on the frameworks themselves."""

import argparse
import asyncio
import contextlib
import importlib
import importlib.resources
import io
import json
import subprocess
import sys
import traceback
import warnings
import zipfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, Self, runtime_checkable
from unittest.mock import AsyncMock, Mock, create_autospec, patch

import click
import fastapi.responses
import pydantic
import pytest
import sqlalchemy as sa
import typer
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util import CommandError
from click.testing import CliRunner
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import FastAPIDeprecationWarning
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import EventSourceResponse
from fastapi.testclient import TestClient
from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticDeprecatedSince20,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url, orm
from sqlalchemy.exc import (
    CompileError,
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from starlette.exceptions import HTTPException as StarletteHTTPException
from typer.testing import CliRunner as TyperRunner

from postil.checks.fastapi import sync_driver_in_async_engine
from postil.lint.commands import option_name
from postil.lint.fixtures import NARROW_BUILT_INS

NAMES = {"fk": "fk_%(table_name)s_%(column_0_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"}

Upgrade = Callable[[Operations], object]


def rendered(upgrade: Upgrade, metadata: sa.MetaData | None = None) -> str:
    """The SQL that Alembic would send to PostgreSQL."""
    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer, "target_metadata": metadata}
    upgrade(Operations(MigrationContext.configure(dialect_name="postgresql", opts=options)))
    return " ".join(buffer.getvalue().split())


def run(upgrade: Upgrade) -> None:
    """Run on SQLite, with a table `orders` that has a row."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (id int, state text)"))
        connection.execute(sa.text("INSERT INTO orders VALUES (1, 'open')"))
        upgrade(Operations(MigrationContext.configure(connection)))
    engine.dispose()


def test_alembic_drops_no_constraint_without_a_name() -> None:
    """`alembic-drop-unnamed-constraint` says that it fails whenever it runs."""
    with pytest.raises(CompileError, match="it has no name"):
        rendered(lambda op: op.drop_constraint(None, "orders", type_="foreignkey"))  # ty: ignore[invalid-argument-type]


def test_a_naming_convention_gives_a_dropped_constraint_a_name_that_none_has() -> None:
    """The columns aren't known when it is dropped, so the database is asked for a constraint that isn't there."""
    metadata = sa.MetaData(naming_convention=NAMES)
    drop = rendered(lambda op: op.drop_constraint(None, "orders", type_="foreignkey"), metadata)  # ty: ignore[invalid-argument-type]
    create = rendered(lambda op: op.create_foreign_key(None, "orders", "people", ["person"], ["id"]), metadata)

    assert drop == "ALTER TABLE orders DROP CONSTRAINT fk_orders_;"
    assert create.startswith("ALTER TABLE orders ADD CONSTRAINT fk_orders_person FOREIGN KEY")


def test_alembic_invents_the_name_of_an_index_that_it_drops() -> None:
    """`drop_index(None)` is compiled, with the name of an index that nobody made."""
    assert rendered(lambda op: op.drop_index(None, "orders")) == "DROP INDEX ix_orders_x;"  # ty: ignore[invalid-argument-type]


@pytest.mark.parametrize("names", [None, {"uq": "uq_%(table_name)s"}])
def test_a_batch_refuses_constraints_without_a_name(names: dict[str, str] | None) -> None:
    """Not even a naming convention of the batch helps."""

    def upgrade(op: Operations) -> None:
        with op.batch_alter_table("orders", recreate="always", naming_convention=names) as batch:
            batch.drop_constraint(None, type_="unique")  # ty: ignore[invalid-argument-type]

    with pytest.raises(ValueError, match="Constraint must have a name"):
        run(upgrade)


def test_a_constraint_without_a_name_is_created_without_one() -> None:
    """So the database chooses it, and no revision knows it."""
    sql = rendered(lambda op: op.create_foreign_key(None, "orders", "people", ["person"], ["id"]))

    assert sql == "ALTER TABLE orders ADD FOREIGN KEY(person) REFERENCES people (id);"


def test_the_database_never_hears_of_a_default_of_python() -> None:
    """`alembic-add-not-null-without-server-default`: the statement is the same as without it."""
    column = sa.Column("kind", sa.String(8), nullable=False, default="web")

    assert rendered(lambda op: op.add_column("orders", column)) == (
        "ALTER TABLE orders ADD COLUMN kind VARCHAR(8) NOT NULL;"
    )


@pytest.mark.parametrize("batch", [False, True])
def test_a_table_with_rows_refuses_a_required_column_without_a_default(batch: bool) -> None:
    """On an empty database the same revision passes, which is why tests don't find it."""
    column = sa.Column("kind", sa.String(8), nullable=False, default="web")

    def upgrade(op: Operations) -> None:
        if batch:
            with op.batch_alter_table("orders") as orders:
                orders.add_column(column)
        else:
            op.add_column("orders", column)

    with pytest.raises(DBAPIError, match="NOT NULL"):
        run(upgrade)


def test_an_integer_key_numbers_the_rows_that_are_there() -> None:
    """Alembic makes it SERIAL, so it needs no default."""
    column = sa.Column("id", sa.Integer, primary_key=True)

    assert rendered(lambda op: op.add_column("orders", column)) == "ALTER TABLE orders ADD COLUMN id SERIAL NOT NULL;"


async def _enveloped(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": {"code": "http"}}, status_code=getattr(error, "status_code", 500))


def _answers(handled: type[Exception]) -> tuple[Any, Any]:
    app = FastAPI()
    app.add_exception_handler(handled, _enveloped)

    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(409, "taken")

    client = TestClient(app)
    return client.get("/raises").json(), client.get("/unknown").json()


def test_a_handler_for_fastapis_http_exception_misses_the_routers_404() -> None:
    """Starlette's router raises Starlette's class, of which FastAPI's is a subclass."""
    own, of_router = _answers(HTTPException)

    assert own == {"error": {"code": "http"}}
    assert of_router == {"detail": "Not Found"}
    assert _answers(StarletteHTTPException) == ({"error": {"code": "http"}}, {"error": {"code": "http"}})


@pytest.mark.parametrize(("extra", "status"), [("forbid", 500), ("ignore", 200)])
def test_a_response_model_that_forbids_extra_keys_answers_500_for_one_too_many(extra: Any, status: int) -> None:
    """What is returned is validated as any input is, and a dict is taken as it is."""
    app = FastAPI()

    class Order(BaseModel):
        model_config = ConfigDict(extra=extra)
        number: int

    @app.get("/order", response_model=Order)
    def order() -> dict[str, int]:
        return {"number": 1, "cents": 100}

    assert TestClient(app, raise_server_exceptions=False).get("/order").status_code == status


def test_a_nullable_field_without_default_must_be_sent() -> None:
    """In Pydantic 2 a type says what a field may hold, and only a default that it may be left out."""

    class Order(BaseModel):
        note: str | None

    assert Order.model_validate({"note": None}).note is None
    with pytest.raises(ValidationError, match="Field required"):
        Order.model_validate({})


def test_a_body_that_is_no_json_is_a_422_of_fastapi_and_a_500_of_who_parses_it() -> None:
    """The client is told what is wrong only where FastAPI parses."""
    app = FastAPI()

    class Order(BaseModel):
        number: int

    @app.post("/declared")
    def declared(order: Order) -> int:
        return order.number

    @app.post("/parsed")
    async def parsed(request: Request) -> int:
        return (await request.json())["number"]

    client = TestClient(app, raise_server_exceptions=False)

    assert client.post("/declared", content=b"no json").status_code == 422
    assert client.post("/parsed", content=b"no json").status_code == 500


def test_a_plain_any_is_a_parameter_of_the_query_and_a_dict_is_the_body() -> None:
    """Which of the two decides what a rule about bodies may speak of."""
    app = FastAPI()

    @app.post("/both")
    def both(order: dict, anything: Any = None) -> dict[str, int]:
        return order

    operation = app.openapi()["paths"]["/both"]["post"]

    assert [(each["name"], each["in"]) for each in operation["parameters"]] == [("anything", "query")]
    assert "requestBody" in operation


def test_an_error_in_a_returned_dict_is_a_success() -> None:
    """Nothing but the status tells clients, proxies and metrics of a failure."""
    app = FastAPI()

    @app.get("/order")
    def order() -> dict[str, str]:
        return {"error": "not found"}

    assert TestClient(app).get("/order").status_code == 200


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (("--out-dir",), "out_dir"),
        (("-o", "--out-dir"), "out_dir"),
        (("-o", "--out", "--out-dir"), "out"),
        (("--out-dir", "target"), "target"),
        (("-O",), "o"),
        (("--shout/--no-shout",), "shout"),
        (("--Loud",), "loud"),
        (("/shout;/no-shout",), "shout"),
    ],
    ids=["long", "short first", "two long", "explicit", "short", "switch", "upper case", "slashes"],
)
def test_click_names_an_option_as_the_rules_do(declared: tuple[str, ...], name: str) -> None:
    """click-param-name-mismatch: the derived name is the keyword of the call."""
    assert click.Option(declared).name == name
    assert option_name(list(declared)) == name


def test_a_click_command_without_the_parameter_of_an_option_fails_when_it_is_called() -> None:
    """click-param-name-mismatch: defining it raises nothing."""

    @click.command()
    @click.option("--out-dir")
    def convert(directory: str) -> None:
        click.echo(directory)

    result = CliRunner().invoke(convert, ["--out-dir", "here"])

    assert isinstance(result.exception, TypeError)


def test_a_subcommand_of_argparse_may_be_left_out() -> None:
    """argparse-subcommand-not-required: then its defaults are not set."""
    parser = argparse.ArgumentParser()
    parser.add_subparsers().add_parser("count").set_defaults(run=print)

    assert not hasattr(parser.parse_args([]), "run")
    assert parser.parse_args(["count"]).run is print


def test_a_required_subcommand_may_not_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse-subcommand-not-required: its fix ends with a message for the user."""
    parser = argparse.ArgumentParser()
    parser.add_subparsers(dest="command", required=True).add_parser("count")
    with pytest.raises(SystemExit):
        parser.parse_args([])

    assert "the following arguments are required: command" in capsys.readouterr().err


def run_pytest(folder: Path, *arguments: str) -> str:
    """What pytest prints about the tests in a folder."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_pytest_refuses_a_wide_fixture_that_asks_for_a_narrow_one(tmp_path: Path) -> None:
    """`fixture-scope-mismatch` says that it raises, and lists what lives as long as one test."""
    text = """
import pytest

@pytest.fixture(scope="session")
def archive(request, {name}): ...

def test_archive(archive): ...
"""
    for name in sorted(NARROW_BUILT_INS - {"mocker"}):
        (tmp_path / f"test_{name}.py").write_text(text.format(name=name))
    (tmp_path / "test_wide.py").write_text(text.format(name="tmp_path_factory"))

    printed = run_pytest(tmp_path, "-rA")

    assert printed.count("\nERROR test_") == len(NARROW_BUILT_INS) - 1
    assert printed.count("\nScopeMismatch: ") == len(NARROW_BUILT_INS) - 1
    assert "PASSED test_wide.py" in printed


def test_pytest_makes_an_imported_fixture_once_for_each_module(tmp_path: Path) -> None:
    """`fixture-imported-directly` says so of a session's fixture, which a `conftest.py` would make once."""
    (tmp_path / "fixtures.py").write_text(
        "import pytest\n@pytest.fixture(scope='session')\ndef engine():\n    print('made an engine')\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text("from fixtures import engine\ndef test_it(engine): ...\n")

    assert run_pytest(tmp_path, "-s").count("made an engine") == 2


def test_pytest_stops_at_collection_where_ids_and_cases_differ_in_number(tmp_path: Path) -> None:
    """`parametrize-ids-length-mismatch` says that no test of the module runs."""
    (tmp_path / "test_ids.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', [1, 2], ids=['one'])\ndef test_a(n): ...\ndef test_b(): ...\n"
    )
    printed = run_pytest(tmp_path)

    assert "2 parameter sets specified, with different number of ids: 1" in printed
    assert "passed" not in printed


def test_an_exit_that_returns_true_drops_what_the_block_raises() -> None:
    """exit-always-suppresses: a misspelt name among it."""

    class Lease:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> bool:
            return bool(error)

    with Lease():
        raise NameError

    assert Lease().__exit__(None)


def test_pytest_counts_what_it_cannot_name(tmp_path: Path) -> None:
    """`parametrize-opaque-ids` tells which values make ids that can be read."""
    (tmp_path / "test_ids.py").write_text(
        """
import enum, pathlib, re
import pytest

class Colour(enum.Enum):
    RED = 1

@pytest.mark.parametrize("value, other", [
    ({}, 200), ([], "text"), ((1, 2), None), (lambda: 1, Colour.RED), (pathlib.Path("a"), re.compile("x")),
    (object(), int),
])
def test_a(value, other): ...
"""
    )

    assert [line.partition("[")[2] for line in run_pytest(tmp_path, "--collect-only").splitlines() if "[" in line] == [
        "value0-200]", "value1-text]", "value2-None]", "<lambda>-Colour.RED]", "value4-x]", "value5-int]",
    ]  # fmt: skip


def test_a_mock_is_content_with_an_assertion_that_is_not_called() -> None:
    """`mock-assertion-not-called` says that it asserts nothing; half a name is refused since Python 3.12."""
    send = Mock()
    assert callable(send.assert_called_once)

    if sys.version_info < (3, 12):
        assert isinstance(send.called_once_with(3), Mock)
    else:
        with pytest.raises(AttributeError, match="is not a valid assertion"):
            send.called_once_with(3)


def test_an_async_mock_counts_a_call_that_nobody_awaits() -> None:
    """`async-mock-called-not-awaited` says that `assert_called_once` passes then."""
    send = AsyncMock()
    send(3).close()

    send.assert_called_once_with(3)
    with pytest.raises(AssertionError, match="awaited"):
        send.assert_awaited_once_with(3)
    asyncio.run(send(3))
    send.assert_awaited_once_with(3)


def test_a_mock_with_autospec_refuses_what_the_function_refuses() -> None:
    """`patch-without-autospec` says that a mock without it accepts any call."""

    def send(number: int) -> None: ...

    Mock()(1, 2, reason="late")
    with pytest.raises(TypeError, match="too many positional arguments"):
        create_autospec(send)(1, 2)


def test_a_plain_protocol_is_no_class_to_check_against() -> None:
    """`isinstance-on-plain-protocol` says that it raises, and leaves out what inherits the decoration."""

    class Clock(Protocol):
        def now(self) -> float: ...

    @runtime_checkable
    class Stoppable(Protocol):
        def stop(self) -> None: ...

    with pytest.raises(TypeError, match="runtime_checkable"):
        isinstance(3, Clock)  # ty: ignore[isinstance-against-protocol]
    assert not isinstance(3, Stoppable)


def test_with_looks_for_both_methods_first() -> None:
    """`enter-without-exit` says that such a class can't be entered at all."""

    def enter(lease: object) -> None:
        raise AssertionError(lease)

    lease: Any = type("Lease", (), {"__enter__": enter})()

    with pytest.raises(TypeError, match="__exit__"), lease:
        pass


def asked(app: FastAPI) -> int:
    """The status that an app answers a request for `/` with, its failures included."""
    with TestClient(app, raise_server_exceptions=False) as client:
        return client.get("/").status_code


def test_a_404_skips_what_follows_the_yield_of_a_dependency() -> None:
    """yield-dependency-without-finally: an `HTTPException` is an exception."""
    app, closed = FastAPI(), []

    def bare() -> Iterator[str]:
        yield "lent"
        closed.append("bare")

    def careful() -> Iterator[str]:
        try:
            yield "lent"
        finally:
            closed.append("careful")

    @app.get("/", dependencies=[Depends(bare), Depends(careful)])
    def missing() -> None:
        raise HTTPException(404)

    assert asked(app) == 404
    assert closed == ["careful"]


@pytest.mark.parametrize(("again", "status"), [(True, 404), (False, 500)])
def test_a_dependency_that_swallows_a_404_makes_a_500_of_it(again: bool, status: int) -> None:
    """yield-dependency-swallows-exception: neither an answer nor an error is left."""
    app = FastAPI()

    def lend() -> Iterator[str]:
        try:
            yield "lent"
        except Exception:
            if again:
                raise

    @app.get("/", dependencies=[Depends(lend)])
    def missing() -> None:
        raise HTTPException(404)

    assert asked(app) == status


def test_a_dependency_that_swallows_a_narrow_exception_keeps_it_from_its_handler() -> None:
    """yield-dependency-swallows-exception: a handler that the app has for it never hears of it."""
    app = FastAPI()

    @app.exception_handler(KeyError)
    def conflict(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({}, 409)

    swallowed: list[KeyError] = []

    def lend() -> Iterator[str]:
        try:
            yield "lent"
        except KeyError as error:
            swallowed.append(error)

    @app.get("/", dependencies=[Depends(lend)])
    def missing() -> None:
        raise KeyError

    assert asked(app) == 500
    assert len(swallowed) == 1


@pytest.mark.parametrize("with_lifespan", [True, False])
def test_an_app_with_a_lifespan_runs_no_event_handlers(with_lifespan: bool) -> None:
    """fastapi-on-event-ignored: they are registered without an error; a router's own run all the same."""
    ran: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        ran.append("lifespan")
        yield

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        app = FastAPI(lifespan=lifespan if with_lifespan else None, on_startup=[lambda: ran.append("keyword")])
        app.on_event("startup")(lambda: ran.append("decorator"))  # ty: ignore[deprecated]
        router = APIRouter()
        router.on_event("startup")(lambda: ran.append("router"))  # ty: ignore[deprecated]
        app.include_router(router)
    asked(app)

    assert set(ran) == ({"lifespan", "router"} if with_lifespan else {"keyword", "decorator", "router"})


def test_on_event_warns_that_it_is_deprecated() -> None:
    """fastapi-on-event-deprecated: the framework says the same, at run time."""
    with pytest.warns(DeprecationWarning, match="lifespan"):
        FastAPI().on_event("startup")  # ty: ignore[deprecated]


def is_async(scheme: str) -> bool:
    """Whether `create_async_engine` takes URLs of a scheme; the dialect is asked, so no driver needs to be there."""
    url = make_url(f"{scheme}://user:word@host/name")
    return url._get_entrypoint().get_async_dialect_cls(url).is_async


@pytest.mark.parametrize("scheme", sorted(sync_driver_in_async_engine.ASYNC))
def test_sqlalchemy_takes_these_schemes_for_sync_drivers(scheme: str) -> None:
    """sync-driver-in-async-engine: and those that are offered instead for async ones."""
    assert not is_async(scheme)
    assert is_async(sync_driver_in_async_engine.ASYNC[scheme])


@pytest.mark.parametrize("scheme", ["postgresql", "oracle"])
def test_sqlalchemy_takes_bare_schemes_for_async_drivers_where_it_has_one(scheme: str) -> None:
    """sync-driver-in-async-engine: since SQLAlchemy 2.1 `postgresql://` means psycopg 3."""
    assert is_async(scheme)


@pytest.mark.parametrize(
    ("upgrade", "sql"),
    [
        (
            lambda op: op.create_check_constraint("ck", "orders", "total >= 0", postgresql_not_valid=True),
            "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total >= 0) NOT VALID;",
        ),
        (
            lambda op: op.create_foreign_key("fk", "orders", "people", ["a"], ["id"], postgresql_not_valid=True),
            "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY(a) REFERENCES people (id) NOT VALID;",
        ),
    ],
    ids=["check", "foreign key"],
)
def test_a_constraint_can_be_added_without_looking_at_the_rows(upgrade: Upgrade, sql: str) -> None:
    """What `alembic-constraint-validated-in-place` and `alembic-set-not-null-scan` advise."""
    assert rendered(upgrade) == sql


def test_an_autocommit_block_ends_the_transaction_and_begins_another() -> None:
    """What `alembic-index-not-concurrent` suggests."""

    def upgrade(op: Operations) -> None:
        with op.get_context().begin_transaction(), op.get_context().autocommit_block():
            op.create_index("ix", "orders", ["state"], postgresql_concurrently=True)

    assert rendered(upgrade) == ("BEGIN; COMMIT; CREATE INDEX CONCURRENTLY ix ON orders (state); BEGIN; COMMIT;")


def test_what_a_validator_forgets_to_return_becomes_none() -> None:
    """Pydantic raises nothing: the field is None whatever its type, and `model_validate` gives None for the model."""

    class Coupon(BaseModel):
        code: str

        @field_validator("code")
        @classmethod
        def check(
            cls, code: str
        ) -> None:  # postil: allow pydantic-validator-missing-return -- this is what the test is about
            """Forgets to return the code."""

    class Period(BaseModel):
        start: int

        @model_validator(mode="after")
        def check(self) -> None:  # postil: allow pydantic-validator-missing-return -- this is what the test is about
            """Forgets to return the model."""

    assert Coupon(code="spring").code is None
    assert Period.model_validate({"start": 1}) is None


def test_a_copy_that_an_after_validator_returns_is_ignored_by_calls_of_the_class() -> None:
    """`Period(…)` gives back the object that it made, and only warns."""

    class Period(BaseModel):
        start: int

        @model_validator(mode="after")
        def check(self) -> Self:
            return self.model_copy(
                update={"start": 9}
            )  # postil: allow pydantic-validator-missing-return -- this is what the test is about

    with pytest.warns(UserWarning, match="other than `self`"):
        assert Period(start=1).start == 1
    assert Period.model_validate({"start": 1}).start == 9


def test_pydantic_one_names_still_work_and_warn() -> None:
    """They are deprecated since pydantic 2.0, and `dict` and `parse_obj` do what their new names do."""

    class Coupon(BaseModel):
        code: str

    with pytest.warns(PydanticDeprecatedSince20):
        # postil: allow pydantic-v1-validator -- this is what the test is about
        assert Coupon.parse_obj({"code": "spring"}).dict() == {"code": "spring"}  # ty: ignore[deprecated]


def test_a_dataclass_takes_what_it_is_given() -> None:
    """Annotations are not looked at."""

    @dataclass
    class Order:
        number: int

    assert Order(**json.loads('{"number": ["one"]}')).number == ["one"]


# FastAPI: what a chapter's prose says beyond the rules.


def test_settings_moved_out_of_pydantic() -> None:
    """Importing the name from pydantic raises, so nobody meets the old class by accident."""
    name = "BaseSettings"

    with pytest.raises(ImportError, match="pydantic-settings"):
        getattr(pydantic, name)


def test_settings_are_filled_by_nested_names_and_by_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`DATABASE__HOST` fills `database.host`, a file of `secrets_dir` its field; what is missing stops the start."""

    class Database(BaseModel):
        host: str

    class Settings(BaseSettings):
        model_config = SettingsConfigDict(env_nested_delimiter="__", secrets_dir=tmp_path)
        database: Database
        token: str

    monkeypatch.setenv("DATABASE__HOST", "db.internal")
    with pytest.raises(ValidationError, match="token"):
        Settings()
    (tmp_path / "token").write_text("hidden")

    settings = Settings()

    assert (settings.database.host, settings.token) == ("db.internal", "hidden")


def test_depends_refuses_the_result_of_a_call() -> None:
    """depends-called-not-passed: when the endpoint is declared, which is when its module is imported."""

    def lend() -> Iterator[str]:
        yield "lent"

    made: Any = lend()

    def read(lent: Annotated[str, Depends(made)]) -> str:
        return lent

    with pytest.raises(TypeError, match="not a callable"):
        FastAPI().get("/")(read)


def test_an_override_stays_for_as_long_as_the_app_lives() -> None:
    """dependency-override-not-cleared: the next client, as that of the next test, gets it too."""
    app = FastAPI()

    def name() -> str:
        return "real"

    @app.get("/")
    def read(said: str = Depends(name)) -> str:
        return said

    app.dependency_overrides[name] = lambda: "test"

    assert [TestClient(app).get("/").json() for _ in range(2)] == ["test", "test"]
    app.dependency_overrides.clear()
    assert TestClient(app).get("/").json() == "real"


def test_what_follows_a_yield_runs_after_the_answer_unless_it_is_scoped_to_the_function() -> None:
    """So it can't change the answer any more, and a stream still has what was lent to it."""
    app, ran = FastAPI(), []

    def lend(name: str) -> Callable[[], Iterator[None]]:
        def lent() -> Iterator[None]:
            yield
            ran.append(name)

        return lent

    @app.get("/", dependencies=[Depends(lend("request")), Depends(lend("function"), scope="function")])
    def read() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            ran.append("answer")
            yield b"answer"

        return StreamingResponse(pieces())

    assert asked(app) == 200
    assert ran == ["function", "answer", "request"]


@pytest.mark.parametrize("name", ["ORJSONResponse", "UJSONResponse"])
def test_the_special_json_responses_warn_on_use(name: str) -> None:
    """fastapi-deprecated-json-response: whether or not their libraries are there."""
    with pytest.warns(FastAPIDeprecationWarning, match=name), contextlib.suppress(AssertionError):
        getattr(fastapi.responses, name)({})


def test_fastapi_streams_models_as_events() -> None:
    """sse-third-party-redundant: no package is needed for it."""
    app = FastAPI()

    class Tick(BaseModel):
        number: int

    @app.get("/", response_class=EventSourceResponse)
    async def ticks() -> AsyncGenerator[Tick]:
        yield Tick(number=3)

    answer = TestClient(app).get("/")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert 'data: {"number":3}' in answer.text


def test_what_an_exception_says_reaches_the_client() -> None:
    """exception-text-in-response: FastAPI sends the detail of a 500 as it is."""
    app = FastAPI()

    @app.get("/")
    def read() -> None:
        raise HTTPException(500, detail=str(OSError("no /srv/orders")))

    assert TestClient(app).get("/").json() == {"detail": "no /srv/orders"}


@pytest.mark.parametrize(("url", "error"), [("sqlite://", InvalidRequestError), ("mysql://h/n", ModuleNotFoundError)])
def test_the_async_engine_refuses_a_sync_driver_when_it_is_made(url: str, error: type[Exception]) -> None:
    """sync-driver-in-async-engine names both errors; the second is for a driver that isn't installed."""
    with pytest.raises(error):
        create_async_engine(url)


class Mapped(DeclarativeBase):
    """The tables of the facts about SQLAlchemy."""


class Order(Mapped):
    """An order whose note is loaded when it is asked for."""

    __tablename__ = "orders"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    state: orm.Mapped[str | None]
    note: orm.Mapped[str | None] = orm.mapped_column(deferred=True)


@pytest.mark.filterwarnings("ignore:coroutine 'Connection.cursor' was never awaited")
@pytest.mark.parametrize("expire", [True, False])
def test_an_object_is_stale_after_a_commit_and_reading_it_needs_an_await(expire: bool) -> None:
    """async-session-expire-on-commit: the read raises, unless the option says that objects stay as they are."""

    async def committed() -> str | None:
        engine = create_async_engine("sqlite+aiosqlite://")
        async with engine.begin() as connection:
            await connection.run_sync(Mapped.metadata.create_all)
        try:
            async with AsyncSession(engine, expire_on_commit=expire) as session:
                order = Order(state="open")
                session.add(order)
                await session.commit()
                return order.state
        finally:
            await engine.dispose()

    if expire:
        with pytest.raises(SQLAlchemyError, match="greenlet_spawn has not been called"):
            asyncio.run(committed())
    else:
        assert asyncio.run(committed()) == "open"


def test_a_shared_session_loses_writes_and_stays_broken_after_an_error() -> None:
    """module-level-session: a rollback takes what another request wrote, and an error stops all until there is one."""
    engine = sa.create_engine("sqlite://")
    Mapped.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Order(id=1))
        session.flush()
        session.rollback()
        assert session.get(Order, 1) is None
        session.execute(sa.insert(Order).values(id=1))
        session.add(Order(id=1))
        with pytest.raises(IntegrityError):
            session.flush()
        with pytest.raises(PendingRollbackError):
            session.get(Order, 1)
    engine.dispose()


def test_a_query_for_a_model_names_each_of_its_columns() -> None:
    """alembic-drop-still-referenced: all but those that are deferred, so one that is dropped breaks every query."""
    assert " ".join(str(sa.select(Order)).split()) == "SELECT orders.id, orders.state FROM orders"


# pytest, mocks and context managers.


def test_pytest_stops_at_collection_where_names_and_values_differ_in_number(tmp_path: Path) -> None:
    """`parametrize-ids-length-mismatch` says that no test of the module runs."""
    (tmp_path / "test_names.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n, m', [(1, 2), (3,)])\ndef test_a(n, m): ...\ndef test_b(): ...\n"
    )
    printed = run_pytest(tmp_path)

    assert "must be equal to the number of values" in printed
    assert "passed" not in printed


def test_an_unknown_mark_is_a_warning_and_with_strict_markers_an_error(tmp_path: Path) -> None:
    """`unregistered-pytest-marker`: `-m` still runs the test whose mark is misspelt."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    (tmp_path / "test_marks.py").write_text("import pytest\n@pytest.mark.slwo\ndef test_a(): ...\n")
    loose = run_pytest(tmp_path, "-m", "not slow")

    assert "PytestUnknownMarkWarning" in loose
    assert "1 passed, 1 warning" in loose
    assert "'slwo' not found in `markers`" in run_pytest(tmp_path, "--strict-markers")


def test_a_fixture_goes_on_after_the_test_whatever_happened_and_the_nearest_one_counts(tmp_path: Path) -> None:
    """Why contextmanager-without-finally leaves fixtures alone, and fixture-scope-mismatch looks for the nearest."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef order():\n    yield 'far'\n    print('cleaned up')\n"
    )
    near = tmp_path / "near"
    near.mkdir()
    (near / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef order():\n    return 'near'\n")
    (near / "test_near.py").write_text("def test_near(order):\n    assert order == 'near'\n")
    (tmp_path / "test_far.py").write_text("def test_far(order):\n    assert order == 'near'\n")
    printed = run_pytest(tmp_path, "-s")

    assert "cleaned up" in printed
    assert "1 failed, 1 passed" in printed


def test_temporary_folders_are_kept_for_three_runs(pytestconfig: pytest.Config) -> None:
    """`tempfile-in-test` says so."""
    assert str(pytestconfig.getini("tmp_path_retention_count")) == "3"
    assert pytestconfig.getini("tmp_path_retention_policy") == "all"


def test_autospec_sees_no_attributes_of_init_and_refuses_a_mock() -> None:
    """Why `patch-without-autospec` leaves such targets alone."""

    class Client:
        def __init__(self) -> None:
            self.number = 3

    with pytest.raises(AttributeError, match="number"):
        create_autospec(Client).return_value.number  # noqa: B018
    with patch.object(asyncio, "run"), pytest.raises(Exception, match="already been mocked"):
        patch.object(asyncio, "run", autospec=True).start()


def test_a_runtime_checkable_protocol_compares_only_names() -> None:
    """`isinstance-on-plain-protocol` says what the decoration is worth."""

    @runtime_checkable
    class Clock(Protocol):
        def now(self) -> float: ...

    class Shop:
        now = "open"

    assert isinstance(Shop(), Clock)


def test_an_error_of_the_body_skips_what_follows_the_yield_of_a_context_manager() -> None:
    """contextmanager-without-finally: it arrives at the `yield`; one that catches everything there drops it."""
    ran: list[str] = []

    @contextmanager
    def bare() -> Generator[None]:
        yield
        ran.append("bare")

    @contextmanager
    def careful() -> Generator[None]:
        try:
            yield
        finally:
            ran.append("careful")

    @contextmanager
    def swallowing() -> Generator[None]:
        with contextlib.suppress(Exception):
            yield

    with pytest.raises(KeyError), bare(), careful():
        raise KeyError
    with swallowing():
        raise NameError

    assert ran == ["careful"]


def test_a_lifespan_goes_on_at_shutdown_whatever_its_requests_raised() -> None:
    """Why contextmanager-without-finally leaves it alone."""
    ran: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        ran.append("closed")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    def read() -> None:
        raise KeyError

    assert asked(app) == 500
    assert ran == ["closed"]


# Alembic with a history of revisions.


ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(url="sqlite://", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
    with engine.begin() as connection:
        context.configure(connection=connection)
        context.run_migrations()
    engine.dispose()
"""


class History:
    """A folder of revisions and its database."""

    def __init__(self, folder: Path) -> None:
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENVIRONMENT)
        self.folder = folder
        self.printed = io.StringIO()
        self.config = Config(output_buffer=self.printed)
        self.config.set_main_option("script_location", str(folder))
        self.config.set_main_option("sqlalchemy.url", f"sqlite:///{folder / 'shop.db'}")

    def write(
        self, name: str, after: str | tuple[str, ...] | None, upgrade: str = "pass", downgrade: str = "pass"
    ) -> None:
        """Write a revision."""
        (self.folder / "versions" / f"{name}.py").write_text(
            f"from alembic import op\nimport sqlalchemy as sa\nrevision = {name!r}\ndown_revision = {after!r}\n"
            f"def upgrade():\n    {upgrade}\ndef downgrade():\n    {downgrade}\n"
        )

    @property
    def tables(self) -> list[str]:
        """The tables of the database, Alembic's own left out."""
        engine = sa.create_engine(f"sqlite:///{self.folder / 'shop.db'}")
        names = sa.inspect(engine).get_table_names()
        engine.dispose()
        return [name for name in names if name != "alembic_version"]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A history of one revision that makes a table."""
    made = History(tmp_path)
    made.write("a1", None, "op.execute('CREATE TABLE orders (id int)')")
    return made


def test_an_edited_revision_is_not_run_again(history: History) -> None:
    """alembic-merged-revision-edited: that it ran is remembered, not what it said."""
    command.upgrade(history.config, "head")
    history.write("a1", None, "op.execute('CREATE TABLE invoices (id int)')")
    command.upgrade(history.config, "head")

    assert history.tables == ["orders"]


def test_a_database_at_a_deleted_revision_goes_neither_up_nor_down(history: History) -> None:
    """alembic-merged-revision-deleted: its id can't be located."""
    history.write("b1", "a1")
    command.upgrade(history.config, "head")
    (history.folder / "versions" / "b1.py").unlink()

    with pytest.raises(CommandError, match="Can't locate revision identified by 'b1'"):
        command.upgrade(history.config, "head")
    with pytest.raises(CommandError, match="Can't locate revision identified by 'b1'"):
        command.downgrade(history.config, "-1")


def test_two_heads_stop_an_upgrade_until_a_revision_joins_them(history: History) -> None:
    """alembic-multiple-heads: Alembic refuses to choose."""
    history.write("b1", "a1")
    history.write("b2", "a1")
    with pytest.raises(CommandError, match="Multiple head revisions"):
        command.upgrade(history.config, "head")
    history.write("c1", ("b1", "b2"))
    command.upgrade(history.config, "head")

    assert history.tables == ["orders"]


def test_an_empty_downgrade_succeeds_while_the_schema_stays(history: History) -> None:
    """alembic-downgrade-missing: and the next upgrade fails on what is there."""
    command.upgrade(history.config, "head")
    command.downgrade(history.config, "base")

    assert history.tables == ["orders"]
    with pytest.raises(DBAPIError, match="already exists"):
        command.upgrade(history.config, "head")


def test_an_upgrade_can_print_its_sql_instead(history: History) -> None:
    """What the chapter asks to read before the commit."""
    command.upgrade(history.config, "head", sql=True)

    assert "CREATE TABLE orders (id int);" in history.printed.getvalue()
    assert not (history.folder / "shop.db").exists()


def test_autogenerate_writes_a_rename_as_an_add_and_a_drop() -> None:
    """alembic-add-drop-same-revision and the chapter: what it can't see, another default and other data among it."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (state varchar(8), kind varchar(8) DEFAULT 'web')"))
        kind = sa.Column("kind", sa.String(8), server_default="shop")
        wanted = sa.MetaData()
        sa.Table("orders", wanted, sa.Column("status", sa.String(8)), kind)
        found = compare_metadata(MigrationContext.configure(connection), wanted)
    engine.dispose()

    assert [(each[0], each[3].name) for each in found] == [("add_column", "status"), ("remove_column", "state")]


def test_a_new_name_of_a_column_is_a_rename_in_place() -> None:
    """alembic-rename-in-place: one statement, after which the old name is gone."""
    assert rendered(lambda op: op.alter_column("orders", "state", new_column_name="status")) == (
        "ALTER TABLE orders RENAME state TO status;"
    )


def test_a_batch_that_copies_the_table_fills_in_the_default_of_python() -> None:
    """The one exception that the chapter names."""
    column = sa.Column("kind", sa.String(8), nullable=False, default="web")

    def upgrade(op: Operations) -> None:
        with op.batch_alter_table("orders", recreate="always") as orders:
            orders.add_column(column)
        assert op.get_bind().execute(sa.text("SELECT kind FROM orders")).scalar() == "web"

    run(upgrade)


def test_a_name_that_is_marked_as_final_gets_no_prefix_of_a_naming_convention() -> None:
    """Why alembic-merged-revision-edited takes `op.f("ck")` for another name than "ck"."""
    metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})

    assert "ADD CONSTRAINT ck_orders_paid CHECK" in rendered(
        lambda op: op.create_check_constraint("paid", "orders", "total >= 0"), metadata
    )
    assert "ADD CONSTRAINT paid CHECK" in rendered(
        lambda op: op.create_check_constraint(op.f("paid"), "orders", "total >= 0"), metadata
    )


# Command lines.


@pytest.mark.parametrize(("written", "meant"), [("False", False), ("no", False), ("0", False), ("yes", True)])
def test_bool_is_no_converter_for_argparse_and_one_for_click(written: str, meant: bool) -> None:
    """argparse-type-bool: argparse calls `bool` with the text, Click reads the word."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=bool)  # postil: allow argparse-type-bool -- this is what the test is about

    assert parser.parse_args(["--cache", written]).cache is True
    assert click.BOOL.convert(written, None, None) is meant


def test_a_boolean_action_takes_both_ways_of_a_flag() -> None:
    """argparse-type-bool names it as the cure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", action=argparse.BooleanOptionalAction)

    assert parser.parse_args(["--cache"]).cache is True
    assert parser.parse_args(["--no-cache"]).cache is False


def test_argparse_names_the_value_after_the_long_option() -> None:
    """In whatever order they are given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--out-dir")

    assert parser.parse_args(["-o", "here"]).out_dir == "here"


def test_a_click_command_with_a_parameter_that_nothing_fills_fails_when_it_is_called() -> None:
    """click-param-name-mismatch: as with one that has another name."""

    @click.command()
    def convert(directory: str) -> None:
        click.echo(directory)

    assert isinstance(CliRunner().invoke(convert).exception, TypeError)


def test_click_writes_errors_to_stderr_and_ends_with_a_code() -> None:
    """click-error-to-stdout, and that a wrong value is reported before any work."""

    @click.command()
    @click.option("--file", type=click.Path(exists=True))
    @click.version_option("1.2", prog_name="stock")
    def convert(file: str | None) -> None:
        click.secho("working", fg="red")
        click.echo("odd", err=True)
        raise click.ClickException("no such order")

    told, refused = CliRunner().invoke(convert), CliRunner().invoke(convert, ["--file", "nowhere"])

    assert (told.stdout, told.exit_code) == ("working\n", 1)
    assert told.stderr == "odd\nError: no such order\n"
    assert (refused.stdout, refused.exit_code) == ("", 2)
    assert CliRunner().invoke(convert, ["--version"]).stdout == "stock, version 1.2\n"


def test_typer_names_options_after_the_parameters() -> None:
    """Why click-param-name-mismatch leaves its commands alone."""
    app = typer.Typer()

    @app.command()
    def convert(out_dir: Annotated[str, typer.Option("--target")]) -> None:
        typer.echo(out_dir)

    assert TyperRunner().invoke(app, ["--target", "here"]).stdout == "here\n"


def test_package_data_in_a_zip_is_found_by_the_package_and_not_by_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chapter on command lines says where a path made from `__file__` fails."""
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("zipped_shop/__init__.py", "")
        archive.writestr("zipped_shop/mail.txt", "Dear")
    monkeypatch.syspath_prepend(tmp_path / "shop.zip")
    shop = importlib.import_module("zipped_shop")

    assert importlib.resources.files(shop).joinpath("mail.txt").read_text() == "Dear"
    assert not Path(shop.__file__ or "").with_name("mail.txt").exists()


# Errors.


def test_a_chained_exception_reads_as_a_cause_and_another_as_a_second_bug() -> None:
    """raise-without-from quotes the traceback; `from None` leaves the inner exception out."""

    def raised(how: str) -> str:
        try:
            exec(f"try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('rate'){how}")  # noqa: S102
        except ValueError as error:
            return "".join(traceback.format_exception(error))
        raise AssertionError

    assert "During handling of the above exception, another exception occurred" in raised("")
    assert "The above exception was the direct cause of the following exception" in raised(" from error")
    assert "division by zero" not in raised(" from None")


def test_pydantic_reports_all_faults_at_once() -> None:
    """The chapter holds it up for other input."""

    class Coupon(BaseModel):
        code: str
        cents: int

    with pytest.raises(ValidationError) as caught:
        Coupon.model_validate({"cents": "many"})

    assert caught.value.error_count() == 2


def test_a_dataclass_names_an_unknown_key_and_a_type_adapter_checks_the_values() -> None:
    """unvalidated-object-from-json: what is there without validation, and its cure."""

    @dataclass
    class Sold:
        number: int

    with pytest.raises(TypeError, match="'colour'"):
        Sold(number=1, colour="red")  # ty: ignore[unknown-argument]
    with pytest.raises(ValidationError, match="number"):
        TypeAdapter(Sold).validate_json('{"number": ["one"]}')


# What the body of `class Coupon(BaseModel)` leaves, with a `class Config` in it.
CONFIGURED = {
    "__module__": __name__,
    "__qualname__": "Coupon",
    "Config": type("Config", (), {"__module__": __name__, "__qualname__": "Coupon.Config", "frozen": True}),
}


@pytest.mark.parametrize(
    "declare",
    [
        lambda: type("Coupon", (BaseModel,), CONFIGURED),
        lambda: pydantic.validator("code"),  # ty: ignore[deprecated]
        lambda: pydantic.root_validator(pre=True),  # ty: ignore[deprecated]
    ],
    ids=["class Config", "validator", "root_validator"],
)
def test_pydantic_one_declarations_warn(declare: Callable[[], object]) -> None:
    """pydantic-v1-validator: version 3 will not have them."""
    with pytest.warns(PydanticDeprecatedSince20, match="V3.0"):
        declare()
