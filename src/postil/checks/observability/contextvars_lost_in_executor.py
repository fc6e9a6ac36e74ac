"""Finds functions that log with their context and are run in a thread that doesn't get it."""

import libcst as cst

from postil.lint import Fix, Note, Notes, Secondary, SourceFile, argument, has_unpacking
from postil.lint.logs import log_call
from postil.lint.tree import walk, walk_scope

MENTIONS = ("structlog", "contextvars")

_CONTEXT_VARIABLE = "contextvars.ContextVar"


def check(call: cst.Call, file: SourceFile) -> Notes:
    handed = _handed(call, file)
    if handed is None or not file.is_service or not file.runs_on_loop(call) or "ThreadingInstrumentor" in file.text:
        return
    used = _uses_context(handed, file)
    if used is None:
        return
    how, place = used
    where = "a plain thread" if file.name_of(call.func) == "threading.Thread" else f"`{_method(call)}`"
    yield Note(
        call,
        f"`{file.code(handed)}` {how}, and {where} doesn't take the context along"
        if not isinstance(handed, cst.Lambda)
        else f"what runs here {how}, and {where} doesn't take the context along",
        fix=_to_thread(call, file),
        secondary=(Secondary(place, "the context is used here"),),
    )


def _method(call: cst.Call) -> str:
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else "it"


def _handed(call: cst.Call, file: SourceFile) -> cst.BaseExpression | None:
    """The function that a call hands to a thread without its context."""
    if file.name_of(call.func) == "threading.Thread":
        return argument(call, "target", 1)
    if not isinstance(call.func, cst.Attribute):
        return None
    method = call.func.attr.value
    if method == "run_in_executor":
        executor = argument(call, "executor", 0)
        if executor is not None and "Process" in (file.type_of(executor) or file.code(executor)):
            return None
        handed = argument(call, "func", 1)
    elif method in ("submit", "map") and file.type_of(call.func.value) == "concurrent.futures.ThreadPoolExecutor":
        handed = argument(call, "fn", 0)
    else:
        return None
    if isinstance(handed, cst.Call) and file.name_of(handed.func) == "functools.partial" and handed.args:
        return handed.args[0].value
    return handed


def _uses_context(handed: cst.BaseExpression, file: SourceFile) -> tuple[str, cst.CSTNode] | None:
    """How a function depends on the context of its caller, and where; None where it doesn't, or isn't in this file."""
    if isinstance(handed, cst.Lambda):
        bodies: list[cst.CSTNode] = [handed.body]
        for node in walk(handed.body):
            if isinstance(node, cst.Call) and isinstance(found := file.definition_of(node.func), cst.FunctionDef):
                bodies += [function.body for function in file.calls.reached(found)]
    else:
        found = file.definition_of(handed)
        if not isinstance(found, cst.FunctionDef):
            return None
        bodies = [function.body for function in file.calls.reached(found)]
    for body in bodies:
        for node in walk_scope(body):
            if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
                continue
            line = log_call(node, file)
            if line is not None and line.library == "structlog":
                return "logs with structlog", node
            if node.func.attr.value == "get" and file.type_of(node.func.value) == _CONTEXT_VARIABLE:
                return f"reads `{file.code(node.func.value)}`", node
    return None


def _to_thread(call: cst.Call, file: SourceFile) -> Fix | None:
    """`await asyncio.to_thread(f, …)`, which copies the context."""
    executor = argument(call, "executor", 0)
    default = isinstance(executor, cst.Name) and executor.value == "None"
    if not default or has_unpacking(call) or file.imports.get("asyncio") != "asyncio":
        return None
    if not isinstance(file.parent(call), cst.Await) or any(arg.keyword is not None for arg in call.args):
        return None
    rest = ", ".join(file.code(arg.value) for arg in call.args[1:])
    return Fix.replace(call, f"asyncio.to_thread({rest})")
