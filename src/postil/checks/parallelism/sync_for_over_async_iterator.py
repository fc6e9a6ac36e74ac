"""Finds plain loops over what can only be iterated over with `async for`."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile
from postil.lint.names import dotted
from postil.lint.tree import is_generator

MENTIONS = ("async def", "aiter_", "asyncio")

_COLLECTORS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "sum", "any", "all", "enumerate", "dict",
                         "min", "max", "zip", "map", "filter", "reversed"})  # fmt: skip
# httpx's responses; the sync ones are called `iter_lines` and so on.
_RESPONSES = frozenset({"aiter_lines", "aiter_bytes", "aiter_text", "aiter_raw"})
_SCANS = frozenset({"scan_iter", "hscan_iter", "sscan_iter", "zscan_iter"})
_KNOWN = _RESPONSES | _SCANS
_ASYNC_REDIS = frozenset(
    {"redis.asyncio.Redis", "redis.asyncio.client.Redis", "redis.asyncio.RedisCluster", "redis.asyncio.StrictRedis"}
)


def check(file: SourceFile) -> Notes:
    made_here = {each.name.value for each in file.nodes(cst.FunctionDef) if each.asynchronous is not None}
    for call in file.nodes(cst.Call):
        last = call.func.attr if call.func.__class__ is cst.Attribute else call.func
        if last.__class__ is cst.Name and (last.value in made_here or last.value in _KNOWN):
            yield from _judged(call, last.value, file)


def _judged(call: cst.Call, last: str, file: SourceFile) -> Notes:
    use = _use(call, file)
    if use is None or not _is_async_iterator(call, last, file) or file.in_test(call):
        return
    yield Note(call, f"`{dotted(call.func) or last}(…)` is an async iterator, and {use[0]}", fix=use[1])


def _use(call: cst.Call, file: SourceFile) -> tuple[str, Fix | None] | None:
    """How the iterator is used, in words, and the cure."""
    above = file.parent(call)
    function = file.enclosing_function(call)
    in_coroutine = isinstance(function, cst.FunctionDef) and function.asynchronous is not None
    if isinstance(above, (cst.For, cst.CompFor)):
        if above.iter is not call or above.asynchronous is not None:
            return None
        return "a plain `for` can't go over it", _made_async(above, file) if in_coroutine else None
    if isinstance(above, cst.Arg):
        taker = file.parent(above)
        name = file.name_of(taker.func) if isinstance(taker, cst.Call) else None
        if not isinstance(taker, cst.Call) or name not in _COLLECTORS:
            return None
        plain = name == "list" and len(taker.args) == 1 and in_coroutine
        fix = Fix.replace(taker, f"[item async for item in {file.code(call)}]") if plain else None
        return f"`{name}` can't go over it", fix
    return ("`*` can't go over it", None) if isinstance(above, cst.StarredElement) else None


def _made_async(loop: cst.For | cst.CompFor, file: SourceFile) -> Fix | None:
    if isinstance(loop, cst.For):
        return Fix((Insert(loop, "async "),))
    # The space in front of a comprehension's `for` belongs to it, with the line ends there, but not the indentation.
    text = file.code(loop.with_changes(asynchronous=cst.Asynchronous()))
    if '"""' in text or "'''" in text:
        return None
    return Fix.replace(loop, text.replace("\n", f"\n{file.indentation(loop)}"))


def _is_async_iterator(call: cst.Call, last: str, file: SourceFile) -> bool:
    if isinstance(call.func, cst.Attribute) and last in _RESPONSES:
        return True
    if isinstance(call.func, cst.Attribute) and last in _SCANS and file.type_of(call.func.value) in _ASYNC_REDIS:
        return True
    found = file.definition_of(call.func)
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is None or found.decorators:
        return False
    return is_generator(found)
