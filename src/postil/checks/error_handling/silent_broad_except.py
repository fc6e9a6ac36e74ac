"""Finds handlers that catch everything and do nothing."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile

# What a comment says to tools; what is left over is said to people.
_FOR_TOOLS = re.compile(
    r"noqa(:\s*[A-Z]+\d+([,\s]+[A-Z]+\d+)*)?"
    r"|nosec(\s+B\d+([,\s]+B\d+)*)?"
    r"|type:\s*ignore(\[[^\]]*\])?"
    r"|pragma:?\s*no\s*(cover|branch)"
    r"|(pylint|pyright|ruff|mypy|flake8|fmt|isort|coverage|codeql|sonar|lgtm)\s*:[^#]*"
    r"|NOSONAR|NOQA|lgtm\[[^\]]*\]",
    re.IGNORECASE,
)

_ENDS = re.compile(
    r"close|cancel|stop|shutdown|dispose|terminate|kill|unlink|remove|delete|rollback|disconnect|cleanup"
)


def check(handler: cst.ExceptHandler | cst.ExceptStarHandler, file: SourceFile) -> Notes:
    what = _nothing(handler.body)
    if what is None or not file.is_broad(handler) or _at_exit(handler, file):
        return
    caught = f"except {file.code(handler.type)}" if handler.type is not None else "except"
    explained = (
        what == _TEXT or _explains(file.code(handler)) or file.is_cleanup(handler) or _only_closes(handler, file)
    )
    message = f"`{caught}:` drops every error without a trace"
    yield Note(handler, message, severity="hint" if explained else None)


_TEXT = "text"


def _nothing(body: cst.BaseSuite) -> str | None:
    """How a suite does nothing: "pass", "continue", "return" or a text; None when it does something."""
    statements: list[cst.CSTNode] = []
    for line in body.body:
        if isinstance(line, cst.SimpleStatementLine):
            statements.extend(line.body)
        else:
            statements.append(line)
    how = None
    for statement in statements:
        match statement:
            case cst.Pass() | cst.Expr(value=cst.Ellipsis()):
                how = how or "pass"
            case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
                how = _TEXT
            case cst.Continue():
                how = how or "continue"
            case cst.Return(value=None | cst.Name(value="None")):
                how = how or "return"
            case _:
                return None
    return how


def _explains(code: str) -> bool:
    """Whether a comment in a handler that does nothing says anything to a reader."""
    return any(re.search(r"[^\W\d_]{2}", _FOR_TOOLS.sub("", comment)) for comment in re.findall(r"#(.*)", code))


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


def _at_exit(handler: cst.CSTNode, file: SourceFile) -> bool:
    """Whether this runs while the interpreter or an object goes away, where there may be nobody left to tell."""
    function = file.enclosing_def(handler)
    if function is None:
        return False
    if function.name.value == "__del__" or file.decorator(function, "atexit.register") is not None:
        return True
    for call in file.nodes(cst.Call):
        if file.name_of(call.func) == "atexit.register" and call.args:
            handed = call.args[0].value
            if file.definition_of(handed) is function:
                return True
    return False
