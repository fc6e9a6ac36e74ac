"""Types that say nothing about what is in a value: `dict`, `Any`, lists of these."""

import libcst as cst

from postil.lint.names import dotted
from postil.lint.source import SourceFile

_ANYTHING = frozenset({"Any", "object"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Collection", "Optional", "set", "tuple", "Tuple", "Union"})


def untyped(annotation: cst.BaseExpression, file: SourceFile) -> str | None:
    """Which of its parts makes a type say nothing ("dict", "Any"); None where it says something, or isn't known.

    `dict[str, Order]` and `dict[str, int]` say something. In a union, one member that says something does.
    """
    if isinstance(annotation, (cst.Name, cst.Attribute)):
        last = _standard(annotation, file)
        if last or not isinstance(annotation, cst.Name):
            return last if last in _ANYTHING or last in _DICTS else None
        # `Json = dict[str, Any]`; an alias of an alias is a made-up case.
        alias = file.global_value(annotation.value)
        return untyped(alias, file) if isinstance(alias, cst.Subscript) else None
    if isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
        return _all_untyped([annotation.left, annotation.right], file)
    if not isinstance(annotation, cst.Subscript):
        return None
    inside = [each.slice.value for each in annotation.slice if isinstance(each.slice, cst.Index)]
    last = _standard(annotation.value, file)
    if last in _DICTS:
        return last if len(inside) == 2 and untyped(inside[1], file) is not None else None
    return _all_untyped(inside, file) if last in _LISTS else None


def _all_untyped(members: list[cst.BaseExpression], file: SourceFile) -> str | None:
    found = [untyped(each, file) for each in members if dotted(each) not in ("None", "...")]
    return found[0] if found and all(found) else None


def _standard(annotation: cst.BaseExpression, file: SourceFile) -> str | None:
    """The last part of a name from the builtins or `typing`."""
    name = file.name_of(annotation)
    owner, _, last = (name or "").rpartition(".")
    return last if owner in ("", "typing", "typing_extensions", "collections.abc") else None
