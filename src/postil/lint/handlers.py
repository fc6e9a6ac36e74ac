"""What an exception handler does with the exception: logs it, hands it on, raises."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint.catalogue.loggers import REPORTERS
from postil.lint.logs import LogCall, log_call
from postil.lint.names import dotted
from postil.lint.source import SourceFile
from postil.lint.tree import walk, walk_scope

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

TEXT = "text"


def does_nothing(body: cst.BaseSuite) -> str | None:
    """How a suite does nothing: "pass", "continue", "return" or `TEXT`; None when it does something."""
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
                how = TEXT
            case cst.Continue():
                how = how or "continue"
            case cst.Return(value=None | cst.Name(value="None")):
                how = how or "return"
            case _:
                return None
    return how


def explains(code: str) -> bool:
    """Whether a comment in a handler says anything to a reader."""
    return any(re.search(r"[^\W\d_]{2}", _FOR_TOOLS.sub("", comment)) for comment in re.findall(r"#(.*)", code))


def at_exit(handler: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a handler runs while the interpreter or an object goes away, where there may be nobody left to tell."""
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


def log_lines(handler: cst.ExceptHandler | cst.ExceptStarHandler, file: SourceFile) -> Iterator[LogCall]:
    """The log lines of a handler itself; those of a handler inside it are not its own."""
    for node in walk_scope(handler.body):
        line = log_call(node, file)
        if line is not None and innermost_handler(node, file) is handler:
            yield line


def innermost_handler(node: cst.CSTNode, file: SourceFile) -> cst.CSTNode | None:
    """The handler in which a node stands."""
    return next(
        (above for above in file.ancestors(node) if isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler))), None
    )


def raises(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler raises anywhere in its own body, or ends the process."""
    return any(
        isinstance(node, cst.Raise)
        or (isinstance(node, cst.Call) and (dotted(node.func) or "") in ("sys.exit", "exit", "os._exit", "quit"))
        for node in walk_scope(handler.body)
    )


def reports(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler tells of the failure in another way than by the log: an error tracker, a printed traceback."""
    for node in walk(handler.body):
        if isinstance(node, cst.Call):
            last = (dotted(node.func) or "").rpartition(".")[2]
            if last in REPORTERS:
                return True
    return False


def hands_on(handler: cst.ExceptHandler | cst.ExceptStarHandler, file: SourceFile) -> bool:
    """Whether a handler passes the exception itself to somebody else than a logger: as argument, result, attribute.

    Its text in a string, and its type, aren't the exception.
    """
    name = dotted(handler.name.name) if handler.name is not None else None
    if name is None:
        return False
    for node in walk(handler.body):
        if not (isinstance(node, cst.Name) and node.value == name):
            continue
        used = file.parent(node)
        if isinstance(used, cst.Arg):
            call = file.parent(used)
            if not isinstance(call, cst.Call):
                return True
            called = dotted(call.func) or ""
            if log_call(call, file) is None and called not in (
                "str",
                "repr",
                "type",
                "isinstance",
                "getattr",
                "hasattr",
            ):
                return True
        elif isinstance(used, (cst.Return, cst.Assign, cst.AnnAssign, cst.Element, cst.DictElement, cst.Yield)):
            return True
    return False


def catches_all(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function hardly can raise: all that may fail in it stands in a `try` that catches `Exception`."""
    if not isinstance(function.body, cst.IndentedBlock):
        return False
    tried = [line for line in function.body.body if not _is_plain(line)]
    return bool(tried) and all(isinstance(each, cst.Try) and _keeps(each, file) for each in tried)


def catches_most(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a function catches `Exception` anywhere in its own body, so that somebody thought of its failures."""
    return any(isinstance(node, cst.Try) and _keeps(node, file) for node in walk_scope(function.body))


def _keeps(tried: cst.Try, file: SourceFile) -> bool:
    return any(file.is_broad(handler) and not raises(handler) for handler in tried.handlers)


def _is_plain(line: cst.CSTNode) -> bool:
    """Whether a statement has nothing in it that is likely to fail: a docstring, a constant, a `return`."""
    return isinstance(line, cst.SimpleStatementLine) and not any(
        isinstance(node, (cst.Call, cst.Await, cst.Subscript, cst.Raise)) for node in walk(line)
    )
