# ruff: noqa: E501 - a mutation is a line of the table
"""The rules about an interface agree with the OpenAPI documents that FastAPI makes of it, before and after a change.

The documents come from running the application, and are compared by an independent reading of them. The rules see the
source alone.
"""

import re
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from postil import packs
from postil.lint.change import Change
from postil.lint.project import Project

APP = """
from datetime import datetime
from enum import Enum
from typing import Annotated, Optional

from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Query
from pydantic import BaseModel, Field


class State(str, Enum):
    OPEN = "open"
    PAID = "paid"


class Address(BaseModel):
    street: str
    city: str
    zip: Optional[str] = None


class Stamped(BaseModel):
    created: datetime


class ItemIn(BaseModel):
    sku: str
    quantity: int = 1


class OrderIn(BaseModel):
    customer: str
    items: list[ItemIn]
    note: str | None = None
    ship_to: Address | None = None


class Item(BaseModel):
    sku: str
    quantity: int
    cents: int = Field(serialization_alias="priceCents")


class Order(Stamped):
    id: int
    state: State
    items: list[Item]
    address: Address
    note: str | None = None
    total: float
    tags: dict[str, str] = {}


class Customer(BaseModel):
    id: int
    name: str
    secret: str = Field(exclude=True)
    address: Address


def page(offset: int = 0, limit: int = 50) -> tuple[int, int]:
    return offset, limit


def tenant(x_tenant: Annotated[str | None, Header()] = None) -> str | None:
    return x_tenant


Paged = Annotated[tuple[int, int], Depends(page)]

router = APIRouter(prefix="/orders")
customers = APIRouter(prefix="/customers")


@router.get("/")
def list_orders(paged: Paged, state: State | None = None, search: str = "") -> list[Order]: ...


@router.post("/", status_code=201)
def create_order(order: OrderIn, who: Annotated[str | None, Depends(tenant)] = None) -> Order: ...


@router.get("/{order_id}")
def read_order(order_id: int, expand: bool = Query(False), theme: str | None = Cookie(None)) -> Order: ...


@router.put("/{order_id}")
def replace_order(order_id: int, order: OrderIn) -> Order: ...


@router.delete("/{order_id}", status_code=204)
def delete_order(order_id: int) -> None: ...


@customers.get("/{customer_id}", response_model=Customer)
def read_customer(customer_id: int): ...


@customers.get("/", deprecated=True)
def list_customers() -> list[Customer]: ...


@customers.get("/hidden", include_in_schema=False)
def hidden() -> str: ...


app = FastAPI()
app.include_router(router, prefix="/v1")
app.include_router(customers, prefix="/v1")
"""

