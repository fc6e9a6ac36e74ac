"""Finds JSON of other services that is used before anything has checked it."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.around import tries_around
from postil.lint.fetched import MENTIONS as _LIBRARIES
from postil.lint.fetched import fetched, given_to, uses
from postil.lint.handlers import raises
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = _LIBRARIES

_READS = frozenset({"get", "items", "keys", "values", "pop"})
_KEPT = frozenset({"debug", "info", "warning", "error", "exception", "print", "len", "log"})
_OWN = re.compile(r"localhost|127\.0\.0\.1|0\.0\.0\.0|\.internal\b|\.svc\b")
_FAILED = re.compile(r"!=|>=? *[34]|\bnot\b|is_error|is_client_error|is_server_error|== *[45]\d\d|in *[(\[{] *[45]")
_EXPECTED = frozenset({"KeyError", "TypeError", "LookupError", "AttributeError", "IndexError"})


def check(file: SourceFile, *, own_services: tuple[str, ...] = ()) -> Notes:
    if not file.is_service or file.is_command:
        return
    for answer in fetched(file):
        asked = " ".join(file.code(arg.value) for arg in answer.call.args[:2])
        if _OWN.search(asked) or any(own in asked for own in own_services):
            continue
        for body in answer.bodies(file):
            used = _used(body, file)
            if used is not None:
                text = f"{answer.by} answers with whatever it likes, and {used[1]} before anything has checked it"
                yield Note(used[0], text)
                break


def _used(body: cst.CSTNode, file: SourceFile) -> tuple[cst.CSTNode, str] | None:
    """Where JSON is read, iterated or returned as it came, with words for it; None where something may check it."""
    if _is_failure(body, file):
        return None
    above = file.parent(body)
    if isinstance(above, (cst.Assign, cst.AnnAssign)) and (name := given_to(above)) is not None:
        return _used_by_name(name, file)
    return _use(body, file)


def _used_by_name(name: cst.Name, file: SourceFile) -> tuple[cst.CSTNode, str] | None:
    function = file.enclosing_function(name)
    if function is None:
        return None
    found: tuple[cst.CSTNode, str] | None = None
    for node in uses(name, function, file):
        # `"rates" in data` looks at what came.
        if isinstance(file.parent(node), cst.ComparisonTarget):
            return None
        outer = file.parent(above) if isinstance(above := file.parent(node), cst.Subscript) else None
        if isinstance(outer, cst.AssignTarget):
            return None
        if isinstance(file.parent(node), cst.Arg) and not _is_kept(node, file):
            return None
        if isinstance(file.parent(node), (cst.AssignTarget, cst.StarredElement, cst.StarredDictElement)):
            return None
        found = found or _use(node, file)
    return found


def _use(node: cst.CSTNode, file: SourceFile) -> tuple[cst.CSTNode, str] | None:
    above = file.parent(node)
    if above is None or _is_expected(node, file) or _is_failure(node, file):
        return None
    if isinstance(above, cst.Subscript) and above.value is node:
        outer = file.parent(above)
        return (
            None if isinstance(outer, cst.AssignTarget) or _is_checked(above, file) else (above, _is_read(above, file))
        )
    if isinstance(above, cst.Attribute) and above.attr.value in _READS:
        call = file.parent(above)
        if not isinstance(call, cst.Call) or call.func is not above or _is_checked(call, file):
            return None
        # A fallback, or a question, says that something else is expected.
        expected = isinstance(file.parent(call), (cst.BooleanOperation, cst.Comparison, cst.UnaryOperation, cst.If))
        return None if expected or len(call.args) > 1 else (call, _is_read(call, file))
    if isinstance(above, (cst.For, cst.CompFor)) and above.iter is node:
        inside = above.body if isinstance(above, cst.For) else file.parent(above)
        checks = inside is not None and any(isinstance(part, cst.Call) and _may_check(part) for part in walk(inside))
        return None if checks else (node, f"`{_short(node, file)}` is iterated")
    if isinstance(above, cst.Return):
        return above, "is returned" if len(_short(node, file)) > 30 else f"`{_short(node, file)}` is returned"
    return None


def _is_read(node: cst.CSTNode, file: SourceFile) -> str:
    return f"`{_short(node, file)}` is read"


def _short(node: cst.CSTNode, file: SourceFile) -> str:
    text = " ".join(file.code(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_checked(read: cst.CSTNode, file: SourceFile) -> bool:
    """Whether what was read goes straight to something that may check it: `Rates.model_validate(data["rates"])`."""
    above = file.parent(read)
    if isinstance(above, (cst.For, cst.CompFor)) and above.iter is read:
        inside = above.body if isinstance(above, cst.For) else file.parent(above)
        return inside is not None and any(isinstance(part, cst.Call) and _may_check(part) for part in walk(inside))
    call = file.parent(above) if isinstance(above, cst.Arg) else None
    return isinstance(call, cst.Call) and _may_check(call)


def _may_check(call: cst.Call) -> bool:
    last = (dotted(call.func) or "").rpartition(".")[2]
    return last[:1].isupper() or bool(re.search(r"validate|parse|convert|structure|load|from_|isinstance|schema", last))


def _is_kept(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a value is only logged or counted by the call that takes it."""
    arg = file.parent(node)
    call = file.parent(arg) if arg is not None else None
    return isinstance(call, cst.Call) and (dotted(call.func) or "").rpartition(".")[2] in _KEPT


def _is_expected(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether the function is prepared for another form: a `try` around catches what a missing key raises."""
    for tried in tries_around(node, None, file):
        for handler in tried.handlers:
            if file.is_broad(handler) and not raises(handler):
                return True
            caught = handler.type.elements if isinstance(handler.type, cst.Tuple) else [handler]
            names = [each.value if isinstance(each, cst.Element) else handler.type for each in caught]
            if any((dotted(name) or "") in _EXPECTED for name in names):
                return True
    return False


def _is_failure(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether this is where a failure is told of: in a handler, a `raise`, or the branch of a bad status."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.ExceptHandler, cst.Raise)):
            return True
        if isinstance(above, cst.If):
            test = file.code(above.test)
            about = "status" in test or ".ok" in test or "is_" in test
            failed = _FAILED.search(test) is not None
            if about and ((child is above.body and failed) or (child is above.orelse and not failed)):
                return True
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return False
        child = above
    return False
