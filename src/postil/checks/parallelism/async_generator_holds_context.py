"""Finds async generators that keep something open while their caller has the word."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.around import is_in_loop
from postil.lint.names import dotted
from postil.lint.tree import walk_scope

MENTIONS = ("yield",)

_HARMLESS = frozenset({"aclosing", "nullcontext", "suppress"})
_RESPONSES = ("StreamingResponse", "EventSourceResponse", "StreamingHttpResponse")


def check(statement: cst.With, file: SourceFile) -> Notes:
    if statement.asynchronous is None:
        return
    function = file.enclosing_function(statement)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None or function.decorators:
        return
    held = _held(statement)
    if (
        not held
        or _is_inside_another(statement, file)
        or not _yields_again_and_again(statement, file)
        or not file.is_service
    ):
        return
    if file.mentions("aclosing") or _is_closed_by_a_framework(function, file):
        return
    what = file.code(held[0])
    what = what if len(what) <= 40 and "\n" not in what else f"{_last(held[0])}(…)"
    yield Note(statement, f"`{function.name.value}` keeps `{what}` open after its caller has broken off")


def _held(statement: cst.With) -> list[cst.BaseExpression]:
    return [each.item for each in statement.items if _last(each.item) not in _HARMLESS]


def _is_inside_another(statement: cst.With, file: SourceFile) -> bool:
    """Whether an `async with` around this one keeps something open as well, and so says the same."""
    function = file.enclosing_function(statement)
    for above in file.ancestors(statement):
        if above is function:
            return False
        if isinstance(above, cst.With) and above.asynchronous is not None and _held(above):
            return True
    return False


def _last(item: cst.BaseExpression) -> str:
    func = item.func if isinstance(item, cst.Call) else item
    return (func.attr.value if isinstance(func, cst.Attribute) else dotted(func)) or ""


def _yields_again_and_again(statement: cst.With, file: SourceFile) -> bool:
    """Whether a loop inside yields. A single `yield` is the form of a dependency, which its framework closes."""
    return any(node.__class__ is cst.Yield and is_in_loop(node, statement, file) for node in walk_scope(statement.body))


def _is_closed_by_a_framework(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the generator is the body of a response."""
    if not any(file.mentions(name) for name in _RESPONSES):
        return False
    return any(
        _last(call) in _RESPONSES
        and any(isinstance(arg.value, cst.Call) and file.definition_of(arg.value.func) is function for arg in call.args)
        for call in file.nodes(cst.Call)
    )
