"""Functions with `yield` that FastAPI calls to lend an endpoint what it asks for."""

import re

import libcst as cst

from postil.lint.around import is_in_loop
from postil.lint.dependencies import declared
from postil.lint.names import dotted
from postil.lint.source import SourceFile

_PLACES = re.compile(r"(^|/)(deps?|dependenc(y|ies))(/|\.py$)")
_TOLD = frozenset({"Depends", "Security"})


def lending(function: cst.FunctionDef, file: SourceFile) -> cst.Yield | None:
    """The one `yield` of a function that FastAPI calls as a dependency; None for every other function.

    That is what the file gives to `Depends`. In a project that uses FastAPI it is also a bare function `get_…`, or one
    in a module of dependencies, that yields once and that this file doesn't call: its `Depends` stands elsewhere.
    """
    if function.decorators or file.is_test:
        return None
    yields = [node for node in file.nodes(cst.Yield) if file.enclosing_def(node) is function]
    if len(yields) != 1 or isinstance(yields[0].value, cst.From) or is_in_loop(yields[0], function, file):
        return None
    return yields[0] if _is_given(function, file) or _is_meant(function, file) else None


def _is_given(function: cst.FunctionDef, file: SourceFile) -> bool:
    for call in file.nodes(cst.Call):
        name = file.name_of(call.func) or ""
        told = name.startswith("fastapi.") and name.rpartition(".")[2] in _TOLD
        if told and call.args and file.definition_of(call.args[0].value) is function:
            return True
    return False


def _is_meant(function: cst.FunctionDef, file: SourceFile) -> bool:
    named = function.name.value.startswith("get_") or _PLACES.search(file.path) is not None
    if not named or file.parent(file.parent(function) or function) is not None or not _uses_fastapi(file):
        return False
    # Whoever names it here otherwise makes a context manager of it, or takes what it yields by hand.
    name = function.name.value
    return not any(dotted(call.func) == name or _is_handed(call, name) for call in file.nodes(cst.Call))


def _is_handed(call: cst.Call, name: str) -> bool:
    return any(isinstance(arg.value, cst.Name) and arg.value.value == name for arg in call.args)


def _uses_fastapi(file: SourceFile) -> bool:
    if any(origin.split(".", 1)[0] == "fastapi" for origin in file.imports.values()):
        return True
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    return toml is not None and "fastapi" in declared(toml)
