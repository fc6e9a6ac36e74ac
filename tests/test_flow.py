"""Whether a block of code can run to its end."""

import textwrap

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.flow import reaches_end


@pytest.mark.parametrize(
    ("body", "reaches"),
    [
        ("pass", True),
        ("x = 1; return x", False),
        ("raise ValueError", False),
        ("if a:\n    return 1", True),
        ("if a:\n    return 1\nelif b:\n    raise ValueError\nelse:\n    return 2", False),
        ("if a:\n    return 1\nelif b:\n    pass\nelse:\n    return 2", True),
        ("while True:\n    work()", False),
        ("while 1:\n    if a:\n        break", True),
        ("while True:\n    for x in a:\n        break", False),
        ("while True:\n    for x in a:\n        pass\n    else:\n        break", True),
        ("while a:\n    return 1", True),
        ("for x in a:\n    return x", True),
        ("for x in a:\n    pass\nelse:\n    return 1", False),
        ("for x in a:\n    break\nelse:\n    return 1", True),
        ("with a:\n    return 1", False),
        ("with contextlib.suppress(KeyError):\n    return a[1]", True),
        ("try:\n    return 1\nexcept KeyError:\n    log()", True),
        ("try:\n    return 1\nexcept KeyError:\n    raise", False),
        ("try:\n    work()\nexcept KeyError:\n    raise\nelse:\n    return 1", False),
        ("try:\n    work()\nfinally:\n    return 1", False),
        ("match a:\n    case 1:\n        return 1\n    case _:\n        return 2", False),
        ("match a:\n    case 1:\n        return 1\n    case 2:\n        pass", True),
        ("sys.exit(1)", False),
        ("fail()", False),
        ("gone()", False),
        ("declared()", False),
        ("harmless()", True),
        ("await library.raise_for(a)", False),
        ("assert False, a", False),
        ("assert a", True),
    ],
)
def test_a_block_ends_where_control_can_come_to_its_end(body: str, reaches: bool) -> None:
    """A validator that comes to its end gives back None, and a handler that does has let nobody know."""
    text = (
        "import contextlib, sys\nfrom typing import NoReturn\n"
        "def gone():\n    raise ValueError\n"
        "def declared() -> NoReturn: ...\n"
        "def harmless():\n    if a:\n        raise ValueError\n"
        f"async def f(a, b, library):\n{textwrap.indent(body, '    ')}\n"
    )
    file = SourceFile("app/a.py", text)
    function = next(each for each in file.nodes(cst.FunctionDef) if each.name.value == "f")

    assert reaches_end(function.body, file) is reaches


@pytest.mark.parametrize(
    "body",
    [
        "match a:\n    case Color.RED:\n        return 1",
        "if isinstance(a, str):\n    return 1\nelif a is None:\n    return 2",
    ],
)
def test_cases_that_all_leave_may_be_exhaustive(body: str) -> None:
    """Over an enum or an optional string nothing is left; the file doesn't show what else there may be."""
    file = SourceFile("app/a.py", f"def f(a):\n{textwrap.indent(body, '    ')}\n")
    (function,) = file.nodes(cst.FunctionDef)

    assert not reaches_end(function.body, file)
