"""Finds `isinstance` with a protocol that isn't made for it."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, Replace, SourceFile
from postil.lint.names import bare, imported

MENTIONS = ("Protocol",)

_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})
_CHECKABLE = tuple(
    f"{module}.{name}" for module in ("typing", "typing_extensions") for name in ("runtime_checkable", "runtime")
)


def check(call: cst.Call | cst.MatchClass, file: SourceFile) -> Notes:
    if isinstance(call, cst.MatchClass):
        protocol = file.definition_of(call.cls)
        if isinstance(protocol, cst.ClassDef) and _is_plain(protocol, file) and not _is_expected(call, file):
            yield Note(call.cls, _said(protocol, "case"), fix=_decorated(protocol, file))
        return
    func = call.func
    if not isinstance(func, cst.Name) or func.value not in ("isinstance", "issubclass"):
        return
    if file.name_of(func) != func.value or len(call.args) != 2 or any(arg.star for arg in call.args):
        return
    for kind in _kinds(call.args[1].value):
        protocol = file.definition_of(kind)
        if isinstance(protocol, cst.ClassDef) and _is_plain(protocol, file) and not _is_expected(call, file):
            yield Note(kind, _said(protocol, func.value), fix=_decorated(protocol, file))


def _said(protocol: cst.ClassDef, asked: str) -> str:
    return f"`{protocol.name.value}` is a protocol without `@runtime_checkable`, so `{asked}` raises `TypeError`"


def _kinds(expression: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The classes that the second argument holds: one, a tuple of some, or `A | B`."""
    if isinstance(expression, cst.Tuple):
        for element in expression.elements:
            yield from _kinds(element.value)
    elif isinstance(expression, cst.BinaryOperation):
        yield from _kinds(expression.left)
        yield from _kinds(expression.right)
    else:
        yield expression


def _is_plain(owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether a class is a protocol itself, and neither it nor a base may be checked at run time."""
    if owner.decorators or owner.keywords:
        return False
    protocol = False
    for base in owner.bases:
        value = bare(base.value)
        name = file.name_of(value)
        if name in _PROTOCOLS:
            protocol = True
        elif name != "typing.Generic":
            found = file.definition_of(value)
            # A protocol inherits that it may be checked, and what isn't at hand may be one that may.
            if not isinstance(found, cst.ClassDef) or found is owner or not _is_plain(found, file):
                return False
    return protocol


def _is_expected(call: cst.CSTNode, file: SourceFile) -> bool:
    """Whether the error is caught, or a test expects it."""
    for above in file.ancestors(call):
        if isinstance(above, cst.Try) and above.handlers:
            return True
        if isinstance(above, cst.With) and any("raises" in file.code(item.item).lower() for item in above.items):
            return True
    return False


def _decorated(protocol: cst.ClassDef, file: SourceFile) -> Fix | None:
    """Decorates a class of the top level, and imports the decorator where `Protocol` is imported."""
    if file.parent(protocol) is not file.module:
        return None
    gap = file.module.default_newline
    spelled = next((found for name in _CHECKABLE if (found := file.spelling_of(name)) is not None), None)
    if spelled is not None:
        return Fix((Insert(protocol, f"@{spelled}{gap}"),))
    for statement in file.nodes(cst.ImportFrom):
        if isinstance(statement.names, cst.ImportStar):
            continue
        for alias, (_, origin) in zip(statement.names, imported(statement), strict=False):
            if origin in _PROTOCOLS:
                added = Replace(alias.name, f"{file.code(alias.name)}, runtime_checkable")
                return Fix((added, Insert(protocol, f"@runtime_checkable{gap}"))) if alias.asname is None else None
    return None
