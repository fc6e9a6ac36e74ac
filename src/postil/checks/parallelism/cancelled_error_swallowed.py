"""Finds coroutines that catch their cancellation and go on."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Secondary, SourceFile
from postil.lint.handlers import hands_on, raises
from postil.lint.names import dotted
from postil.lint.tree import suspensions, waits_for_a_task, walk, walk_scope

MENTIONS = ("CancelledError",)

# A class of contexts such as `asyncio.timeout` turns a cancellation that it asked for into another error.
_CONVERTERS = frozenset({"__aexit__", "__exit__"})
_LEAVES = (cst.Return, cst.Break, cst.Raise)
_COUNTS = frozenset({"cancelling", "uncancel"})


def check(node: cst.Try | cst.With, file: SourceFile) -> Notes:
    handler = _handler(node, file) if isinstance(node, cst.Try) else None
    if handler is None and not _suppresses(node, file):
        return
    function = file.enclosing_function(node)
    if not isinstance(function, cst.FunctionDef) or not _is_judged(node, function, file):
        return
    found = _how_it_goes_on(node, handler, file)
    if found is None:
        return
    how, where = found
    caught = "is caught" if handler is not None else "is suppressed"
    yield Note(
        handler if handler is not None else node,
        f"`CancelledError` {caught}, and `{function.name.value}` {how}",
        fix=_raised_again(handler, file) if handler is not None else None,
        secondary=(Secondary(where, "goes on here"),) if where is not None else (),
    )


def _handler(node: cst.Try, file: SourceFile) -> cst.ExceptHandler | None:
    """The handler that catches `CancelledError` by its name and doesn't raise it again."""
    for handler in node.handlers:
        if handler.type is None:
            continue
        types = (
            [each.value for each in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
        )
        if any(_is_cancellation(each, file) for each in types):
            return handler if not _hands_it_on(handler) and not hands_on(handler, file) else None
    return None


def _is_cancellation(expression: cst.BaseExpression, file: SourceFile) -> bool:
    return file.name_of(expression) in ("asyncio.CancelledError", "asyncio.exceptions.CancelledError")


def _hands_it_on(handler: cst.ExceptHandler) -> bool:
    """Whether a handler raises what it caught, or another exception that names it as the cause, or asks if it should.

    `if self.stopping: return` tells a shutdown from a cancellation that came out of a library.
    """
    if any(
        isinstance(node, cst.If) and any(isinstance(below, _LEAVES) for below in walk_scope(node.body))
        for node in walk_scope(handler.body)
    ):
        return True
    caught = dotted(handler.name.name) if handler.name is not None else None
    return any(
        isinstance(node, cst.Raise)
        and (node.exc is None or node.cause is not None or (caught is not None and dotted(node.exc) == caught))
        for node in walk_scope(handler.body)
    )


def _suppresses(node: cst.Try | cst.With, file: SourceFile) -> bool:
    return isinstance(node, cst.With) and any(
        isinstance(each.item, cst.Call)
        and file.name_of(each.item.func) == "contextlib.suppress"
        and any(_is_cancellation(arg.value, file) for arg in each.item.args)
        for each in node.items
    )


def _is_judged(node: cst.Try | cst.With, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether what is caught is the cancellation of this coroutine, and nobody seems to have thought about it."""
    if function.asynchronous is None or function.name.value in _CONVERTERS or function.name.value == "main":
        return False
    waits = list(suspensions(node.body))
    if not waits or all(waits_for_a_task(each) for each in waits):
        return False
    if file.is_script or file.in_test(node) or file.is_cleanup(node):
        return False
    if any(isinstance(above, cst.ExceptHandler) and raises(above) for above in file.ancestors(node)):
        return False  # a clean-up, after which what was caught first goes on
    return not any(isinstance(each, cst.Attribute) and each.attr.value in _COUNTS for each in walk_scope(function.body))


def _how_it_goes_on(
    node: cst.CSTNode, handler: cst.ExceptHandler | None, file: SourceFile
) -> tuple[str, cst.CSTNode | None] | None:
    """What the function does in spite of its cancellation, in words, and where; None where it may be at its end."""
    last = _last(handler.body) if handler is not None else None
    if isinstance(last, cst.Raise):
        return "raises another exception in its place", last
    if isinstance(last, (cst.Return, cst.Break)):
        return None
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return None
        if isinstance(above, (cst.For, cst.While)) and child is above.body:
            return None if _ends_the_loop(above, handler) else ("begins the next round of its loop", above)
        if not isinstance(last, cst.Continue) and _leaves_after(above, child):
            return None
        child = above
    return None


def _last(body: cst.BaseSuite) -> cst.CSTNode | None:
    last = body.body[-1] if body.body else None
    return last.body[-1] if isinstance(last, cst.SimpleStatementLine) and last.body else last


def _leaves_after(block: cst.CSTNode, child: cst.CSTNode) -> bool:
    """Whether the lines after a statement leave the loop or the function."""
    if not isinstance(block, cst.IndentedBlock):
        return False
    lines = list(block.body)
    return any(
        isinstance(node, _LEAVES)
        for later in lines[lines.index(child) + 1 :]  # ty: ignore[invalid-argument-type]
        for node in walk_scope(later)
    )


def _ends_the_loop(loop: cst.For | cst.While, handler: cst.ExceptHandler | None) -> bool:
    """Whether a handler sets what the loop asks: `self.running = False` for `while self.running`."""
    if not isinstance(loop, cst.While) or handler is None:
        return False
    set_here = {
        dotted(target.target)
        for node in walk_scope(handler.body)
        if isinstance(node, cst.Assign)
        for target in node.targets
    }
    return any(dotted(node) in set_here for node in walk(loop.test) if isinstance(node, (cst.Name, cst.Attribute)))


def _raised_again(handler: cst.ExceptHandler, file: SourceFile) -> Fix | None:
    """`raise` as the last line of the handler."""
    line = handler.body.body[-1] if isinstance(handler.body, cst.IndentedBlock) and handler.body.body else None
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1 or isinstance(handler.type, cst.Tuple):
        return None
    last = line.body[0]
    if isinstance(last, (cst.Pass, cst.Continue)):
        return Fix.replace(last, "raise", FixKind.SUGGESTION)
    if isinstance(last, cst.Raise):
        return None
    again = f"{file.module.default_newline}{file.indentation(line)}raise"
    return Fix((Insert(last, again, after=True),), FixKind.SUGGESTION)