MUTATIONS = [
    # What callers don't see.
    ("spell-optional", "zip: Optional[str] = None", "zip: None | str = None"),
    ("rename-function", "def read_order(", "def show_order("),
    ("rename-path-parameter", '"/{order_id}", status_code=204)\ndef delete_order(order_id', '"/{id}", status_code=204)\ndef delete_order(id'),
    ("add-endpoint", "app = FastAPI()\n", "@router.get('/new/{n}')\ndef new(n: int, must: str) -> str: ...\n\n\napp = FastAPI()\n"),
    ("add-response-field", "    total: float\n", "    total: float\n    currency: str = 'EUR'\n"),
    ("add-optional-request-field", "    customer: str\n", "    customer: str\n    channel: str = 'web'\n"),
    ("add-factory-request-field", "    customer: str\n", "    customer: str\n    marks: list[str] = Field(default_factory=list)\n"),
    ("add-optional-parameter", 'search: str = ""', 'search: str = "", order: str = "id"'),
    ("move-field-to-base", "    created: datetime\n", "    created: datetime\n    id: int\n"),
    ("move-prefix", 'APIRouter(prefix="/orders")', 'APIRouter()', 'include_router(router, prefix="/v1")', 'include_router(router, prefix="/v1/orders")'),
    ("move-prefix-to-router", 'APIRouter(prefix="/orders")', 'APIRouter(prefix="/v1/orders")', 'include_router(router, prefix="/v1")', 'include_router(router)'),
    ("respond-by-annotation", ', response_model=Customer)\ndef read_customer(customer_id: int): ...', ')\ndef read_customer(customer_id: int) -> Customer: ...'),
    ("status-by-name", "status_code=204", "status_code=int(204)", "from typing import", "import http\nfrom typing import"),
    ("drop-hidden", '@customers.get("/hidden", include_in_schema=False)\ndef hidden() -> str: ...\n', ""),
    ("drop-excluded", "    secret: str = Field(exclude=True)\n", ""),
    ("request-accepts-null", "    customer: str\n", "    customer: str | None\n"),
    ("require-less", "    customer: str\n", "    customer: str = 'guest'\n"),
    ("alias-keeps-name", "    note: str | None = None\n    total: float", '    remark: str | None = Field(None, serialization_alias="note", validation_alias="note")\n    total: float'),
    ("rename-class", "class Item(BaseModel)", "class Position(BaseModel)", "list[Item]", "list[Position]"),
    ("alias-of-a-type", "    customer: str\n", "    customer: Name\n", "class State(str, Enum):", "Name = Annotated[str, Field(title='Who pays')]\n\n\nclass State(str, Enum):"),
    ("description", "    total: float\n", '    total: float = Field(description="With taxes")\n'),
    ("reorder-fields", "    id: int\n    state: State\n", "    state: State\n    id: int\n"),
    ("comment", "    total: float\n", "    # With taxes.\n    total: float\n"),
    ("swap-endpoints", "def list_orders(paged: Paged, state: State | None = None, search", "def list_orders(state: State | None = None, paged: Paged = (0, 1), search"),
    ("dependency-renamed", "def page(", "def paging(", "Depends(page)", "Depends(paging)"),
    ("nullable-becomes-sure", "    note: str | None = None\n    total", "    note: str = ''\n    total"),
    ("request-model-inline-base", "class OrderIn(BaseModel):\n    customer: str\n", "class Asked(BaseModel):\n    customer: str\n\n\nclass OrderIn(Asked):\n"),
    # What breaks them.
    ("drop-endpoint", '@router.put("/{order_id}")\ndef replace_order(order_id: int, order: OrderIn) -> Order: ...\n', ""),
    ("drop-deprecated", '@customers.get("/", deprecated=True)\ndef list_customers() -> list[Customer]: ...\n', ""),
    ("hide-by-removal", '@router.delete("/{order_id}", status_code=204)\ndef delete_order(order_id: int) -> None: ...\n', ""),
    ("change-method", '@router.put("/{order_id}")', '@router.patch("/{order_id}")'),
    ("change-path", '@customers.get("/{customer_id}"', '@customers.get("/by-id/{customer_id}"'),
    ("change-prefix", 'APIRouter(prefix="/customers")', 'APIRouter(prefix="/clients")'),
    ("change-include-prefix", 'include_router(customers, prefix="/v1")', 'include_router(customers, prefix="/v2")'),
    ("drop-include-prefix", 'include_router(router, prefix="/v1")', "include_router(router)"),
    ("drop-response-field", "    total: float\n", ""),
    ("drop-inherited-field", "class Order(Stamped):", "class Order(BaseModel):"),
    ("drop-base-field", "    created: datetime\n", "    pass\n"),
    ("drop-nested-field", "    sku: str\n    quantity: int\n    cents", "    sku: str\n    cents"),
    ("drop-shared-field", "    street: str\n    city: str\n", "    street: str\n"),
    ("rename-response-field", "    total: float\n", "    sum: float\n"),
    ("rename-alias", 'serialization_alias="priceCents"', 'serialization_alias="cents"'),
    ("drop-alias", 'cents: int = Field(serialization_alias="priceCents")', "cents: int"),
    ("exclude-field", "    name: str\n    secret", "    name: str = Field(exclude=True)\n    secret"),
    ("number-to-text", "    total: float\n", "    total: str\n"),
    ("integer-to-text", "class Customer(BaseModel):\n    id: int\n", "class Customer(BaseModel):\n    id: str\n"),
    ("list-to-map", "    items: list[Item]\n", "    items: dict[str, Item]\n"),
    ("list-of-other", "    items: list[Item]\n", "    items: list[str]\n"),
    ("object-to-text", "    address: Address\n    note", "    address: str\n    note"),
    ("text-to-object", "    name: str\n    secret", "    name: Address\n    secret"),
    ("map-values", "    tags: dict[str, str] = {}", "    tags: dict[str, int] = {}"),
    ("integer-to-number", "    quantity: int\n    cents", "    quantity: float\n    cents"),
    ("more-kinds", "    quantity: int\n    cents", "    quantity: int | str\n    cents"),
    ("enum-to-number", "    state: State\n", "    state: int\n"),
    ("may-be-null", "    total: float\n", "    total: float | None\n"),
    ("may-be-null-by-default", "    total: float\n", "    total: Optional[float] = None\n"),
    ("nested-null", "    sku: str\n    quantity: int\n    cents", "    sku: str | None\n    quantity: int\n    cents"),
    ("new-required-field", "    customer: str\n", "    customer: str\n    currency: str\n"),
    ("new-required-by-field", "    customer: str\n", "    customer: str\n    currency: str = Field(max_length=3)\n"),
    ("new-required-nullable", "    customer: str\n", "    customer: str\n    currency: str | None\n"),
    ("new-required-nested", "class ItemIn(BaseModel):\n    sku: str\n", "class ItemIn(BaseModel):\n    sku: str\n    unit: str\n"),
    ("new-required-ellipsis", "    customer: str\n", "    customer: str\n    currency: str = Field(...)\n"),
    ("made-required", "    note: str | None = None\n    ship_to", "    note: str\n    ship_to"),
    ("made-required-nullable", "    note: str | None = None\n    ship_to", "    note: str | None\n    ship_to"),
    ("made-required-nested", "    quantity: int = 1\n", "    quantity: int\n"),
    ("rename-request-field", "    customer: str\n", "    buyer: str\n"),
    ("new-required-query", 'search: str = ""', "search: str = '', region: str = Query()"),
    ("new-required-plain-query", "def list_orders(paged: Paged, ", "def list_orders(paged: Paged, region: str, "),
    ("new-required-header", "def page(offset", "def page(x_region: Annotated[str, Header()], offset"),
    ("new-required-in-dependency", "def tenant(x_tenant", "def tenant(key: str, x_tenant"),
    ("new-required-cookie", "theme: str | None = Cookie(None)", "theme: str | None = Cookie(None), token: str = Cookie()"),
    ("new-dependency", "def read_order(order_id: int, ", "def read_order(order_id: int, who: Annotated[str, Depends(keyed)], ", "def tenant(", "def keyed(key: str) -> str:\n    return key\n\n\ndef tenant("),
    # Which values there are, and which limits.
    ("enum-gains", '    PAID = "paid"\n', '    PAID = "paid"\n    LOST = "lost"\n'),
    ("enum-loses", '    PAID = "paid"\n', ""),
    ("enum-value", '    PAID = "paid"\n', '    PAID = "settled"\n'),
    ("enum-member-renamed", '    PAID = "paid"\n', '    SETTLED = "paid"\n'),
    ("enum-reordered", '    OPEN = "open"\n    PAID = "paid"\n', '    PAID = "paid"\n    OPEN = "open"\n'),
    ("enum-by-base", "class State(str, Enum):", "class State(Enum):"),
    ("enum-to-literal", "    state: State\n", '    state: Literal["open", "paid"]\n', "import Annotated, Optional", "import Annotated, Literal, Optional"),
    ("enum-to-shorter-literal", "    state: State\n", '    state: Literal["open"]\n', "import Annotated, Optional", "import Annotated, Literal, Optional"),
    ("enum-to-longer-literal", "    state: State\n", '    state: Literal["open", "paid", "lost"]\n', "import Annotated, Optional", "import Annotated, Literal, Optional"),
    ("parameter-to-shorter-literal", "state: State | None = None, search", 'state: Literal["open"] | None = None, search', "import Annotated, Optional", "import Annotated, Literal, Optional"),
    ("response-enum-to-text", "    state: State\n", "    state: str\n"),
    ("request-text-to-literal", "class ItemIn(BaseModel):\n    sku: str", 'class ItemIn(BaseModel):\n    sku: Literal["a", "b"]', "import Annotated, Optional", "import Annotated, Literal, Optional"),
    ("request-text-to-date", "    customer: str\n", "    customer: datetime\n"),
    ("request-max-length", "    customer: str\n", "    customer: str = Field(max_length=80)\n"),
    ("request-max-length-annotated", "    customer: str\n", "    customer: Annotated[str, Field(max_length=80)]\n"),
    ("request-min-length", "    customer: str\n", "    customer: str = Field(min_length=1)\n"),
    ("request-pattern", "    customer: str\n", '    customer: str = Field(pattern="^a")\n'),
    ("request-at-least", "    quantity: int = 1\n", "    quantity: int = Field(1, ge=1)\n"),
    ("request-more-than", "    quantity: int = 1\n", "    quantity: int = Field(1, gt=0)\n"),
    ("request-positive", "    quantity: int = 1\n", "    quantity: PositiveInt = 1\n", "import BaseModel, Field", "import BaseModel, Field, PositiveInt"),
    ("request-integer-to-number", "    quantity: int = 1\n", "    quantity: float = 1\n"),
    ("request-integer-to-text", "    quantity: int = 1\n", "    quantity: str = '1'\n"),
    ("response-limit", "    total: float\n", "    total: float = Field(ge=0)\n"),
    ("parameter-limit", "expand: bool = Query(False)", "expand: bool = Query(False), depth: int = Query(1, le=3)"),
    ("page-limit", "limit: int = 50", "limit: int = Query(50, le=100)", "def page(offset: int = 0", "def page(offset: int = Query(0, ge=0)"),
    ("status-200", ', status_code=201)', ")"),
    ("status-202", "status_code=201", "status_code=202"),
    ("status-of-delete", "status_code=204", "status_code=200"),
    ("status-added", '@router.put("/{order_id}")', '@router.put("/{order_id}", status_code=202)'),
]  # fmt: skip

