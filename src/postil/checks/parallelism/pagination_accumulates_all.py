"""Finds coroutines that fetch page after page and return all of it at once."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import dotted, targets
from postil.lint.tree import suspensions, walk, walk_scope

MENTIONS = ("async def",)

_PAGE = re.compile(r"page|cursor|next|offset|(^|_)token|after|marker|continuation", re.IGNORECASE)
_BOUND = re.compile(r"max|limit|budget|remaining|count", re.IGNORECASE)


def check(loop: cst.While, file: SourceFile) -> Notes:
    function = file.enclosing_function(loop)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None or not file.is_service:
        return
    if next(suspensions(loop.body), None) is None:
        return
    filled = _filled(loop) - _counters(function)
    returned = [node for node in walk_scope(function.body) if isinstance(node, cst.Return)]
    found = next(
        (dotted(node.value) for node in returned if node.value is not None and dotted(node.value) in filled), None
    )
    if found is None or not _turns_pages(loop) or _is_bounded(loop):
        return
    yield Note(loop, f"`{function.name.value}` collects every page in `{found}` before its caller sees the first one")


def _filled(loop: cst.While) -> set[str]:
    """The lists that each round adds a whole page to."""
    found = set()
    for node in walk_scope(loop.body):
        if isinstance(node, cst.AugAssign) and isinstance(node.operator, cst.AddAssign):
            found.add(dotted(node.target))
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "extend":
            found.add(dotted(node.func.value))
    return {name for name in found if name is not None and "." not in name}


def _counters(function: cst.FunctionDef) -> set[str]:
    """The names that begin as numbers: what is added to them is no page."""
    found = set()
    for node in walk_scope(function.body):
        match node:
            case cst.Assign(value=cst.Integer() | cst.Float(), targets=[cst.AssignTarget(target=cst.Name(value=name))]):
                found.add(name)
            case cst.AnnAssign(value=cst.Integer() | cst.Float(), target=cst.Name(value=name)):
                found.add(name)
    return found


def _turns_pages(loop: cst.While) -> bool:
    """Whether each round sets what the next one begins with."""
    for node in walk_scope(loop.body):
        set_here = [each.target for each in node.targets] if isinstance(node, cst.Assign) else []
        set_here += [node.target] if isinstance(node, cst.AugAssign) else []
        names = [dotted(target) or "" for target in set_here]
        # `rows, cursor = await self.page(cursor)`
        names += [name.value for target in set_here for name in targets(target)]
        if any(map(_PAGE.search, names)):
            return True
    return False


def _is_bounded(loop: cst.While) -> bool:
    """Whether a limit ends the loop."""
    tests = [loop.test, *(node.test for node in walk_scope(loop.body) if isinstance(node, cst.If))]
    return any(isinstance(node, cst.Name) and _BOUND.search(node.value) for test in tests for node in walk(test))
