"""Finds results of `gather` that are told from exceptions by `Exception`, which a cancelled call's isn't."""

import libcst as cst

from postil.lint import Fix, Note, Notes, SourceFile
from postil.lint.fanout import assigned, awaited, collects_exceptions
from postil.lint.names import targets
from postil.lint.tree import walk

MENTIONS = ("return_exceptions",)

_HAND_ON = frozenset({"zip", "enumerate", "list", "tuple", "reversed"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not call.args or file.name_of(call.func) != "asyncio.gather" or not collects_exceptions(call):
        return
    waiting, function = awaited(call, file), file.enclosing_function(call)
    if waiting is None or not isinstance(function, cst.FunctionDef) or file.in_test(call) or file.is_cleanup(waiting):
        return
    code = list(walk(function.body))
    if any(isinstance(node, (cst.Name, cst.Attribute)) and _names_cancellation(node) for node in code):
        return
    known = _told_by_class(code, file)
    items = _items(code, set(assigned(file.parent(waiting))), waiting, file)
    for node in code:
        if isinstance(node, cst.Call) and file.name_of(node.func) == "isinstance" and len(node.args) == 2:
            item, kind = node.args[0].value, node.args[1].value
            if (
                isinstance(item, cst.Name)
                and item.value in items - known
                and file.name_of(kind) == "Exception"
                and _is_data_otherwise(node, item.value, file)
            ):
                yield Note(
                    node,
                    f"`{item.value}` may be a `CancelledError`, which is no `Exception` and passes for a result here",
                    fix=Fix.replace(kind, "BaseException"),
                )


def _names_cancellation(node: cst.Name | cst.Attribute) -> bool:
    last = node.attr.value if isinstance(node, cst.Attribute) else node.value
    return last in ("CancelledError", "BaseException")


def _told_by_class(code: list[cst.CSTNode], file: SourceFile) -> set[str]:
    """The names that are asked for being of a class that is no exception, for which no cancellation passes."""
    return {
        node.args[0].value.value
        for node in code
        if isinstance(node, cst.Call)
        and file.name_of(node.func) == "isinstance"
        and len(node.args) == 2
        and isinstance(node.args[0].value, cst.Name)
        and not any(
            each.value.endswith(("Exception", "Error", "Failed", "NotReady", "Timeout"))
            for each in walk(node.args[1].value)
            if isinstance(each, cst.Name)
        )
    }


def _items(code: list[cst.CSTNode], names: set[str], waiting: cst.Await, file: SourceFile) -> set[str]:
    """The names that hold one result each: unpacked, or of a loop over the results."""
    above = file.parent(waiting)
    items = set(names) if len(names) > 1 else set()
    if isinstance(above, (cst.For, cst.CompFor)) and above.iter is waiting:
        items.update(name.value for name in targets(above.target))
    for node in code:
        if isinstance(node, (cst.For, cst.CompFor)):
            found = _loop_item(node.iter, node.target, names, file)
            if found is not None:
                items.add(found)
    return items


def _loop_item(over: cst.BaseExpression, target: cst.BaseExpression, names: set[str], file: SourceFile) -> str | None:
    """The name that is one of the results, in a loop over them: `r` of `for a, r in zip(given, results)`."""
    if isinstance(over, cst.Name):
        return target.value if over.value in names and isinstance(target, cst.Name) else None
    if not isinstance(over, cst.Call) or file.name_of(over.func) not in _HAND_ON:
        return None
    is_enumerated = file.name_of(over.func) == "enumerate"
    for index, arg in enumerate(over.args):
        if arg.keyword is not None:
            continue
        place = 1 if is_enumerated else index
        part = target
        if isinstance(target, cst.Tuple):
            part = target.elements[place].value if place < len(target.elements) else None
        found = _loop_item(arg.value, part, names, file) if part is not None else None
        if found is not None:
            return found
    return None


def _is_data_otherwise(test: cst.Call, item: str, file: SourceFile) -> bool:
    """Whether the item is used as a result where the test says that it is no exception."""
    condition: cst.CSTNode = test
    above = file.parent(test)
    negated = isinstance(above, cst.UnaryOperation) and isinstance(above.operator, cst.Not)
    if negated and above is not None:
        condition = above
    holder = file.parent(condition)
    while isinstance(holder, cst.BooleanOperation):
        condition, holder = holder, file.parent(holder)
    match holder:
        case cst.CompIf():
            comprehension = next((a for a in file.ancestors(holder) if hasattr(a, "for_in")), None)
            return negated and comprehension is not None and _uses(getattr(comprehension, "elt", comprehension), item)
        case cst.IfExp() if holder.test is condition:
            return _uses(holder.body if negated else holder.orelse, item)
        case cst.If() if holder.test is condition:
            if negated:
                return _uses(holder.body, item)
            if holder.orelse is not None and _uses(holder.orelse, item):
                return True
            return _leaves(holder) and any(_uses(line, item) for line in _after(holder, file))
    return False


def _uses(node: cst.CSTNode, item: str) -> bool:
    return any(isinstance(each, cst.Name) and each.value == item for each in walk(node))


def _leaves(statement: cst.If) -> bool:
    """Whether the branch ends the round, so that what follows is for results only."""
    last = statement.body.body[-1]
    last = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
    return isinstance(last, (cst.Continue, cst.Return, cst.Raise, cst.Break))


def _after(statement: cst.If, file: SourceFile) -> list[cst.CSTNode]:
    block = file.parent(statement)
    lines = list(block.body) if isinstance(block, cst.IndentedBlock) else []
    index = next((index for index, line in enumerate(lines) if line is statement), len(lines))
    return list(lines[index + 1 :])
