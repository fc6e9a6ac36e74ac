"""Finds loops over data that the first failure ends, and nobody hears of the rest."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile
from postil.lint.handlers import hands_on, raises, reports
from postil.lint.logs import log_call
from postil.lint.names import dotted, targets
from postil.lint.tree import is_generator, walk, walk_scope

_STREAM = re.compile(
    r"stream|socket|\b_?ws\b|websocket|iter|content|chunk|line|subscri|listen|event|message|poll|response|consume|channel"
    r"|read|watch|recv|reader|stdout|stderr|cursor|tail|split|retry|retries|attempt|page",
    re.IGNORECASE,
)
_NO_DATA = frozenset({"range", "count", "cycle", "repeat", "iter"})
_TRANSACTION = re.compile(r"transaction|atomic|begin|savepoint|rollback|suppress|commit|unit_of_work", re.IGNORECASE)
# What is saved together, or not at all.
_SESSION = re.compile(r"session|conn|cursor|\bdb\b|lock|open\(", re.IGNORECASE)
# Calls of an item's turn that hardly fail: they put something together.
_TRIVIAL = frozenset(
    {"append", "add", "extend", "update", "get", "items", "keys", "values", "setdefault", "pop", "discard", "remove",
     "insert", "appendleft", "join", "format", "strip", "split", "lower", "upper", "startswith", "endswith", "replace",
     "print", "len", "str", "int", "float", "isinstance", "getattr", "hasattr", "setattr", "debug", "info", "warning",
     "write", "echo", "close", "cancel", "stop", "sleep"}
)  # fmt: skip


def check(tried: cst.Try, file: SourceFile) -> Notes:
    loop = _last(tried.body, file)
    if isinstance(loop, cst.With) and not any(_SESSION.search(file.code(item)) for item in loop.items):
        loop = _last(loop.body, file)
    if not isinstance(loop, cst.For) or not file.is_service:
        return
    handler = next((each for each in tried.handlers if file.is_broad(each)), None)
    if handler is None or not _swallows(handler, file) or not _is_over_data(loop) or not _works(loop, file):
        return
    function = file.enclosing_def(tried)
    if function is None or is_generator(function) or file.is_cleanup(tried) or _is_one_thing(tried, handler, file):
        return
    item = file.code(loop.target)
    yield Note(
        loop,
        f"the first `{item}` that fails ends this loop, and its caller doesn't hear of the rest",
        _inside(tried, loop, file),
        secondary=(Secondary(handler, "whatever fails ends here"),),
        anchor=loop.target,
    )


def _last(body: cst.BaseSuite, file: SourceFile) -> cst.CSTNode | None:
    """The last statement of a block that does more than log."""
    return next((line for line in reversed(body.body) if not _tells(line, file)), None)


def _tells(line: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a statement only logs."""
    if not isinstance(line, cst.SimpleStatementLine):
        return False
    return all(isinstance(each, cst.Expr) and log_call(each.value, file) is not None for each in line.body)


def _swallows(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether the caller can't tell that anything failed."""
    if raises(handler) or reports(handler) or hands_on(handler, file):
        return False
    for node in walk_scope(handler.body):
        if isinstance(node, cst.Return) and node.value is not None and not _is_empty(node.value):
            return False
        if isinstance(node, (cst.Assign, cst.AugAssign, cst.AnnAssign)):
            return False
        if (
            isinstance(node, cst.Call)
            and isinstance(file.parent(node), (cst.Expr, cst.Await))
            and log_call(node, file) is None
            and dotted(node.func) != "print"
        ):
            return False
    return True


def _is_empty(value: cst.BaseExpression) -> bool:
    if isinstance(value, (cst.List, cst.Dict, cst.Tuple)):
        return not value.elements
    return isinstance(value, cst.Name) and value.value not in ("True", "False")


def _is_over_data(loop: cst.For) -> bool:
    source = loop.iter
    while isinstance(source, cst.Call) and (dotted(source.func) or "") in (
        "enumerate", "sorted", "list", "zip", "reversed", "set", "tuple",
    ):  # fmt: skip
        if not source.args:
            return False
        source = source.args[0].value
    text = dotted(source.func if isinstance(source, cst.Call) else source) or ""
    if not text or text.rpartition(".")[2] in _NO_DATA or _STREAM.search(text):
        return False
    used = _names(loop.body)
    return any(name.value in used for name in targets(loop.target))


def _works(loop: cst.For, file: SourceFile) -> bool:
    """Whether each item's turn does something for its own sake, that may fail, and none ends the search."""
    bound = {name.value for name in targets(loop.target)}
    works = False
    for node in walk_scope(loop.body):
        # `profile = fetch(user)` is about the user, too.
        if isinstance(node, cst.Assign) and _names(node.value) & bound:
            bound |= {name.value for target in node.targets for name in targets(target.target)}
        if isinstance(node, (cst.Break, cst.Return)):
            return False
        if isinstance(node, (cst.Try, cst.TryStar)) and any(file.is_broad(each) for each in node.handlers):
            return False
        if isinstance(node, cst.With) and any("suppress" in file.code(item.item) for item in node.items):
            return False
        if isinstance(node, cst.Expr):
            call = node.value.expression if isinstance(node.value, cst.Await) else node.value
            if isinstance(call, cst.Call) and isinstance(call.func, (cst.Name, cst.Attribute)):
                last = call.func.attr.value if isinstance(call.func, cst.Attribute) else call.func.value
                works = works or (bool(_names(call) & bound) and last not in _TRIVIAL and not last.startswith("set_"))
    return works


def _names(node: cst.CSTNode) -> set[str]:
    return {each.value for each in walk(node) if isinstance(each, cst.Name)}


def _is_one_thing(tried: cst.Try, handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether all items stand or fall together: in a transaction."""
    if _TRANSACTION.search(file.code(tried)) is not None:
        return True
    return any(
        isinstance(above, cst.With) and _TRANSACTION.search(" ".join(file.code(item.item) for item in above.items))
        for above in file.ancestors(tried)
    )


def _inside(tried: cst.Try, loop: cst.For, file: SourceFile) -> Fix | None:
    """The loop around the `try`, where the loop was all that was tried and its handlers don't leave the function."""
    if not isinstance(tried.body, cst.IndentedBlock) or tuple(tried.body.body) != (loop,):
        return None
    if loop.orelse is not None or tried.orelse is not None or tried.finalbody is not None:
        return None
    if any(isinstance(node, cst.Return) for handler in tried.handlers for node in walk(handler.body)):
        return None
    if tried.body.header.comment is not None or tried.body.footer or loop.leading_lines:
        return None
    turn = tried.with_changes(body=loop.body, leading_lines=())
    text = file.laid_out(loop.with_changes(body=cst.IndentedBlock((turn,))), tried)
    return Fix.replace(tried, text, FixKind.SUGGESTION) if text is not None else None