# Rules that are off unless they are selected, and can be read off a document all the same.
SELECTED = {"api-enum-changed", "api-request-constraint-tightened"}
GONE = {"api-endpoint-removed", "api-path-or-method-changed"}
LOST = {"api-response-field-removed", "api-response-field-renamed"}
MUST = {"api-request-field-required-added", "api-request-field-made-required"}


def mutated(changes: tuple[str, ...]) -> str:
    """The application with pieces of its text replaced; each piece must be there."""
    text = APP
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    return text


@cache
def document(text: str) -> Mapping[str, Any]:
    """The OpenAPI document of an application, by running it."""
    module = types.ModuleType("shop_under_test")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, "shop.py", "exec"), module.__dict__)  # noqa: S102 - the text is this module's own
        return module.app.openapi()
    finally:
        del sys.modules[module.__name__]


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """What a reader of both documents calls broken, in the names of our rules."""
    found: set[str] = set()
    for path, method, was in operations(old):
        now = operation(new, path, method)
        if now is None:
            found.add("gone")
            continue
        success_was, success_now = success(was), success(now)
        if success_was[0] != success_now[0]:
            found.add("api-status-code-changed")
        found |= compared(old, new, success_was[1], success_now[1], "response", set())
        known = {(each["in"], each["name"]): each["schema"] for each in was.get("parameters", [])}
        for each in now.get("parameters", []):
            if (each["in"], each["name"]) in known:
                found |= compared(old, new, known[each["in"], each["name"]], each["schema"], "request", set())
            elif each.get("required") and each["in"] != "path":
                found.add("api-required-param-added")
        found |= compared(old, new, body(was), body(now), "request", set())
    return found


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            yield re.sub(r"\{[^}]*\}", "{}", path), method, each


