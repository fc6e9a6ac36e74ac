"""Finds OpenTelemetry spans that are asked for and never entered."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.tree import walk

MENTIONS = ("start_as_current_span",)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not (isinstance(func, cst.Attribute) and func.attr.value == "start_as_current_span"):
        return
    around = file.parent(call)
    if isinstance(around, cst.Expr) and around.value is call:
        yield Note(call, "the span is never entered, so nothing is recorded")
    elif isinstance(around, cst.Assign) and len(around.targets) == 1:
        target = around.targets[0].target
        function = file.enclosing_def(call) or file.module
        if isinstance(target, cst.Name) and not _goes_on(target, function, file):
            yield Note(call, f"`{target.value}` is never entered with `with`, so nothing is recorded")


def _goes_on(target: cst.Name, function: cst.CSTNode, file: SourceFile) -> bool:
    """Whether the value is used as anything but the span that it isn't yet: `with`, an argument, a result."""
    for node in walk(function):
        if not (isinstance(node, cst.Name) and node.value == target.value and node is not target):
            continue
        used = file.parent(node)
        if isinstance(used, cst.AssignTarget):
            continue
        if not isinstance(used, cst.Attribute) or used.attr.value in ("__enter__", "__exit__"):
            return True
    return False
