"""Finds readiness endpoints that answer the same whatever happens."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.logs import log_call
from postil.lint.probes import probes
from postil.lint.tree import walk

MENTIONS = ("ready", "readiness")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    seen: set[int] = set()
    for probe in probes(file):
        function = probe.function
        if not probe.readiness or id(function) in seen:
            continue
        seen.add(id(function))
        if not _takes_anything(function) and _is_constant(function, file):
            yield Note(function, f"`{probe.path}` says ready whatever happens, so it tells a load balancer nothing")


def _takes_anything(function: cst.FunctionDef) -> bool:
    """Whether a dependency may do the asking."""
    return any(param.default is not None or param.annotation is not None for param in function.params.params)


def _is_constant(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the body only returns literals, perhaps in a response or a model."""
    returns = False
    for line in function.body.body:
        if not isinstance(line, cst.SimpleStatementLine):
            return False
        for statement in line.body:
            if isinstance(statement, cst.Return):
                returns = True
                if statement.value is not None and not _is_literal(statement.value, file):
                    return False
            elif isinstance(statement, cst.Expr):
                if not isinstance(statement.value, cst.SimpleString) and log_call(statement.value, file) is None:
                    return False
            elif not isinstance(statement, cst.Pass):
                return False
    return returns


def _is_literal(value: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a value is made of literals only; the call of a class from elsewhere makes a response of them."""
    for node in walk(value):
        if isinstance(node, (cst.Await, cst.FormattedString, cst.Subscript)):
            return False
        if isinstance(node, cst.Call):
            name = (file.name_of(node.func) or file.code(node.func)).rpartition(".")[2]
            if not (name[:1].isupper() or name in ("jsonify", "json_response", "dict")):
                return False
        elif isinstance(node, cst.Attribute):
            if not isinstance(file.parent(node), (cst.Call, cst.Attribute)) and "status" not in file.code(node).lower():
                return False
        elif isinstance(node, cst.Name) and file.is_local(node):
            return False
    return True
