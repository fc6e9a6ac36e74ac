"""Finds settings that are built anew for each request or job."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.configuration import builds_settings, settings_class
from postil.lint.contexts import declared_beside

MENTIONS = ("Settings",)

_CACHED = re.compile(r"(?:^|\.)(?:\w*cache\w*|singleton|once)$", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not file.is_service:
        return
    if file.called(call) in ("Depends", "Security"):
        yield from _injected(call, file)
        return
    if (name := builds_settings(call, file)) is None:
        return
    handler = file.served_by(call)
    function = file.enclosing_def(call)
    if handler is None or function is None or _is_cached(function, file):
        return
    # A dependency's object is gone with the request, and what it keeps with it.
    if _is_kept(call, file) and not (function is handler and function.name.value == "__init__"):
        return
    yield Note(
        call,
        f"`{name}()` reads the environment anew each time `{file.known_as(handler)}` is served",
        fix=_cache(function, call, file),
    )


def _injected(call: cst.Call, file: SourceFile) -> Notes:
    """`Depends(Settings)`: FastAPI takes the fields of a class that it calls from the query."""
    if not (file.name_of(call.func) or "").startswith("fastapi."):
        return
    given = call.args[0].value if call.args else declared_beside(call, file)
    if given is not None and (name := settings_class(given, file)) is not None:
        yield Note(
            call,
            f"this builds `{name}` for each request, and takes fields that the query names from there",
            severity="error",
        )


def _is_cached(function: cst.FunctionDef, file: SourceFile) -> bool:
    for decorator in function.decorators:
        target = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
        if _CACHED.search(file.name_of(target) or file.code(target)):
            return True
    return False


def _is_kept(call: cst.Call, file: SourceFile) -> bool:
    """Whether the object is kept for the next request: in a global, or an attribute."""
    statement = file.parent(call)
    if not isinstance(statement, cst.Assign):
        return False
    target = statement.targets[0].target
    if isinstance(target, cst.Name):
        # to compare with what was there at the start
        return not file.is_local(target) or "default" in target.value
    return isinstance(target, (cst.Attribute, cst.Subscript))


def _cache(function: cst.FunctionDef, call: cst.Call, file: SourceFile) -> Fix | None:
    """`@lru_cache` on a getter that does nothing else, where that name is imported."""
    params = function.params
    takes = params.params or params.posonly_params or params.kwonly_params or params.star_kwarg is not None
    body = function.body.body
    only = len(body) == 1 and isinstance(file.parent(call), cst.Return)
    if takes or not only or function.decorators or function.asynchronous is not None:
        return None
    known = {origin: local for local, origin in file.imports.items()}
    if (cache := known.get("functools.lru_cache")) is None:
        return None
    return Fix((Insert(function, f"@{cache}\n{file.indentation(function)}"),), FixKind.SUGGESTION)
