"""Finds handlers that put a value in the place of any failure, and let nobody know of it."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, string_value
from postil.lint.handlers import at_exit, does_nothing, explains
from postil.lint.names import dotted
from postil.lint.tree import walk

# Functions that answer whether something works: that it doesn't is their answer.
_ASKS = re.compile(
    r"(?:^|_)(?:try|maybe|safe\w*|best_effort|quiet\w*|suppress\w*|probe|detect\w*|is|has|can|guess\w*|supports?|exists?|check\w*"
    r"|validate\w*|test|ping|health\w*|available|ready|alive|valid|verify|match\w*|repr|str|format\w*)(?:_|$)"
)
_RECORDS = re.compile(
    r"fail|err|skip|bad|broken|miss|problem|issue|exc|status|state|ok\b|success|result", re.IGNORECASE
)
# An empty one of these says no more than any other fallback.
_RESULT = re.compile(r"(?:\w+_)?results?")
# What looks like a result. None, False and names say that there is none, or which one is taken instead.
_LITERALS = (cst.List, cst.Dict, cst.Set, cst.Tuple, cst.SimpleString, cst.Integer, cst.Float)
_ANYTHING = frozenset({"import_module", "__import__", "get_type_hints", "eval", "exec"})
_DECIDED = re.compile(r"BLE001|broad-exce|W0703|W0718|S11[02]")
_SIMPLE = (cst.Assign, cst.AnnAssign, cst.Return, cst.Pass, cst.Continue, cst.Break, cst.Expr)


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if not file.is_service or not file.is_broad(handler) or does_nothing(handler.body) is not None:
        return
    answer = _answer(handler)
    if (
        answer is None
        or _DECIDED.search(file.code(handler)) is not None
        or at_exit(handler, file)
        or file.is_cleanup(handler)
        or explains(file.code(handler))
    ):
        return
    function = file.enclosing_def(handler)
    tried = file.parent(handler)
    if (
        function is None
        or _ASKS.search(function.name.value)
        or not isinstance(tried, cst.Try)
        or _runs_others(tried, file)
    ):
        return
    caught = f"except {file.code(handler.type)}" if handler.type is not None else "except"
    value = " ".join(file.code(answer).split())
    what = f"`{value}`" if len(value) <= 30 and "`" not in value else "a fallback"
    yield Note(handler, f"`{caught}:` turns every error into {what}, and no log has it")


def _answer(handler: cst.ExceptHandler) -> cst.BaseExpression | None:
    """The value that stands in for what failed, where the handler does nothing else; None where it does more."""
    name = dotted(handler.name.name) if handler.name is not None else None
    value: cst.BaseExpression | None = None
    for line in handler.body.body:
        if not isinstance(line, cst.SimpleStatementLine):
            return None
        for statement in line.body:
            if not isinstance(statement, _SIMPLE):
                return None
            match statement:
                case cst.Return(value=cst.BaseExpression() as given):
                    value = value or given
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=target))], value=given):
                    if _RECORDS.search(target) and not (_RESULT.fullmatch(target) and _is_empty(given)):
                        return None
                    value = value or given
                case cst.Assign() | cst.AnnAssign():
                    return None
                case cst.Expr(value=cst.SimpleString() | cst.Ellipsis()) | cst.Return(value=None):
                    pass
                case cst.Expr():
                    return None
    if not isinstance(value, _LITERALS) or _is_none(value) or _RECORDS.search(string_value(value) or ""):
        return None
    if any(isinstance(node, (cst.Call, cst.Await, cst.Yield)) for node in walk(value)):
        return None
    return None if any(isinstance(node, cst.Name) and node.value == name for node in walk(value)) else value


def _runs_others(tried: cst.Try, file: SourceFile) -> bool:
    """Whether code is run or imported that is not the service's own, and may raise anything by its nature."""
    for node in walk(tried.body):
        if isinstance(node, (cst.Import, cst.ImportFrom)):
            return True
        if isinstance(node, cst.Call):
            func = node.func
            if (dotted(func) or "").rpartition(".")[2] in _ANYTHING:
                return True
            # `factory()`, of a function that was handed in
            if isinstance(func, cst.Name) and file.is_local(func) and file.definition_of(func) is None:
                return True
    return False


def _is_empty(value: cst.BaseExpression) -> bool:
    """Whether a value is a list, dictionary or tuple without anything, or an empty text."""
    return string_value(value) == "" or (isinstance(value, (cst.List, cst.Dict, cst.Tuple)) and not value.elements)


def _is_none(value: cst.BaseExpression) -> bool:
    """Whether a tuple holds nothing but None."""
    return isinstance(value, cst.Tuple) and all(dotted(each.value) == "None" for each in value.elements)
