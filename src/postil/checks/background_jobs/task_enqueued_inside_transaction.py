"""Finds jobs that are enqueued before the transaction that writes what they need has committed."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile
from postil.lint.names import dotted, targets
from postil.lint.queues import enqueued
from postil.lint.tree import walk, walk_scope

MENTIONS = ("atomic", ".begin(", ".commit(")

_ATOMIC = frozenset({"django.db.transaction.atomic", "django.db.transaction.Atomic"})
_CREATES = frozenset({"create", "get_or_create", "update_or_create", "bulk_create"})
_IDS = frozenset({"id", "pk", "uuid", "guid", "key", "code", "number", "slug"})
_SESSION_WRITES = frozenset({"add", "add_all", "merge", "flush", "refresh"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    job = enqueued(call, file) if not file.is_test else None
    if job is None or not job.arguments:
        return
    function = file.enclosing_function(call)
    found = _transaction(call, file)
    if found is None and isinstance(function, cst.FunctionDef):
        found = _before_commit(call, function, file)
    if found is None:
        return
    place, block, words = found
    written = _written(block, call)
    name = next((owner for each in job.arguments if (owner := _owner(each)) in written), None)
    if name is not None:
        yield Note(
            call,
            f"`{job.name or file.code(call.func)}` may start before `{name}` is committed",
            fix=_on_commit(call, file) if words == "django" else None,
            secondary=(Secondary(place, "the transaction begins here" if words != "commit" else "committed here"),),
        )


def _transaction(call: cst.Call, file: SourceFile) -> tuple[cst.CSTNode, cst.CSTNode, str] | None:
    """The transaction around a call: where it begins, the code in it, and whose it is. Other functions run later."""
    child: cst.CSTNode = call
    for above in file.ancestors(call):
        if isinstance(above, cst.With) and child is above.body:
            for item in above.items:
                kind = _kind(item.item, file)
                if kind is not None:
                    return item, above.body, kind
        if isinstance(above, cst.Lambda) and child is above.body:
            return None
        if isinstance(above, cst.FunctionDef) and child is above.body:
            for decorator in above.decorators:
                if _kind(decorator.decorator, file) == "django":
                    return decorator, above.body, "django"
            return None
        child = above
    return None


def _kind(expression: cst.BaseExpression, file: SourceFile) -> str | None:
    """Whose transaction an expression opens: "django", "sqlalchemy", or None."""
    called = expression.func if isinstance(expression, cst.Call) else expression
    if file.name_of(called) in _ATOMIC:
        return "django"
    if isinstance(expression, cst.Call) and isinstance(called, cst.Attribute) and called.attr.value == "begin":
        owner = (dotted(called.value) or "").rpartition(".")[2].lower()
        kind = file.type_of(called.value) or ""
        if "session" in owner or kind.endswith(("Session", "sessionmaker")):
            return "sqlalchemy"
    return None


def _before_commit(
    call: cst.Call, function: cst.FunctionDef, file: SourceFile
) -> tuple[cst.CSTNode, cst.CSTNode, str] | None:
    """The commit of a session that follows a call in the same block, with something added to that session before."""
    statement = file.enclosing_statement(call)
    block = file.parent(statement)
    if not isinstance(block, cst.IndentedBlock) or not isinstance(function.body, cst.IndentedBlock):
        return None
    after = False
    for line in block.body:
        if line is statement:
            after = True
            continue
        if not after:
            continue
        if not isinstance(line, cst.SimpleStatementLine):
            return None
        for node in walk(line):
            if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "commit":
                return (node, function.body, "commit") if _is_session(node.func.value) else None
    return None


def _written(block: cst.CSTNode, before: cst.Call) -> set[str]:
    """The names of the objects that a block writes in front of a call: made, saved, added to a session."""
    written: set[str] = set()
    for node in walk_scope(block):
        if node is before:
            break
        if isinstance(node, cst.For):
            # The name stands for another object from here on.
            written.difference_update(name.value for name in targets(node.target))
        elif isinstance(node, cst.Assign) and isinstance(node.value, cst.Call):
            func = node.value.func
            if isinstance(func, cst.Attribute) and func.attr.value in _CREATES:
                written.update(_names(node.targets[0].target))
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            method, owner = node.func.attr.value, node.func.value
            if method in ("save", "asave") and isinstance(owner, cst.Name):
                written.add(owner.value)
            elif method in _SESSION_WRITES and _is_session(owner):
                written.update(arg.value.value for arg in node.args if isinstance(arg.value, cst.Name))
    return written


def _is_session(owner: cst.BaseExpression) -> bool:
    name = (dotted(owner) or "").lower()
    return "session" in name or name in ("db", "self.db")


def _names(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple) and target.elements and isinstance(target.elements[0].value, cst.Name):
        yield target.elements[0].value.value  # the object of `get_or_create`; the second tells whether it is new


def _owner(expression: cst.BaseExpression) -> str:
    """`order` of `order.pk`, `str(order.id)`, `[order.id]` and `order`; "" for what doesn't say which object it is."""
    if isinstance(expression, cst.Call) and len(expression.args) == 1 and isinstance(expression.func, cst.Name):
        return _owner(expression.args[0].value)
    if isinstance(expression, (cst.List, cst.Tuple)) and len(expression.elements) == 1:
        return _owner(expression.elements[0].value)
    if isinstance(expression, cst.Attribute) and expression.attr.value not in _IDS:
        return ""
    return (dotted(expression) or "").partition(".")[0]


def _on_commit(call: cst.Call, file: SourceFile) -> Fix | None:
    """`transaction.on_commit(lambda: …)` around a call that stands alone, where it is not in a loop."""
    name = file.spelling_of("django.db.transaction")
    if name is None or not isinstance(file.parent(call), cst.Expr) or "\n" in file.code(call):
        return None
    for above in file.ancestors(call):
        if isinstance(above, (cst.For, cst.While)):
            return None  # the lambda would see the last round's values
        if isinstance(above, cst.FunctionDef):
            break
    return Fix.replace(call, f"{name}.on_commit(lambda: {file.code(call)})", FixKind.SUGGESTION)
