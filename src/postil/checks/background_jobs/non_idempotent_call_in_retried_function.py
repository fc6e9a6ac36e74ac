"""Finds calls that have an effect elsewhere, in code that may run twice, without a key that tells the two apart."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument, has_unpacking, string_value
from postil.lint.catalogue.families import LIBRARIES
from postil.lint.queues import asks_again, is_empty, merged, options
from postil.lint.tree import walk_scope

MENTIONS = ("tenacity", "stamina", "backoff", "celery", "shared_task", "dramatiq")

_HTTP = frozenset({"requests", "httpx", "httpx2", "aiohttp"})
_EFFECTS = frozenset({"post", "patch"})
_STRIPE = frozenset({"create", "confirm", "capture", "refund", "cancel", "pay"})
_KEY = re.compile(r"idempoten|request-?id", re.IGNORECASE)
# A POST with one of these in its address asks a question, or gives the same answer twice.
_READS = re.compile(
    r"search|query|graphql|token|login|oauth|auth|session|lookup|find|filter|list|batch_?get|embed|complet|chat|predict"
    r"|infer|generat|classif|rerank|rank|translat|transcri|detect|analy[sz]|extract|evaluat|score|valid|verif|check(?!_?out)|test"
    r"|convert|render|parse|calculat|estimate|preview|rpc|ping|health|status|sparql|scrape|crawl|export|report"
    r"|refresh|revoke|introspect|upload|ingest|metric|log|trace|telemetry|collect|bulk|upsert|(?<!a)sync|update"
    # Who gets a webhook knows that it may come twice.
    r"|hook|callback",
    re.IGNORECASE,
)
# The request wasn't sent, so a second one is the first.
_NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ConnectionError", "ClientConnectorError"})
_NONE = cst.Tuple(())
_MAILS = frozenset({"django.core.mail.send_mail", "django.core.mail.send_mass_mail"})


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    seen: set[int] = set()
    for name, code, place in _repeated(file):
        for node, function in _calls(code, file):
            if id(node) in seen or (what := _effect(node, function, file)) is None:
                continue
            seen.add(id(node))
            yield Note(node, f"{name} may run twice, and {what}", secondary=(Secondary(place, "tried again by this"),))


def _calls(code: cst.FunctionDef | cst.For, file: SourceFile) -> Iterator[tuple[cst.Call, cst.FunctionDef]]:
    """The calls in what is tried again and in functions of this file that it gets to, each with its function."""
    around = code if isinstance(code, cst.FunctionDef) else file.enclosing_def(code)
    if around is None:
        return
    own = list(walk_scope(code.body))
    inside = {id(node) for node in own}
    yield from ((node, around) for node in own if isinstance(node, cst.Call))
    for place, callee in file.calls.callees(around):
        for reached in file.calls.reached(callee) if id(place) in inside else ():
            yield from ((node, reached) for node in walk_scope(reached.body) if isinstance(node, cst.Call))


def _repeated(file: SourceFile) -> Iterator[tuple[str, cst.FunctionDef | cst.For, cst.CSTNode]]:
    """What is tried again after a failure, its name first, and what does that."""
    for retry in file.retries:
        code = retry.function or retry.block
        if code is not None and not _only_unsent(retry.options.values()):
            yield f"`{retry.function.name.value}`" if retry.function is not None else "this block", code, retry.place
    for task in file.tasks:
        given = merged(task, file) or options(task) or {}
        if task.framework == "celery" and (asks_again(task, file) or not is_empty(given.get("autoretry_for", _NONE))):
            if not _only_unsent([given["autoretry_for"]] if "autoretry_for" in given else ()):
                yield f"`{task.function.name.value}`", task.function, task.decorator
        elif task.framework == "dramatiq" and not ({"throws", "retry_when"} & given.keys()):
            limit = given.get("max_retries")
            if not (isinstance(limit, cst.Integer) and limit.evaluated_value == 0):
                yield f"`{task.function.name.value}`", task.function, task.decorator


def _only_unsent(filters: Iterable[cst.BaseExpression]) -> bool:
    """Whether a filter names nothing but failures to connect."""
    names = [
        node.attr.value if isinstance(node, cst.Attribute) else node.value
        for each in filters
        for node in walk_scope(each)
        if isinstance(node, (cst.Attribute, cst.Name))
    ]
    errors = [name for name in names if re.search(r"Error$|Exception$|Timeout$", name)]
    return bool(errors) and all(error in _NOT_SENT for error in errors)


def _effect(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> str | None:
    """What a call does a second time, in words; None where that is harmless or not known."""
    if not isinstance(call.func, (cst.Attribute, cst.Name)) or has_unpacking(call):
        return None
    name = file.name_of(call.func)
    method = call.func.attr.value if isinstance(call.func, cst.Attribute) else call.func.value
    code = file.code(call.func)
    if name is not None and name.startswith("stripe.") and method in _STRIPE:
        return None if argument(call, "idempotency_key") is not None else f"`{code}` has no `idempotency_key`"
    if name in _MAILS and not _is_last(call, function, file):
        return f"`{code}` has been sent when what follows fails"
    if method in _EFFECTS and isinstance(call.func, cst.Attribute):
        return _post(call, method, code, name, function, file)
    if method == "send_message" and name is None:
        queue = argument(call, "QueueUrl")
        if queue is not None and (string_value(queue) or "").endswith(".fifo"):
            has_key = argument(call, "MessageDeduplicationId") is not None
            return None if has_key else f"`{code}` has no `MessageDeduplicationId`"
    return None


def _post(
    call: cst.Call, method: str, code: str, name: str | None, function: cst.FunctionDef, file: SourceFile
) -> str | None:
    root = (name or file.type_of(cst.ensure_type(call.func, cst.Attribute).value) or "").partition(".")[0]
    if LIBRARIES.get(root) not in _HTTP:
        return None
    headers = argument(call, "headers")
    if headers is not None and (not isinstance(headers, cst.Dict) or _KEY.search(file.code(headers))):
        return None
    address = argument(call, "url", 0)
    words = f"{basename(file.path)} {function.name.value} {file.code(address) if address is not None else ''}"
    if address is None or _READS.search(words) or "idempot" in file.code(call):
        return None
    return f"this {method.upper()} carries no idempotency key"


def _is_last(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether nothing that may fail follows a call in its function."""
    statement = file.enclosing_statement(call)
    body = function.body.body
    return bool(body) and body[-1] is statement
