"""Finds `executor.map(…)` whose results nobody reads."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.catalogue.pools import EXECUTORS
from postil.lint.handlers import catches_most
from postil.lint.names import dotted

MENTIONS = ("Executor",)


def check(statement: cst.Expr, file: SourceFile) -> Notes:
    call = statement.value
    if call.__class__ is not cst.Call or not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        return
    if call.func.attr.value != "map" or not call.args or file.type_of(call.func.value) not in EXECUTORS:
        return
    work = call.args[0].value
    found = file.definition_of(work)
    if (isinstance(found, cst.FunctionDef) and catches_most(found, file)) or file.in_test(call):
        return
    raises = f"what `{dotted(work)}` raises" if dotted(work) is not None else "what the jobs raise"
    yield Note(
        call,
        f"{raises} is lost, as `{dotted(call.func) or 'map'}` raises it only when its results are read",
        fix=Fix((Insert(call, "list("), Insert(call, ")", after=True)), FixKind.SUGGESTION),
    )
