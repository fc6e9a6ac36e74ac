"""Finds retries without a pause between the attempts."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.catalogue.retries import RETRY_OF_URLLIB3
from postil.lint.names import dotted
from postil.lint.retries import Retry, attempts_of, filter_of, spellings, with_option
from postil.lint.tree import walk

MENTIONS = ("tenacity", "retrying", "Retry")

_NO_WAIT = frozenset({"tenacity.wait_none", "tenacity.wait.wait_none"})
_FIXED = frozenset({"tenacity.wait_fixed", "tenacity.wait.wait_fixed"})
_SHORTEST = 0.1  # seconds
# Who is in the way is gone at the next attempt: another writer, a lock, a name that is taken.
_AT_ONCE = re.compile(r"Lock|Blocking|Busy|Conflict|Concurren|Integrity|Unique|Stale|Serializ|Optimistic|Exists|Race")


def check(file: SourceFile) -> Notes:
    seen: set[int] = set()
    for retry in file.retries:
        key = id(retry.call or retry.place)
        if key in seen or not _is_hasty(retry, file) or file.in_test(retry.function or retry.place):
            continue
        seen.add(key)
        if _is_harmless(retry, file):
            continue
        what = retry.what if retry.function is not None else "the attempts of this retry"
        yield Note(retry.place, f"nothing waits between {what}", fix=_with_wait(retry, file))
    for call in file.nodes(cst.Call) if file.mentions("Retry") else ():
        last = file.called(call)
        if last != "Retry" or file.name_of(call.func) not in RETRY_OF_URLLIB3 or file.in_test(call):
            continue
        if _has_no_backoff(call):
            yield Note(call, "`Retry` sends the next request at once", fix=_with_backoff(call))


def _is_hasty(retry: Retry, file: SourceFile) -> bool:
    if not retry.complete:
        return False
    if retry.library == "retrying":
        return not any(name.startswith("wait") for name in retry.options)
    if retry.library != "tenacity" or "sleep" in retry.options:
        return False
    wait = retry.options.get("wait")
    if wait is None:
        return True
    if not isinstance(wait, cst.Call):
        return False
    name = file.name_of(wait.func)
    if name in _FIXED and wait.args:
        seconds = wait.args[0].value
        return isinstance(seconds, (cst.Integer, cst.Float)) and seconds.evaluated_value < _SHORTEST
    return name in _NO_WAIT


def _is_harmless(retry: Retry, file: SourceFile) -> bool:
    """Whether there is no second retry, or what is in the way is gone at the next attempt; or the body waits itself."""
    attempts = attempts_of(retry, file)
    if attempts is not None and attempts <= 2:
        return True
    chosen = filter_of(retry)
    if chosen is not None and _AT_ONCE.search(file.code(chosen)):
        return True
    body = retry.body
    return body is not None and any(
        isinstance(node, cst.Call) and (dotted(node.func) or "").rpartition(".")[2] in ("sleep", "wait", "wait_for")
        for node in walk(body)
    )


def _has_no_backoff(call: cst.Call) -> bool:
    """Whether a `Retry` of urllib3 has no pause; its first retry never has one, so one retry needs none."""
    if has_unpacking(call):
        return False
    factor = argument(call, "backoff_factor", 8)
    if factor is not None and not (isinstance(factor, (cst.Integer, cst.Float)) and factor.evaluated_value == 0):
        return False
    total = argument(call, "total", 0)
    if total is None:
        counts = [argument(call, name) for name in ("connect", "read", "status")]
        given = [count for count in counts if isinstance(count, cst.Integer)]
        return any(count.evaluated_value > 1 for count in given)
    if isinstance(total, cst.Integer):
        return total.evaluated_value > 1
    return dotted(total) not in ("False", "None", None)


def _with_wait(retry: Retry, file: SourceFile) -> Fix | None:
    """From one second to half a minute, with chance in it."""
    if retry.library != "tenacity":
        return None
    written = spellings(("wait_exponential_jitter",), file)
    if written is None:
        return None
    (name,), imported = written
    wait = f"{name}(initial=1, max=30)"
    if "wait" in retry.options:
        return Fix((*imported, *Fix.replace(retry.options["wait"], wait).edits), FixKind.SUGGESTION)
    given = with_option(retry, f"wait={wait}", file)
    return Fix((*imported, given), FixKind.SUGGESTION) if given is not None else None


def _with_backoff(call: cst.Call) -> Fix | None:
    factor = argument(call, "backoff_factor", 8)
    if factor is not None:
        return Fix.replace(factor, "0.5", FixKind.SUGGESTION)
    return Fix((Insert(call.args[-1], ", backoff_factor=0.5", after=True),), FixKind.SUGGESTION) if call.args else None
