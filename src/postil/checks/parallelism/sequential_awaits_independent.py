"""Finds several waits in a row of which none needs what another gave."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.fanout import assigned
from postil.lint.independence import asks_only, is_shared
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("await",)

_ENOUGH = 3


def check(block: cst.IndentedBlock, file: SourceFile) -> Notes:
    if len(block.body) < _ENOUGH or not file.is_service:
        return
    run: list[tuple[cst.Call, list[str]]] = []
    for line in (*block.body, None):
        found = _wait(line, file) if isinstance(line, cst.SimpleStatementLine) else None
        if found is not None and _fits(found[0], run):
            run.append(found)
            continue
        if len(run) >= _ENOUGH:
            yield from _said(run, file)
        run = [found] if found is not None else []


def _said(run: list[tuple[cst.Call, list[str]]], file: SourceFile) -> Notes:
    call = run[0][0]
    if file.in_test(call) or file.is_startup(call) or file.is_cleanup(call):
        return
    yield Note(call, f"{len(run)} calls wait for one another here, and none needs what another gave")


def _wait(line: cst.SimpleStatementLine, file: SourceFile) -> tuple[cst.Call, list[str]] | None:
    """The call of `x = await f(…)` and the names that it sets, if the call only asks for something."""
    statement = line.body[0] if len(line.body) == 1 else None
    value = statement.value if isinstance(statement, (cst.Assign, cst.AnnAssign)) else None
    call = value.expression if isinstance(value, cst.Await) else None
    names = assigned(statement)
    if not isinstance(call, cst.Call) or not names or not asks_only(call) or is_shared(call, file):
        return None
    return call, names


def _fits(call: cst.Call, run: list[tuple[cst.Call, list[str]]]) -> bool:
    """Whether a call needs nothing of those before it, and is of another function on another object."""
    read = {node.value for node in walk(call) if isinstance(node, cst.Name)}
    for earlier, names in run:
        if read & set(names) or dotted(call.func) == dotted(earlier.func):
            return False
        if isinstance(call.func, cst.Attribute) and isinstance(earlier.func, cst.Attribute):
            owner = dotted(call.func.value)
            if owner is None or (owner == dotted(earlier.func.value) and owner not in ("self", "cls")):
                return False
    return True
