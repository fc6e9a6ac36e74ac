"""Which calls only make a coroutine, so that nothing happens until somebody awaits it.

May not guess: what a decorator, a subclass or an assignment may have replaced makes no coroutine.
"""

from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.coroutines import COROUTINE_FUNCTIONS, COROUTINE_METHODS
from postil.lint.names import attribute_assignments, bare, dotted
from postil.lint.tree import is_generator

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_KEEP_COROUTINES = ("staticmethod", "classmethod", "abc.abstractmethod", "typing.override",
                    "typing_extensions.override", "functools.wraps", "tenacity.retry")  # fmt: skip
_KEEP_METHODS = ("dataclasses.dataclass", "functools.total_ordering", "typing.final", "typing.runtime_checkable",
                 "attr.s", "attrs.define", "attr.define")  # fmt: skip


def coroutine_function(reference: cst.BaseExpression, file: "SourceFile") -> cst.FunctionDef | None:
    """The `async def` of this file that an expression names, if nothing wraps, replaces or overrides it."""
    return coroutine_definition(file.definition_of(reference), file)


def coroutine_definition(found: cst.CSTNode | None, file: "SourceFile") -> cst.FunctionDef | None:
    """A definition of this file if it is an `async def` that nothing wraps, replaces or overrides."""
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is None or is_generator(found):
        return None
    if not _only(found, _KEEP_COROUTINES, file) and not any(route.function is found for route in file.routes):
        return None
    body = file.parent(found)
    owner = file.parent(body) if body is not None else None
    return found if not isinstance(owner, cst.ClassDef) or _is_method_for_sure(found, owner, file) else None


def makes_coroutine(call: cst.Call, file: "SourceFile") -> bool:
    """Whether a call gives a coroutine: of an `async def` of this file, or of a coroutine function that is known."""
    name = file.name_of(call.func)
    if name is not None:
        return name in COROUTINE_FUNCTIONS
    if coroutine_function(call.func, file) is not None:
        return True
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in _METHODS:
        return False
    return call.func.attr.value in COROUTINE_METHODS.get(file.type_of(call.func.value) or "", ())


_METHODS = frozenset().union(*COROUTINE_METHODS.values())
KNOWN_NAMES = _METHODS | {name.rpartition(".")[2] for name in COROUTINE_FUNCTIONS}
"""Whatever else makes a coroutine is an `async def` of the file."""


def _is_method_for_sure(method: cst.FunctionDef, owner: cst.ClassDef, file: "SourceFile") -> bool:
    name = method.name.value
    # What stands behind a protocol may be anything of the same shape.
    if any((dotted(bare(base.value)) or "").endswith("Protocol") for base in owner.bases):
        return False
    if not _only(owner, _KEEP_METHODS, file) or name in attribute_assignments(owner):
        return False
    for other in file.nodes(cst.ClassDef):
        if any(file.definition_of(base.value) is owner for base in other.bases):
            override = file.member_of(other, name)
            if isinstance(override, cst.FunctionDef) and override.asynchronous is None:
                return False
    return True


def _only(definition: cst.FunctionDef | cst.ClassDef, known: tuple[str, ...], file: "SourceFile") -> bool:
    """Whether all decorators of a definition are known to leave what it makes as it is."""
    for decorator in definition.decorators:
        target = decorator.decorator
        if file.name_of(target.func if isinstance(target, cst.Call) else target) not in known:
            return False
    return True
