# ruff: noqa: E501, ISC004 - an edit is a line of the table
"""What changes nothing for anybody, tried on every rule that compares base and head.

Each of these edits is a change of text, and half of the false alarms of such rules are one of them.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from types import FrameType

import pytest

from postil import packs
from postil.lint import Change, ChangeSet, FileChange, Project
from postil.lint.contract import ContractChange, ModelChange
from postil.lint.source import parse
from postil.review.analysis import analyse

RULES = packs.load().rules
COMPARING = [rule.name for rule in RULES.rules if rule.subscription.whole in (FileChange, ChangeSet)]
PROJECT = Project(
    {"pyproject.toml": '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = '
     '["fastapi>=0.165", "pydantic>=2", "alembic>=1.20", "sqlalchemy>=2"]\n'}
)  # fmt: skip

SCHEMAS = """
from enum import StrEnum
from typing import List, Optional

from pydantic import BaseModel, Field


class State(StrEnum):
    OPEN = "open"
    PAID = "paid"


class OrderCreate(BaseModel):
    customer: str = Field(max_length=80)
    note: Optional[str] = None
    tags: List[str] = []


class OrderRead(BaseModel):
    id: int
    state: State
    customer: str
    note: Optional[str] = None
"""
ORDERS = """
from fastapi import APIRouter

from shop.schemas import OrderCreate, OrderRead

router = APIRouter(prefix="/orders")


@router.post("/", status_code=201)
async def create(order: OrderCreate) -> OrderRead:
    return await save(order)


@router.get("/{order_id}")
async def read(order_id: int, expand: bool = False) -> OrderRead:
    return await load(order_id)
"""
MAIN = """
from fastapi import FastAPI

from shop import orders

app = FastAPI()
app.include_router(orders.router, prefix="/v1")
"""
REVISION = '''
"""orders

Revision ID: a1
Revises: b2
"""
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = "b2"


def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("note", sa.String(80)))
    op.add_column("customers", sa.Column("state", sa.String(8), nullable=True))


def downgrade():
    op.drop_column("customers", "state")
    op.drop_table("orders")
'''
TESTS = """
import pytest


@pytest.fixture
def order():
    return make_order(units=1)


def test_an_order_is_placed(order):
    assert place(order)
    assert order.open
