"""What becomes of the code behind a `yield` that lends something: in a context manager, or in a dependency.

An exception of the borrower arrives at the `yield`, and what follows is skipped unless a `try` deals with it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from postil.lint.check import Fix, FixKind, Insert
from postil.lint.names import dotted, last_name
from postil.lint.source import SourceFile
from postil.lint.tree import walk

_GROUPS = frozenset({"TaskGroup", "create_task_group", "open_nursery"})
# Names of what undoes, gives back or ends something. A commit or a flush belongs to the success of the body.
_UNDOES = re.compile(
    # What is called `after_drop` tells others of it.
    r"^(?!_*(?:after|before|did|notify|on)_)(?:|.*_)a?"
    r"(?:stop|close|shut_?down|clean|teardown|exit|dispose|drain|finali[sz]e|terminate|kill|release|remove"
    r"|delete|del(?:attr|item)$|unlink|rm(?:tree|dir)|restore|reset|unset|give_?back|put_?(?:back|conn)|return_"
    r"|unlock|clear|pop"
    r"|discard|disconnect|detach|unregister|unsubscribe|uninstall|undo|revert|leave|deactivate|unpatch|destroy"
    r"|log_?out|down$|end$|drop)",
    re.IGNORECASE,
)
_SUCCEEDS = re.compile(r"(?:commit|flush|publish|ack$)")
_COPIES = frozenset({"dict", "list", "set", "copy", "deepcopy"})
_ENDS_THE_PROGRAM = frozenset({"exit", "sys.exit", "os._exit"})
# Names of what puts a value in force: called before the `yield` and again behind it, the second call restores.
_SETS = re.compile(r"(?:^|_)(?:set|chdir|signal|configure|enable|disable|install|patch|umask|switch|execute)")

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement | cst.BaseSmallStatement


@dataclass(frozen=True)
class Skipped:
    """Clean-up behind a `yield` that doesn't happen when the borrower fails, and the fix where one is certain."""

    statement: Statement
    fix: Fix | None


