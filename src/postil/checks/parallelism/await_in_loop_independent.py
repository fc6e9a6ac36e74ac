"""Finds loops that wait for one item after the other, where none needs what another gave."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.independence import asks_only, is_shared
from postil.lint.names import targets
from postil.lint.tree import walk, walk_scope

MENTIONS = ("await",)

_PATIENT = re.compile(
    r"retry|retries|attempt|poll|backoff|page|cursor|chunk|batch|migrat|step|order|stage", re.IGNORECASE
)
_END_THE_ROUND = (cst.Break, cst.Continue, cst.Return, cst.Raise, cst.Yield)


def check(loop: cst.For, file: SourceFile) -> Notes:
    if loop.asynchronous is not None or loop.orelse is not None or not file.is_service:
        return
    body = list(walk_scope(loop.body))
    waits = [node for node in body if isinstance(node, cst.Await)]
    if not waits or any(
        isinstance(node, (*_END_THE_ROUND, cst.AugAssign, cst.For, cst.While, cst.With)) for node in body
    ):
        return
    if _PATIENT.search(file.code(loop.iter)) or file.name_of(getattr(loop.iter, "func", loop.iter)) == "range":
        return
    own = {name.value for name in targets(loop.target)}
    if not all(_is_independent(wait, own, file) for wait in waits) or _carries_over(body, own):
        return
    function = file.enclosing_def(loop)
    if function is None or file.in_test(loop) or file.is_cleanup(loop) or file.is_startup(loop):
        return
    written = file.code(waits[0].expression.func) if isinstance(waits[0].expression, cst.Call) else "the call"
    yield Note(waits[0], f"each round waits for `{written}` alone, though no round needs what another gave")


def _is_independent(wait: cst.Await, own: set[str], file: SourceFile) -> bool:
    """Whether a call only asks for something about the loop's item, on nothing that one task at a time may use."""
    call = wait.expression
    if not isinstance(call, cst.Call) or not asks_only(call) or is_shared(call, file):
        return False
    if isinstance(file.parent(wait), cst.Expr):
        return False  # what matters about it is something else than its answer
    return any(isinstance(node, cst.Name) and node.value in own for node in walk(call))


def _carries_over(body: list[cst.CSTNode], own: set[str]) -> bool:
    """Whether a round reads a name before it writes it, so that it has what an earlier round left."""
    written: set[str] = set()
    later: set[str] = set()
    for node in body:
        if isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.NamedExpr)):
            later.update(name.value for name in targets(node.target))
    for node in body:
        if isinstance(node, (cst.Assign, cst.AnnAssign)):
            value = node.value
            read = {each.value for each in walk(value) if isinstance(each, cst.Name)} if value is not None else set()
            if read & (later - written - own):
                return True
            nodes = [target.target for target in node.targets] if isinstance(node, cst.Assign) else [node.target]
            written.update(name.value for each in nodes for name in targets(each))
        elif isinstance(node, cst.If) and any(
            isinstance(each, cst.Name) and each.value in later - written - own for each in walk(node.test)
        ):
            return True
    return False
