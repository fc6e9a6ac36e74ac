"""Finds requests that are all sent at once, as many as there are items."""

import re

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.families import CLIENTS, REQUESTS
from postil.lint.fanout import Work, fanouts
from postil.lint.tree import walk, walk_scope

MENTIONS = ("gather", "TaskGroup", "as_completed")

_LIMITED = re.compile(
    r"[Ss]emaphore|[Ll]imiter|aiometer|Limits\(|limit=|limit_per_host|throttl|[Rr]ate_?[Ll]imit|max_concurren|\bsem\b|Pool\("
)
_PARTS = re.compile(r"chunk|batch|slice|page|islice|partition|shard|worker|group", re.IGNORECASE)
_ROWS = frozenset({"all", "execute", "fetch", "fetchall", "find", "scalars", "to_list"})
_DEPTH = 3


def check(file: SourceFile) -> Notes:
    if not file.is_service or _LIMITED.search(file.text):
        return
    for fanout in fanouts(file):
        if file.in_test(fanout.place) or file.is_cleanup(fanout.place):
            continue
        for work in fanout.works:
            if work.over is None or _is_bounded(work.over, file):
                continue
            request = _request(work, file)
            if request is None:
                continue
            over = file.code(work.over)
            items = f"`{over}`" if len(over) <= 40 and "\n" not in over else "what this goes over"
            yield Note(
                work.expression,
                f"as many requests run at once as {items} has items",
                secondary=(Secondary(request, "the request"),) if request is not work.expression else (),
                severity="warning" if _comes_from_outside(work.over, file) else None,
            )
            break


def _is_bounded(over: cst.BaseExpression, file: SourceFile, depth: int = 0) -> bool:
    """Whether the number of items is fixed by the code: literals, constants, ranges, slices, batches."""
    match over:
        case cst.List() | cst.Tuple() | cst.Set() | cst.Dict():
            return True
        case cst.Subscript():
            return any(isinstance(part.slice, cst.Slice) for part in over.slice) or _is_bounded(over.value, file)
        case cst.Name() | cst.Attribute():
            name = over.value if isinstance(over, cst.Name) else over.attr.value
            if name.isupper() or _PARTS.search(name) or file.name_of(over) is not None:
                return True
            value = file.value_of(over)
            return value is not None and depth < _DEPTH and _is_bounded(value, file, depth + 1)
        case cst.Call():
            if _PARTS.search(file.code(over.func)):
                return True
            if file.name_of(over.func) == "range":
                return all(isinstance(arg.value, cst.Integer) or file.code(arg.value).isupper() for arg in over.args)
            inner = [arg.value for arg in over.args if arg.keyword is None]
            if file.name_of(over.func) in ("zip", "enumerate", "set", "list", "sorted", "reversed", "tuple"):
                return any(_is_bounded(each, file, depth) for each in inner)
            if isinstance(over.func, cst.Attribute) and over.func.attr.value in ("items", "keys", "values"):
                return _is_bounded(over.func.value, file, depth)
    return False


def _request(work: Work, file: SourceFile) -> cst.CSTNode | None:
    """Where the work speaks over the network, itself or in functions of this file that it calls."""
    if work.called is None:
        return None
    if _is_request(work.called, file):
        return work.expression
    callee = file.definition_of(work.called)
    if not isinstance(callee, cst.FunctionDef):
        return None
    for function in file.calls.reached(callee):
        for node in walk_scope(function.body):
            if isinstance(node, cst.Call) and _is_request(node.func, file):
                return node
    return None


def _is_request(called: cst.BaseExpression, file: SourceFile) -> bool:
    if not isinstance(called, cst.Attribute):
        return False
    name = file.name_of(called)
    if name is not None:
        return name in REQUESTS
    return called.attr.value not in ("aclose", "close") and file.type_of(called.value) in CLIENTS


def _comes_from_outside(over: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a client or a table decides how many items there are."""
    value = file.value_of(over) or over
    if any(isinstance(node, cst.Attribute) and node.attr.value in _ROWS for node in walk(value)):
        return True
    function = file.enclosing_def(over)
    root = over
    while isinstance(root, cst.Attribute):
        root = root.value
    return (
        function is not None
        and isinstance(root, cst.Name)
        and file.is_request_handler(function)
        and any(param.name.value == root.value for param in function.params.params)
    )
