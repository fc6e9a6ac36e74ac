"""Finds caches that keep generators, which are used up after the first caller."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.tree import is_generator

MENTIONS = ("cache",)


def check(file: SourceFile) -> Notes:
    if not file.mentions("yield"):
        return
    for cache in file.caches:
        function = cache.function
        # A cached property that is a generator is used up by whoever reads it twice, just as well.
        if is_generator(function):
            second = "reader" if cache.is_property else "caller"
            kind = "async generator" if function.asynchronous is not None else "generator"
            yield Note(
                cache.place,
                f"`{cache.word}` keeps the {kind} that `{function.name.value}` makes, so the second {second} gets it"
                " used up",
                anchor=cache.place if isinstance(cache.place, cst.Decorator) else None,
            )
