"""Finds `pytest.raises(Exception)`, which any mistake in the test itself satisfies."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.names import last_name
from postil.lint.tree import walk

MENTIONS = ("raises", "assertRaises")

# A statement's code begins with the blank lines above it. A block's header ends with a colon, and perhaps a comment.
_HEAD = re.compile(r"\s*(?:.*?:[ \t]*(?:#[^\n]*)?(?=\n)|[^\n]*)", re.DOTALL)
_MEANT = re.compile(r"#.*(?:B017|PT011|\b(?:vary|varies|various|differs?|depends?|depending)\b)")
_BROAD = frozenset({"Exception", "BaseException"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    last = last_name(func)
    if last == "assertRaises":
        expected = argument(call, "exception", 0)
    elif last == "raises" and file.name_of(func) == "pytest.raises":
        expected = argument(call, "expected_exception", 0)
    else:
        return
    broad = _broad(expected, file)
    if broad is None or has_unpacking(call):
        return
    if any(arg.keyword is not None and arg.keyword.value in ("match", "check") for arg in call.args):
        return
    if _is_looked_at(call, file) or _is_raised_here(call, file) or _is_meant(call, file):
        return
    yield Note(call, f"`{file.code(func)}({broad})` is satisfied by any error, a misspelt name among them")


def _broad(expected: cst.BaseExpression | None, file: SourceFile) -> str | None:
    members = [each.value for each in expected.elements] if isinstance(expected, cst.Tuple) else [expected]
    names = [file.name_of(each) for each in members if each is not None]
    return next((name for name in names if name in _BROAD), None)


def _is_looked_at(call: cst.Call, file: SourceFile) -> bool:
    """Whether what was raised is kept and used later, or the call form gives something that is."""
    above = file.parent(call)
    if isinstance(above, cst.WithItem):
        if above.asname is None or not isinstance(above.asname.name, cst.Name):
            return above.asname is not None
        name, function = above.asname.name, file.enclosing_def(call)
        within = function.body if function is not None else file.module
        return any(
            isinstance(node, cst.Name) and node.value == name.value and node is not name for node in walk(within)
        )
    # `error = pytest.raises(Exception, f)`, `pytest.raises(Exception, f).match("…")`
    return not isinstance(above, cst.Expr)


def _is_meant(call: cst.Call, file: SourceFile) -> bool:
    """Whether a comment tells other linters to let this pass, or why no class can be named: somebody has decided."""
    head = _HEAD.match(file.code(file.enclosing_statement(call)))
    return head is not None and _MEANT.search(head[0]) is not None


def _is_raised_here(call: cst.Call, file: SourceFile) -> bool:
    """Whether the test itself has an `Exception` raised, so that nothing narrower could be expected.

    What stands beside the tests, a view or a fake, is raised for them.
    """
    own = _outermost(call, file)
    for raised in file.nodes(cst.Raise):
        beside = _outermost(raised, file)
        if beside is not own and beside is not None and not beside.name.value.startswith("test"):
            error = raised.exc.func if isinstance(raised.exc, cst.Call) else raised.exc
            if error is not None and file.name_of(error) in _BROAD:
                return True
    for node in walk(own if own is not None else file.module):
        match node:
            case cst.SimpleString(value=text) if "raise Exception" in text or "raise BaseException" in text:
                return True
            case cst.Raise(exc=exc) if exc is not None:
                raised = exc.func if isinstance(exc, cst.Call) else exc
                if file.name_of(raised) in _BROAD:
                    return True
            case (
                cst.Arg(keyword=cst.Name("side_effect" | "exception" | "exc" | "error"), value=value)
                | cst.Assign(
                    targets=[cst.AssignTarget(target=cst.Attribute(attr=cst.Name("side_effect")))], value=value
                )
            ):
                if any(file.name_of(below) in _BROAD for below in walk(value) if isinstance(below, cst.Name)):
                    return True
                # Which error a variable holds isn't known.
                if isinstance(value, cst.Name) and file.is_local(value):
                    return True
    return False


def _outermost(node: cst.CSTNode, file: SourceFile) -> cst.FunctionDef | None:
    outer, function = None, file.enclosing_def(node)
    while function is not None:
        outer, function = function, file.enclosing_def(function)
    return outer
