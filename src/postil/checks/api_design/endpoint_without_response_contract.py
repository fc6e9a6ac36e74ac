"""Finds FastAPI endpoints that promise nothing about what they answer."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking, string_value
from postil.lint.answers import dumped, is_probe, is_row
from postil.lint.contexts import Route
from postil.lint.models import is_model
from postil.lint.names import dotted
from postil.lint.tree import walk_scope

MENTIONS = ("fastapi", "APIRouter")

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "api_route"})
_CONTRACTS = ("response_model", "response_class")
_SUCCESS = re.compile(r"\b(200|201|202|HTTP_20[012]_\w+|OK|CREATED|ACCEPTED)\b")
# Answers that are no JSON, and describe themselves.
_ANSWERS = frozenset(
    {
        "Response",
        "StreamingResponse",
        "FileResponse",
        "RedirectResponse",
        "HTMLResponse",
        "PlainTextResponse",
        "EventSourceResponse",
        "TemplateResponse",
        "_TemplateResponse",
    }
)
_NO_BODY = re.compile(
    r"^(?:HTTP_)?(?:204|205|3\d\d)(?:\D|$)|^(?:NO_CONTENT|RESET_CONTENT|NOT_MODIFIED|FOUND|SEE_OTHER)$"
)


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for route in file.routes:
        if route.framework != "fastapi" or route.method not in _METHODS or is_probe(route):
            continue
        if not _has_contract(route, file):
            yield from _judged(route.function, file)


def _has_contract(route: Route, file: SourceFile) -> bool:
    """Whether an endpoint says what it answers, or that it isn't part of the interface."""
    call = route.call
    if route.function.returns is not None or has_unpacking(call):
        return True
    if any(argument(call, name) is not None for name in _CONTRACTS) or _is_hidden(call):
        return True
    # Described by hand; what a name stands for may hold anything.
    described = argument(call, "responses")
    if described is not None and (not isinstance(described, cst.Dict) or _SUCCESS.search(file.code(described))):
        return True
    # `/upstream/{rest:path}` for several methods passes on what another service answers.
    if route.method == "api_route" and (route.path or "").endswith(":path}"):
        return True
    status = argument(call, "status_code")
    if status is not None and _NO_BODY.match((dotted(status) or file.code(status)).rpartition(".")[2]):
        return True
    methods = argument(call, "methods")
    listed = methods.elements if isinstance(methods, (cst.List, cst.Tuple, cst.Set)) else ()
    if listed and {string_value(element.value) for element in listed} <= {"HEAD", "OPTIONS"}:
        return True
    made = file.value_of(route.owner)
    if not isinstance(made, cst.Call):
        return False
    return has_unpacking(made) or argument(made, "default_response_class") is not None or _is_hidden(made)


def _is_hidden(call: cst.Call) -> bool:
    shown = argument(call, "include_in_schema")
    return isinstance(shown, cst.Name) and shown.value == "False"


def _judged(function: cst.FunctionDef, file: SourceFile) -> Notes:
    values: list[cst.BaseExpression] = []
    for node in walk_scope(function.body):
        if isinstance(node, cst.Yield):
            return
        if isinstance(node, cst.Return) and node.value is not None and dotted(node.value) != "None":
            values.append(node.value)
    name = function.name.value
    if not values:
        yield Note(function, f"`{name}` declares no response type, and returns nothing", severity="hint")
    # What makes a dict of a model, or hands out a row, is told where it does so.
    elif not any(_comes_from_elsewhere(value, file) for value in values) and not all(
        _answers(value, file) or dumped(value, file) or is_row(value, file) for value in values
    ):
        yield Note(
            function,
            f"`{name}` declares no response type, so whatever it returns is sent",
            fix=_annotated(function, values, file),
        )


def _comes_from_elsewhere(value: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a value is made by something that was handed the whole request, or is called a response.

    Who answers for the endpoint decides on the kind of the answer too, and that isn't seen here.
    """
    if isinstance(value, cst.Await):
        value = value.expression
    if isinstance(value, cst.Name):
        return value.value in ("response", "resp") and file.type_of(value) is None
    return isinstance(value, cst.Call) and any(
        (file.type_of(arg.value) or "").rpartition(".")[2] == "Request" for arg in value.args
    )


def _answers(value: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a value is a response of its own kind: a file, a stream, a redirect, a page."""
    if isinstance(value, cst.IfExp):
        return _answers(value.body, file) and _answers(value.orelse, file)
    if isinstance(value, cst.Await):
        value = value.expression
    # A function called so makes a response of its own kind, and elsewhere.
    if isinstance(value, cst.Call) and (dotted(value.func) or "").endswith((".TemplateResponse", "_response")):
        return True
    # An answer of failure is described by no response model.
    status = argument(value, "status_code", 1) if isinstance(value, cst.Call) else None
    if status is not None and re.search(r"(^|_)[45]\d\d(_|$)", file.code(status)):
        return True
    kind = file.type_of(value)
    return kind is not None and "." in kind and kind.rpartition(".")[2] in _ANSWERS


def _annotated(function: cst.FunctionDef, values: list[cst.BaseExpression], file: SourceFile) -> Fix | None:
    """The return annotation, where every `return` makes the same model of this file."""
    kinds = {file.type_of(value) for value in values}
    name = kinds.pop() if len(kinds) == 1 else None
    model = file.class_named(name) if name is not None and "." not in name else None
    if model is None or not is_model(file, model) or not _stands_before(model, function, file):
        return None
    end = function.whitespace_before_colon
    return Fix((Insert(end, f" -> {name}"),), FixKind.SUGGESTION)


def _stands_before(model: cst.ClassDef, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the model exists when the function is defined: an annotation is evaluated then."""
    around = {id(above) for above in (function, *file.ancestors(function))}
    for statement in file.module.body:
        if statement is model:
            return True
        if id(statement) in around:
            return False
    return False
