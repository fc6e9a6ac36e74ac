"""Finds coroutines that are used as if they were the results of their functions."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Secondary, SourceFile
from postil.lint.coroutines import KNOWN_NAMES, makes_coroutine
from postil.lint.tree import walk

MENTIONS = ("async def", "fastapi", "starlette")

_OF_COROUTINES = ("send", "throw", "close", "cr_", "__")
_WANT_VALUES = frozenset({"len", "sum", "sorted", "list", "tuple", "set", "frozenset", "dict", "any", "all", "min",
                          "max", "int", "float", "str", "bool", "bytes", "enumerate", "reversed", "round",
                          "abs"})  # fmt: skip


def check(file: SourceFile) -> Notes:
    coroutines = {each.name.value for each in file.nodes(cst.FunctionDef) if each.asynchronous is not None}
    coroutines |= KNOWN_NAMES
    for call in file.nodes(cst.Call):
        name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if isinstance(name, cst.Name) and name.value in coroutines:
            yield from _judged(call, file)


def _judged(call: cst.Call, file: SourceFile) -> Notes:
    above = file.parent(call)
    use, place = _use(call, file), None
    if (
        (use is None and not isinstance(above, (cst.Assign, cst.AnnAssign)))
        or not makes_coroutine(call, file)
        or file.in_test(call)
    ):
        return
    if use is None and isinstance(above, (cst.Assign, cst.AnnAssign)):
        use, place = _later_use(above, file)
    if use is None:
        return
    written = file.code(call) if len(file.code(call)) <= 50 else f"{file.code(call.func)}(…)"
    yield Note(
        call,
        f"`{written}` is not awaited, and {use}",
        fix=_awaited(call, file),
        secondary=(Secondary(place, "used as a value"),) if place is not None else (),
    )


def _use(node: cst.CSTNode, file: SourceFile) -> str | None:
    """How an expression's value is used, in words that end "… is not awaited, and"; None where a coroutine may be."""
    above = file.parent(node)
    match above:
        case cst.If() | cst.While() | cst.Assert() | cst.CompIf() if above.test is node:
            return "a coroutine is always true"
        case cst.IfExp():
            return "a coroutine is always true" if above.test is node else _use(above, file)
        case cst.UnaryOperation(operator=cst.Not()):
            return "a coroutine is always true"
        case cst.BooleanOperation():
            return "a coroutine is always true" if above.left is node else _use(above, file)
        case cst.NamedExpr():
            return _use(above, file)
        case cst.Comparison() | cst.ComparisonTarget():
            return "a coroutine is compared with a value"
        case cst.Attribute() if not above.attr.value.startswith(_OF_COROUTINES):
            return f"a coroutine has no `{above.attr.value}`"
        case cst.Subscript() if above.value is node:
            return "a coroutine has no items"
        case cst.FormattedStringExpression():
            return "a coroutine is put into a text"
        case cst.BinaryOperation() | cst.AugAssign() | cst.UnaryOperation():
            return "a coroutine can't be computed with"
        case cst.For() | cst.CompFor() if above.iter is node and above.asynchronous is None:
            return "a coroutine can't be iterated over"
        case cst.StarredElement() | cst.StarredDictElement():
            return "a coroutine can't be unpacked"
        case cst.Match() if above.subject is node:
            return "a coroutine is compared with a value"
        case cst.Assign() if any(isinstance(each.target, (cst.Tuple, cst.List)) for each in above.targets):
            return "a coroutine can't be unpacked"
        case cst.Arg():
            return _use_as_argument(above, file)
    return None


def _use_as_argument(arg: cst.Arg, file: SourceFile) -> str | None:
    if arg.star:
        return "a coroutine can't be unpacked"
    call = file.parent(arg)
    name = file.name_of(call.func) if isinstance(call, cst.Call) else None
    return f"`{name}` is given a coroutine" if name in _WANT_VALUES else None


def _later_use(statement: cst.Assign | cst.AnnAssign, file: SourceFile) -> tuple[str | None, cst.CSTNode | None]:
    """How the variable that a statement sets is used, if that is all that is done with it, and where."""
    target = statement.target if isinstance(statement, cst.AnnAssign) else statement.targets[0].target
    function = file.enclosing_function(statement)
    if not isinstance(target, cst.Name) or not isinstance(function, cst.FunctionDef):
        return None, None
    first: tuple[str | None, cst.CSTNode | None] = (None, None)
    for node in walk(function):
        if not isinstance(node, cst.Name) or node.value != target.value or node is target:
            continue
        above = file.parent(node)
        if (isinstance(above, cst.Attribute) and above.attr is node) or (
            isinstance(above, cst.Arg) and above.keyword is node
        ):
            continue
        use = _use(node, file)
        if use is None:
            return None, None
        first = first if first[0] is not None else (use, node)
    if first[0] is None or file.value_of(target) is not statement.value:
        return None, None
    return first


def _awaited(call: cst.Call, file: SourceFile) -> Fix | None:
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        return None
    if any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call)):
        return None
    if isinstance(file.parent(call), (cst.Attribute, cst.Subscript)):
        return Fix((Insert(call, "(await "), Insert(call, ")", after=True)), FixKind.SUGGESTION)
    return Fix((Insert(call, "await "),), FixKind.SUGGESTION)
