"""Finds caches that keep coroutines instead of results."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.tree import is_generator

MENTIONS = ("cache",)

# Tried with Python 3.11, cachetools 8.0.2 and Django 5.2. Not joblib's `Memory.cache`: it awaits coroutines itself.
_CACHES = frozenset(
    {
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "cachetools.cached",
        "cachetools.cachedmethod",
        *(f"cachetools.func.{name}_cache" for name in ("fifo", "lfu", "lru", "rr", "ttl")),
        "django.utils.functional.cached_property",
        "propcache.api.cached_property",
        "propcache.cached_property",
        "werkzeug.utils.cached_property",
    }
)
_KEEP_COROUTINES = ("staticmethod", "classmethod", "abc.abstractmethod", "functools.wraps", "typing.override")


def check(node: cst.FunctionDef | cst.Call, file: SourceFile) -> Notes:
    if isinstance(node, cst.Call):
        yield from _called(node, file)
        return
    if node.asynchronous is None or not node.decorators or is_generator(node):
        return
    # The decorator below is applied first, and what it makes of the function may well be kept.
    for decorator in reversed(node.decorators):
        target = _cache(decorator.decorator, file)
        name = file.name_of(target)
        if name in _CACHES:
            yield Note(decorator, _message(name, node.name.value), fix=_fix(decorator, name, file), anchor=decorator)
            return
        if name not in _KEEP_COROUTINES:
            return


def _called(call: cst.Call, file: SourceFile) -> Notes:
    """`cached = lru_cache(maxsize=8)(fetch)`."""
    if len(call.args) != 1 or call.args[0].keyword is not None:
        return
    name = file.name_of(_name(call.func))
    if name not in _CACHES:
        return
    found = file.definition_of(call.args[0].value)
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is None or found.decorators or is_generator(found):
        return
    yield Note(call, _message(name, found.name.value))


def _cache(decorator: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression:
    """What a decorator calls; `remember = lru_cache(maxsize=8)` is followed."""
    made = file.value_of(decorator) if isinstance(decorator, cst.Name) else None
    return _name(made if isinstance(made, cst.Call) else decorator)


def _name(expression: cst.BaseExpression) -> cst.BaseExpression:
    return expression.func if isinstance(expression, cst.Call) else expression


def _message(cache: str, function: str) -> str:
    again = "access" if "property" in cache else "call"
    kept = cache.rpartition(".")[2]
    return (
        f"`{kept}` keeps the coroutine of `{function}` and not its result, so the second {again} raises `RuntimeError`"
    )


def _fix(decorator: cst.Decorator, cache: str, file: SourceFile) -> Fix | None:
    """`alru_cache` in its place, where the file has it."""
    replacement = file.spelling_of("async_lru.alru_cache")
    # A cache that has a name of its own is made elsewhere.
    if file.name_of(_name(decorator.decorator)) != cache:
        return None
    if replacement is None or cache not in ("functools.lru_cache", "functools.cache"):
        return None
    text = f"{replacement}(maxsize=None)" if cache == "functools.cache" else replacement
    return Fix((Replace(_name(decorator.decorator), text),), FixKind.SUGGESTION)
