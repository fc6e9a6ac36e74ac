"""Finds OpenTelemetry spans that are started and not ended, or not on every path."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.logs import log_call
from postil.lint.names import dotted
from postil.lint.spans import is_tracer
from postil.lint.tree import walk, walk_scope

MENTIONS = ("start_span",)

# What is given to a span's own methods, mostly.
_CALM = frozenset({"str", "int", "len", "repr", "bool", "float", "dict", "list", "isinstance", "getattr", "type"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not (isinstance(func, cst.Attribute) and func.attr.value == "start_span") or not is_tracer(func.value, file):
        return
    # Tests look at spans that go nowhere.
    if file.in_test(call):
        return
    around = file.parent(call)
    if isinstance(around, cst.Expr) and around.value is call:
        yield Note(call, "the span is kept nowhere, so it can't be ended and is never sent")
        return
    function = file.enclosing_def(call)
    if not isinstance(around, cst.Assign) or len(around.targets) != 1 or function is None:
        return
    target = around.targets[0].target
    if not isinstance(target, cst.Name) or _leaves(target, function, file):
        return
    ends = list(_ends(target.value, function))
    if not ends:
        yield Note(call, f"`{target.value}` is never ended, so it is never sent")
    elif any(_catches_all(end, file) for end in ends):
        return
    elif (leaves := _leaving(around, ends, target.value, function, file)) is not None:
        said = (
            f"`{target.value}` is not ended, and so never sent, when `{function.name.value}` returns before its `end()`"
        )
        yield Note(call, said, secondary=(Secondary(leaves, "returns here"),))
    elif _may_raise(around, ends[-1], target.value, function, file):
        yield Note(call, f"`{target.value}` is not ended, and so never sent, when anything before its `end()` raises")


def _leaves(target: cst.Name, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the span is handed on to something that may end it."""
    for node in walk(function):
        if not (isinstance(node, cst.Name) and node.value == target.value and node is not target):
            continue
        used = file.parent(node)
        if isinstance(used, cst.Attribute) and used.value is node:
            if file.enclosing_function(node) is not function:
                return True  # a callback
            continue
        if isinstance(used, cst.Arg) and isinstance(call := file.parent(used), cst.Call):
            name = (dotted(call.func) or "").rpartition(".")[2]
            keeps = not any(arg.keyword is not None and arg.keyword.value == "end_on_exit" for arg in call.args)
            if name == "use_span" and keeps:
                continue
            return True
        if isinstance(used, (cst.Comparison, cst.If, cst.BooleanOperation, cst.UnaryOperation, cst.AssignTarget)):
            continue
        return True
    return False


def _ends(name: str, function: cst.FunctionDef) -> Iterator[cst.Call]:
    for node in walk_scope(function.body):
        if isinstance(node, cst.Call) and dotted(node.func) == f"{name}.end":
            yield node


def _leaving(
    start: cst.CSTNode, ends: list[cst.Call], span: str, function: cst.FunctionDef, file: SourceFile
) -> cst.Return | None:
    """Where a function returns between the start of a span and its last end, without an end on the way there."""
    begun = False
    for node in walk_scope(function.body):
        begun = begun or node is start
        if node is ends[-1]:
            return None
        if begun and isinstance(node, cst.Return) and not _is_ended_before(node, ends, span, file):
            return node
    return None


def _is_ended_before(leaving: cst.Return, ends: list[cst.Call], span: str, file: SourceFile) -> bool:
    """Whether an end stands in a `return`, or above it in a block around it, or it returns for want of a span."""
    known = {id(end) for end in ends}
    if any(id(node) in known for node in walk(leaving)):
        return True
    child: cst.CSTNode = leaving
    for above in file.ancestors(leaving):
        if isinstance(above, cst.FunctionDef):
            return False
        if isinstance(above, cst.If) and any(isinstance(n, cst.Name) and n.value == span for n in walk(above.test)):
            return True
        if isinstance(above, cst.IndentedBlock):
            for line in above.body:
                if line is child:
                    break
                if any(id(node) in known for node in walk(line)):
                    return True
        child = above
    return False


def _catches_all(end: cst.Call, file: SourceFile) -> bool:
    return any(isinstance(above, (cst.Finally, cst.ExceptHandler)) for above in file.ancestors(end))


def _may_raise(start: cst.CSTNode, end: cst.Call, span: str, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether anything of weight is called between the start of a span and its last end."""
    passed = {id(part) for part in walk(start)}
    begun = False
    for node in walk_scope(function.body):
        begun = begun or id(node) in passed
        if not begun or id(node) in passed:
            continue
        if node is end:
            return False
        if isinstance(node, cst.Await):
            return True
        if not isinstance(node, cst.Call):
            continue
        if (dotted(node.func) or "").startswith(f"{span}."):
            passed.update(map(id, walk(node)))
        elif log_call(node, file) is None and not _is_calm(node, file):
            return True
    return False


def _is_calm(call: cst.Call, file: SourceFile) -> bool:
    name = file.name_of(call.func) or ""
    return name in _CALM or name.startswith("opentelemetry.")
