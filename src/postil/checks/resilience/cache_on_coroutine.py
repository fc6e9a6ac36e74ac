"""Finds caches that keep coroutines instead of results."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.caches import Cache
from postil.lint.catalogue.caches import FUNCTOOLS_CACHES
from postil.lint.tree import is_generator

MENTIONS = ("cache",)


def check(file: SourceFile) -> Notes:
    if not file.mentions("async "):
        return
    for cache in file.caches:
        function = cache.function
        if function.asynchronous is not None and not is_generator(function):
            again = "access" if cache.is_property else "call"
            yield Note(
                cache.place,
                f"`{cache.word}` keeps the coroutine of `{function.name.value}` and not its result, so the second"
                f" {again} raises `RuntimeError`",
                fix=_fix(cache, file),
            )


def _fix(cache: Cache, file: SourceFile) -> Fix | None:
    """`alru_cache` in its place, where the file has it."""
    replacement = file.spelling_of("async_lru.alru_cache")
    if replacement is None or cache.name not in FUNCTOOLS_CACHES or not isinstance(cache.place, cst.Decorator):
        return None
    written = cache.place.decorator.func if isinstance(cache.place.decorator, cst.Call) else cache.place.decorator
    # A cache that has a name of its own is made elsewhere.
    if file.name_of(written) != cache.name:
        return None
    text = f"{replacement}(maxsize=None)" if cache.name == "functools.cache" else replacement
    return Fix((Replace(written, text),), FixKind.SUGGESTION)
