"""Finds decorators that give one list, dictionary or set to every call that fails."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk

MENTIONS = ("default=", "fallback=", "fallback_value=", "default_value=", "on_error=")

_KEYWORDS = frozenset({"default", "fallback", "fallback_value", "default_value", "on_error"})
_FACTORIES: dict[type, str] = {cst.List: "list", cst.Dict: "dict", cst.Set: "set"}
_COPIERS = frozenset({"list", "dict", "set", "copy", "copy.copy", "deepcopy", "copy.deepcopy"})
# What turns a failure into a value. Options of commands and fields have defaults as well, which are copied.
_FALLS_BACK = re.compile(
    r"safe|fallback|fall_back|degrad|default|suppress|swallow|catch|ignore|on_error|on_fail|on_exception|graceful|resilien"
    r"|circuit|breaker|retry|except|robust|tolera|guard|recover|error"
)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    for decorator in function.decorators:
        call = decorator.decorator
        if call.__class__ is not cst.Call:
            continue
        call = cst.ensure_type(call, cst.Call)
        for arg in call.args:
            kind = _kind(arg.value)
            if arg.keyword is None or arg.keyword.value not in _KEYWORDS or kind is None:
                continue
            written = dotted(call.func) or ""
            if not _FALLS_BACK.search(written.rpartition(".")[2].lower()) or file.in_test(function):
                continue
            made = file.definition_of(call.func)
            if isinstance(made, cst.FunctionDef) and _copies(made, arg.keyword.value, file):
                continue
            word = "dictionary" if kind == "dict" else kind
            yield Note(
                arg.value,
                f"every failing call of `{function.name.value}` gets this same {word}",
                fix=_made_anew(arg, kind, made),
            )


def _kind(value: cst.BaseExpression) -> str | None:
    """Which container an argument makes: `[]`, `{"count": 0}`, `list()`."""
    if isinstance(value, cst.Call) and not value.args and dotted(value.func) in _FACTORIES.values():
        return dotted(value.func)
    return _FACTORIES.get(value.__class__)


def _copies(decorator: cst.FunctionDef, parameter: str, file: SourceFile) -> bool:
    """Whether a decorator of this file hands out a copy: `copy(default)`, `list(default)`, `default.copy()`."""
    for node in walk(decorator.body):
        if not isinstance(node, cst.Call):
            continue
        if isinstance(node.func, cst.Attribute) and node.func.attr.value == "copy":
            return True
        if dotted(node.func) in _COPIERS and any(dotted(arg.value) == parameter for arg in node.args):
            return True
    return False


def _made_anew(arg: cst.Arg, kind: str, made: cst.FunctionDef | cst.ClassDef | None) -> Fix | None:
    """`default_factory=list`, where the decorator is known to take it, or comes from elsewhere."""
    value = arg.value
    if isinstance(value, (cst.List, cst.Dict, cst.Set)) and value.elements:
        return None
    if isinstance(made, cst.FunctionDef) and all(p.name.value != "default_factory" for p in parameters(made)):
        return None
    return Fix((Replace(arg, f"default_factory={kind}"),), FixKind.SUGGESTION)
