"""Finds endpoints that ask the database themselves, beside a layer that does."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.catalogue.sessions import SESSION_CLASSES
from postil.lint.probes import probes
from postil.lint.tree import walk_scope

MENTIONS = ("Session",)

_LAYER = re.compile(r"(?:^|\.)(?:\w+_)?(?:services?|repositor(?:y|ies)|crud)(?:\.|$)")
_ASK = frozenset({"execute", "scalars", "scalar", "query", "exec", "get", "get_one", "add", "commit", "delete"})


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or not file.is_service:
        return
    layer = next((origin for origin in file.imports.values() if _LAYER.search(origin)), None)
    if layer is None or not any(route.function is function and route.framework == "fastapi" for route in file.routes):
        return
    asked = next((node for node in walk_scope(function.body) if _asks(node, file)), None)
    if not isinstance(asked, cst.Call) or any(probe.function is function for probe in probes(file)):
        return
    yield Note(
        asked,
        f"`{function.name.value}` asks the database with `{file.code(asked.func)}`, which elsewhere here a layer does",
    )


def _asks(node: cst.CSTNode, file: SourceFile) -> bool:
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _ASK
        and file.type_of(node.func.value) in SESSION_CLASSES
    )
