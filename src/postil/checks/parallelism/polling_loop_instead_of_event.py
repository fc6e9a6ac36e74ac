"""Finds loops that sleep until something in the same process has changed."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("sleep",)

_READS = frozenset({cst.Name, cst.Attribute, cst.UnaryOperation, cst.BooleanOperation, cst.Comparison,
                    cst.ComparisonTarget, cst.Not, cst.And, cst.Or, cst.Is, cst.IsNot, cst.Equal, cst.NotEqual,
                    cst.Integer, cst.GreaterThan, cst.In, cst.NotIn, cst.SimpleString})  # fmt: skip


def check(loop: cst.While, file: SourceFile) -> Notes:
    lines = loop.body.body
    if len(lines) != 1 or not isinstance(lines[0], cst.SimpleStatementLine) or len(lines[0].body) != 1:
        return
    only = lines[0].body[0]
    awaited = only.value if isinstance(only, cst.Expr) else None
    if not isinstance(awaited, cst.Await) or not isinstance(awaited.expression, cst.Call):
        return
    if file.name_of(awaited.expression.func) not in ("asyncio.sleep", "anyio.sleep", "trio.sleep"):
        return
    asked = next((node for node in walk(loop.test) if isinstance(node, cst.Attribute) and _is_own(node)), None)
    if asked is None or any(node.__class__ not in _READS for node in walk(loop.test)):
        return
    if file.is_script or file.in_test(loop):
        return
    yield Note(loop, f"this wakes up again and again to look at `{dotted(asked)}`, which an `Event` would tell at once")


def _is_own(attribute: cst.Attribute) -> bool:
    return dotted(attribute.value) in ("self", "cls")
