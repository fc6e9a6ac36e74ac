"""Finds context that is bound to the log for one request or job and never released."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.catalogue.structlog_names import BIND, RELEASES

MENTIONS = ("bind_contextvars",)

_CLEARED_ELSEWHERE = ("asgi_correlation_id", "django_structlog")


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not file.is_service or file.name_of(call.func) != BIND:
        return
    function = file.enclosing_def(call)
    handler = file.served_by(call)
    if function is None or handler is None or any(name in file.text for name in _CLEARED_ELSEWHERE):
        return
    if any(file.name_of(each.func) in RELEASES and _counts_for(each, handler, file) for each in file.nodes(cst.Call)):
        return
    what = "job" if file.is_task(handler) else "request"
    if what == "request" and handler.asynchronous is None and "fastapi" in file.text:
        return  # runs in a thread with a copy of the context
    # A server starts a task for each request, and what is bound in it ends with it.
    own = handler.asynchronous is not None and what == "request"
    names = [f"`{arg.keyword.value}`" for arg in call.args if arg.keyword is not None]
    stays, them, are = ("stay", "them", "are") if len(names) > 1 else ("stays", "it", "is")
    bound = f"{' and '.join(names) or 'what is bound'} {stays} bound after the {what}"
    alone = f"{are} gone only if the server gives each request its own task"
    yield Note(
        call,
        f"{bound}, and {alone}" if own else f"{bound}, and the next one on this worker logs {them} as well",
        fix=_cleared(call, file),
        severity="hint" if own else None,
    )


def _counts_for(release: cst.Call, handler: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a release may be for this handler: it stands in it, or in no other job or endpoint.

    `with bound_contextvars(…)` releases what it binds itself.
    """
    function = file.enclosing_def(release)
    if file.called(release) == "bound_contextvars" and function is not handler:
        return False
    others = [task.function for task in file.tasks] + [route.function for route in file.routes]
    return function is handler or not any(function is other for other in others)


def _cleared(call: cst.Call, file: SourceFile) -> Fix | None:
    """`clear_contextvars()` in front, where it is at hand through the same module."""
    statement = file.parent(call)
    if not isinstance(call.func, cst.Attribute) or not isinstance(statement, cst.Expr):
        return None
    clear = f"{file.code(call.func.value)}.clear_contextvars()"
    return Fix((Insert(call, f"{clear}\n{file.indentation(call)}"),), FixKind.SUGGESTION)
