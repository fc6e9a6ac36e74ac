"""Finds functools caches on methods, which keep every instance for as long as the class lives."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.caches import Cache
from postil.lint.catalogue.caches import FUNCTOOLS_CACHES
from postil.lint.names import dotted

MENTIONS = ("functools",)

# Classes of which a process has one object, or few, that live as long as it does.
_FEW = re.compile(
    r"(Settings|Config|Configuration|Registry|Registrar|Singleton|Manager|Factory|Application|App|Plugin|Meta"
    r"|Dialect|Client|Runner|Reloader|Connector|Catalog|Service|Loader|Command|Backend|Formatter|Provider|Engine|Server"
    r"|Repository|Store|Package)$"
)
_ENUMS = re.compile(r"(^|\.)(\w*Enum|Flag|\w*Choices|type|ABCMeta|EnumMeta|EnumType|\w*Singleton\w*)$")
# What makes objects of the same content the same key, or gives one object to all.
_BY_VALUE = ("__eq__", "__hash__", "__new__")


def check(file: SourceFile) -> Notes:
    if not file.mentions("self") or not file.is_service:
        return
    for cache in file.caches:
        # `self.find = lru_cache()(self._find)` goes with its object.
        if cache.name not in FUNCTOOLS_CACHES or not isinstance(cache.place, cst.Decorator) or _is_meant(cache.place):
            continue
        owner = _class_of(cache, file)
        if owner is None or not _takes_self(cache.function) or _has_few_objects(owner, file):
            continue
        # With a limit and more keys than the object, the leak is small, and may be worth it.
        if not cache.has_no_limit and cache.keyed_by():
            continue
        method, of = cache.function.name.value, owner.name.value
        if cache.has_no_limit:
            message = f"`{cache.word}` on `{method}` keeps every `{of}` alive that it was ever called on"
        else:
            message = f"`{cache.word}` on `{method}` keeps each `{of}` alive until enough others have pushed it out"
        yield Note(cache.place, message, severity=None if cache.has_no_limit else "hint")


def _is_meant(decorator: cst.Decorator) -> bool:
    """Whether a comment tells other linters to let this pass: somebody has decided."""
    comment = decorator.trailing_whitespace.comment
    return comment is not None and ("B019" in comment.value or "method-cache" in comment.value)


def _class_of(cache: Cache, file: SourceFile) -> cst.ClassDef | None:
    above = file.parent(cache.function)
    owner = file.parent(above) if above is not None else None
    return owner if isinstance(owner, cst.ClassDef) else None


def _takes_self(function: cst.FunctionDef) -> bool:
    first = next(iter((*function.params.posonly_params, *function.params.params)), None)
    if first is None or first.name.value != "self":
        return False
    return not any(dotted(each.decorator) in ("staticmethod", "classmethod") for each in function.decorators)


def _has_few_objects(owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether a process has few objects of a class, or compares them by value, so that a cache of them may be meant."""
    if _FEW.search(owner.name.value) or any(_ENUMS.search(dotted(base.value) or "") for base in owner.bases):
        return True
    if any(_FEW.search(dotted(base.value) or "") for base in owner.bases):
        return True
    if any(arg.keyword is not None and arg.keyword.value == "metaclass" for arg in owner.keywords):
        return True
    if _is_frozen(owner):
        return True
    for decorator in owner.decorators:
        # Dataclasses and attrs classes that are hashable are so by value.
        if "frozen" in file.code(decorator) or "singleton" in file.code(decorator).lower():
            return True
    if any(file.member_of(owner, name) is not None for name in _BY_VALUE):
        return True
    return _is_made_once(owner, file)


def _is_frozen(owner: cst.ClassDef) -> bool:
    """Whether a class is a model of pydantic whose objects are compared by value and can't change."""
    if any(arg.keyword is not None and arg.keyword.value == "frozen" for arg in owner.keywords):
        return True
    return any(
        isinstance(each, cst.Assign)
        and dotted(each.targets[0].target) == "model_config"
        and isinstance(each.value, cst.Call)
        and dotted(argument(each.value, "frozen")) == "True"
        for line in owner.body.body
        if isinstance(line, cst.SimpleStatementLine)
        for each in line.body
    )


def _is_made_once(owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether the file makes objects of a class, and only at its top level."""
    made = [call for call in file.nodes(cst.Call) if file.definition_of(call.func) is owner]
    return bool(made) and all(file.is_startup(call) for call in made)
