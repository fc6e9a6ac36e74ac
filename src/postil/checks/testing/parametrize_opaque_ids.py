"""Finds parametrized cases that pytest can only count."""

from collections import Counter

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, has_unpacking, string_value
from postil.lint.fixtures import conftests

MENTIONS = ("parametrize",)

_LONG = 80  # what a person still reads as a name
_TEXTS = frozenset({"str", "int", "float", "bool", "complex", "bytes", "repr", "re.compile", "len", "round", "abs"})
_COUNTED = frozenset({cst.Dict, cst.List, cst.Set, cst.Tuple, cst.Lambda, cst.ListComp, cst.DictComp, cst.SetComp,
                      cst.GeneratorExp})  # fmt: skip

# What these make has a `__name__`.
_MAKE_NAMES = frozenset({"enum", "typing", "typing_extensions"})

_OPAQUE, _NUMBER, _NAMED, _UNKNOWN = "opaque", "number", "named", "unknown"


def check(call: cst.Call, file: SourceFile, *, strict: bool = False) -> Notes:
    if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "parametrize") or has_unpacking(call):
        return
    if file.name_of(call.func) != "pytest.mark.parametrize" or argument(call, "ids", 3) is not None:
        return
    written, indirect = argument(call, "argvalues", 1), argument(call, "indirect", 2)
    if not isinstance(written, (cst.List, cst.Tuple)) or indirect is not None:
        return
    names, single = _names(argument(call, "argnames", 0))
    rows = [element.value for element in written.elements]
    if not names or len(rows) < 2 or any(isinstance(each, cst.StarredElement) for each in written.elements):
        return
    cells = [_cells(row, single, file) for row in rows]
    if any(row is not None and len(row) != len(names) for row in cells):
        return
    kinds = [None if row is None else tuple(_kind(cell, file) for cell in row) for row in cells]
    counted = [
        position
        for position, (row, kind) in enumerate(zip(cells, kinds, strict=True))
        if row is not None and kind is not None and _is_counted(kind)
    ]
    counted = [position for position in counted if not _is_told_apart(position, cells, kinds, file)]
    if strict and not counted and any(row is not None for row in cells):
        yield Note(written, f"the {len(rows)} cases of {_listed(names)} have no ids of their own")
    # A few among cases that can be read are found by those around them.
    if len(counted) < 2 or 2 * len(counted) < len(rows):
        return
    if any("pytest_make_parametrize_id" in text for _, text in conftests(file)):
        return  # the hook names what pytest can't
    first = counted[0]
    number = len(counted)
    yield Note(
        rows[first],
        f"pytest can only count {number} of these cases: this one is called `{_id(first, names, cells, kinds, file)}`",
    )


def _names(expression: cst.BaseExpression | None) -> tuple[list[str], bool]:
    """The argument names, and whether it is one name as a string, whose cases are not unpacked."""
    if (text := string_value(expression)) is not None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        return names, len(names) == 1
    if not isinstance(expression, (cst.List, cst.Tuple)):
        return [], False
    names = [string_value(element.value) for element in expression.elements]
    return ([], False) if None in names else ([name for name in names if name], False)


def _cells(row: cst.BaseExpression, single: bool, file: SourceFile) -> list[cst.BaseExpression] | None:
    """The values of a case; None when it has an id, or isn't written out."""
    if isinstance(row, cst.Call) and file.name_of(row.func) == "pytest.param":
        if has_unpacking(row) or argument(row, "id") is not None:
            return None
        return [arg.value for arg in row.args if arg.keyword is None]
    if single:
        return [row]
    if not isinstance(row, (cst.List, cst.Tuple)) or any(isinstance(e, cst.StarredElement) for e in row.elements):
        return None
    return [element.value for element in row.elements]


