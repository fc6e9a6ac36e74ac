"""Finds cached functions that give the same list, set or dictionary to all their callers."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.caches import FUNCTOOLS_CACHES
from postil.lint.names import bare
from postil.lint.tree import is_generator, walk_scope

MENTIONS = ("functools",)

_DISPLAYS = {
    cst.List: "list",
    cst.ListComp: "list",
    cst.Dict: "dictionary",
    cst.DictComp: "dictionary",
    cst.Set: "set",
    cst.SetComp: "set",
}
_MAKERS = {
    "list": "list",
    "dict": "dictionary",
    "set": "set",
    "sorted": "list",
    "collections.defaultdict": "dictionary",
}
_READ_ONLY = frozenset({"Mapping", "Sequence", "Iterable", "Collection", "Set", "AbstractSet", "tuple", "frozenset"})
_READING_METHODS = frozenset({"get", "items", "keys", "values", "copy", "index", "count", "union", "intersection"})
_READING_CALLS = frozenset(
    {
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "sorted",
        "len",
        "any",
        "all",
        "sum",
        "min",
        "max",
        "enumerate",
        "zip",
    }
)


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for cache in file.caches:
        function = cache.function
        if cache.name not in FUNCTOOLS_CACHES or cache.place.__class__ is not cst.Decorator:
            continue
        if function.asynchronous is not None or is_generator(function):
            continue
        returned = next((node for node in walk_scope(function.body) if _kind(node, file) is not None), None)
        if returned is None or _says_read_only(function, file) or _is_only_read(function, file):
            continue
        kind = _kind(returned, file)
        yield Note(
            cache.place,
            f"all callers of `{function.name.value}` get the same {kind}, and what one changes all others see",
            secondary=(Secondary(returned, f"the {kind} that is kept"),),
        )


def _kind(node: cst.CSTNode, file: SourceFile) -> str | None:
    """What a `return` gives, if it can be changed."""
    if not isinstance(node, cst.Return) or node.value is None:
        return None
    value = node.value
    if isinstance(value, cst.Name):
        made = file.value_of(value)
        value = made if made is not None and file.is_local(value) else value
    if isinstance(value, cst.Call):
        return _MAKERS.get(file.name_of(value.func) or "")
    return _DISPLAYS.get(value.__class__)


def _says_read_only(function: cst.FunctionDef, file: SourceFile) -> bool:
    if function.returns is None:
        return False
    return file.code(bare(function.returns.annotation)).rpartition(".")[2] in _READ_ONLY


def _is_only_read(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the file calls a function, and each time only reads what it gives."""
    calls = [call for call in file.nodes(cst.Call) if file.definition_of(call.func) is function]
    return bool(calls) and all(_is_read(call, file) for call in calls)


def _is_read(call: cst.Call, file: SourceFile) -> bool:
    above = file.parent(call)
    if isinstance(above, cst.Attribute):
        return above.attr.value in _READING_METHODS
    if isinstance(above, cst.Subscript):
        holder = file.parent(above)
        return above.value is call and not isinstance(holder, (cst.AssignTarget, cst.AugAssign, cst.Del))
    if isinstance(above, (cst.For, cst.CompFor)):
        return above.iter is call
    if isinstance(above, cst.Arg):
        outer = file.parent(above)
        return isinstance(outer, cst.Call) and file.name_of(outer.func) in _READING_CALLS
    return isinstance(above, (cst.Comparison, cst.ComparisonTarget, cst.StarredElement, cst.StarredDictElement, cst.If))
