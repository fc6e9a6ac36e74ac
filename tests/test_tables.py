"""What of a mapped table the database knows, as the checks see it."""

import pytest

from postil.lint import ChangeSet, FileChange, SourceFile
from postil.lint.tables import TableChange, Tables

HEAD = "import sqlalchemy as sa\nfrom sqlalchemy.orm import Mapped, mapped_column\nfrom shop.db import Base, GUID\n\n\n"


def columns(body: str, before: str = "", bases: str = "Base") -> list[str]:
    """The names of the columns of a class with this body."""
    text = f"{HEAD}{before}class Order({bases}):\n    __tablename__ = 'orders'\n    {body}\n"
    return list(Tables([SourceFile("models.py", text)]).by_name["orders"].columns)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("a = sa.Column(sa.Text)", ["a"]),
        ("a = sa.Column('b', sa.Text)", ["b"]),
        ("a: Mapped[str]", ["a"]),
        ("a: Mapped[str] = mapped_column('b')", ["b"]),
        ("a: Mapped['Line'] = relationship()", []),
        ("a = column_property(sa.func.now())", []),
        ("a: str = 'x'", []),
        ("__table_args__ = (sa.Index('i'),)", []),
    ],
)
def test_columns_are_told_from_other_attributes(body: str, found: list[str]) -> None:
    """Relationships, properties and plain attributes are nothing to the database."""
    assert columns(body) == found


def test_a_mixin_at_hand_brings_its_columns() -> None:
    """A column that moved to a mixin is still there."""
    mixin = "class Dated:\n    created = sa.Column(sa.DateTime)\n\n\n"

    assert columns("a = sa.Column(sa.Text)", mixin, "Dated, Base") == ["created", "a"]


def test_a_table_that_two_classes_map_is_unknown() -> None:
    """Which of them the code uses can't be told."""
    text = f"{HEAD}class A(Base):\n    __tablename__ = 'a'\n\n\nclass B(Base):\n    __tablename__ = 'a'\n"

    assert Tables([SourceFile("models.py", text)]).by_name == {}


def test_a_core_table_has_its_columns() -> None:
    """Not everybody maps classes."""
    text = f"{HEAD}orders = sa.Table('orders', metadata, sa.Column('id', sa.Integer), sa.Index('i', 'id'))\n"

    assert list(Tables([SourceFile("tables.py", text)]).by_name["orders"].columns) == ["id"]


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ("sa.Column(sa.String(8))", "sa.Column(sa.String(length=8))", False),
        ("sa.Column(sa.Text)", "sa.Column(sa.Text(), default='x', doc='y')", False),
        ("sa.Column(sa.Text)", "mapped_column(sa.Text, nullable=True, index=False)", False),
        ("sa.Column(sa.JSON)", "sa.Column(GUID)", False),
        ("sa.Column(sa.Text)", "sa.Column(sa.JSON)", True),
        ("sa.Column(GUID(1))", "sa.Column(GUID(2))", True),
        ("sa.Column(sa.Text)", "sa.Column(sa.Text, nullable=False)", True),
        ("sa.Column(sa.Text)", "sa.Column(sa.Text, server_default='x')", True),
        ("sa.Column(sa.Text)", "sa.Column(sa.Text, unique=True)", True),
        ("sa.Column(sa.Text)", "sa.Column(sa.Text, sa.ForeignKey('a.id'))", True),
        ("mapped_column(sa.Text, nullable=flag())", "mapped_column(sa.Text, nullable=False)", False),
    ],
)
def test_a_column_differs_where_the_database_would_tell(before: str, after: str, differs: bool) -> None:
    """Spelling and defaults of Python are no change, and what a type of one's own is made of is unknown."""
    texts = [f"{HEAD}class Order(Base):\n    __tablename__ = 'orders'\n    a = {each}\n" for each in (before, after)]
    change = TableChange(ChangeSet((FileChange("models.py", None, texts[0], texts[1]),)))

    assert change.base["orders"].columns["a"].differs(change.head["orders"].columns["a"]) is differs


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ("Mapped[str | None]", "Mapped[Optional[str]]", False),
        ("Mapped[str]", "Mapped[str | None]", True),
        ("Mapped[str]", "Mapped[int]", True),
        ("Mapped[str]", "Mapped[str] = mapped_column(sa.String)", False),
    ],
)
def test_an_annotation_says_what_the_column_is(before: str, after: str, differs: bool) -> None:
    """SQLAlchemy takes type and nullability from it."""
    head = f"from typing import Optional\n{HEAD}"
    texts = [f"{head}class Order(Base):\n    __tablename__ = 'orders'\n    a: {each}\n" for each in (before, after)]
    change = TableChange(ChangeSet((FileChange("models.py", None, texts[0], texts[1]),)))

    assert change.base["orders"].columns["a"].differs(change.head["orders"].columns["a"]) is differs
