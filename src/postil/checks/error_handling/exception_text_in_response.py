"""Finds answers to clients that hold the text of an exception that could be any."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile, argument
from postil.lint.errors_sent import registered
from postil.lint.handlers import innermost_handler
from postil.lint.logs import log_call
from postil.lint.names import dotted, parameters
from postil.lint.statuses import status_of
from postil.lint.tree import walk, walk_scope

MENTIONS = ("Response", "HTTPException", "abort", "jsonify", "json_response", "router", "route", "app.")

_RESPONSE = re.compile(r"Response$|^(?:json_response|jsonify|make_response)$")
_RESPONSES_OF = ("fastapi.", "starlette.", "flask.", "django.", "aiohttp.web.", "litestar.", "sanic.", "quart.",
                 "rest_framework.", "ninja.")  # fmt: skip
_TEXTS = frozenset({"str", "repr", "format"})
_REFUSALS = (400, 422)
_TRACES = frozenset({"traceback.format_exc", "traceback.format_exception", "traceback.format_exception_only"})
_PARSES = frozenset({"json", "loads", "model_validate", "model_validate_json", "parse_obj", "parse_raw"})
_FOR_DEVELOPERS = re.compile(r"debug|verbose|\bdev(?:elopment)?\b|is_?local", re.IGNORECASE)
_ANY = frozenset({"Exception", "BaseException"})
_BROKEN = 500
_STATUSES = ("status_code", "status", "code")

# What handles: a clause of a `try`, or a function that an application calls with what nobody caught.
_Handler = cst.ExceptHandler | cst.FunctionDef


def check(handler: cst.ExceptHandler | cst.FunctionDef, file: SourceFile) -> Notes:
    if not file.is_service or not _is_broad(handler, file):
        return
    name = _caught(handler)
    seen: set[int] = set()
    for node in walk_scope(handler.body):
        answer = _answer(node, file)
        if answer is None:
            continue
        content, status = answer
        if status in _REFUSALS and _only_parses(handler, file):
            continue
        place = next((told for value in content for told in _tells(value, name, handler, file)), None)
        within = handler if isinstance(handler, cst.ExceptHandler) else None
        if place is None or id(place) in seen or innermost_handler(node, file) is not within:
            continue
        if _is_guarded(place, handler, name, file) or _is_guarded(node, handler, name, file):
            continue
        seen.add(id(place))
        written = any(above is node for above in file.ancestors(place))
        with_status = f" with status {status}" if status is not None else ""
        yield Note(
            node,
            f"the client gets `{_short(file.code(place))}` of any failure{with_status}",
            _generic(content, place, name, handler, file) if written else None,
            secondary=() if written else (Secondary(place, "the text is taken here"),),
            severity="error" if status is not None and status >= 500 else None,
        )


def _is_broad(handler: _Handler, file: SourceFile) -> bool:
    """Whether any exception may be what is handled."""
    if isinstance(handler, cst.ExceptHandler):
        return file.is_broad(handler)
    return any(
        function is handler and (file.name_of(given) in _ANY or status_of(given, file) == _BROKEN)
        for given, function in registered(file)
    )


def _caught(handler: _Handler) -> str | None:
    """What the exception is called: by the clause, or as the last parameter (Flask gives no other one)."""
    if isinstance(handler, cst.FunctionDef):
        return next((param.name.value for param in reversed(list(parameters(handler)))), None)
    return dotted(handler.name.name) if handler.name is not None else None


def _only_parses(handler: _Handler, file: SourceFile) -> bool:
    """Whether all that was tried is to take a request's own text apart: the error is about what the client sent."""
    tried = file.parent(handler)
    lines = tried.body.body if isinstance(tried, cst.Try) else ()
    calls = [node for line in lines for node in walk(line) if isinstance(node, cst.Call)]
    return len(lines) == 1 and bool(calls) and all(map(_parses, calls))


def _parses(call: cst.Call) -> bool:
    filled = len(call.args) == 1 and call.args[0].star == "**"  # `OrderCreate(**body)`
    return filled or (dotted(call.func) or "").rpartition(".")[2] in _PARSES