def operation(document: Mapping[str, Any], path: str, method: str) -> Mapping[str, Any] | None:
    return next((each for p, m, each in operations(document) if (p, m) == (path, method)), None)


def success(each: Mapping[str, Any]) -> tuple[str, Any]:
    status = min(each["responses"])
    return status, each["responses"][status].get("content", {}).get("application/json", {}).get("schema")


def body(each: Mapping[str, Any]) -> Any:
    return each.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")


def resolved(document: Mapping[str, Any], schema: Any) -> Any:
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def kinds(document: Mapping[str, Any], schema: Any) -> list[Any]:
    """The schema's alternatives, null included."""
    schema = resolved(document, schema)
    if not isinstance(schema, Mapping):
        return []
    return [each for inner in schema["anyOf"] for each in kinds(document, inner)] if "anyOf" in schema else [schema]


def compared(
    old: Mapping[str, Any], new: Mapping[str, Any], before: Any, after: Any, side: str, seen: set[tuple[int, int]]
) -> set[str]:
    """What changed for the worse between two schemas, seen from one side."""
    found: set[str] = set()
    olds, news = kinds(old, before), kinds(new, after)
    if (id(before), id(after)) in seen or not olds or not news:
        return found
    seen.add((id(before), id(after)))
    old_types, new_types = {each.get("type") for each in olds}, {each.get("type") for each in news}
    if side == "response":
        if "null" in new_types - old_types:
            found.add("api-response-field-made-optional")
        readable = old_types | ({"integer"} if "number" in old_types else set())
        if new_types - readable - {"null"}:
            found.add("api-response-field-type-changed")
    elif any(all(narrower(one, other) for other in news) for one in olds if one.get("type") != "null"):
        found.add("api-request-constraint-tightened")
    counted = [values(olds), values(news)]
    if None not in counted and (counted[1] - counted[0] if side == "response" else counted[0] - counted[1]):
        found.add("api-enum-changed")
    for one in olds:
        for other in news:
            if one.get("type") != other.get("type"):
                continue
            found |= compared(old, new, one.get("items"), other.get("items"), side, seen)
            extra, more = one.get("additionalProperties"), other.get("additionalProperties")
            found |= compared(old, new, extra, more, side, seen)
            was, now = one.get("properties", {}), other.get("properties", {})
            if side == "response" and was.keys() - now.keys():
                found.add("lost")
            if side == "request" and (set(other.get("required", [])) - set(one.get("required", []))):
                found.add("must")
            for name in was.keys() & now.keys():
                found |= compared(old, new, was[name], now[name], side, seen)
    return found


