"""Comparing code and requirements by what they say, not by how they are written."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.alembic import parse_sql
from postil.lint.markers import closest
from postil.lint.normal import Forms, type_form
from postil.lint.requirements import parse, remembered

IMPORTS = "from typing import Annotated, List, Optional, Union\n"


def _type(annotation: str) -> object:
    file = SourceFile("a.py", f"{IMPORTS}x: {annotation}\n")
    return type_form(file, file.nodes(cst.Annotation)[0])


def _body(text: str) -> str:
    file = SourceFile("a.py", text)
    return Forms(file).digest(file.nodes(cst.FunctionDef)[-1])


@pytest.mark.parametrize(
    "spelling", ["Optional[int]", "Union[None, int]", "None | int", "'int | None'", "Annotated[int | None, 'note']"]
)
def test_an_optional_type_is_the_same_however_it_is_spelt(spelling: str) -> None:
    """Half of all changed annotations in real projects change nothing."""
    assert _type(spelling) == _type("int | None")


def test_types_that_differ_stay_different() -> None:
    """Else a changed field would pass as a renamed one."""
    assert len({_type("int"), _type("int | None"), _type("list[int]"), _type("int | str")}) == 4
    assert _type("List[int]") == _type("list[int]")


def test_a_renamed_helper_is_no_change_and_an_edited_one_is() -> None:
    """What a function does includes what it calls."""
    before = _body("def _a():\n    return 1\n\n\ndef f():\n    return _a()\n")
    renamed = _body('def _b() -> int:\n    """One."""\n    return (1)\n\n\ndef f():\n    return _b()\n')
    edited = _body("def _a():\n    return 2\n\n\ndef f():\n    return _a()\n")

    assert before == renamed
    assert before != edited


def test_a_function_that_calls_itself_has_a_form() -> None:
    """The walk through what a function uses must end."""
    assert _body("def f(n):\n    return f(n - 1)\n") == _body("def g(n):\n    return g(n - 1)\n")


def test_a_text_of_very_many_pieces_has_a_form() -> None:
    """SQL is put together from pieces, and Python bears more of them than nested calls."""
    pieces = " + ".join(['"x"'] * 2000)

    assert _body(f"def f():\n    return {pieces}\n") != _body(f"def f():\n    return {pieces} + 'y'\n")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("-- why\n/* how */ update orders set a = 1", "UPDATE"),
        ("WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone", "DELETE"),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "INSERT"),
        ("WITH a AS (SELECT 1) SELECT 'DELETE' FROM a", "SELECT"),
        ("CREATE TRIGGER t BEFORE UPDATE ON a", "CREATE"),
    ],
    ids=["comment", "deletes-inside", "inserts-behind", "only-reads", "trigger"],
)
def test_the_first_keyword_decides_what_sql_does(text: str, verb: str) -> None:
    """`UPDATE` within a trigger or a comment writes no row."""
    found = parse_sql(text)

    assert found is not None
    assert found.verb == verb


@pytest.mark.parametrize(
    ("stated", "marker", "same"),
    [
        ("a; python_version > '3.11'", "python_full_version >= '3.12'", True),
        ("a; python_version > '3.11'", "python_full_version >= '3.13'", False),
        ("a; os_name == 'nt' or sys_platform == 'linux'", "sys_platform == 'linux' or os_name == 'nt'", True),
        ("a; sys_platform == 'win32'", "sys_platform == 'linux'", False),
    ],
    ids=["rewritten", "other-version", "turned-round", "other-platform"],
)
def test_markers_are_the_same_when_they_are_true_in_the_same_places(stated: str, marker: str, same: bool) -> None:
    """The lock holds each marker in uv's own words."""
    asked, kept = parse(stated, ()), remembered({"name": "a", "marker": marker})

    assert asked is not None
    assert kept is not None
    assert asked.same(kept) is same


def test_a_slip_is_told_from_a_name_of_its_own() -> None:
    """A suggestion to rename a mark that was meant is worse than none."""
    known = ("parametrize", "skipif", "usefixtures", "needs_db", "py311")

    assert [closest(name, known) for name in ("parameterize", "skip_if", "usefixture")] == [
        "parametrize",
        "skipif",
        "usefixtures",
    ]
    assert [closest(name, known) for name in ("needs_s3", "py312", "slow", "integration")] == [None] * 4
