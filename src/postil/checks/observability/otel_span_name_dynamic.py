"""Finds OpenTelemetry spans whose name holds a value that is different for each request."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.catalogue.metrics import UNBOUNDED_LABELS
from postil.lint.metrics import raw_part_of_request
from postil.lint.names import dotted
from postil.lint.spans import speaks_opentelemetry
from postil.lint.tree import walk

MENTIONS = ("start_as_current_span", "start_span")

_ID = re.compile(r"(?:^|_)(?:ids?|uuid|guid|pk|url|uri|email|filename|file_path|query|prompt|token|hash|digest)$")


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in ("start_as_current_span", "start_span"):
        return
    if not file.is_service or not speaks_opentelemetry(file):
        return
    # The route is known when the request was served, and the name may be given then.
    function = file.enclosing_def(call)
    if function is not None and file.mentions("update_name") and "update_name(" in file.code(function.body):
        return
    name = argument(call, "name", 0)
    name = file.value_of(name) if isinstance(name, cst.Name) and file.is_local(name) else name
    for value in _values(name) if name is not None else ():
        last = (dotted(value) or "").rpartition(".")[2].lower()
        raw = isinstance(value, cst.Attribute) and raw_part_of_request(value) is not None
        if raw or _ID.search(last) or last in UNBOUNDED_LABELS:
            yield Note(
                name if argument(call, "name", 0) is name and name is not None else call,
                f"the span's name holds `{file.code(value)}`, so each value makes a name of its own",
            )
            return


def _values(name: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The values that a text is put together from."""
    match name:
        case cst.FormattedString() | cst.ConcatenatedString():
            yield from (_bare(p.expression) for p in walk(name) if isinstance(p, cst.FormattedStringExpression))
        case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
            for side in (left, right):
                yield from _values(side) if not isinstance(side, (cst.Name, cst.Attribute, cst.Call)) else [_bare(side)]
        case cst.BinaryOperation(operator=cst.Modulo(), left=cst.SimpleString(), right=right):
            values = [element.value for element in right.elements] if isinstance(right, cst.Tuple) else [right]
            yield from map(_bare, values)
        case cst.Call(func=cst.Attribute(value=cst.SimpleString(), attr=cst.Name(value="format"))):
            yield from (_bare(arg.value) for arg in name.args)


def _bare(expression: cst.BaseExpression) -> cst.BaseExpression:
    """`x` of `str(x)`."""
    match expression:
        case cst.Call(func=cst.Name(value="str"), args=[cst.Arg(value=inner)]):
            return inner
    return expression
