"""Finds loops that try again by hand: a counter, a `try`, a pause."""

import re
from collections.abc import Sequence

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk, walk_scope

MENTIONS = ("sleep",)

_SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep", "gevent.sleep"})
_LIBRARY_CODE = re.compile(r"retry|retries|retri|backoff|reconnect", re.IGNORECASE)
# Who waits until something is there asks for as long as there is time.
_WAITS = re.compile(r"(^|_)(wait|await|until|poll)(_|$)")
_TIME = re.compile(r"time|deadline|now|monotonic|elapsed|ttl", re.IGNORECASE)
_TOLD_BY_SERVER = re.compile(r"retry[-_ ]?after", re.IGNORECASE)


def check(loop: cst.For | cst.While, file: SourceFile) -> Notes:
    if not _counts(loop) or not file.is_service:
        return
    tried = next((line for line in loop.body.body if isinstance(line, cst.Try)), None)
    if tried is None or not _ends_on_success(loop, tried):
        return
    pausing = next((handler for handler in tried.handlers if _pauses(handler, file)), None)
    if pausing is None or _is_more_than_a_retry(loop, tried, file):
        return
    yield Note(
        loop,
        "this loop tries again by hand what a retry library does",
        anchor=loop.iter if isinstance(loop, cst.For) else loop.test,
    )


def _counts(loop: cst.For | cst.While) -> bool:
    """Whether a loop has a number of rounds: `for … in range(…)`, `while attempt < limit`, and one that counts them."""
    if isinstance(loop, cst.For):
        return loop.iter.__class__ is cst.Call and dotted(cst.ensure_type(loop.iter, cst.Call).func) == "range"
    if loop.test.__class__ is cst.Name:
        return cst.ensure_type(loop.test, cst.Name).value == "True" and _gives_up(loop)
    if loop.test.__class__ is not cst.Comparison:
        return False
    test = cst.ensure_type(loop.test, cst.Comparison)
    if any(isinstance(node, cst.Name) and _TIME.search(node.value) for node in walk(test)):
        return False
    return len(test.comparisons) == 1 and isinstance(
        test.comparisons[0].operator, (cst.LessThan, cst.LessThanEqual, cst.GreaterThan, cst.GreaterThanEqual)
    )


def _gives_up(loop: cst.While) -> bool:
    """Whether a handler in `while True` ends it by what the loop counts: `if attempt >= limit: raise`."""
    counted = {
        node.target.value
        for node in walk_scope(loop.body)
        if isinstance(node, cst.AugAssign) and isinstance(node.target, cst.Name)
    }
    for handler in walk_scope(loop.body):
        for node in walk_scope(handler.body) if isinstance(handler, cst.ExceptHandler) else ():
            if isinstance(node, cst.If) and isinstance(node.test, cst.Comparison):
                asked = {part.value for part in walk(node.test) if isinstance(part, cst.Name)}
                if asked & counted and any(
                    isinstance(end, (cst.Raise, cst.Break, cst.Return)) for end in walk(node.body)
                ):
                    return True
    return False


def _ends_on_success(loop: cst.For | cst.While, tried: cst.Try) -> bool:
    """Whether the loop is left when what is tried succeeds."""
    bodies = [tried.body, *([tried.orelse] if tried.orelse is not None else [])]
    after = loop.body.body[list(loop.body.body).index(tried) + 1 :]
    if isinstance(loop, cst.While) and isinstance(loop.test, cst.Name):
        # An endless loop may have more to do in each round, and end for another reason.
        after = after[-1:] if after and isinstance(after[-1], cst.SimpleStatementLine) else ()
    return any(isinstance(node, (cst.Return, cst.Break)) for body in (*bodies, *after) for node in walk_scope(body))


def _pauses(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether a handler, or what follows it, sleeps and lets the loop go round again."""
    last = handler.body.body[-1] if handler.body.body else None
    if isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Return, cst.Raise, cst.Break)):
        return False
    return any(isinstance(node, cst.Call) and _sleeps(node, file) for node in walk_scope(handler.body))


def _sleeps(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call sleeps, itself or in a function of this file that it calls."""
    if file.name_of(call.func) in _SLEEPS:
        return True
    found = file.definition_of(call.func)
    return isinstance(found, cst.FunctionDef) and any(
        isinstance(node, cst.Call) and file.name_of(node.func) in _SLEEPS for node in walk_scope(found.body)
    )


def _calls_what_is_given(tried: cst.Try, around: Sequence[cst.FunctionDef | cst.ClassDef]) -> bool:
    """Whether what is tried is a parameter of a function around it."""
    given = {param.name.value for above in around if isinstance(above, cst.FunctionDef) for param in parameters(above)}
    return any(dotted(node.func) in given for node in walk_scope(tried.body) if isinstance(node, cst.Call))


def _is_more_than_a_retry(loop: cst.For | cst.While, tried: cst.Try, file: SourceFile) -> bool:
    """Whether a loop does what a library doesn't, or is one: it asks the server when, or cleans up."""
    around = [above for above in file.ancestors(loop) if isinstance(above, (cst.FunctionDef, cst.ClassDef))]
    if any(_WAITS.search(above.name.value) for above in around) or _LIBRARY_CODE.search(file.path.rpartition("/")[2]):
        return True
    # `def with_retries(operation)` repeats whatever it is given; `def post_with_retries(order)` does it by hand.
    named = [above for above in around if _LIBRARY_CODE.search(above.name.value)]
    if any(isinstance(above, cst.ClassDef) for above in named) or (named and _calls_what_is_given(tried, around)):
        return True
    # Each error has an answer of its own; and what is inside of a generator no decorator can repeat.
    if len(tried.handlers) > 2 or any(isinstance(node, cst.Yield) for node in walk_scope(loop.body)):
        return True
    if _TOLD_BY_SERVER.search(file.code(loop)):
        return True
    # What is to be done when all attempts have failed.
    for handler in tried.handlers:
        for node in walk(handler.body):
            if isinstance(node, cst.If) and len(node.body.body) > 3:
                return True
    return loop.orelse is not None and len(loop.orelse.body.body) > 3
