"""No check crashes, whatever it is given: the standard library, installed packages, code that no one would write."""

import sysconfig
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import hypothesmith
import pytest
from hypothesis import HealthCheck, given, settings

from postil import packs
from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.project import Project
from postil.lint.source import Unreadable, decode
from postil.review.analysis import analyse

LARGEST = 200_000
"""Bytes; larger files are tables of data, and a test of patience."""
STDLIB = Path(sysconfig.get_path("stdlib"))
INSTALLED = Path(sysconfig.get_path("purelib"))


@cache
def rules() -> RuleSet:
    """All rules, those that are off by default included."""
    return packs.load().rules


def crashes(paths: Sequence[Path]) -> list[str]:
    """What went wrong in a check, over files as they are and each as a change of the one before it."""
    before: str | None = None
    found = []
    for path in paths:
        try:
            text = decode(path.read_bytes())
        except Unreadable:
            continue
        # Under a path of a service, since most checks leave tests and site-packages alone.
        change = Change(f"src/service/{path.name}", text, before)
        problems = analyse(rules(), [change], Project(), Project()).problems
        found += [f"{path}: {problem.message}" for problem in problems if problem.kind == "check-crash"]
        before = text
    return found


def every(folder: Path, step: int = 1, *, but: Sequence[str] = ()) -> list[Path]:
    """The Python files below a folder, or each `step`th of them."""
    found = sorted(
        path
        for path in folder.rglob("*.py")
        if path.stat().st_size < LARGEST and not set(but) & set(path.relative_to(folder).parts)
    )
    return found[::step]


def in_parts(paths: Sequence[Path]) -> list[str]:
    """`crashes`, on two cores."""
    with ProcessPoolExecutor(2) as pool:
        return [each for part in pool.map(crashes, (paths[::2], paths[1::2])) for each in part]


def test_no_check_crashes_on_the_standard_library() -> None:
    """It holds each construct of the language, and thirty years of styles."""
    paths = every(STDLIB, 2, but=("site-packages", "test", "tests", "idlelib", "lib2to3"))

    assert len(paths) > 200
    assert in_parts(paths) == []


def test_no_check_crashes_on_the_tests_of_python_itself() -> None:
    """They hold the odd corners on purpose."""
    folder = STDLIB / "test"
    if not folder.is_dir():
        pytest.skip("this Python came without its own tests")

    assert in_parts(every(folder, 8)) == []


def test_no_check_crashes_on_what_is_installed() -> None:
    """Libraries hold what services do not: generated code, stubs, metaclasses."""
    paths = every(INSTALLED, 8)

    assert len(paths) > 150
    assert in_parts(paths) == []


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=hypothesmith.from_grammar())
def test_no_check_crashes_on_code_that_nobody_would_write(code: str) -> None:
    """Grammar allows more than people think of."""
    problems = analyse(rules(), [Change("src/service/app.py", code, "x = 1\n")], Project(), Project()).problems

    assert [problem for problem in problems if problem.kind == "check-crash"] == []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=hypothesmith.from_node())
def test_no_check_crashes_on_trees_that_nobody_would_write(code: str) -> None:
    """Built from the syntax tree's classes, these reach statements that the grammar's generator seldom finds."""
    problems = analyse(rules(), [Change("src/service/app.py", code, "x = 1\n")], Project(), Project()).problems

    assert [problem for problem in problems if problem.kind == "check-crash"] == []
