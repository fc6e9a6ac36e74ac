"""What a type is as JSON, whether a reader who expects one can read another, and whether a request that passed does."""

from collections.abc import Iterable, Iterator, Mapping

import libcst as cst

from postil.lint.interface import Interface
from postil.lint.models import is_model, lineage
from postil.lint.names import dotted
from postil.lint.normal import Form
from postil.lint.source import SourceFile
from postil.lint.values import literal

_KINDS = {
    **dict.fromkeys(
        ("str", "EmailStr", "NameEmail", "HttpUrl", "AnyUrl", "AnyHttpUrl", "UrlStr", "UUID", "UUID1", "UUID3", "UUID4",
         "UUID5", "datetime", "date", "time", "timedelta", "AwareDatetime", "NaiveDatetime", "PastDatetime",
         "FutureDatetime", "Path", "Decimal", "SecretStr", "bytes", "StrictStr", "IPv4Address", "IPv6Address"),
        "string",
    ),
    **dict.fromkeys(("int", "StrictInt", "PositiveInt", "NonNegativeInt", "NegativeInt", "NonPositiveInt"), "integer"),
    **dict.fromkeys(("float", "StrictFloat", "PositiveFloat", "NonNegativeFloat", "NegativeFloat", "NonPositiveFloat"),
                    "number"),
    **dict.fromkeys(("bool", "StrictBool"), "boolean"),
    **dict.fromkeys(("list", "set", "frozenset", "tuple", "Sequence", "Iterable", "Collection", "deque"), "array"),
    **dict.fromkeys(("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "TypedDict"), "object"),
}  # fmt: skip
_ANY_TEXT = frozenset({"str", "StrictStr", "SecretStr", "bytes", "Path"})
_ENUMS = {"StrEnum": "string", "IntEnum": "integer", "str": "string", "int": "integer"}


def breaks(before: Form, after: Form, file: SourceFile, interface: Interface) -> bool:
    """Whether a reader of values of type `before` can't read those of type `after`; False where that isn't known.

    `file` is where `after` is written. Whether null is allowed is another question.
    """
    if before == after:
        return False
    old, new = _members(before), _members(after)
    return any(all(_differs(one, other, file, interface) for one in old) for other in new) if old and new else False


def is_list_of(form: Form, item: Form) -> bool:
    """Whether a type is a list of another one, whatever that is."""
    return (
        isinstance(form, tuple) and form[:1] == ("of",) and _KINDS.get(str(form[1])) == "array" and form[2:3] == (item,)
    )


def _members(form: Form) -> list[Form]:
    members = list(form[1:]) if isinstance(form, tuple) and form[:1] == ("union",) else [form]
    return [each for each in members if each != "None"]


def _differs(one: Form, other: Form, file: SourceFile, interface: Interface) -> bool:
    if one == other:
        return False
    first, second = _kind(one, file, interface), _kind(other, file, interface)
    if first is None or second is None:
        return False
    if first != second:
        # Each integer is a number too.
        return (first, second) != ("number", "integer")
    if first == "array" and isinstance(one, tuple) and isinstance(other, tuple) and len(one) > 2 and len(other) > 2:
        return breaks(one[2], other[2], file, interface)
    if first == "object" and isinstance(one, tuple) and isinstance(other, tuple) and len(one) > 3 and len(other) > 3:
        return breaks(one[3], other[3], file, interface)
    return False


def _kind(form: Form, file: SourceFile, interface: Interface) -> str | None:
    """JSON's word for a type; None where it isn't known."""
    if isinstance(form, tuple) and form[:1] == ("of",):
        return _literal(form) if form[1] == "Literal" else _kind(form[1], file, interface)
    if not isinstance(form, str):
        return None
    if form in _KINDS:
        return _KINDS[form]
    known = interface.modules.definition(file, cst.Name(form)) if form.isidentifier() else None
    found = (known[0], known[1]) if known is not None and isinstance(known[1], cst.ClassDef) else None
    if found is None and form.isidentifier():
        # `schemas.Page` has lost its module; one class of that name is the one that is meant.
        named = [(each, node) for each in (file, *interface.files) if (node := each.class_named(form)) is not None]
        found = named[0] if named and (named[0][0] is file or len(named) == 1) else None
    if found is None:
        return None
    if is_model(*found, interface.modules):
        return "object"
    bases = [
        file.code(arg.value).rpartition(".")[2]
        for _, owner in lineage(*found, interface.modules)
        for arg in owner.bases
    ]
    return next((_ENUMS[base] for base in bases if base in _ENUMS), None)


def _literal(form: tuple[Form, ...]) -> str | None:
    values = {str(value)[:1] for value in form[2:] if value != "None"}
    if values <= {"'", '"'}:
        return "string" if values else None
    return "integer" if values <= set("-0123456789") else None


def is_known(form: Form, file: SourceFile, interface: Interface) -> bool:
    """Whether all members of a type are known: none is an alias from elsewhere, which may set limits of its own."""
    return all(_kind(member, file, interface) is not None for member in _members(form))


Limits = Mapping[str, "int | float | str"]
"""What a value must keep to beside its type, by Pydantic's names: `{"le": 100, "max_length": 80}`."""

# Limits that say one thing, the strict one first, and whether more is tighter.
_BOUNDS = (
    (("gt", "ge"), 1),
    (("lt", "le"), -1),
    (("min_length",), 1),
    (("max_length",), -1),
    (("max_digits",), -1),
    (("decimal_places",), -1),
)
_PATTERNS = ("pattern", "multiple_of")
_LIMITS = frozenset({*_PATTERNS, *(name for names, _ in _BOUNDS for name in names)})
# What Pydantic 1 called them.
_FORMER = {"regex": "pattern", "min_items": "min_length", "max_items": "max_length"}
# What annotated_types calls them.
_MARKS = {"Gt": "gt", "Ge": "ge", "Lt": "lt", "Le": "le", "MinLen": "min_length", "MaxLen": "max_length"}
_BY_TYPE: Mapping[str, Limits] = {
    "PositiveInt": {"gt": 0}, "PositiveFloat": {"gt": 0}, "NonNegativeInt": {"ge": 0}, "NonNegativeFloat": {"ge": 0},
    "NegativeInt": {"lt": 0}, "NegativeFloat": {"lt": 0}, "NonPositiveInt": {"le": 0}, "NonPositiveFloat": {"le": 0},
}  # fmt: skip


def limits_of(form: Form, options: Iterable[cst.Call], file: SourceFile) -> Limits:
    """The limits that a field's or parameter's type and options set; one that is no number is given as its code."""
    found: dict[str, int | float | str] = {}
    for member in _members(form):
        found.update(_BY_TYPE.get(str(member), {}))
    for call in options:
        mark = _MARKS.get((dotted(call.func) or "").rpartition(".")[2], "")
        for arg in call.args:
            written = arg.keyword.value if arg.keyword is not None else mark
            name = _FORMER.get(written, written)
            if name in _LIMITS and file.code(arg.value) != "None":
                value = literal(arg.value)
                found[name] = file.code(arg.value) if value is None or isinstance(value, str) else value
    return found


def tightened(before: Limits, after: Limits, form: Form) -> Iterator[tuple[str | None, str]]:
    """The limits of a value of the type `form` that are tighter than before: what they were, and what they are."""
    for name in _PATTERNS:
        if name in after and name not in before:
            yield None, f"{name}={after[name]}"
    for names, sign in _BOUNDS:
        old, new = _bound(names, before, form), _bound(names, after, form)
        # Each text has at least no character.
        if new is None or (old is None and new[2] == "min_length=0"):
            continue
        if old is None:
            yield None, new[2]
        elif (
            isinstance(old[0], (int, float))
            and isinstance(new[0], (int, float))
            and (sign * new[0], new[1]) > (sign * old[0], old[1])
        ):
            yield old[2], new[2]


def _bound(names: tuple[str, ...], limits: Limits, form: Form) -> tuple[int | float | str, bool, str] | None:
    """A bound, whether it is strict, and its words."""
    name = next((each for each in names if each in limits), None)
    if name is None:
        return None
    value, strict = limits[name], name in ("gt", "lt")
    words = f"{name}={value}"
    if strict and isinstance(value, int) and _members(form) in (["int"], ["PositiveInt"], ["NegativeInt"]):
        # Among integers "more than 0" is "at least 1".
        return value + (1 if name == "gt" else -1), False, words
    return value, strict, words


def accepts(after: Form, before: Form, file: SourceFile, interface: Interface) -> bool:
    """Whether a request's value of type `before` is one of type `after` too; True where that isn't known.

    `file` is where `after` is written. Null is another question, and so is which values of an enumeration there are.
    """
    if before == after:
        return True
    old, new = _members(before), _members(after)
    return not old or not new or all(any(_takes(one, each, file, interface) for one in new) for each in old)


def _takes(new: Form, old: Form, file: SourceFile, interface: Interface) -> bool:
    kind, was = _kind(new, file, interface), _kind(old, file, interface)
    if new == old or kind is None or was is None:
        return True
    if kind != was:
        # Pydantic takes each integer for a number, and a truth value for 0 or 1.
        return (kind == "number" and was in ("integer", "boolean")) or (kind, was) == ("integer", "boolean")
    if kind == "string":
        return _bare(old) not in ("str", "StrictStr") or _bare(new) in _ANY_TEXT
    if isinstance(new, tuple) and isinstance(old, tuple) and kind in ("array", "object"):
        inside = 2 if kind == "array" else 3
        if len(new) > inside and len(old) > inside:
            return accepts(new[inside], old[inside], file, interface)
    return kind != "integer" or _bare(old) != "int" or _bare(new) != "Literal"


def _bare(form: Form) -> Form:
    return form[1] if isinstance(form, tuple) else form
