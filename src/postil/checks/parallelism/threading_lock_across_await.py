"""Finds locks of threads that a coroutine holds while it waits."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, Secondary, SourceFile
from postil.lint.catalogue.locks import REENTRANT_LOCKS, THREAD_LOCKS
from postil.lint.names import dotted
from postil.lint.tree import suspensions, walk_scope

MENTIONS = ("threading", "multiprocessing")


def check(node: cst.With | cst.Expr, file: SourceFile) -> Notes:
    if isinstance(node, cst.With):
        held = None if node.asynchronous is not None else _entered(node, file)
        waits = next(suspensions(node.body), None) if held is not None else None
    else:
        held = _acquired(node, file)
        waits = _wait_before_release(node, held, file) if held is not None else None
    function = file.enclosing_function(node)
    if held is None or waits is None or not isinstance(function, cst.FunctionDef):
        return
    if function.asynchronous is None or file.in_test(node):
        return
    kind = file.type_of(held) or ""
    harm = (
        "and every other task of its thread gets in meanwhile"
        if kind in REENTRANT_LOCKS
        else "and the next task that wants it stops the event loop"
    )
    yield Note(
        node,
        f"`{dotted(held) or kind}`, a `{kind}`, is held while `{function.name.value}` waits, {harm}",
        fix=_with_a_lock_of_the_loop(held, file) if isinstance(node, cst.With) else None,
        secondary=(Secondary(waits, "waits here"),),
    )


def _entered(statement: cst.With, file: SourceFile) -> cst.BaseExpression | None:
    return next((each.item for each in statement.items if file.type_of(each.item) in THREAD_LOCKS), None)


def _acquired(statement: cst.Expr, file: SourceFile) -> cst.BaseExpression | None:
    """`lock` of a line `lock.acquire()`; with arguments it may come back without the lock."""
    call = statement.value
    if call.__class__ is not cst.Call or not isinstance(call, cst.Call) or call.args:
        return None
    method = call.func
    if not isinstance(method, cst.Attribute) or method.attr.value != "acquire":
        return None
    return method.value if file.type_of(method.value) in THREAD_LOCKS else None


def _wait_before_release(statement: cst.Expr, lock: cst.BaseExpression, file: SourceFile) -> cst.CSTNode | None:
    """Where the lines after `lock.acquire()` wait, if that is before they release it."""
    line = file.enclosing_statement(statement)
    block = file.parent(line)
    if not isinstance(block, cst.IndentedBlock):
        return None
    waits: cst.CSTNode | None = None
    released = f"{dotted(lock)}.release"
    lines = list(block.body)
    for later in lines[lines.index(line) + 1 :]:  # ty: ignore[invalid-argument-type]
        places = {id(place) for place in suspensions(later)}
        for node in walk_scope(later):
            if id(node) in places:
                waits = waits or node
            elif node.__class__ is cst.Call and dotted(node.func) == released:
                return waits
    return None


def _with_a_lock_of_the_loop(lock: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """`asyncio.Lock` and `async with`, where the file shows all uses, and all are `with` in coroutines."""
    made, spelling = file.value_of(lock), file.spelling_of("asyncio.Lock")
    if not isinstance(made, cst.Call) or file.name_of(made.func) != "threading.Lock" or spelling is None:
        return None
    edits: list[Replace | Insert] = [Replace(made.func, spelling)]
    name = lock.attr.value if isinstance(lock, cst.Attribute) else dotted(lock)
    for word in file.nodes(cst.Name):
        if word.value != name:
            continue
        above = file.parent(word)
        used = above if isinstance(above, cst.Attribute) and above.attr is word else word
        place = file.parent(used)
        if isinstance(place, cst.AssignTarget):
            continue
        statement = file.parent(place) if isinstance(place, cst.WithItem) else None
        function = file.enclosing_function(used)
        if (
            not isinstance(statement, cst.With)
            or len(statement.items) != 1
            or not isinstance(function, cst.FunctionDef)
            or function.asynchronous is None
        ):
            return None
        edits.append(Insert(statement, "async "))
    return Fix(tuple(edits), FixKind.SUGGESTION)