def values(schemas: list[Any]) -> Any:
    """The values that a type admits, null aside; None where it admits any."""
    found: list[Any] = []
    for each in schemas:
        if each.get("type") == "null":
            continue
        if "enum" not in each and "const" not in each:
            return None
        found += each.get("enum", [each.get("const")])
    return set(found)


def narrower(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a value that fits one simple schema need not fit another; which values are counted is another question."""
    kind, now = one.get("type"), other.get("type")
    if kind != now:
        return (kind, now) != ("integer", "number")
    if "enum" not in one and "const" not in one and ("enum" in other or "const" in other):
        return True
    if "format" in other and "format" not in one:
        return True
    # In a document "more than 0" and "at least 1" differ; between integers they don't.
    raised = [(name, -1) for name in ("maximum", "maxLength")] + [(name, 1) for name in ("minimum", "minLength")]
    for name, sign in raised:
        if name in other and (name not in one or sign * other[name] > sign * one[name]):
            return True
    return any(name in other and name not in one for name in ("pattern", "exclusiveMinimum", "exclusiveMaximum"))


def findings(text: str) -> set[str]:
    """What the rules say about the same change."""
    guideline = packs.load()
    rules = guideline.rules.only(
        rule.name
        for rule in guideline.rules.rules
        if rule.name in SELECTED or (rule.name.startswith("api-") and not rule.opt_in)
    )
    report = rules.lint_change_set([Change("shop/app.py", text, APP)], Project(), Project())
    said = {finding.rule for finding in report.findings if finding.rule != "api-response-filter-changed"}
    return {"gone" if each in GONE else "lost" if each in LOST else "must" if each in MUST else each for each in said}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation[0])
def test_the_rules_say_what_the_documents_say(mutation: tuple[str, ...]) -> None:
    """A static reading has to find what a running application shows, and nothing else."""
    text = mutated(mutation[1:])

    assert findings(text) == breaks(document(APP), document(text))


def test_there_are_enough_mutations_of_both_kinds() -> None:
    """An oracle that is never asked proves nothing."""
    broken = [name for name, *changes in MUTATIONS if breaks(document(APP), document(mutated(tuple(changes))))]

    assert len(MUTATIONS) >= 60
    assert 20 < len(broken) < len(MUTATIONS) - 20