def _answer(node: cst.CSTNode, file: SourceFile) -> tuple[list[cst.BaseExpression], int | None] | None:
    """What an expression or statement tells a client, with its status as far as it is written there."""
    if isinstance(node, cst.Call):
        last = file.called(node) or ""
        if last in ("HTTPException", "abort"):
            origin = file.name_of(node.func) or ""
            if not origin.startswith(_RESPONSES_OF):
                return None
            position = 1 if last == "HTTPException" or origin.startswith("flask") else 2
            given = [argument(node, each) for each in ("detail", "description")] + [argument(node, "", position)]
            status = argument(node, "status_code", 0) or argument(node, "code")
            return [each for each in given if each is not None], status_of(status, file)
        if _RESPONSE.search(last) and (file.name_of(node.func) or "").startswith(_RESPONSES_OF):
            status = argument(node, "status_code") or argument(node, "status")
            return [
                arg.value
                for arg in node.args
                if arg.keyword is None or arg.keyword.value in ("content", "data", "text", "body", "response")
            ], status_of(status, file)
        return _made(node, file)
    if isinstance(node, cst.Return) and node.value is not None:
        value, status = node.value, None
        if isinstance(value, cst.Tuple) and len(value.elements) > 1:
            status = status_of(value.elements[1].value, file)
            value = value.elements[0].value
        if isinstance(value, cst.Dict):
            function = file.enclosing_def(node)
            if function is not None and any(route.function is function for route in file.routes):
                return [value], status
    return None


def _made(call: cst.Call, file: SourceFile) -> tuple[list[cst.BaseExpression], int | None] | None:
    """What a function of this file is given that makes a response: `def envelope(message, status) -> JSONResponse`."""
    function = file.definition_of(call.func) if isinstance(call.func, (cst.Name, cst.Attribute)) else None
    if not isinstance(function, cst.FunctionDef) or function.returns is None:
        return None
    kind = file.annotated_type(function.returns.annotation) or ""
    if not kind.endswith("Response") or not kind.startswith(_RESPONSES_OF):
        return None
    names = [param.name.value for param in parameters(function) if param.name.value not in ("self", "cls")]
    status = next((argument(call, each, names.index(each)) for each in _STATUSES if each in names), None)
    return [arg.value for arg in call.args], status_of(status, file)


def _tells(
    value: cst.BaseExpression, name: str | None, handler: _Handler, file: SourceFile, depth: int = 0
) -> Iterator[cst.CSTNode]:
    """Where in a value the text of the exception is taken; through one variable that the handler sets."""
    for node in walk(value):
        if isinstance(node, cst.Call) and file.name_of(node.func) in _TRACES:
            yield node
        elif isinstance(node, cst.Name) and name is not None and node.value == name:
            if (text := _text_of(node, file)) is not None:
                yield text
        elif isinstance(node, cst.Name) and depth == 0:
            for given in _assigned(node.value, handler):
                yield from _tells(given, name, handler, file, depth + 1)


def _assigned(name: str, handler: _Handler) -> Iterator[cst.BaseExpression]:
    for node in walk_scope(handler.body):
        if isinstance(node, cst.Assign) and any(dotted(each.target) == name for each in node.targets):
            yield node.value


def _text_of(used: cst.Name, file: SourceFile) -> cst.CSTNode | None:
    """The expression that makes a text of an exception: `str(e)`, `f"{e}"`, `"%s" % e`, `e.args`; else None."""
    above = file.parent(used)
    match above:
        case cst.FormattedStringExpression():
            return file.parent(above)
        case cst.Attribute(attr=cst.Name(value="args")):
            return above
        case cst.BinaryOperation(operator=cst.Modulo()) if above.right is used:
            return above
        case cst.Arg():
            call = file.parent(above)
            if isinstance(call, cst.Call):
                last = (dotted(call.func) or "").rpartition(".")[2]
                formats = isinstance(call.func, cst.Attribute) and call.func.attr.value == "format"
                if formats or last in _TEXTS:
                    return call
    return None


def _is_guarded(node: cst.CSTNode, handler: _Handler, name: str | None, file: SourceFile) -> bool:
    """Whether a condition lets this happen for developers only, or for exceptions of one kind."""
    for above in file.ancestors(node):
        if above is handler:
            return False
        if isinstance(above, (cst.If, cst.IfExp)):
            test = file.code(above.test)
            if _FOR_DEVELOPERS.search(test) or (name is not None and re.search(rf"\b{re.escape(name)}\b", test)):
                return True
    return False


def _short(code: str) -> str:
    code = " ".join(code.split())
    return code if len(code) <= 40 and "`" not in code else "the text"


def _generic(
    content: list[cst.BaseExpression], place: cst.CSTNode, name: str | None, handler: _Handler, file: SourceFile
) -> Fix | None:
    """A text that says nothing, where the log keeps what it said."""
    lines = (log_call(node, file) for node in walk_scope(handler.body))
    if not any(line is not None and line.level in ("error", "exception", "critical") for line in lines):
        return None
    if isinstance(place, cst.FormattedString) and place.start[:1].lower() == "r":
        return None
    told = [each for value in content for each in _tells(value, name, handler, file)] if name is not None else [place]
    return Fix.replace(place, '"internal error"', FixKind.SUGGESTION) if len(told) == 1 else None