def skipped_cleanup(produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> Skipped | None:
    """The first statement behind a `yield` that undoes something, and is skipped when what borrows raises.

    None where a `try` deals with the failure, in a task group, and where what follows belongs to success.
    """
    after = list(_run_after(produced, function, file))
    undone = next((statement for statement in after if _cleans_up(statement, produced, function, file)), None)
    # What an exit stack would undo after a failure, it is told to leave after success.
    if any(isinstance(node, cst.Call) and last_name(node.func) == "pop_all" for each in after for node in walk(each)):
        return None
    # Other code behind a `yield` belongs to the success of the body five times out of six.
    if undone is None or any(_opens_group(above, file) for above in file.ancestors(produced)):
        return None
    return Skipped(undone, _in_finally(produced, after, undone, file))


def _cleans_up(statement: Statement, produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a statement undoes, by its words or because it sets anew what was set before the `yield`."""
    targets: set[str] = set()
    calls: set[str] = set()
    for node in walk(statement):
        match node:
            # A call for the sake of its result undoes nothing.
            case cst.Expr(value=(cst.Call() as call) | cst.Await(expression=cst.Call() as call)):
                name = last_name(call.func)
                handling = any(isinstance(above, cst.ExceptHandler) for above in file.ancestors(call))
                if _UNDOES.search(name) and dotted(call.func) not in _ENDS_THE_PROGRAM and not handling:
                    return True
                if _SETS.search(name):
                    calls.add(file.code(call.func))
            case cst.Del(target=cst.Attribute() | cst.Subscript()):
                return True
            case cst.AssignTarget(target=target) | cst.AugAssign(target=target):
                if not isinstance(target, cst.Name):
                    targets.add(file.code(target))
    if not targets and not calls:
        return False
    for node in walk(function.body):
        if node is produced:
            return False
        match node:
            case cst.AssignTarget(target=target) | cst.AugAssign(target=target) if file.code(target) in targets:
                return True
            # `saved = settings.debug`, and later `settings.debug = saved`
            case cst.Assign(value=value) if file.code(_original(value)) in targets:
                return True
            case cst.Call() if file.code(node.func) in calls:
                return True
    return False


def _original(value: cst.BaseExpression) -> cst.BaseExpression:
    """What an expression is a copy of: `x` of `dict(x)`, `copy.copy(x)` and `x.copy()`; itself where it is none."""
    match value:
        case cst.Call(func=cst.Attribute(value=original, attr=cst.Name("copy")), args=[]):
            return original
        case cst.Call(func=func, args=[cst.Arg(value=original)]) if last_name(func) in _COPIES:
            return original
    return value


def _run_after(produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> Iterator[Statement]:
    """The statements that run after a `yield` when its body ended well; none where a `try` deals with its failure.

    A `try` whose handlers only look at the failure, and all raise it again, doesn't.
    """
    child: cst.CSTNode = produced
    left_loop = False
    found: list[Statement] = []
    stopped = False
    for above in file.ancestors(produced):
        if isinstance(above, (cst.Try, cst.TryStar)):
            if above.finalbody is not None and child is not above.finalbody:
                return
            if child is above.body and not all(map(_passes_on, above.handlers)):
                return
        elif isinstance(above, (cst.IndentedBlock, cst.SimpleStatementSuite, cst.SimpleStatementLine)) and not stopped:
            for statement in _behind(above.body, child):
                if _ends(statement, cst.Return, cst.Raise):
                    stopped = True
                    break
                if _ends(statement, cst.Break, cst.Continue):
                    left_loop = True
                    break
                found.append(statement)
            if left_loop:
                stopped = True
        elif isinstance(above, (cst.For, cst.While)) and left_loop:
            left_loop = stopped = False
        if above is function:
            break
        child = above
    yield from found


def _passes_on(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler undoes nothing and raises again."""
    return _ends(handler.body.body[-1], cst.Raise) and not any(
        isinstance(node, (cst.Del, cst.AssignTarget))
        or (isinstance(node, cst.Call) and _UNDOES.search(last_name(node.func)))
        for node in walk(handler.body)
    )


def _behind(body: Sequence[cst.CSTNode], child: cst.CSTNode) -> Iterator[Statement]:
    passed = False
    for statement in body:
        if passed and isinstance(statement, Statement) and not _ends(statement, cst.Pass):
            yield statement
        passed = passed or statement is child


def _ends(statement: cst.CSTNode, *kinds: type[cst.CSTNode]) -> bool:
    """Whether a statement is, or as a line begins with, one of these."""
    if isinstance(statement, cst.SimpleStatementLine):
        return isinstance(statement.body[0], kinds)
    return isinstance(statement, kinds)


def _opens_group(node: cst.CSTNode, file: SourceFile) -> bool:
    if not isinstance(node, cst.With):
        return False
    calls = [item.item for item in node.items if isinstance(item.item, cst.Call)]
    return any((dotted(call.func) or "").rpartition(".")[2] in _GROUPS for call in calls)


def _in_finally(produced: cst.Yield, after: list[Statement], undone: Statement, file: SourceFile) -> Fix | None:
    """Puts the `yield` in a `try` and what undoes in its `finally`, where that moves whole lines only.

    What stands before the first statement that undoes stays with the success of the body: a commit, a message.
    """
    line = file.enclosing_statement(produced)
    block = file.parent(line)
    if not isinstance(line, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock):
        return None
    behind = list(block.body[block.body.index(line) + 1 :])
    lines = [statement for statement in behind if isinstance(statement, cst.SimpleStatementLine)]
    plain = len(lines) == len(behind) and all("\n" not in file.code(each).strip() for each in (line, *lines))
    if not plain or behind != after or len(line.body) > 1:
        return None
    first = next(index for index, each in enumerate(lines) if each is undone)
    if any(isinstance(node, cst.AssignTarget) for each in lines[:first] for node in walk(each)):
        first = 0  # the clean-up may need what is assigned
    last = (line, *lines)[first]
    calls = [node for each in lines[first:] for node in walk(each) if isinstance(node, cst.Call)]
    if last.trailing_whitespace.comment is not None or any(_SUCCEEDS.match(last_name(call.func)) for call in calls):
        return None
    unit = file.module.default_indent
    indent = "".join(
        above.indent if above.indent is not None else unit
        for above in file.ancestors(line)
        if isinstance(above, cst.IndentedBlock)
    )
    newline = file.module.default_newline
    edits = (
        Insert(line, f"try:{newline}{indent}{unit}"),
        *(Insert(each, unit) for each in lines[:first]),
        Insert(last, f"{newline}{indent}finally:", after=True),
        *(Insert(each, unit) for each in lines[first:]),
    )
    return Fix(edits, FixKind.SUGGESTION)
