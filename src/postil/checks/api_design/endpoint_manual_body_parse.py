"""Finds endpoints that parse the request's body themselves."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.answers import documented
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk_scope

MENTIONS = ("fastapi", "APIRouter")

# Whoever verifies a signature needs the bytes; whoever passes the request on, or asks for its kind, needs all of it.
_NEEDS_BYTES = re.compile(
    r"signature|hmac|construct_event|verify|content[-_]type|proxy|proxied|forward|pass_?through|upstream|graphql"
    r"|json-?rpc|web_?hook|callback|/events?\b",
    re.IGNORECASE,
)
_LOADS = frozenset({"json.loads", "orjson.loads", "ujson.loads"})
_VALIDATES = frozenset({"model_validate", "model_validate_json", "parse_obj", "validate_python", "validate_json"})


def check(file: SourceFile) -> Notes:
    for endpoint in documented(file):
        function = endpoint.route.function
        names = {
            param.name.value
            for param in parameters(function)
            if param.annotation is not None
            and (file.annotated_type(param.annotation.annotation) or "").endswith(".Request")
        }
        parsed = [
            node for node in walk_scope(function.body) if isinstance(node, cst.Call) and _parses(node, names, file)
        ]
        if not parsed or _NEEDS_BYTES.search(file.code(function)):
            continue
        checked = _is_checked(parsed[0], function, file)
        text = f"`{endpoint.name}` parses the request itself, so its body is neither checked nor documented"
        if checked:
            text = f"`{endpoint.name}` parses the request itself, so its body is not documented"
        yield Note(parsed[0], text, severity="hint" if checked else None)


def _parses(call: cst.Call, requests: set[str], file: SourceFile) -> bool:
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("json", "form"):
        return dotted(call.func.value) in requests
    if not call.args or file.name_of(call.func) not in _LOADS:
        return False
    given: cst.BaseExpression | None = call.args[0].value
    if isinstance(given, cst.Call) and isinstance(given.func, cst.Attribute) and given.func.attr.value == "decode":
        given = given.func.value
    if isinstance(given, cst.Name):
        given = file.value_of(given)
    if isinstance(given, cst.Await) and isinstance(given.expression, cst.Call):
        func = given.expression.func
        return isinstance(func, cst.Attribute) and func.attr.value == "body" and dotted(func.value) in requests
    return False


def _is_checked(parsed: cst.Call, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether what was parsed goes straight into a model: `Order(**await request.json())`, `model_validate(data)`."""
    value: cst.CSTNode = parsed
    above = file.parent(value)
    if isinstance(above, cst.Await):
        value, above = above, file.parent(above)
    if isinstance(above, cst.Arg):
        return _makes_model(above, file)
    name = dotted(above.targets[0].target) if isinstance(above, cst.Assign) else None
    if name is None:
        return False
    return any(
        isinstance(node, cst.Arg) and dotted(node.value) == name and _makes_model(node, file)
        for node in walk_scope(function.body)
    )


def _makes_model(arg: cst.Arg, file: SourceFile) -> bool:
    call = file.parent(arg)
    if not isinstance(call, cst.Call):
        return False
    last = (dotted(call.func) or "").rpartition(".")[2]
    return last in _VALIDATES or (arg.star == "**" and last[:1].isupper())
