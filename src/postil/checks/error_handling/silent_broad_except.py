"""Finds handlers that catch everything and do nothing."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.handlers import TEXT, at_exit, does_nothing, explains

_ENDS = re.compile(
    r"close|cancel|stop|shutdown|dispose|terminate|kill|unlink|remove|delete|rollback|disconnect|cleanup"
)


def check(handler: cst.ExceptHandler | cst.ExceptStarHandler, file: SourceFile) -> Notes:
    what = does_nothing(handler.body)
    if what is None or not file.is_broad(handler) or at_exit(handler, file):
        return
    caught = f"except {file.code(handler.type)}" if handler.type is not None else "except"
    explained = what == TEXT or explains(file.code(handler)) or file.is_cleanup(handler) or _only_closes(handler, file)
    message = f"`{caught}:` drops every error without a trace"
    yield Note(handler, message, severity="hint" if explained else None)


def _only_closes(handler: cst.CSTNode, file: SourceFile) -> bool:
    """Whether all that was tried is one call that ends something: `connection.close()`."""
    tried = file.parent(handler)
    if not isinstance(tried, (cst.Try, cst.TryStar)) or len(tried.body.body) != 1:
        return False
    line = tried.body.body[0]
    statement = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else line
    call = statement.value if isinstance(statement, cst.Expr) else None
    call = call.expression if isinstance(call, cst.Await) else call
    if not isinstance(call, cst.Call):
        return False
    name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    return isinstance(name, cst.Name) and _ENDS.search(name.value) is not None
