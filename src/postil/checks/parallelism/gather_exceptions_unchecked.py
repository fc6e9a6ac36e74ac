"""Finds `gather(…, return_exceptions=True)` whose exceptions nobody looks at."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.contexts import is_cleanup_name
from postil.lint.fanout import Work, assigned, awaited, collects_exceptions, works
from postil.lint.handlers import catches_all
from postil.lint.names import dotted, targets
from postil.lint.tree import COMPREHENSIONS, walk, walk_scope

MENTIONS = ("return_exceptions",)

# What only hands the items of a collection on, one by one.
_ITERATE = frozenset({"zip", "enumerate", "list", "tuple", "reversed", "sorted", "iter"})
# What says something about a collection, and nothing about its items.
_COUNT = frozenset({"len", "bool"})
_LOOKS = frozenset({"isinstance", "issubclass", "type"})
_THROWN_AWAY = "exceptions are collected among the results, and the results are thrown away"
# Functions that wait for tasks of others, who look at the results themselves.
_WAITS = re.compile(r"(^|_)(wait|join|flush)(_|$)")
_LOGGERS = ("structlog.", "logging.", "loguru.")


def check(call: cst.Call, file: SourceFile) -> Notes:
    if (
        not call.args
        or file.name_of(call.func) != "asyncio.gather"
        or not collects_exceptions(call)
        or file.in_test(call)
    ):
        return
    waiting = awaited(call, file)
    if waiting is None or file.is_cleanup(waiting) or _is_harmless(call, file):
        return
    above = file.parent(waiting)
    function = file.enclosing_function(call)
    statement = file.enclosing_statement(waiting)
    explained = any(line.comment is not None for line in getattr(statement, "leading_lines", ()))
    severity = "hint" if explained else None
    if isinstance(above, cst.Expr):
        yield Note(call, _THROWN_AWAY, fix=_with_log(waiting, file), severity=severity)
        return
    names = assigned(above)
    if not names or function is None:
        return
    if names == ["_"]:
        yield Note(call, _THROWN_AWAY, severity=severity)
    elif not _Uses(function, file).looked_at(names):
        listed = ", ".join(f"`{name}`" for name in names)
        yield Note(
            call, f"exceptions are collected in {listed}, and nothing tells them from results", severity=severity
        )


class _Uses:
    """What a function does with the names that hold results."""

    def __init__(self, function: cst.FunctionDef | cst.Lambda, file: SourceFile) -> None:
        self._file = file
        self._loads: dict[str, list[cst.Name]] = {}
        bound: set[int] = set()
        for node in walk(function.body):
            if isinstance(node, cst.Name):
                self._loads.setdefault(node.value, []).append(node)
            elif isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.For, cst.CompFor, cst.NamedExpr)):
                bound.update(id(name) for name in targets(node.target))
        self._bound = bound

    def looked_at(self, names: list[str]) -> bool:
        """Whether an item is tested for being an exception, or handed to code that may do so."""
        known = list(names)
        for name in known:
            for node in self._loads.get(name, ()):
                if self._is_no_use(node):
                    continue
                found = self._fate(node)
                if found is None:
                    return True
                known += [new for new in found if new not in known]
        return False

    def _is_no_use(self, name: cst.Name) -> bool:
        """Whether a name is only bound here, or is no variable: `x.name`, `f(name=…)`."""
        above = self._file.parent(name)
        if isinstance(above, cst.Attribute):
            return name is above.attr
        return id(name) in self._bound or (isinstance(above, cst.Arg) and name is above.keyword)

    def _fate(self, node: cst.CSTNode) -> list[str] | None:
        """The further names that come to hold an item; None where the item is looked at or leaves the function."""
        above = self._file.parent(node)
        match above:
            case cst.Arg():
                return self._passed(above)
            case cst.For() | cst.CompFor() if above.iter is node:
                return [name.value for name in targets(above.target)]
            case cst.For() | cst.CompFor() | cst.If() | cst.While() | cst.Assert() | cst.Not() | cst.UnaryOperation():
                return []
            case cst.Comparison() | cst.ComparisonTarget() if _asks_for_true(above, self._file):
                return None
            case cst.Comparison() | cst.ComparisonTarget() | cst.Expr() | cst.CompIf() | cst.AugAssign():
                return []
            case cst.Attribute():
                return None if above.attr.value.startswith("__") else []
            case cst.Subscript() | cst.BooleanOperation() | cst.IfExp() | cst.NamedExpr() | cst.Await():
                return self._fate(above)
            case cst.StarredElement() | cst.Element() | cst.List() | cst.Tuple():
                return self._fate(above)
            case _ if isinstance(above, COMPREHENSIONS):
                return self._fate(above)
            case cst.Assign():
                names = assigned(above)
                return names or None
            case cst.Index() | cst.SubscriptElement():
                return []
        return None

    def _passed(self, arg: cst.Arg) -> list[str] | None:
        call = self._file.parent(arg)
        if not isinstance(call, cst.Call):
            return None
        name = self._file.name_of(call.func)
        if name in _ITERATE:
            return self._fate(call)
        return [] if name in _COUNT else None


def _asks_for_true(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a comparison is with `True` or `False`, which no exception equals."""
    comparison = node if isinstance(node, cst.Comparison) else file.parent(node)
    return isinstance(comparison, cst.Comparison) and any(
        isinstance(side, cst.Name) and side.value in ("True", "False")
        for side in (comparison.left, *(target.comparator for target in comparison.comparisons))
    )


