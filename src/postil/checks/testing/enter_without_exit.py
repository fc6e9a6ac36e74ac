"""Finds classes that can be entered and never left."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import bare
from postil.lint.tree import walk_scope

MENTIONS = ("enter__",)

_PAIRS = (("__enter__", "__exit__", "with"), ("__aenter__", "__aexit__", "async with"))
_PLAIN = frozenset({"object", "typing.Generic"})


def check(owner: cst.ClassDef, file: SourceFile) -> Notes:
    names = _own(owner)
    for enter, leave, statement in _PAIRS:
        entered = names.get(enter)
        if entered is None or leave in names or "mixin" in owner.name.value.lower():
            continue
        if not all(_is_dataclass(each, file) for each in owner.decorators):
            continue
        if _may_inherit(leave, owner, file) or _is_completed(leave, owner, file):
            continue
        yield Note(
            entered,
            f"`{owner.name.value}` has `{enter}` and no `{leave}`, so `{statement} {owner.name.value}(…)` "
            "raises `TypeError`",
        )


def _is_dataclass(decorator: cst.Decorator, file: SourceFile) -> bool:
    """Whether a decorator is known to add no such method."""
    expression = decorator.decorator
    name = file.name_of(expression.func if isinstance(expression, cst.Call) else expression)
    return name in ("dataclasses.dataclass", "attrs.define", "attrs.frozen", "attr.s", "typing.final")


def _is_completed(name: str, owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether a class of this file has the method and the owner as its base, which is there for such classes."""
    return any(
        name in _own(other) and any(file.definition_of(base.value) is owner for base in other.bases)
        for other in file.nodes(cst.ClassDef)
    )


def _own(owner: cst.ClassDef) -> dict[str, cst.CSTNode]:
    """What the body of a class binds by definitions and plain assignments."""
    names: dict[str, cst.CSTNode] = {}
    for node in walk_scope(owner.body):
        match node:
            case cst.FunctionDef() | cst.ClassDef():
                names[node.name.value] = node
            case cst.AssignTarget(target=cst.Name(value=name)) | cst.AnnAssign(target=cst.Name(value=name)):
                names[name] = node
    return names


def _may_inherit(name: str, owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether a base has the method, or is one of which nobody here knows."""
    if owner.keywords:
        return True
    for base in owner.bases:
        value = bare(base.value)
        if base.star or file.name_of(value) in _PLAIN:
            if base.star:
                return True
            continue
        found = file.definition_of(value)
        if not isinstance(found, cst.ClassDef) or found is owner:
            return True
        if name in _own(found) or _may_inherit(name, found, file):
            return True
    return False
