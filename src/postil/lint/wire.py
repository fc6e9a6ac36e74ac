"""What a type is as JSON, and whether a reader who expects one can read another."""

import libcst as cst

from postil.lint.interface import Interface
from postil.lint.models import is_model, lineage
from postil.lint.normal import Form
from postil.lint.source import SourceFile

_KINDS = {
    **dict.fromkeys(
        ("str", "EmailStr", "NameEmail", "HttpUrl", "AnyUrl", "AnyHttpUrl", "UrlStr", "UUID", "UUID1", "UUID3", "UUID4",
         "UUID5", "datetime", "date", "time", "timedelta", "AwareDatetime", "NaiveDatetime", "PastDatetime",
         "FutureDatetime", "Path", "Decimal", "SecretStr", "bytes", "StrictStr", "IPv4Address", "IPv6Address"),
        "string",
    ),
    **dict.fromkeys(("int", "StrictInt", "PositiveInt", "NonNegativeInt", "NegativeInt"), "integer"),
    **dict.fromkeys(("float", "StrictFloat", "PositiveFloat", "NonNegativeFloat"), "number"),
    **dict.fromkeys(("bool", "StrictBool"), "boolean"),
    **dict.fromkeys(("list", "set", "frozenset", "tuple", "Sequence", "Iterable", "Collection", "deque"), "array"),
    **dict.fromkeys(("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "TypedDict"), "object"),
}  # fmt: skip
_ENUMS = {"StrEnum": "string", "IntEnum": "integer", "str": "string", "int": "integer"}


def breaks(before: Form, after: Form, file: SourceFile, interface: Interface) -> bool:
    """Whether a reader of values of type `before` can't read those of type `after`; False where that isn't known.

    `file` is where `after` is written. Whether null is allowed is another question.
    """
    if before == after:
        return False
    old, new = _members(before), _members(after)
    return any(all(_differs(one, other, file, interface) for one in old) for other in new) if old and new else False


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
        return _literal(form) if form[1] == "Literal" else _KINDS.get(str(form[1]))
    if not isinstance(form, str):
        return None
    if form in _KINDS:
        return _KINDS[form]
    known = interface.modules.definition(file, cst.Name(form)) if form.isidentifier() else None
    found = (known[0], known[1]) if known is not None and isinstance(known[1], cst.ClassDef) else None
    if found is None and form.isidentifier() and (node := file.class_named(form)) is not None:
        found = file, node
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
    values = {str(value)[:1] for value in form[2:]}
    return "string" if values and values <= {"'", '"'} else None
