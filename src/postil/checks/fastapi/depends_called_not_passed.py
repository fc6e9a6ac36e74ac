"""Finds `Depends` that gets what a function returns instead of the function."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument
from postil.lint.tree import is_generator

MENTIONS = ("Depends(", "Security(")

_PLAIN = frozenset({"str", "int", "float", "bool", "bytes", "dict", "list", "set", "tuple", "None"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in ("Depends", "Security") or not (file.name_of(call.func) or "").startswith("fastapi."):
        return
    given = argument(call, "dependency", 0)
    function = file.definition_of(given.func) if isinstance(given, cst.Call) else None
    if not isinstance(given, cst.Call) or not isinstance(function, cst.FunctionDef) or function.decorators:
        return
    result = _result(function, file)
    if result is None:
        return
    name = file.code(given.func)
    fix = Fix.replace(given, name, FixKind.SUGGESTION) if not given.args else None
    yield Note(given, f"`{last}` gets {result} of `{name}()`, which nobody can call, and not `{name}`", fix=fix)


def _result(function: cst.FunctionDef, file: SourceFile) -> str | None:
    """What a call of a function gives, where that surely can't be called."""
    if is_generator(function):
        return "the generator"
    if function.asynchronous is not None:
        return "the coroutine"
    if function.returns is not None and file.annotated_type(function.returns.annotation) in _PLAIN:
        return "the result"
    return None
