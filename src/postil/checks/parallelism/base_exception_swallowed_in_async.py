"""Finds handlers that catch a cancellation without meaning to."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.handlers import hands_on, raises
from postil.lint.names import dotted, last_name
from postil.lint.tree import suspensions, waits_for_a_task, walk

MENTIONS = ("async def",)

# Names that say that the handler, or one before it, knows of cancellation.
_KNOWS = frozenset({"CancelledError", "get_cancelled_exc_class", "cancelling", "Cancelled"})


def check(handler: cst.ExceptHandler, file: SourceFile) -> Notes:
    if handler.type is not None and not (file.mentions("BaseException") and _catches_everything(handler.type, file)):
        return
    function = file.enclosing_function(handler)
    tried = file.parent(handler)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None or not isinstance(tried, cst.Try):
        return
    if next(suspensions(tried.body), None) is None or raises(handler) or hands_on(handler, file):
        return
    if any(_knows_of_it(each) for each in tried.handlers) or file.in_test(handler):
        return
    if file.is_cleanup(handler) or _is_inside_one_that_raises(handler, file):
        return
    if all(waits_for_a_task(wait) for wait in suspensions(tried.body)):
        return
    written = "`except:`" if handler.type is None else f"`except {file.code(handler.type)}`"
    yield Note(
        handler,
        f"{written} also catches the cancellation of `{function.name.value}`, which then goes on",
        fix=_narrowed(handler, file),
    )


def _catches_everything(caught: cst.BaseExpression, file: SourceFile) -> bool:
    types = [each.value for each in caught.elements] if isinstance(caught, cst.Tuple) else [caught]
    return any(file.name_of(each) == "BaseException" for each in types)


def _is_inside_one_that_raises(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether a handler is part of the clean-up of another one, which raises what it caught."""
    return any(isinstance(above, cst.ExceptHandler) and raises(above) for above in file.ancestors(handler))


def _knows_of_it(handler: cst.ExceptHandler) -> bool:
    return any(
        (isinstance(node, cst.Name) and node.value in _KNOWS)
        or (isinstance(node, cst.Call) and last_name(node.func) == "exc_info")
        for node in walk(handler)
    )


def _narrowed(handler: cst.ExceptHandler, file: SourceFile) -> Fix | None:
    """`except Exception`."""
    if handler.type is not None:
        return Fix.replace(handler.type, "Exception", FixKind.SUGGESTION) if dotted(handler.type) else None
    named = handler.with_changes(type=cst.Name("Exception"), whitespace_after_except=cst.SimpleWhitespace(" "))
    text = file.laid_out(named, handler)
    return Fix.replace(handler, text, FixKind.SUGGESTION) if text is not None else None
