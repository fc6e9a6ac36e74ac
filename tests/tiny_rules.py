"""Four small real rules for the tests of the review core, which knows no built-in rule."""

import libcst as cst

from postil.lint import FileChange, Fix, Insert, Note, Notes, Replace, Secondary, Severity, SourceFile
from postil.lint.check import Check
from postil.lint.engine import RuleSet
from postil.lint.page import Page
from postil.lint.rule import Rule, subscription


def sleep_in_async(call: cst.Call, file: SourceFile) -> Notes:
    """A blocking sleep in a coroutine function, which is named as its cause."""
    function = file.enclosing_function(call)
    if isinstance(function, cst.FunctionDef) and function.asynchronous and file.name_of(call.func) == "time.sleep":
        cause = Secondary(function, "this function is a coroutine")
        yield Note(call, f"`{file.code(call)}` stops the event loop", secondary=(cause,))


def none_comparison(comparison: cst.Comparison, file: SourceFile) -> Notes:
    """A comparison with None by `==`; its fix is right."""
    if len(comparison.comparisons) != 1:
        return
    (target,) = comparison.comparisons
    if isinstance(target.operator, cst.Equal) and file.code(target.comparator) == "None":
        yield Note(comparison, f"`{file.code(comparison)}` asks for equality", Fix((Replace(target.operator, "is"),)))


def old_call(call: cst.Call, file: SourceFile) -> Notes:
    """A call of `old…`, `wrong…` or `broken…`; only for `old…` the fix holds, and that of `old_long` spans the call."""
    name = file.code(call.func)
    if name == "old_long":
        yield Note(call, f"`{name}` is old", Fix.replace(call, "short()"))
    elif name.startswith("old"):
        yield Note(call, f"`{name}` is old", Fix.replace(call.func, name.removeprefix("old_")))
    elif name.startswith("wrong"):
        yield Note(call, f"`{name}` is wrong", Fix.replace(call, f"({file.code(call)} == None)"))
    elif name.startswith("broken"):
        yield Note(call, f"`{name}` is broken", Fix((Insert(call, " )", after=True),)))
    elif name.startswith("stubborn"):
        yield Note(call, f"`{name}` stays", Fix((Insert(call, " or 1", after=True),)))


def function_removed(change: FileChange) -> Notes:
    """A module that lost all its functions."""
    if change.base is None or change.head is None:
        return
    if change.base.nodes(cst.FunctionDef) and not change.head.nodes(cst.FunctionDef):
        yield Note(change.head.module, "the last function is gone")


def crashing(name: cst.Name, file: SourceFile) -> Notes:
    """A check that fails on one word."""
    if name.value == "crash_here":
        raise RuntimeError(file.path)
    yield from ()


def rule(name: str, check: Check, severity: Severity = Severity.WARNING) -> Rule:
    """`check` as a rule with a page of few words."""
    page = Page(name, "section", severity, False, (), name.capitalize(), "", (), (), (), (), "")
    return Rule(name, "chapter", "Chapter", "Section", page, check, subscription(check), severity, False)


RULES = RuleSet(
    (
        rule("sleep-in-async", sleep_in_async, Severity.ERROR),
        rule("none-comparison", none_comparison),
        rule("old-call", old_call, Severity.HINT),
        rule("function-removed", function_removed),
        rule("crashing", crashing),
    )
)
