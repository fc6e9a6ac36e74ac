"""Finds retries of generators, whose body runs when the retry is over."""

from postil.lint import Note, Notes, SourceFile
from postil.lint.tree import is_generator

MENTIONS = ("tenacity", "backoff", "retrying")

# stamina is left out: it wraps generators and begins them anew (checked with 26.1.0).
_LIBRARIES = frozenset({"tenacity", "backoff", "retrying"})


def check(file: SourceFile) -> Notes:
    if not file.mentions("yield"):
        return
    for retry in file.retries:
        function = retry.function
        # A context manager is entered where it is used; the decorator above this one makes it from the generator.
        if function is None or retry.library not in _LIBRARIES or not is_generator(function):
            continue
        # What stands between may make something else of it, as Tornado's `gen.coroutine` does.
        if function.decorators and function.decorators[-1] is not retry.place:
            continue
        kind = "an async generator" if function.asynchronous is not None else "a generator"
        yield Note(
            retry.place,
            f"`{function.name.value}` is {kind}, so its body runs when `{retry.name}` is done with it, and nothing is"
            " tried again",
        )
