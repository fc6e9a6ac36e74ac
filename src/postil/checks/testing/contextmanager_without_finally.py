"""Finds context managers whose clean-up is skipped when their body raises."""

from collections.abc import Iterator, Sequence

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Secondary, SourceFile
from postil.lint.names import dotted
from postil.lint.tree import walk, walk_scope

MENTIONS = ("contextmanager",)

_DECORATORS = ("contextlib.contextmanager", "contextlib.asynccontextmanager")
# What belongs to the success of the body, or ends a group that ends by itself when the body fails.
_ON_SUCCESS = frozenset({"commit", "flush", "cancel"})
_GROUPS = frozenset({"TaskGroup", "create_task_group", "open_nursery"})

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement | cst.BaseSmallStatement


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or file.decorator(function, *_DECORATORS) is None:
        return
    if file.is_lifespan(function) or file.decorator(function, "pytest.fixture", "pytest_asyncio.fixture") is not None:
        return
    for node in walk_scope(function.body):
        if isinstance(node, cst.Yield):
            yield from _judged(node, function, file)


def _judged(produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> Notes:
    after = list(_run_after(produced, function, file))
    cleanup = [statement for statement in after if not _only_checks(statement)]
    if not cleanup:
        return
    calls = [call for statement in cleanup for call in walk(statement) if isinstance(call, cst.Call)]
    names = [(dotted(call.func) or "").rpartition(".")[2] for call in calls]
    on_success = bool(names) and set(names) <= _ON_SUCCESS
    in_group = any(_opens_group(above, file) for above in file.ancestors(produced))
    first = cleanup[0]
    yield Note(
        produced,
        f"what follows this `yield` is skipped when the body of `with {function.name.value}(…)` raises",
        severity="hint" if on_success or in_group else None,
        secondary=(Secondary(first, "skipped"),),
        fix=None if on_success or in_group else _in_finally(produced, after, file),
    )


def _run_after(produced: cst.Yield, function: cst.FunctionDef, file: SourceFile) -> Iterator[_Statement]:
    """The statements that run after a `yield` when its body ended well; none where a `try` deals with its failure."""
    child: cst.CSTNode = produced
    left_loop = False
    found: list[_Statement] = []
    stopped = False
    for above in file.ancestors(produced):
        if isinstance(above, (cst.Try, cst.TryStar)):
            protected = above.finalbody is not None and child is not above.finalbody
            if protected or (child is above.body and above.handlers):
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


def _behind(body: Sequence[cst.CSTNode], child: cst.CSTNode) -> Iterator[_Statement]:
    passed = False
    for statement in body:
        if passed and isinstance(statement, _Statement) and not _ends(statement, cst.Pass):
            yield statement
        passed = passed or statement is child


def _ends(statement: cst.CSTNode, *kinds: type[cst.CSTNode]) -> bool:
    """Whether a statement is, or as a line begins with, one of these."""
    if isinstance(statement, cst.SimpleStatementLine):
        return isinstance(statement.body[0], kinds)
    return isinstance(statement, kinds)


def _only_checks(statement: _Statement) -> bool:
    """Whether a statement only asserts something of a body that succeeded."""
    match statement:
        case cst.SimpleStatementLine():
            return all(isinstance(part, (cst.Assert, cst.Raise, cst.Pass)) for part in statement.body)
        case cst.If():
            branches = [*statement.body.body]
            if isinstance(statement.orelse, cst.Else):
                branches.extend(statement.orelse.body.body)
            elif statement.orelse is not None:
                branches.append(statement.orelse)
            return all(isinstance(branch, _Statement) and _only_checks(branch) for branch in branches)
    return isinstance(statement, (cst.Assert, cst.Raise, cst.Pass))


def _opens_group(node: cst.CSTNode, file: SourceFile) -> bool:
    if not isinstance(node, cst.With):
        return False
    calls = [item.item for item in node.items if isinstance(item.item, cst.Call)]
    return any((dotted(call.func) or "").rpartition(".")[2] in _GROUPS for call in calls)


def _in_finally(produced: cst.Yield, after: list[_Statement], file: SourceFile) -> Fix | None:
    """Puts the `yield` in a `try` and what follows in its `finally`, where that moves whole lines only."""
    line = file.enclosing_statement(produced)
    block = file.parent(line)
    if not isinstance(line, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock):
        return None
    behind = list(block.body[block.body.index(line) + 1 :])
    lines = [statement for statement in behind if isinstance(statement, cst.SimpleStatementLine)]
    plain = len(lines) == len(behind) and all("\n" not in file.code(each).strip() for each in (line, *lines))
    if not plain or behind != after or len(line.body) > 1 or line.trailing_whitespace.comment is not None:
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
        Insert(line, f"{newline}{indent}finally:", after=True),
        *(Insert(each, unit) for each in lines),
    )
    return Fix(edits, FixKind.SUGGESTION)
