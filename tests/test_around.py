"""What stands around a piece of code."""

import textwrap

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.around import is_in_loop, is_repeated, tries_around


def marked(body: str) -> tuple[SourceFile, cst.Call, cst.FunctionDef]:
    """A file with this body of a function in it, its call of `here()`, and the function."""
    file = SourceFile("a.py", f"def f():\n{textwrap.indent(body, '    ')}\n")
    (call,) = [each for each in file.nodes(cst.Call) if file.code(each) == "here()"]
    return file, call, file.nodes(cst.FunctionDef)[0]


@pytest.mark.parametrize(
    ("body", "around", "repeated"),
    [
        ("here()", False, False),
        ("for x in a:\n    here()", True, True),
        ("while a:\n    if b:\n        here()", True, True),
        ("for x in here():\n    pass", True, False),
        ("for x in a:\n    pass\nelse:\n    here()", True, False),
        ("for x in a:\n    def g():\n        here()", True, False),
    ],
    ids=["none", "for", "while", "what-it-goes-over", "else", "function-in-a-loop"],
)
def test_a_loop_around_code_is_told_from_one_that_repeats_it(body: str, around: bool, repeated: bool) -> None:
    """What a loop goes over runs once, and so does a definition's body for all that is known here."""
    file, call, function = marked(body)

    assert (is_in_loop(call, function, file), is_repeated(call, file)) == (around, repeated)


def test_a_loop_outside_of_the_bound_is_not_asked_about() -> None:
    """A generator that yields once is a dependency, whatever loop defines it."""
    file, call, _ = marked("for x in a:\n    with b:\n        here()")

    assert not is_in_loop(call, file.nodes(cst.With)[0], file)
    assert is_in_loop(call, None, file)


def test_a_try_catches_for_its_body_alone() -> None:
    """Handlers, `else` and `finally` run outside of what their own `try` catches."""
    file, call, function = marked(
        "try:\n    try:\n        pass\n    except A:\n        try:\n            here()\n"
        "        except B:\n            pass\nexcept C:\n    pass"
    )
    inner = [file.code(each) for tried in tries_around(call, function, file) if (each := tried.handlers[0].type)]

    assert inner == ["B", "C"]
    assert [*tries_around(call, call, file)] != []
    assert [*tries_around(call, file.parent(call), file)] == []