def _kind(cell: cst.BaseExpression, file: SourceFile, depth: int = 0) -> str:
    """What pytest makes of a value (`IdMaker._idval` of pytest 9.2): a text of its own, a number, or a count."""
    if isinstance(cell, cst.Name) and depth < 3:
        if cell.value in ("True", "False", "None"):
            return _NUMBER
        value = file.value_of(cell)
        if value is not None:
            return _kind(value, file, depth + 1)
        # A class or a function gives its name.
        return _NAMED if file.definition_of(cell) is not None or file.name_of(cell) is not None else _UNKNOWN
    kind = cell.__class__
    if kind in _COUNTED:
        return _OPAQUE
    if kind in (cst.Integer, cst.Float, cst.Imaginary):
        return _NUMBER
    if isinstance(cell, cst.UnaryOperation):
        return _kind(cell.expression, file, depth)
    if (text := string_value(cell)) is not None:
        return _OPAQUE if len(text) > _LONG else _NAMED
    if isinstance(cell, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)):
        return _NAMED
    return _of_call(cell, file) if isinstance(cell, cst.Call) else _UNKNOWN


def _of_call(call: cst.Call, file: SourceFile) -> str:
    """A call gives an object that can't be named where it makes one of a class; what other functions give is unknown.

    Members of an enum (`Colour(1)`) have names, and what is derived from a text or a number is one.
    """
    name = file.name_of(call.func)
    if name in ("dict", "list", "set", "tuple", "frozenset", "object"):
        return _OPAQUE
    if name in _TEXTS:
        return _NAMED
    definition = file.definition_of(call.func)
    if isinstance(definition, cst.ClassDef):
        return _UNKNOWN if definition.bases and not _is_record(definition, file) else _OPAQUE
    last = (name or "").rpartition(".")[2]
    module = (name or "").partition(".")[0]
    if (
        last[:1].isupper()
        and module not in _MAKE_NAMES
        and (len(call.args) > 1 or any(arg.keyword for arg in call.args))
    ):
        return _OPAQUE  # a class, and no enum, whose members are called by their value alone
    known = module in ("datetime", "decimal", "pathlib", "fractions", "uuid", "collections", "types", "unittest")
    return _OPAQUE if known and last[:1].isalpha() and last != "compile" else _UNKNOWN


def _is_record(owner: cst.ClassDef, file: SourceFile) -> bool:
    return any(file.name_of(base.value) in ("pydantic.BaseModel", "typing.NamedTuple") for base in owner.bases)


def _is_counted(kinds: tuple[str, ...]) -> bool:
    return _OPAQUE in kinds and _UNKNOWN not in kinds


def _is_told_apart(
    position: int,
    cells: list[list[cst.BaseExpression] | None],
    kinds: list[tuple[str, ...] | None],
    file: SourceFile,
) -> bool:
    """Whether the texts of a case are its own, so that they name it."""

    def texts(index: int) -> tuple[str, ...]:
        row, kind = cells[index], kinds[index]
        if row is None or kind is None:
            return ()
        return tuple(file.code(cell) for cell, each in zip(row, kind, strict=True) if each is _NAMED)

    own = texts(position)
    return bool(own) and Counter(texts(index) for index in range(len(cells)))[own] == 1


def _id(
    position: int,
    names: list[str],
    cells: list[list[cst.BaseExpression] | None],
    kinds: list[tuple[str, ...] | None],
    file: SourceFile,
) -> str:
    """The id that pytest gives to a case, as far as it counts and otherwise shortened."""
    row, kind = cells[position] or [], kinds[position] or ()
    parts = []
    for name, cell, each in zip(names, row, kind, strict=False):
        if each is _OPAQUE:
            text = string_value(cell)
            if isinstance(cell, cst.Lambda):
                parts.append("<lambda>")
            else:
                parts.append(f"{name}{position}" if text is None else f"{text[:10]!r}…"[1:].replace("'", ""))
        else:
            text = string_value(cell)
            parts.append(file.code(cell) if text is None else text)
    return "-".join(parts).replace("`", "")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
