"""Finds plain functions where a framework awaits what it calls."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile, string_value
from postil.lint.blocking import blocks
from postil.lint.names import dotted
from postil.lint.tree import is_generator, walk_scope

MENTIONS = ("websocket", "middleware", "asynccontextmanager", "aiohttp")

_APPS = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette"})
_ADDERS = frozenset({"add_get", "add_post", "add_put", "add_patch", "add_delete", "add_route"})
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "route"})
_ROUTES = frozenset({f"aiohttp.web.{verb}" for verb in _VERBS})
_BY_AIOHTTP = "is a plain function, which aiohttp 3 only wraps with a warning and aiohttp 4 refuses"


def check(node: cst.FunctionDef | cst.Call, file: SourceFile) -> Notes:
    if isinstance(node, cst.Call):
        function = _given_to_aiohttp(node, file)
        said: str | None = _BY_AIOHTTP
    else:
        function, said = node, _awaited_by(node, file) if node.asynchronous is None else None
    if function is None or said is None or _may_return_an_awaitable(function) or file.in_test(function):
        return
    calls = (each for each in walk_scope(function.body) if isinstance(each, cst.Call))
    yield Note(
        function,
        f"`{function.name.value}` {said}",
        fix=Fix((Insert(function, "async "),)) if not any(blocks(call, file) for call in calls) else None,
        severity="hint" if said == _BY_AIOHTTP else None,
    )


def _awaited_by(function: cst.FunctionDef, file: SourceFile) -> str | None:
    """What a framework does with a plain function, in words, if it would have to be a coroutine function."""
    if file.decorator(function, "contextlib.asynccontextmanager") is not None:
        return "is a plain generator, which `asynccontextmanager` can't enter" if is_generator(function) else None
    if function.name.value == "dispatch":
        owner = file.enclosing_class(function)
        bases = [file.name_of(base.value) or "" for base in owner.bases] if owner is not None else []
        if any(name.endswith(".BaseHTTPMiddleware") for name in bases):
            return "is a plain function, and `BaseHTTPMiddleware` awaits it for each request"
    if len(function.decorators) != 1 or not isinstance(function.decorators[0].decorator, cst.Call):
        return None
    call = function.decorators[0].decorator
    method = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
    if method == "middleware" and isinstance(call.func, cst.Attribute) and call.args:
        if string_value(call.args[0].value) == "http" and file.type_of(call.func.value) in _APPS:
            return "is a plain function, and the app awaits its middleware for each request"
        return None
    route = next((route for route in file.routes if route.function is function), None)
    if route is None:
        return None
    if route.framework == "aiohttp":
        return _BY_AIOHTTP
    if method in ("websocket", "websocket_route") and route.framework in ("fastapi", "starlette"):
        return "is a plain function, and the app awaits it when a WebSocket is opened"
    return None


def _given_to_aiohttp(call: cst.Call, file: SourceFile) -> cst.FunctionDef | None:
    """The plain function of this file that a call registers as a handler of aiohttp's."""
    func = call.func
    if not isinstance(func, cst.Attribute) or len(call.args) < 2 or not file.mentions("aiohttp"):
        return None
    by_name = func.attr.value in _VERBS and file.name_of(func) in _ROUTES
    if not by_name and func.attr.value not in _ADDERS:
        return None
    if not by_name and (dotted(func.value) or "").rpartition(".")[2] != "router":
        return None
    position = 2 if func.attr.value in ("route", "add_route") else 1
    found = file.definition_of(call.args[position].value) if len(call.args) > position else None
    if not isinstance(found, cst.FunctionDef) or found.asynchronous is not None or found.decorators:
        return None
    return found


def _may_return_an_awaitable(function: cst.FunctionDef) -> bool:
    """Whether a function returns what another one gave it, which may be a coroutine. Classes make no coroutines."""
    for node in walk_scope(function.body):
        if isinstance(node, cst.Return) and node.value is not None:
            value = node.value.func if isinstance(node.value, cst.Call) else node.value
            last = (dotted(value) or "").rpartition(".")[2]
            if not last[:1].isupper() and not isinstance(node.value, (cst.BaseString, cst.Dict, cst.BaseNumber)):
                return True
    return False
