"""Finds pauses between attempts that have no chance in them, so that all who failed together come back together."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument
from postil.lint.names import dotted
from postil.lint.retries import Retry, spellings
from postil.lint.tree import walk, walk_scope

MENTIONS = ("tenacity", "backoff", "retry_jitter", "sleep")

_STEADY = frozenset({"wait_fixed", "wait_exponential", "wait_incrementing"})
_COMBINING = frozenset({"wait_combine", "wait_chain"})
_SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep"})
_CHANCE = re.compile(r"rand|jitter|uniform|secrets|shuffle", re.IGNORECASE)
# The same name with the same meaning in both.
_SHARED = ("multiplier", "max", "exp_base", "min")
# One who waits for one thing is no crowd.
_ALONE = re.compile(r"(^|_)(wait(_for)?|until|ready|poll|startup|init|bootstrap|heartbeat|watch|connect|loop)(_|$)")


def check(file: SourceFile) -> Notes:
    if not file.is_service or file.is_command:
        return
    seen: set[int] = set()
    for retry in file.retries:
        key = id(retry.call or retry.place)
        if key in seen or _waits_alone(retry, file):
            continue
        seen.add(key)
        wait = retry.options.get("wait") if retry.library == "tenacity" else None
        if wait is not None:
            steady = _steady(wait, file)
            if steady:
                yield Note(wait, _message(retry, f"`{steady[0]}`"), fix=_with_jitter(wait, file))
        jitter = retry.options.get("jitter") if retry.library == "backoff" else None
        if jitter is not None and dotted(jitter) == "None":
            yield Note(jitter, _message(retry, "`jitter=None`"))
    for task in file.tasks:
        if task.framework == "celery" and task.call is not None:
            jitter, backoff = argument(task.call, "retry_jitter"), argument(task.call, "retry_backoff")
            if dotted(jitter) == "False" and backoff is not None and dotted(backoff) != "False":
                yield Note(
                    jitter or task.call,
                    f"`retry_jitter=False` lets failed runs of `{task.function.name.value}` come back together",
                )
    if file.mentions("sleep"):
        yield from _by_hand(file)


def _message(retry: Retry, what: str) -> str:
    retries = retry.what if retry.function is not None else "retries"
    return f"{what} lets {retries} that failed together come back together"


def _waits_alone(retry: Retry, file: SourceFile) -> bool:
    function = retry.function or file.enclosing_def(retry.place)
    above = file.parent(retry.place)
    if isinstance(above, cst.Assign) and isinstance(above.targets[0].target, cst.Attribute):
        return False  # kept by an object, for later
    return function is not None and (_ALONE.search(function.name.value) is not None or file.is_startup(function.body))


def _steady(wait: cst.BaseExpression, file: SourceFile) -> list[str] | None:
    """The names of the pauses that a wait is made of, if none of them has chance in it; None where one isn't known."""
    if isinstance(wait, cst.BinaryOperation) and isinstance(wait.operator, cst.Add):
        parts = [_steady(wait.left, file), _steady(wait.right, file)]
    elif isinstance(wait, cst.Call):
        name = (file.name_of(wait.func) or "").rpartition(".")
        if not name[0].startswith("tenacity"):
            return None
        if name[2] in _STEADY:
            return [name[2]]
        if name[2] not in _COMBINING:
            return None
        parts = [None if arg.star else _steady(arg.value, file) for arg in wait.args]
    elif isinstance(wait, cst.Name) and (value := file.value_of(wait)) is not None:
        return _steady(value, file) if isinstance(value, cst.Call) else None
    else:
        return None
    known = [part for part in parts if part]
    return [name for part in known for name in part] if known and len(known) == len(parts) else None


def _with_jitter(wait: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """`wait_exponential_jitter`, where each argument has its like there."""
    if not isinstance(wait, cst.Call) or (file.name_of(wait.func) or "").rpartition(".")[2] != "wait_exponential":
        return None
    if any(arg.keyword is None or arg.keyword.value not in _SHARED for arg in wait.args):
        return None
    written = spellings(("wait_exponential_jitter",), file)
    if written is None:
        return None
    (name,), imported = written
    renamed = [
        Replace(arg.keyword, "initial")
        for arg in wait.args
        if arg.keyword is not None and arg.keyword.value == "multiplier"
    ]
    # `min` came later than the rest, in tenacity 9.2.
    if any(arg.keyword is not None and arg.keyword.value == "min" for arg in wait.args):
        return None
    edits: tuple[Insert | Replace, ...] = (*imported, Replace(wait.func, name), *renamed)
    return Fix(edits, FixKind.SUGGESTION)


def _by_hand(file: SourceFile) -> Iterator[Note]:
    """`sleep(2**attempt)` in a loop with a handler, where nothing in the function draws lots."""
    for call in file.nodes(cst.Call):
        if len(call.args) != 1 or (dotted(call.func) or "").rpartition(".")[2] != "sleep":
            continue
        if not _grows(call.args[0].value, file) or file.name_of(call.func) not in _SLEEPS:
            continue
        function = file.enclosing_def(call)
        if function is None or _ALONE.search(function.name.value) or not _is_retried(call, file):
            continue
        if not any(isinstance(node, cst.Name) and _CHANCE.search(node.value) for node in walk_scope(function.body)):
            yield Note(call, f"`{file.code(call)}` lets all who failed together come back together")


def _grows(delay: cst.BaseExpression, file: SourceFile) -> bool:
    value = file.value_of(delay) if isinstance(delay, cst.Name) else None
    return any(
        isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Power) for node in walk(value or delay)
    )


def _is_retried(call: cst.Call, file: SourceFile) -> bool:
    for above in file.ancestors(call):
        if isinstance(above, (cst.For, cst.While)):
            return any(isinstance(node, cst.Try) for node in walk_scope(above.body))
        if isinstance(above, cst.FunctionDef):
            return False
    return False
