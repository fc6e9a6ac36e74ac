"""How the value of a call is used where the call only makes a coroutine.

May not guess: a coroutine may be kept, passed on and awaited later, so only what a value alone can do counts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.check import Fix, FixKind, Insert
from postil.lint.tree import walk

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_OF_COROUTINES = ("send", "throw", "close", "cr_", "__")
_WANT_VALUES = frozenset({"len", "sum", "sorted", "list", "tuple", "set", "frozenset", "dict", "any", "all", "min",
                          "max", "int", "float", "str", "bool", "bytes", "enumerate", "reversed", "round",
                          "abs"})  # fmt: skip
_WANT_VALUES_IN_IT = frozenset({"all", "any", "max", "min", "sorted", "sum"})


@dataclass(frozen=True, eq=False)
class Used:
    """What a coroutine is used for: a message, and the place if that is not the call itself."""

    message: str
    place: cst.CSTNode | None


def used_as_value(call: cst.Call, file: "SourceFile") -> Used | None:
    """How what a call gives is used as a value, directly or as the variable that it is kept in; None for all else."""
    above = file.parent(call)
    use, place = _use(call, file), None
    if use is None and isinstance(above, (cst.Assign, cst.AnnAssign)):
        use, place = _later_use(above, file)
    if use is None:
        return None
    written = file.code(call) if len(file.code(call)) <= 50 else f"{file.code(call.func)}(…)"
    return Used(f"`{written}` is not awaited, and {use}", place)


def _use(node: cst.CSTNode, file: "SourceFile") -> str | None:  # noqa: C901 - one case for each place
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
        case cst.GeneratorExp() | cst.ListComp() if above.elt is node:
            return _use_as_element(above, file)
        case cst.Arg():
            return _use_as_argument(above, file)
    return None


def _use_as_element(made: cst.GeneratorExp | cst.ListComp, file: "SourceFile") -> str | None:
    arg = file.parent(made)
    call = file.parent(arg) if isinstance(arg, cst.Arg) else None
    name = file.name_of(call.func) if isinstance(call, cst.Call) else None
    return f"`{name}` is given coroutines" if name in _WANT_VALUES_IN_IT else None


def _use_as_argument(arg: cst.Arg, file: "SourceFile") -> str | None:
    if arg.star:
        return "a coroutine can't be unpacked"
    call = file.parent(arg)
    name = file.name_of(call.func) if isinstance(call, cst.Call) else None
    return f"`{name}` is given a coroutine" if name in _WANT_VALUES else None


def _later_use(statement: cst.Assign | cst.AnnAssign, file: "SourceFile") -> tuple[str | None, cst.CSTNode | None]:
    """How the variable that a statement sets is used, if that is all that is done with it, and where."""
    target = statement.target if isinstance(statement, cst.AnnAssign) else statement.targets[0].target
    function = file.enclosing_function(statement)
    if not isinstance(target, cst.Name) or not isinstance(function, cst.FunctionDef):
        return None, None
    uses: list[tuple[str | None, cst.CSTNode]] = []
    for node in walk(function):
        if not isinstance(node, cst.Name) or node.value != target.value or node is target:
            continue
        above = file.parent(node)
        if (isinstance(above, cst.Attribute) and above.attr is node) or (
            isinstance(above, cst.Arg) and above.keyword is node
        ):
            continue
        uses.append((_use(node, file), node))
    if not uses or uses[0][0] is None:
        return None, None
    is_only_value = file.value_of(target) is statement.value and all(use is not None for use, _ in uses)
    return uses[0] if is_only_value or _is_cached(statement, uses, file) else (None, None)


def _is_cached(
    statement: cst.Assign | cst.AnnAssign, uses: list[tuple[str | None, cst.CSTNode]], file: "SourceFile"
) -> bool:
    """Whether a variable is asked for its value next, and given an awaited one where it has none.

    So it is never meant to be awaited: `found = cache.get(key)`, `if found is None: found = await load(key)`.
    """
    line, first = file.parent(statement), uses[0][1]
    block = file.parent(line) if line is not None else None
    lines = list(block.body) if isinstance(block, cst.IndentedBlock) else []
    after = lines[lines.index(line) + 1] if line in lines[:-1] else None  # ty: ignore[invalid-argument-type]
    if not isinstance(after, cst.If) or not any(node is first for node in walk(after.test)):
        return False
    is_set = False
    for _, node in uses:
        above = file.parent(node)
        taker = file.parent(above) if isinstance(above, cst.Arg) else None
        takes = (file.name_of(taker.func) or "") if isinstance(taker, cst.Call) else ""
        if isinstance(above, cst.Await) or takes.startswith(("asyncio.", "inspect.")):
            return False
        if isinstance(above, cst.AssignTarget):
            made = file.parent(above)
            if not isinstance(made, cst.Assign) or not isinstance(made.value, cst.Await):
                return False
            if any(each is use for each in walk(made.value) for _, use in uses):
                return False
            is_set = is_set or any(made is inner for inner in walk(after.body))
    return is_set


def awaited(call: cst.Call, file: "SourceFile") -> Fix | None:
    """`await` in front of a call; None where nothing can be awaited."""
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        return None
    if any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call)):
        return None
    if isinstance(file.parent(call), (cst.Attribute, cst.Subscript)):
        return Fix((Insert(file.at(call), "(await "), Insert(file.at(call), ")", after=True)), FixKind.SUGGESTION)
    return Fix((Insert(file.at(call), "await "),), FixKind.SUGGESTION)
