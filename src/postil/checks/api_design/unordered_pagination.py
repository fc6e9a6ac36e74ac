"""Finds pages of rows that are cut out of no particular order."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = (".offset(",)

_SELECTS = frozenset({"sqlalchemy.select", "sqlalchemy.future.select", "sqlalchemy.sql.select", "sqlmodel.select",
                      "sqlmodel.sql.expression.select"})  # fmt: skip
# One row, or no list of rows at all.
_NO_LIST = frozenset({"first", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "subquery", "cte",
                      "exists", "count", "order_by"})  # fmt: skip
_RUNS = frozenset({"execute", "scalars", "scalar", "exec", "stream", "stream_scalars", "fetch_all", "fetch", "print",
                   "debug", "info", "str"})  # fmt: skip
_ORDERS = re.compile(r"order_by|sort|paginat|keyset", re.IGNORECASE)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value != "offset" or not call.args or file.is_test:
        return
    function = file.enclosing_def(call)
    if function is None or _ORDERS.search(file.code(function.body)):
        return
    chain = _chain(call, file)
    root = _root(chain[-1], file) if chain else None
    if root is None or not _gives_rows(call, function, file):
        return
    text = f"this page of `{root}` is cut out of no particular order, so pages may repeat rows and leave some out"
    yield Note(func.attr, text, fix=_ordered(func, root, file))


def _chain(call: cst.Call, file: SourceFile) -> list[cst.Call]:
    """The calls that a query is made of, the first one last, through the one name that it may have."""
    found: list[cst.Call] = []
    current: cst.BaseExpression | None = call
    names = 0
    while current is not None and len(found) < 30:
        if isinstance(current, cst.Call):
            found.append(current)
            if isinstance(current.func, cst.Attribute) and file.name_of(current.func) is None:
                current = current.func.value
                continue
            return found
        if isinstance(current, cst.Name) and names < 3:
            names += 1
            current = _first_value(current, file)
            continue
        return found
    return found


def _first_value(name: cst.Name, file: SourceFile) -> cst.BaseExpression | None:
    """What a name is first assigned; None where anything but itself, changed, is assigned later on."""
    function = file.enclosing_def(name)
    if function is None:
        return None
    values = [
        node.value
        for node in walk(function.body)
        if isinstance(node, cst.Assign) and any(dotted(each.target) == name.value for each in node.targets)
    ]
    if not values:
        return None
    later = [value for value in values[1:] if not _begins_with(value, name.value)]
    return None if later else values[0]


def _begins_with(value: cst.BaseExpression, name: str) -> bool:
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        value = value.func.value
    return isinstance(value, cst.Name) and value.value == name


def _root(call: cst.Call, file: SourceFile) -> str | None:
    """What is asked for, where a call begins a query: `Order` of `select(Order)` and `session.query(Order)`."""
    begins = file.name_of(call.func) in _SELECTS
    if not begins and isinstance(call.func, cst.Attribute) and call.func.attr.value == "query":
        begins = file.mentions("sqlalchemy") or file.mentions("sqlmodel") or file.mentions("Session")
    if not begins or not call.args:
        return None
    return dotted(call.args[0].value) or "rows"


def _gives_rows(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the query gives a list, and is nowhere handed to what might order it."""
    top: cst.CSTNode = call
    names: set[str] = set()
    above = file.parent(top)
    while above is not None:
        if isinstance(above, cst.Attribute):
            if above.attr.value in _NO_LIST:
                return False
        elif isinstance(above, cst.Call) and above.func is top:
            is_limit = isinstance(top, cst.Attribute) and top.attr.value == "limit" and above.args
            if is_limit and file.code(above.args[0].value) == "1":
                return False
        elif isinstance(above, cst.Arg):
            taker = file.parent(above)
            return isinstance(taker, cst.Call) and (dotted(taker.func) or "").rpartition(".")[2] in _RUNS
        elif isinstance(above, (cst.Assign, cst.Await)):
            if isinstance(above, cst.Assign):
                names = {each.value for t in above.targets if isinstance(each := t.target, cst.Name)}
                break
        else:
            break
        top, above = above, file.parent(above)
    for node in walk(function.body):
        if not isinstance(node, cst.Name) or node.value not in names:
            continue
        used = file.parent(node)
        taker = file.parent(used) if isinstance(used, cst.Arg) else None
        if isinstance(taker, cst.Call) and (dotted(taker.func) or "").rpartition(".")[2] not in _RUNS:
            return False
        if isinstance(used, cst.Attribute) and used.attr.value in _NO_LIST:
            return False
    return True


def _ordered(func: cst.Attribute, root: str, file: SourceFile) -> Fix | None:
    """An order by the key, where the class at hand says that it is called `id`."""
    table = file.class_named(root)
    has_id = table is not None and any(
        isinstance(node, (cst.AnnAssign, cst.AssignTarget)) and dotted(node.target) == "id" for node in walk(table.body)
    )
    return Fix((Insert(func.value, f".order_by({root}.id)", after=True),), FixKind.SUGGESTION) if has_id else None
