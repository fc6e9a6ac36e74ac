"""Finds updates of shared state that read it before an `await` and write it after."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, Replace, SourceFile
from postil.lint.locks import is_under_lock
from postil.lint.names import parameters
from postil.lint.tree import suspensions, walk, walk_scope

MENTIONS = ("await",)

_OF_SETS = (cst.BitOrAssign, cst.BitAndAssign, cst.BitXorAssign)
_SHARED = frozenset({cst.Attribute, cst.Subscript, cst.Name})


def check(statement: cst.AugAssign | cst.Assign, file: SourceFile) -> Notes:
    target = statement.target if isinstance(statement, cst.AugAssign) else statement.targets[0].target
    if target.__class__ not in _SHARED:
        return
    value = _added(statement, target)
    if value is None or next(suspensions(value), None) is None or _changes_in_place(statement, target, file):
        return
    function = file.enclosing_function(statement)
    if not isinstance(function, cst.FunctionDef) or not _is_shared(target, function, file):
        return
    if is_under_lock(statement, file) or file.is_startup(statement) or file.in_test(statement):
        return
    written = file.code(target)
    yield Note(
        statement,
        f"`{written}` is read before the `await` and written after it, so what other tasks add meanwhile is lost",
        fix=_waited_for_first(statement, value, function, file),
    )


def _added(statement: cst.AugAssign | cst.Assign, target: cst.BaseExpression) -> cst.BaseExpression | None:
    """What is computed after the target was read: `b` of `a += b`, of `a = a + b` and of `a[k] = a.get(k, 0) + b`."""
    if isinstance(statement, cst.AugAssign):
        return statement.value
    value = statement.value
    if value.__class__ is not cst.BinaryOperation or not isinstance(value, cst.BinaryOperation):
        return None
    return value.right if any(_reads(node, target) for node in walk(value.left)) else None


def _reads(node: cst.CSTNode, target: cst.BaseExpression) -> bool:
    """Whether a piece of code is what the target holds now."""
    if node.__class__ is not cst.Call or not isinstance(node, cst.Call) or not isinstance(target, cst.Subscript):
        return node.deep_equals(target)
    key = target.slice[0].slice
    return (
        isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "get"
        and bool(node.args)
        and isinstance(key, cst.Index)
        and node.args[0].value.deep_equals(key.value)
        and node.func.value.deep_equals(target.value)
    )


def _changes_in_place(statement: cst.AugAssign | cst.Assign, target: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether `+=` adds to the very list or set that others add to, so that nothing is lost."""
    if not isinstance(statement, cst.AugAssign):
        return False
    if isinstance(statement.operator, _OF_SETS) or isinstance(statement.value, (cst.List, cst.ListComp)):
        return True
    return (file.type_of(target) or "").rpartition(".")[2].lower() in ("list", "set", "dict", "deque", "counter")


def _is_shared(target: cst.BaseExpression, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether others can see what is written: an object that came from outside, or a global name."""
    root = target
    while isinstance(root, (cst.Attribute, cst.Subscript)):
        root = root.value
    if not isinstance(root, cst.Name):
        return False
    if any(param.name.value == root.value for param in parameters(function)):
        return root is not target
    if root is target:
        return any(
            item.name.value == root.value
            for node in walk_scope(function.body)
            if isinstance(node, cst.Global)
            for item in node.names
        )
    return not file.is_local(root) and file.name_of(root) is None


def _waited_for_first(
    statement: cst.AugAssign | cst.Assign, value: cst.BaseExpression, function: cst.FunctionDef, file: SourceFile
) -> Fix | None:
    """The value in a variable of its own, a line before."""
    line = file.enclosing_statement(statement)
    names = {node.value for node in walk(function) if isinstance(node, cst.Name)}
    name = next((each for each in ("added", "result", "value") if each not in names), None)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1 or name is None:
        return None
    if isinstance(file.parent(line), cst.SimpleStatementSuite) or "\n" in file.code(value):
        return None
    before = f"{name} = {file.code(value)}{file.module.default_newline}{file.indentation(line)}"
    return Fix((Insert(statement, before), Replace(value, name)))
