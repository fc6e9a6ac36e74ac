"""Finds "create it if it isn't there" with an `await` between the question and the answer."""

from collections.abc import Iterator, Sequence

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile
from postil.lint.locks import is_under_lock
from postil.lint.names import dotted
from postil.lint.tree import suspensions, walk, walk_scope

MENTIONS = ("await",)


def check(statement: cst.If, file: SourceFile) -> Notes:
    missing = _asked_for(statement.test)
    code: list[cst.CSTNode] = [statement.body] if missing is not None else []
    if missing is None and (missing := _found(statement)) is not None:
        code = _after(statement, file)
    if missing is None or (waits := next(_waits(code), None)) is None:
        return
    function = file.enclosing_function(statement)
    if not isinstance(function, cst.FunctionDef) or not _is_shared(missing, function):
        return
    name = dotted(missing)
    assigned = next((node for part in code for node in walk_scope(part) if name in _assigned(node)), None)
    if assigned is None or not _waits_before(code, assigned):
        return
    if _is_asked_again(assigned, statement, name, file) or is_under_lock(assigned, file):
        return
    if file.is_startup(statement) or function.name.value == "start" or file.is_script or file.in_test(statement):
        return
    is_one_block = code[0] is statement.body
    if not is_one_block and file.is_cleanup(statement):
        return
    yield Note(
        statement,
        f"two tasks in `{function.name.value}` both find `{name}` missing, as it is set only after an `await`",
        fix=_under_the_lock(statement, file) if is_one_block else None,
        secondary=(Secondary(waits, "the other task runs here"),),
    )


def _asked_for(test: cst.BaseExpression) -> cst.BaseExpression | None:
    """`x` of `x is None`, `not x`, and of these before an `or`."""
    while isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.Or):
        test = test.left
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        compared = test.comparisons[0]
        if isinstance(compared.operator, (cst.Is, cst.Equal)) and dotted(compared.comparator) == "None":
            return test.left
    return None


def _found(statement: cst.If) -> cst.BaseExpression | None:
    """`x` of `if x is not None: return x` and of `if x: return x`, where that is all."""
    body = statement.body.body
    only = body[0] if len(body) == 1 else None
    line = only.body[0] if isinstance(only, cst.SimpleStatementLine) else only
    if not isinstance(line, cst.Return) or statement.orelse is not None:
        return None
    test = statement.test
    while isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        test = test.left
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        compared = test.comparisons[0]
        is_there = isinstance(compared.operator, cst.IsNot) and dotted(compared.comparator) == "None"
        return test.left if is_there else None
    return test if isinstance(test, (cst.Name, cst.Attribute)) else None


def _after(statement: cst.If, file: SourceFile) -> list[cst.CSTNode]:
    """What follows a statement in its block."""
    block = file.parent(statement)
    lines: list[cst.CSTNode] = list(block.body) if isinstance(block, cst.IndentedBlock) else []
    return lines[lines.index(statement) + 1 :] if statement in lines else []


def _waits(code: Sequence[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    return (place for part in code for place in suspensions(part))


def _is_shared(missing: cst.BaseExpression, function: cst.FunctionDef) -> bool:
    if isinstance(missing, cst.Attribute):
        return dotted(missing.value) in ("self", "cls")
    return isinstance(missing, cst.Name) and any(
        item.name.value == missing.value
        for node in walk_scope(function.body)
        if isinstance(node, cst.Global)
        for item in node.names
    )


def _assigned(node: cst.CSTNode) -> list[str | None]:
    if isinstance(node, cst.Assign):
        given = [each.target for each in node.targets]
        parts = [part.value for each in given if isinstance(each, (cst.Tuple, cst.List)) for part in each.elements]
        return [dotted(each) for each in (*given, *parts)]
    return [dotted(node.target)] if isinstance(node, cst.AnnAssign) and node.value is not None else []


def _waits_before(code: Sequence[cst.CSTNode], assigned: cst.CSTNode) -> bool:
    """Whether something is awaited before or in the value that is assigned."""
    if next(suspensions(assigned), None) is not None:
        return True
    places = {id(place) for place in _waits(code)}
    for node in (node for part in code for node in walk_scope(part)):
        if node is assigned:
            return False
        if id(node) in places:
            return True
    return False


def _is_asked_again(assigned: cst.CSTNode, statement: cst.If, name: str | None, file: SourceFile) -> bool:
    """Whether a second question stands between the first one and the answer."""
    for above in file.ancestors(assigned):
        if above is statement or isinstance(above, cst.FunctionDef):
            return False
        if isinstance(above, cst.If) and any(dotted(node) == name for node in walk_scope(above.test)):
            return True
    return False


def _under_the_lock(statement: cst.If, file: SourceFile) -> Fix | None:
    """The same under the one lock that the class has."""
    owner = file.enclosing_class(statement)
    if owner is None or statement.orelse is not None or isinstance(file.parent(statement), cst.If):
        return None
    locks = {
        written
        for node in walk(owner.body)
        if isinstance(node, cst.Assign) and file.name_of(getattr(node.value, "func", node)) == "asyncio.Lock"
        for target in node.targets
        if (written := dotted(target.target)) is not None and written.startswith("self.")
    }
    text = file.laid_out(statement, statement, deeper=True)
    if len(locks) != 1 or text is None:
        return None
    indent = file.indentation(statement) + file.module.default_indent
    header = f"async with {locks.pop()}:{file.module.default_newline}"
    return Fix.replace(statement, f"{header}{indent}{text}", FixKind.SUGGESTION)
