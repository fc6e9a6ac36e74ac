"""What a file says about pytest's fixtures and tests."""

import libcst as cst
import pytest

from postil.lint import Project, SourceFile
from postil.lint.fixtures import find_fixtures, fixtures_named, in_unittest, is_test_function

FIXTURES = {
    "bare": ("import pytest\n@pytest.fixture\ndef a(): ...", ("a", "function")),
    "called": ("import pytest\n@pytest.fixture(scope='session')\ndef a(): ...", ("a", "session")),
    "by-position": ("from pytest import fixture\n@fixture('module')\ndef a(): ...", ("a", "module")),
    "named": ("import pytest\n@pytest.fixture(name='b')\ndef _b(): ...", ("b", "function")),
    "asyncio": ("import pytest_asyncio\n@pytest_asyncio.fixture(scope='class')\nasync def a(): ...", ("a", "class")),
    "decided-later": ("import pytest\n@pytest.fixture(scope=chosen)\ndef a(): ...", ("a", None)),
    "unpacked": ("import pytest\n@pytest.fixture(**OPTIONS)\ndef a(): ...", ("a", None)),
    "of-others": ("import shop\n@shop.fixture\ndef a(): ...", None),
}


@pytest.mark.parametrize(("text", "expected"), FIXTURES.values(), ids=FIXTURES)
def test_a_fixture_is_known_by_its_name_and_scope(text: str, expected: tuple[str, str | None] | None) -> None:
    """A scope that is not written out is unknown, and then nothing is said about it."""
    found = [(each.name, each.scope) for each in find_fixtures(SourceFile("tests/test_a.py", text + "\n"))]

    assert found == ([expected] if expected is not None else [])


def test_the_nearest_fixture_of_a_name_counts() -> None:
    """Pytest looks in the module first, then in the conftest files upwards."""
    conftest = "import pytest\n@pytest.fixture(scope='{}')\ndef {}(): ...\n"
    project = Project(
        {
            "conftest.py": conftest.format("session", "far"),
            "tests/conftest.py": conftest.format("module", "near"),
            "tests/api/conftest.py": "nothing of the kind",
            "other/conftest.py": conftest.format("class", "elsewhere"),
        }
    )
    text = "import pytest\n@pytest.fixture(scope='package')\ndef own(): ...\n"
    file = SourceFile("tests/api/test_a.py", text, project)

    scopes = {name: [each.scope for each in fixtures_named(name, file)] for name in ("own", "near", "far", "elsewhere")}

    assert scopes == {"own": ["package"], "near": ["module"], "far": ["session"], "elsewhere": []}


TEXT = """
import pytest
import unittest
from shop import Case

def test_a():
    def test_inner(): ...

@pytest.fixture
def test_data(): ...

def helper(): ...

class TestB:
    def test_b(self): ...

class C(unittest.TestCase):
    def test_c(self): ...

class D(C):
    def test_d(self): ...

class E(TestB, object):
    def test_e(self): ...

class F(Case):
    def test_f(self): ...
"""


def test_tests_are_told_from_what_is_named_like_them() -> None:
    """A function in a function and a fixture are no tests, whatever they are called."""
    file = SourceFile("tests/test_a.py", TEXT)
    functions = file.nodes(cst.FunctionDef)

    assert [f.name.value for f in functions if is_test_function(f, file)] == [
        "test_a", "test_b", "test_c", "test_d", "test_e", "test_f",
    ]  # fmt: skip
    assert [f.name.value for f in functions if in_unittest(f, file)] == ["test_c", "test_d", "test_f"]
