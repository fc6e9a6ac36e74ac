"""What pages say about frameworks, tried on the frameworks themselves."""

import argparse
import asyncio
import io
import json
import subprocess
import sys
import warnings
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable
from unittest.mock import AsyncMock, Mock, create_autospec

import click
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from click.testing import CliRunner
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, PydanticDeprecatedSince20, ValidationError, field_validator, model_validator
from sqlalchemy import make_url
from sqlalchemy.exc import CompileError, DBAPIError
from starlette.exceptions import HTTPException as StarletteHTTPException

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
