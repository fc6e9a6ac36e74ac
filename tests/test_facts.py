"""The questions that checks ask a file: names, values, types, handlers."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.positions import Positions


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
