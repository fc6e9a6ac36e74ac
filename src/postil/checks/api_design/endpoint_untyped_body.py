"""Finds endpoints that take anything as their body."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.answers import documented
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk
from postil.lint.untyped import untyped

MENTIONS = ("fastapi", "APIRouter")

# What somebody else decides the form of: who calls back, or the makers of model APIs that are imitated.
_OTHERS = re.compile(
    r"web_?hook|callback|(^|[/_-])(hooks?|events?|proxy|graphql|json_?rpc|completions?|embeddings|messages)([/_-]|$)",
    re.IGNORECASE,
)
_EXAMPLES = ("openapi_examples", "examples", "example", "json_schema_extra")


def check(file: SourceFile) -> Notes:
    for endpoint in documented(file):
        if _OTHERS.search(endpoint.name) or _OTHERS.search(endpoint.route.path or ""):
            continue
        for param in parameters(endpoint.route.function):
            if param.annotation is None or param.star in ("*", "**"):
                continue
            annotation, options = _taken_apart(param)
            found = untyped(annotation, file)
            if found is None or any(_last(call) != "Body" for call in options):
                continue
            # FastAPI takes a plain `Any` for a parameter of the query.
            if found in ("Any", "object") and not options:
                continue
            if any(argument(call, key) is not None for call in options for key in _EXAMPLES):
                continue
            if _is_free_form(param.name.value, endpoint.route.function, file):
                continue
            text = f"`{endpoint.name}` takes `{param.name.value}` as `{file.code(annotation)}`, which lets anything in"
            yield Note(param, text)


def _is_free_form(name: str, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a body is checked by a model that is chosen here, passed on as it came, or only merged into another."""
    uses: list[bool] = []
    for node in walk(function.body):
        if not isinstance(node, cst.Name) or node.value != name:
            continue
        above = file.parent(node)
        call = file.parent(above) if isinstance(above, cst.Arg) else None
        if isinstance(above, cst.Arg) and isinstance(call, cst.Call):
            last = _last(call)
            if last == "model_validate" or (above.star == "**" and last[:1].isupper()):
                return True
            if above.keyword is not None and above.keyword.value == "json":
                return True
        uses.append(isinstance(above, cst.StarredDictElement))
    return bool(uses) and all(uses)


def _taken_apart(param: cst.Param) -> tuple[cst.BaseExpression, list[cst.Call]]:
    """A parameter's type, and the calls that say where it comes from: `= Body()`, `Annotated[dict, Body()]`."""
    annotation = cst.ensure_type(param.annotation, cst.Annotation).annotation
    options = [param.default] if isinstance(param.default, cst.Call) else []
    if isinstance(annotation, cst.Subscript) and (dotted(annotation.value) or "").endswith("Annotated"):
        parts = [each.slice.value for each in annotation.slice if isinstance(each.slice, cst.Index)]
        annotation = parts[0]
        options += [part for part in parts[1:] if isinstance(part, cst.Call)]
    return annotation, options


def _last(call: cst.Call) -> str:
    return (dotted(call.func) or "").rpartition(".")[2]
