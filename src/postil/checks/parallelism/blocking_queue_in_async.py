"""Finds queues of threads and processes that the event loop waits for."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.blocking import blocks
from postil.lint.catalogue.blocking import QUEUES
from postil.lint.names import dotted

MENTIONS = ("queue", "multiprocessing")

_METHODS = frozenset({"get", "put", "join"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in _METHODS:
        return
    if not file.runs_on_loop(call) or (name := blocks(call, file)) is None or file.in_test(call):
        return
    kind, _, method = name.rpartition(".")
    if kind not in QUEUES or any(handover.value is call for handover in file.handovers):
        return
    function = file.enclosing_function(call)
    where = f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "a callback"
    yield Note(call, f"`{dotted(call.func) or method}`, of `{kind}`, blocks the event loop in {where} {_UNTIL[method]}")


_UNTIL = {
    "get": "until a thread puts something in",
    "put": "until a thread takes something out",
    "join": "until threads have done everything in it",
}
