"""Finds checks of arguments that come only after a call to a database or another service."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, Secondary, SourceFile, argument
from postil.lint.blocking import blocks, may_block
from postil.lint.catalogue.sessions import SYNC_SESSIONS
from postil.lint.names import dotted, parameters, targets
from postil.lint.statuses import status_of
from postil.lint.tree import is_generator, suspensions, walk, walk_scope

_ERRORS = frozenset({"ValueError", "TypeError"})
_INVALID = frozenset({400, 422})
_CALLS = frozenset({"len", "isinstance", "any", "all", "min", "max", "abs", "set", "str", "int", "type"})
_PURE = frozenset({"startswith", "endswith", "strip", "lower", "upper", "isdigit", "isalnum", "isidentifier"})
_DB = frozenset({"execute", "scalar", "scalars", "get", "query", "commit", "flush", "refresh", "merge"})
# Who may ask comes before what is asked.
_ACCESS = re.compile(
    r"auth|permi|access|allow|check|verif|validat|require|ensure|login|token|role|policy|sleep|lock|acquire|limit"
)
_SCALARS = re.compile(
    r"^(?:int|str|float|bool|bytes|Decimal|UUID|date|datetime|Optional\[(?:int|str|float)\])(?:\s*\|\s*None)?$"
)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    body = function.body.body
    if len(body) < 2 or not any(_refuses(line) for line in body[1:]) or not file.is_service:
        return
    first: cst.CSTNode | None = None
    call: cst.CSTNode | None = None
    for statement in body:
        if first is None:
            if statement.__class__ is cst.SimpleStatementLine and (call := _asks(statement, file)) is not None:
                if _ACCESS.search(_called(call, file).lower()):
                    return
                first = statement
            continue
        if isinstance(statement, cst.If) and call is not None and _checks_arguments(statement, function, file):
            if not is_generator(function) and not file.in_test(function):
                test = " ".join(file.code(statement.test).split())
                yield Note(
                    statement,
                    f"`{test}` is known before the first call, and asked after it",
                    _moved(statement, first, function, file),
                    secondary=(Secondary(call, "the call that a wrong argument costs"),),
                    anchor=statement.test,
                )
            return
        # Whatever may end the function in between decided the order.
        if any(isinstance(node, (cst.Raise, cst.Return)) for node in walk_scope(statement)):
            return


def _called(call: cst.CSTNode, file: SourceFile) -> str:
    """What is called, as written; all of the code where that isn't a plain call."""
    call = call.expression if isinstance(call, cst.Await) else call
    return file.code(call.func) if isinstance(call, cst.Call) else file.code(call)


def _asks(line: cst.CSTNode, file: SourceFile) -> cst.CSTNode | None:
    """The first call of a statement that waits for something outside."""
    for waiting in suspensions(line):
        return waiting
    for node in walk_scope(line):
        if not isinstance(node, cst.Call):
            continue
        if may_block(node, file) and blocks(node, file) is not None:
            return node
        func = node.func
        if isinstance(func, cst.Attribute) and func.attr.value in _DB and file.type_of(func.value) in SYNC_SESSIONS:
            return node
    return None


def _refuses(statement: cst.CSTNode) -> cst.Call | None:
    """The exception that is made where a statement is an `if` that does nothing but raise one."""
    if not isinstance(statement, cst.If) or statement.orelse is not None:
        return None
    lines = statement.body.body
    if not isinstance(statement.body, cst.IndentedBlock) or len(lines) != 1:
        return None
    raised = lines[0].body[0] if isinstance(lines[0], cst.SimpleStatementLine) else None
    return raised.exc if isinstance(raised, cst.Raise) and isinstance(raised.exc, cst.Call) else None


def _checks_arguments(branch: cst.If, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a branch refuses the arguments by themselves: they alone are looked at, and are what was given."""
    if (raised := _refuses(branch)) is None:
        return False
    name = file.name_of(raised.func) or ""
    if name not in _ERRORS:
        is_http = name.rpartition(".")[2] == "HTTPException"
        if not is_http or status_of(argument(raised, "status_code", 0), file) not in _INVALID:
            return False
    given = {param.name.value: param for param in parameters(function)}
    looked: set[str] = set()
    for node in walk(branch.test):
        if isinstance(node, cst.Call):
            last = node.func.attr.value if isinstance(node.func, cst.Attribute) else (dotted(node.func) or "")
            if last not in (_PURE if isinstance(node.func, cst.Attribute) else _CALLS):
                return False
        elif isinstance(node, (cst.Await, cst.Lambda, cst.NamedExpr, cst.ListComp, cst.GeneratorExp)):
            return False
        elif isinstance(node, cst.Name) and _is_value(node, file):
            if node.value in given:
                looked.add(node.value)
            elif node.value not in _CALLS and node.value not in ("None", "True", "False") and not node.value.isupper():
                return False
    return bool(looked) and all(_as_given(given[each], function, file) for each in looked)


def _is_value(name: cst.Name, file: SourceFile) -> bool:
    """Whether a name stands for a value, and not for an attribute or a keyword."""
    above = file.parent(name)
    return not (
        (isinstance(above, cst.Attribute) and above.attr is name)
        or (isinstance(above, cst.Arg) and above.keyword is name)
    )


def _as_given(param: cst.Param, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a parameter still is what the caller gave: plain, never set anew, and not filled by others."""
    if param.name.value in ("self", "cls", "request") or isinstance(param.default, cst.Call):
        return False
    annotation = file.code(param.annotation.annotation) if param.annotation is not None else ""
    if "Depends" in annotation:
        return False
    plain = _SCALARS.match(annotation) is not None
    name = param.name.value
    for node in walk(function.body):
        if isinstance(node, (cst.AssignTarget, cst.For, cst.NamedExpr, cst.AnnAssign, cst.AugAssign)):
            if any(each.value == name for each in targets(node.target)):
                return False
        elif not plain and isinstance(node, cst.Arg) and dotted(node.value) == name:
            call = file.parent(node)
            if isinstance(call, cst.Call) and dotted(call.func) not in _CALLS:
                return False
    return True


def _moved(branch: cst.If, first: cst.CSTNode, function: cst.FunctionDef, file: SourceFile) -> Fix | None:
    """The check in front of the call, where it says nothing that is known only later."""
    names = {param.name.value for param in parameters(function)}
    for node in walk(branch.body):
        if isinstance(node, cst.Name) and file.is_local(node) and node.value not in names:
            return None
    text = file.laid_out(branch, first)
    if text is None or branch.leading_lines:
        return None
    return Fix((Insert(first, f"{text}\n{file.indentation(first)}"), Replace(branch, "")), FixKind.SUGGESTION)
