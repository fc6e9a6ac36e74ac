"""The interface of a service as its files show it: paths, parameters, roles of models."""

import pytest

from postil.lint import SourceFile
from postil.lint.interface import Interface, success_of

MAIN = """
from fastapi import FastAPI
from app.api import router
app = FastAPI()
app.include_router(router, prefix="/v1")
"""
API = """
from fastapi import APIRouter
from app import users
router = APIRouter(prefix="/api")
router.include_router(users.router)
"""
USERS = """
from typing import Annotated
from fastapi import APIRouter, Depends, Header, Query, Request
from app.schemas import Filter, UserCreate, UserRead
router = APIRouter(prefix="/users", deprecated=True)

def tenant(x_tenant: Annotated[str, Header()], trace: str | None = None): ...

Tenant = Annotated[str, Depends(tenant)]

@router.post("/{team}", status_code=201)
def create(
    team: str, user: UserCreate, tenant: Tenant, request: Request, limit: int = Query(10, alias="max")
) -> list[UserRead]: ...

@router.get("/hidden", include_in_schema=False)
@router.get("/old")
def old(): ...
"""
SCHEMAS = """
from pydantic import BaseModel
class Address(BaseModel):
    city: str
class Named(BaseModel):
    name: str
class UserCreate(Named):
    address: Address
class UserRead(Named):
    homes: "list[Home]"
class Home(BaseModel):
    street: str
class Filter(BaseModel):
    text: str
class TeamRead(BaseModel):
    text: str
"""
FILES = {"app/main.py": MAIN, "app/api.py": API, "app/users.py": USERS, "app/schemas.py": SCHEMAS}


def interface(*without: str) -> Interface:
    return Interface(SourceFile(path, text) for path, text in FILES.items() if path not in without)


def test_a_path_begins_with_the_prefixes_of_all_routers_above() -> None:
    """That is what a caller types."""
    found = [(each.shown, each.paths, each.open, each.hidden, each.deprecated) for each in interface().endpoints]

    assert found == [
        ("POST /v1/api/users/{team}", {"/v1/api/users/{}"}, False, False, True),
        ("GET /v1/api/users/hidden", {"/v1/api/users/hidden"}, False, True, True),
        ("GET /v1/api/users/old", {"/v1/api/users/old"}, False, False, True),
    ]


def test_a_path_is_open_where_the_including_file_is_not_at_hand() -> None:
    """Something unknown stands before it."""
    [first, *_] = interface("app/main.py").endpoints

    assert (first.paths, first.open) == ({"/api/users/{}"}, True)


def test_an_endpoint_asks_for_what_its_dependencies_ask_for() -> None:
    """What FastAPI hands over by itself, nobody is asked for."""
    known = interface()
    asked = [(each.name, each.source, each.required, each.asked_by) for each in known.parameters(known.endpoints[0])]

    assert asked == [
        ("team", "path", True, "create"),
        ("user", "body", True, "create"),
        ("x-tenant", "header", True, "tenant"),
        ("trace", "query", False, "tenant"),
        ("max", "query", False, "create"),
    ]


@pytest.mark.parametrize(
    ("name", "sent", "asked", "sure"),
    [
        ("UserRead", True, False, True),
        ("Home", True, False, True),
        ("UserCreate", False, True, True),
        ("Address", False, True, True),
        ("Filter", False, False, False),
        ("TeamRead", True, False, False),
    ],
)
def test_a_model_has_the_role_that_endpoints_give_it_and_else_its_name(
    name: str, sent: bool, asked: bool, sure: bool
) -> None:
    """What breaks a reader is fine for a writer, so direction decides."""
    known = interface()
    file = known.files[-1]
    node = file.class_named(name)
    assert node is not None
    role = known.role(file, node)

    assert (bool(role.views), role.asked, role.sure) == (sent, asked, sure)


def test_fields_of_bases_are_a_models_own() -> None:
    """A mixin is nothing that a caller sees."""
    known = interface()
    file = known.files[-1]
    node = file.class_named("UserCreate")
    assert node is not None

    assert list(known.model(file, node).fields) == ["name", "address"]


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        ("", 200),
        ("status_code=204", 204),
        ("status_code=status.HTTP_201_CREATED", 201),
        ("status_code=HTTPStatus.ACCEPTED", 202),
        ("status_code=code", None),
        ("**options", None),
    ],
)
def test_the_status_of_success_is_known_where_it_is_written_out(declared: str, status: int | None) -> None:
    """A number, Starlette's constant and Python's enum are three spellings."""
    imports = "from http import HTTPStatus\nfrom fastapi import FastAPI, status\n"
    file = SourceFile("app.py", f"{imports}app = FastAPI()\n@app.get('/', {declared})\ndef f(): ...")

    assert success_of(file, file.routes[0].call) == status
