"""Where control can go: whether a block of code can run to its end.

May not guess: what may never return, or may swallow an exception, counts as not coming to the end.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.names import dotted
from postil.lint.tree import children, walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_NEVER_RETURN = frozenset(
    {"sys.exit", "exit", "quit", "os._exit", "os.abort", "typing.assert_never", "typing_extensions.assert_never",
     "pytest.fail", "pytest.skip", "pytest.exit", "pytest.xfail"}
)  # fmt: skip
_NO_RESULT = frozenset({"typing.NoReturn", "typing.Never", "typing_extensions.NoReturn", "typing_extensions.Never"})
# What such a function from elsewhere is called.
_RAISING_NAME = re.compile(r"^_*(?:raise|fail|abort|throw|die|reject|assert_never|unreachable|error)(?:_|$)")
_DEPTH = 3
_LOOPS = (cst.For, cst.While)


def reaches_end(block: cst.BaseSuite, file: "SourceFile") -> bool:
    """Whether control surely can run out of a block at its end, instead of by `return`, `raise` or a jump.

    False where it can't, and where that isn't known: a `match` all of whose cases leave may be exhaustive, and so may
    a chain of `if` and `elif`.
    """
    return _runs_through(block.body, file, 0)


def _runs_through(statements: Sequence[cst.CSTNode], file: "SourceFile", depth: int) -> bool:
    return all(_passes(statement, file, depth) for statement in statements)


def _passes(statement: cst.CSTNode, file: "SourceFile", depth: int) -> bool:
    """Whether control can come out behind a statement."""
    match statement:
        case cst.SimpleStatementLine():
            return _runs_through(statement.body, file, depth)
        case cst.Return() | cst.Raise() | cst.Break() | cst.Continue():
            return False
        case cst.Assert(test=cst.Name(value="False")):
            return False
        case cst.Expr(value=value):
            call = value.expression if isinstance(value, cst.Await) else value
            return not (isinstance(call, cst.Call) and _never_returns(call, file, depth))
        case cst.If():
            return _passes_if(statement, file, depth)
        case cst.Else():
            return _runs_through(statement.body.body, file, depth)
        case cst.While() | cst.For():
            return _leaves_loop(statement, file, depth)
        case cst.With():
            suppresses = any(
                isinstance(item.item, cst.Call) and file.name_of(item.item.func) == "contextlib.suppress"
                for item in statement.items
            )
            return suppresses or _runs_through(statement.body.body, file, depth)
        case cst.Try() | cst.TryStar():
            if statement.finalbody is not None and not _runs_through(statement.finalbody.body.body, file, depth):
                return False
            done = _runs_through(statement.body.body, file, depth)
            if done and statement.orelse is not None:
                done = _runs_through(statement.orelse.body.body, file, depth)
            return done or any(_runs_through(handler.body.body, file, depth) for handler in statement.handlers)
        case cst.Match():
            return any(_runs_through(case.body.body, file, depth) for case in statement.cases)
    return True


def _passes_if(statement: cst.If, file: "SourceFile", depth: int) -> bool:
    bodies: list[cst.BaseSuite] = []
    branch: cst.If | cst.Else | None = statement
    while isinstance(branch, cst.If):
        bodies.append(branch.body)
        branch = branch.orelse
    if branch is not None:
        bodies.append(branch.body)
    if any(_runs_through(body.body, file, depth) for body in bodies):
        return True
    return branch is None and len(bodies) == 1


def _leaves_loop(loop: cst.For | cst.While, file: "SourceFile", depth: int) -> bool:
    if _breaks(loop.body):
        return True
    if isinstance(loop, cst.While) and _always(loop.test):
        return False
    return loop.orelse is None or _runs_through(loop.orelse.body.body, file, depth)


def _always(test: cst.BaseExpression) -> bool:
    return (isinstance(test, cst.Name) and test.value == "True") or (
        isinstance(test, cst.Integer) and test.evaluated_value != 0
    )


def _breaks(block: cst.CSTNode) -> bool:
    """Whether a `break` in a loop's body ends that very loop."""
    for child in children(block):
        if isinstance(child, cst.Break):
            return True
        if isinstance(child, (*_LOOPS, cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            if isinstance(child, _LOOPS) and child.orelse is not None and _breaks(child.orelse):
                return True
            continue
        if _breaks(child):
            return True
    return False


def _never_returns(call: cst.Call, file: "SourceFile", depth: int) -> bool:
    if file.name_of(call.func) in _NEVER_RETURN:
        return True
    found = file.definition_of(call.func)
    if isinstance(found, cst.FunctionDef):
        if found.returns is not None and file.name_of(found.returns.annotation) in _NO_RESULT:
            return True
        return (
            depth < _DEPTH
            and not any(isinstance(node, (cst.Return, cst.Yield)) for node in walk_scope(found.body))
            and not _runs_through(found.body.body, file, depth + 1)
        )
    last = (dotted(call.func) or "").rpartition(".")[2]
    return _RAISING_NAME.match(last) is not None
