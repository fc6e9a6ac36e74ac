"""Finds services and repositories that raise an `HTTPException`."""

import re

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile

MENTIONS = ("HTTPException",)

_LAYER = re.compile(
    r"(?:^|/)(?P<layer>services?|repositor(?:y|ies)|crud)/|(?:^|/)(?:\w+_)?(?P<file>service|repository|crud)\.py$"
)
# Routes, dependencies, and services that are part of an API's own package speak HTTP.
_SPEAKS = re.compile(
    r"(?:^|/)(?:\w*api\w*|routes?|routers?|endpoints?|views?|deps?|dependenc(?:y|ies)|\w*auth\w*|security)(?:/|\.py$)"
)
_HTTP = frozenset({"fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException"})
# At the top of a repository it holds whole services, with layers of their own: `services/orders/app/prices.py`.
_WHOLE_SERVICE = re.compile(r"services?/[^/]+/[^/]+/")
_SAYS = {"services": "service", "repositories": "repository", "repository": "repository", "crud": "repository"}


def check(file: SourceFile) -> Notes:
    whole = _WHOLE_SERVICE.match(file.path)
    found = _LAYER.search(file.path, whole.end() - 1 if whole is not None else 0)
    if found is None or not file.is_service or _SPEAKS.search(file.path):
        return
    if file.mentions("Depends(") or file.routes:
        return
    raised = [
        node
        for node in file.nodes(cst.Raise)
        if isinstance(node.exc, cst.Call) and file.name_of(node.exc.func) in _HTTP and _is_no_dependency(node, file)
    ]
    if not raised:
        return
    first, *others = raised
    function = file.enclosing_def(first)
    where = f"`{function.name.value}`" if function is not None else "this module"
    layer = found["layer"] or found["file"]
    # One word is enough: whoever does it once in a file, does it all through.
    yield Note(
        first,
        f"{where} is part of a {_SAYS.get(layer, layer)} and raises `HTTPException`, so it knows that HTTP is in front",
        secondary=tuple(Secondary(other, "here too") for other in others[:5]),
    )


def _is_no_dependency(node: cst.CSTNode, file: SourceFile) -> bool:
    function = file.enclosing_def(node)
    return function is None or not file.is_request_handler(function)
