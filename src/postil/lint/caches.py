"""Which functions of a file are cached, and by what: decorated, or wrapped by a call.

May not guess: a cache over a decorator that isn't known keeps what that decorator made, and is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.caches import CACHED_PROPERTIES, CACHES, KEEP_FUNCTIONS
from postil.lint.names import dotted, parameters

if TYPE_CHECKING:
    from postil.lint.source import SourceFile


@dataclass(frozen=True, eq=False)
class Cache:
    """One cached function of a file.

    `name` is the dotted name of what caches, `call` the call that gives it its options (None for a bare decorator),
    `place` the decorator or the call that wraps the function.
    """

    name: str
    place: cst.CSTNode
    call: cst.Call | None
    function: cst.FunctionDef

    @property
    def word(self) -> str:
        """The last part of the cache's name."""
        return self.name.rpartition(".")[2]

    @property
    def is_property(self) -> bool:
        """Whether this is a cached property, which keeps its value in the object."""
        return self.name in CACHED_PROPERTIES

    @property
    def has_no_limit(self) -> bool:
        """Whether a cache of functools keeps everything: `cache`, `lru_cache(maxsize=None)`."""
        if self.name == "functools.cache":
            return True
        if self.name != "functools.lru_cache" or self.call is None:
            return False
        sizes = [arg.value for arg in self.call.args if arg.keyword is None or arg.keyword.value == "maxsize"]
        return bool(sizes) and dotted(sizes[0]) == "None"

    def keyed_by(self) -> list[cst.Param]:
        """The parameters by which results are told apart: all but `self` and `cls`."""
        return [param for param in parameters(self.function) if param.name.value not in ("self", "cls")]


def find_caches(file: "SourceFile") -> Iterator[Cache]:
    """The cached functions of a file: decorated ones first, each group in source order."""
    if not file.mentions("cache"):
        return
    for function in file.nodes(cst.FunctionDef):
        # The decorator below is applied first, and what it makes of the function may well be cached safely.
        for decorator in reversed(function.decorators):
            made = file.value_of(decorator.decorator) if isinstance(decorator.decorator, cst.Name) else None
            expression = made if isinstance(made, cst.Call) else decorator.decorator
            call = expression if isinstance(expression, cst.Call) else None
            name = file.name_of(call.func if call is not None else expression)
            if name in CACHES:
                yield Cache(name, decorator, call, function)
                break
            # (typing has it since Python 3.12.)
            if name not in KEEP_FUNCTIONS and name != "typing.override":
                break
    for call in file.nodes(cst.Call):
        # `cached = lru_cache(maxsize=8)(fetch)`
        if len(call.args) != 1 or call.args[0].keyword is not None:
            continue
        options = call.func if isinstance(call.func, cst.Call) else None
        name = file.name_of(options.func if options is not None else call.func)
        if name in CACHES:
            found = file.definition_of(call.args[0].value)
            if isinstance(found, cst.FunctionDef) and not found.decorators:
                yield Cache(name, call, options, found)