def _is_harmless(call: cst.Call, file: SourceFile) -> bool:
    """Whether nothing can be lost: all that is awaited ends something, catches all itself, or is asked later.

    Who waits for all tasks of the loop only wants them to be over.
    """
    begun = list(works(call, file))
    gathered = [work.expression for work in begun]
    if begun and all(_ends(work.expression, file) or _catches_all(work, file) for work in begun):
        return True
    if any(isinstance(above, cst.ExceptHandler) and _is_cancellation(above, file) for above in file.ancestors(call)):
        return True
    function = file.enclosing_function(call)
    if (
        isinstance(function, cst.FunctionDef)
        and _WAITS.search(function.name.value)
        and not _starts_work(gathered, file)
    ):
        return True
    return function is not None and any(
        isinstance(node, cst.Attribute)
        and node.attr.value in ("exception", "result", "cancelled", "all_tasks")
        and isinstance(file.parent(node), cst.Call)
        for node in walk_scope(function.body)
    )


def _ends(work: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a piece of work ends something, or is what was told to end: `task = self.cancel_load()`."""
    made = file.value_of(work)
    return file.is_cleanup(work) or (
        isinstance(made, cst.Call) and is_cleanup_name((dotted(made.func) or "").rpartition(".")[2])
    )


def _is_cancellation(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    return handler.type is not None and (file.name_of(handler.type) or "").endswith("CancelledError")


def _starts_work(gathered: list[cst.BaseExpression], file: SourceFile) -> bool:
    """Whether what is gathered begins here, so that nobody else can know of its failure."""
    return any(isinstance(node, cst.Call) for work in gathered for node in walk(file.value_of(work) or work))


def _catches_all(work: Work, file: SourceFile) -> bool:
    """Whether what is gathered is a coroutine of this file that can't raise."""
    found = file.definition_of(work.called) if work.called is not None else None
    return isinstance(found, cst.FunctionDef) and catches_all(found, file)


def _with_log(awaited: cst.Await, file: SourceFile) -> Fix | None:
    """Logs every exception among the results, where the module has a logger."""
    statement = file.enclosing_statement(awaited)
    logger = next((name for name in ("logger", "log", "LOGGER", "LOG", "_LOGGER") if name in _loggers(file)), None)
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1 or logger is None:
        return None
    function = file.enclosing_function(awaited)
    taken = {node.value for node in walk(function) if isinstance(node, cst.Name)} if function is not None else set()
    if taken & {"results", "result"}:
        return None
    unit, newline = file.module.default_indent, file.module.default_newline
    indent = newline + "".join(
        above.indent if above.indent is not None else unit
        for above in file.ancestors(statement)
        if isinstance(above, cst.IndentedBlock)
    )
    loop = (
        f"{indent}for result in results:"
        f"{indent}{unit}if isinstance(result, BaseException):"
        f'{indent}{unit}{unit}{logger}.error("failed among others", exc_info=result)'
    )
    return Fix((Insert(awaited, "results = "), Insert(awaited, loop, after=True)), FixKind.SUGGESTION)


def _loggers(file: SourceFile) -> set[str]:
    """The names of this module's own loggers."""
    found = set()
    for line in file.module.body:
        for node in walk(line) if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(node, cst.Assign) and (file.type_of(node.value) or "").startswith(_LOGGERS):
                found.update(name.value for target in node.targets for name in targets(target.target))
    return found