"""
FILES = {
    "shop/schemas.py": SCHEMAS,
    "shop/orders.py": ORDERS,
    "shop/main.py": MAIN,
    "migrations/versions/a1_orders.py": REVISION,
    "tests/test_orders.py": TESTS,
}

# For each, the pieces of text that become others; a name with an arrow renames a file.
EDITS = {
    "a field moves to a new base": [
        ("class OrderRead(BaseModel):\n    id: int\n", "class Numbered(BaseModel):\n    id: int\n\n\nclass OrderRead(Numbered):\n"),
        ("class OrderCreate(BaseModel):\n    customer: str = Field(max_length=80)\n",
         "class Bought(BaseModel):\n    customer: str = Field(max_length=80)\n\n\nclass OrderCreate(Bought):\n"),
    ],
    "an annotation is respelled": [
        ("Optional[str]", "str | None"), ("List[str]", "list[str]"), ("from typing import List, Optional\n\n", ""),
        ("customer: str = Field(max_length=80)", "customer: Annotated[str, Field(max_length=80)]"),
        ("from enum import StrEnum\n", "from enum import StrEnum\nfrom typing import Annotated\n"),
    ],
    "a prefix moves to include_router": [
        ('APIRouter(prefix="/orders")', "APIRouter()"), ('prefix="/v1"', 'prefix="/v1/orders"'),
    ],
    "a prefix moves to the router": [
        ('APIRouter(prefix="/orders")', 'APIRouter(prefix="/v1/orders")'), (', prefix="/v1"', ""),
    ],
    "an old migration is formatted": [
        ('    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("note", sa.String(80)))\n',
         "    # The orders.\n    op.create_table(\n        'orders',\n        sa.Column('id', sa.Integer(), primary_key=True),\n"
         "        sa.Column('note', sa.String(80)),\n    )\n"),
        ("def upgrade():", "def upgrade() -> None:"), ("def downgrade():", "def downgrade() -> None:"),
    ],
    "comments and docstrings change": [
        ("class OrderRead(BaseModel):\n", 'class OrderRead(BaseModel):\n    """An order as it is shown."""\n\n'),
        ("    return await save(order)", "    # It is written down first.\n    return await save(order)"),
        ("    assert place(order)\n", "    assert place(order)  # at once\n"),
    ],
    "files are renamed": [
        ("shop/schemas.py →", "shop/models.py"), ("shop.schemas", "shop.models"),
        ("migrations/versions/a1_orders.py →", "migrations/versions/2026_a1_orders.py"),
        ("tests/test_orders.py →", "tests/shop/test_orders.py"),
    ],
    "a class moves to another file": [
        ("class State(StrEnum):\n    OPEN = \"open\"\n    PAID = \"paid\"\n\n\n", ""),
        ("from enum import StrEnum\nfrom typing", "from typing"),
        ("import BaseModel, Field\n", "import BaseModel, Field\n\nfrom shop.states import State\n"),
        ("+ shop/states.py", 'from enum import StrEnum\n\n\nclass State(StrEnum):\n    OPEN = "open"\n    PAID = "paid"\n'),
    ],
}  # fmt: skip


def edited(pieces: Sequence[tuple[str, str]]) -> list[Change]:
    """The change set in which each piece of text became another; the files that stay as they are are in it too."""
    paths = {path: path for path in FILES}
    texts = dict(FILES)
    new: list[Change] = []
    for old, now in pieces:
        if old.endswith(" →"):
            paths[old.removesuffix(" →")] = now
        elif old.startswith("+ "):
            new.append(Change(old.removeprefix("+ "), now, None))
        else:
            assert any(old in text for text in texts.values())
            texts = {path: text.replace(old, now) for path, text in texts.items()}
    return [
        Change(paths[path], texts[path], text, path if paths[path] != path else None) for path, text in FILES.items()
    ] + new


@pytest.mark.parametrize("name", EDITS)
def test_what_changes_nothing_is_no_finding(name: str) -> None:
    """Opt-in rules included: whoever selects one is told of changes, and of nothing else."""
    report = RULES.only(COMPARING).lint_change_set(edited(EDITS[name]), PROJECT, PROJECT)

    assert [(each.rule, each.path, each.line, each.message) for each in report.findings] == []
    assert report.problems == ()


def test_the_sample_is_one_in_which_the_rules_would_find_something() -> None:
    """A trap beside which nothing could be found shows nothing."""
    broken = [
        ("    id: int\n", ""),
        ('    PAID = "paid"\n', '    PAID = "paid"\n    LOST = "lost"\n'),
        ("max_length=80", "max_length=40"),
        ('@router.post("/", ', '@router.post("/new", '),
        ("bool = False) -> OrderRead:", "bool = False, must: int = Query()) -> OrderRead:"),
        ("nullable=True", "nullable=False"),
        ("    assert order.open\n", ""),
    ]
    report = RULES.only(COMPARING).lint_change_set(edited(broken), PROJECT, PROJECT)

    assert {each.rule for each in report.findings} >= {
        "alembic-merged-revision-edited",
        "api-enum-changed",
        "api-path-or-method-changed",
        "api-request-constraint-tightened",
        "api-required-param-added",
        "api-response-field-removed",
        "test-assertions-removed",
    }


def analysed(changes: Sequence[Change], see: Callable[[FrameType], None]) -> None:
    """Run all rules on a change set, and show each call of a Python function on the way."""
    sys.setprofile(lambda frame, event, _: see(frame) if event == "call" else None)
    try:
        analyse(RULES, changes, PROJECT, PROJECT)
    finally:
        sys.setprofile(None)


def parses(changes: Sequence[Change]) -> dict[str, int]:
    """How often the texts of a change set are parsed, by text."""
    parsed: Counter[str] = Counter()

    def see(frame: FrameType) -> None:
        if frame.f_code is parse.__code__:
            parsed[frame.f_locals["text"]] += 1

    analysed(changes, see)
    return {text: parsed[text] for each in changes for text in (each.base, each.head) if text is not None}


def test_base_and_head_are_parsed_once_each() -> None:
    """By all rules together, fixes aside: they are proved on texts of their own."""
    changes = edited(EDITS["a field moves to a new base"])
    parsed = parses(changes)

    assert max(parsed.values()) == 1
    assert all(parsed[change.head or ""] == 1 for change in changes)


def test_a_file_that_stays_as_it_is_is_parsed_once_for_both_sides() -> None:
    """Its base is its head."""
    assert set(parses([Change(path, text, text) for path, text in FILES.items()]).values()) == {1}


def test_definitions_are_compared_once_each_and_unchanged_ones_go_no_further() -> None:
    """By all rules together: what looks into both sides of a definition sees the one that was touched, and once."""
    compared: Counter[str] = Counter()
    read: Counter[str] = Counter()

    def see(frame: FrameType) -> None:
        if frame.f_code is ContractChange._same.__code__:
            compared[frame.f_locals["before"].name.value] += 1
        elif frame.f_code is ModelChange.__init__.__code__:
            read[frame.f_locals["before"].node.name.value] += 1

    analysed(edited([("    id: int\n", "")]), see)

    assert compared == {"State": 1, "OrderCreate": 1, "OrderRead": 1}
    assert read == {"OrderRead": 1}
