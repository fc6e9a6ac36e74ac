"""Finds parametrized tests whose ids, rows and names don't fit together."""

from collections.abc import Sequence

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, has_unpacking, string_value
from postil.lint.fixtures import is_fixture
from postil.lint.names import last_name

MENTIONS = ("parametrize", "fixture")


def check(call: cst.Call, file: SourceFile) -> Notes:
    if last_name(call.func) == "fixture":
        if is_fixture(call.func, file) and not has_unpacking(call):
            yield from _miscounted(_elements(argument(call, "params")), argument(call, "ids"))
        return
    if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "parametrize") or has_unpacking(call):
        return
    if file.name_of(call.func) != "pytest.mark.parametrize" and not _generates(call.func, file):
        return
    rows = _elements(argument(call, "argvalues", 1))
    if not rows:
        return
    yield from _miscounted(rows, argument(call, "ids", 3))
    names, single = _names(argument(call, "argnames", 0))
    if not names:
        return
    for row in rows:
        values = _values(row, single, file)
        if values is not None and values != len(names):
            yield Note(
                row,
                f"this case has {_count(values, 'value', 'values')} for {_count(len(names), 'name', 'names')} "
                f"({', '.join(f'`{name}`' for name in names)}), so pytest stops at collection",
            )


def _miscounted(rows: list[cst.BaseExpression] | None, given: cst.BaseExpression | None) -> Notes:
    """Whether there are as many ids as cases, where both are written out."""
    ids = _elements(given)
    if rows and ids is not None and given is not None and len(ids) != len(rows):
        yield Note(
            given,
            f"`ids` has {_count(len(ids), 'entry', 'entries')} for {_count(len(rows), 'case', 'cases')}, "
            "so pytest stops at collection",
        )


def _generates(func: cst.Attribute, file: SourceFile) -> bool:
    """Whether this is `metafunc.parametrize` in pytest's own hook."""
    function = file.enclosing_def(func)
    return (
        isinstance(func.value, cst.Name)
        and func.value.value == "metafunc"
        and function is not None
        and function.name.value == "pytest_generate_tests"
    )


def _elements(expression: cst.BaseExpression | None) -> list[cst.BaseExpression] | None:
    """The elements of a list or tuple that is written out; None when it isn't, or unpacks something."""
    if not isinstance(expression, (cst.List, cst.Tuple)):
        return None
    if any(isinstance(element, cst.StarredElement) for element in expression.elements):
        return None
    return [element.value for element in expression.elements]


def _names(expression: cst.BaseExpression | None) -> tuple[Sequence[str], bool]:
    """The argument names, and whether it is one name as a string, whose cases are not unpacked."""
    if (text := string_value(expression)) is not None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        # Whether "name," unpacks its cases depends on the version of pytest.
        return names, len(names) == 1
    names = [string_value(element) for element in _elements(expression) or ()]
    return ([], False) if None in names else ([name for name in names if name], False)


def _values(row: cst.BaseExpression, single: bool, file: SourceFile) -> int | None:
    """How many values a case has; None when it isn't written out."""
    if isinstance(row, cst.Call):
        if file.name_of(row.func) != "pytest.param" or has_unpacking(row):
            return None
        return sum(arg.keyword is None for arg in row.args)
    elements = None if single else _elements(row)
    return None if elements is None else len(elements)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
