"""Finds retries that never give up."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile
from postil.lint.names import dotted
from postil.lint.retries import Retry, spellings, with_option
from postil.lint.tree import walk

MENTIONS = ("tenacity", "stamina", "backoff", "retrying")

# Any one of these ends the retries.
_LIMITS: dict[str, tuple[str, ...]] = {
    "tenacity": ("stop",),
    # stamina's own limits hold where none is named.
    "stamina": ("attempts", "timeout"),
    "backoff": ("max_tries", "max_time"),
    "retrying": ("stop", "stop_max_attempt_number", "stop_max_delay", "stop_func"),
}
_TIMERS = re.compile(r"(^|[._])(timeout|timeout_at|wait_for|fail_after|move_on_after)(_at|_after)?$")
# Names of what waits for something to come up, or runs as long as the process.
_PATIENT = re.compile(
    r"(^|_)(wait(_for)?|until|ready|heartbeat|daemon|forever|listen(er)?|consume(r)?|subscribe(r)?|watch(er)?|poll(er)?"
    r"|loop|startup|init(iali[sz]e)?|bootstrap|reconnect|connect)(_|$)"
)
_ASKS_THE_RESULT = re.compile(r"retry_if_(not_)?result|retry_unless")


def check(file: SourceFile) -> Notes:
    seen: set[int] = set()
    for retry in file.retries:
        key = id(retry.call or retry.place)
        if key in seen or not _is_unbounded(retry, file):
            continue
        seen.add(key)
        if file.in_test(retry.function or retry.place) or _is_timed(retry, file):
            continue
        message = f"nothing ends {retry.what}"
        yield Note(retry.place, message, fix=_bounded(retry, file), severity=_severity(retry, file))


def _is_unbounded(retry: Retry, file: SourceFile) -> bool:
    limits = _LIMITS.get(retry.library)
    if limits is None or not retry.complete:
        return False
    if any(name in retry.options and not _is_no_limit(retry.options[name], file) for name in limits):
        return False
    if retry.library == "stamina" and any(name not in retry.options for name in limits):
        return False
    # Polling for a result ends when the result is there.
    asked = retry.options.get("retry")
    return asked is None or not any(_ASKS_THE_RESULT.search(name) for name in _names(asked))


def _is_no_limit(value: cst.BaseExpression, file: SourceFile) -> bool:
    return file.name_of(value) in ("tenacity.stop_never", "tenacity.stop.stop_never") or dotted(value) == "None"


def _names(expression: cst.BaseExpression) -> list[str]:
    return [node.value for node in walk(expression) if isinstance(node, cst.Name)]


def _severity(retry: Retry, file: SourceFile) -> str | None:
    function = retry.function or file.enclosing_def(retry.place)
    if function is None or file.is_script:
        return "hint" if file.is_script else None
    if _PATIENT.search(function.name.value) or file.is_startup(function.body):
        return "hint"
    held = retry.function is not None or retry.block is not None
    serving = file.served_by(function.body.body[0]) if function.body.body else None
    return "error" if held and (function.asynchronous is not None or serving is not None) else None


def _is_timed(retry: Retry, file: SourceFile) -> bool:
    """Whether a time limit stands around the retry, or around every call of the retried function."""
    function = retry.function
    if function is None:
        return _under_timer(retry.place, file)
    for decorator in function.decorators:
        target = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
        if _TIMERS.search(dotted(target) or ""):
            return True
    calls = [
        call for call in file.nodes(cst.Call) if _may_call(call, function) and file.definition_of(call.func) is function
    ]
    return bool(calls) and all(_under_timer(call, file) for call in calls)


def _may_call(call: cst.Call, function: cst.FunctionDef) -> bool:
    name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    return isinstance(name, cst.Name) and name.value == function.name.value


def _under_timer(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a node stands in `with timeout(…):` or in the arguments of `wait_for(…)`."""
    for above in file.ancestors(node):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return False
        if isinstance(above, cst.Call) and _TIMERS.search(dotted(above.func) or ""):
            return True
        if isinstance(above, cst.With) and any(
            isinstance(item.item, cst.Call) and _TIMERS.search(dotted(item.item.func) or "") for item in above.items
        ):
            return True
    return False


def _bounded(retry: Retry, file: SourceFile) -> Fix | None:
    """Five attempts, and a minute where the library knows both."""
    edits: list[Replace | Insert] = []
    if retry.library == "tenacity":
        written = spellings(("stop_after_attempt", "stop_after_delay"), file)
        if written is None:
            return None
        (attempts, delay), imported = written
        edits += imported
        option = f"{attempts}(5) | {delay}(60)"
        if "stop" in retry.options:
            return Fix((*edits, Replace(retry.options["stop"], option)), FixKind.SUGGESTION)
        option = f"stop={option}"
    elif retry.library == "stamina":
        return Fix.replace(retry.options["attempts"], "10", FixKind.SUGGESTION)
    elif retry.library == "backoff":
        option = "max_tries=5, max_time=60"
    else:
        option = "stop_max_attempt_number=5, stop_max_delay=60_000"
    if any(name in retry.options for name in _LIMITS[retry.library]):
        return None
    given = with_option(retry, option, file)
    return Fix((*edits, given), FixKind.SUGGESTION) if given is not None else None
