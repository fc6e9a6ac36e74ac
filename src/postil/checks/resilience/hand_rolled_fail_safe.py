"""Finds handlers that answer any failure with a default, and tell nobody."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.handlers import log_lines, reports
from postil.lint.names import dotted
from postil.lint.tree import walk

# Text into a value: a failure is an answer there.
_PARSERS = frozenset({"int", "float", "loads", "fromisoformat", "strptime", "UUID", "Decimal", "literal_eval", "parse"})
_EMPTY_CALLS = frozenset({"list", "dict", "set", "tuple", "frozenset", "str"})


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    body = handler.body.body
    if len(body) != 1 or body[0].__class__ is not cst.SimpleStatementLine:
        return
    line = cst.ensure_type(body[0], cst.SimpleStatementLine)
    statement = line.body[0] if len(line.body) == 1 else None
    # Without a value it is dropped, which is another rule's.
    if not isinstance(statement, cst.Return) or statement.value is None or not _is_default(statement.value):
        return
    if not file.is_service or not file.is_broad(handler) or file.is_cleanup(handler):
        return
    if any(log_lines(handler, file)) or reports(handler) or _only_parses(handler, file):
        return
    yield Note(handler, f"any failure becomes `{file.code(statement.value)}` here, and nobody learns of it")


def _is_default(value: cst.BaseExpression) -> bool:
    """Whether a value says nothing of what failed: a constant, an empty container, something called a default."""
    if isinstance(value, (cst.List, cst.Dict, cst.Tuple)):
        return not value.elements
    if isinstance(value, (cst.SimpleString, cst.Integer, cst.Float)):
        return True
    if isinstance(value, cst.Call):
        return not value.args and dotted(value.func) in _EMPTY_CALLS
    name = dotted(value)
    return name in ("False", "default", "fallback", "self.default")


def _only_parses(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    tried = file.parent(handler)
    if not isinstance(tried, cst.Try):
        return False
    calls = [(dotted(node.func) or "").rpartition(".")[2] for node in walk(tried.body) if isinstance(node, cst.Call)]
    return not calls or any(name in _PARSERS for name in calls)
