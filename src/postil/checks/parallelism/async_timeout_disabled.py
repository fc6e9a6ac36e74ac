"""Finds timeouts that are set to `None`, which is no limit at all."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument
from postil.lint.tree import walk

MENTIONS = ("asyncio", "aiohttp", "httpx", "async_timeout")

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "send"})
_HTTPX_CLIENTS = frozenset({f"{name}.{kind}" for name in ("httpx", "httpx2") for kind in ("Client", "AsyncClient")})
_HTTPX_CALLS = frozenset({f"{name}.{verb}" for name in ("httpx", "httpx2") for verb in _VERBS}) - {
    "httpx.send",
    "httpx2.send",
}
_HTTPX_LIMITS = frozenset({"httpx.Timeout", "httpx2.Timeout"})
_AIOHTTP_SESSIONS = frozenset({"aiohttp.ClientSession", "aiohttp.client.ClientSession"})
_AIOHTTP_LIMITS = frozenset({"aiohttp.ClientTimeout", "aiohttp.client.ClientTimeout"})
_SCOPES = frozenset({"asyncio.timeout", "async_timeout.timeout"})
# Streams and long polls are meant to stay open: words, and beginnings of words.
_OPEN_WORDS = frozenset({"sse", "event", "events", "ws", "tail", "follow", "chat", "live", "livestream", "longpoll"})
_OPEN_BEGINNINGS = ("stream", "websocket", "watch", "poll", "listen", "subscri", "pubsub", "monitor", "feed", "notif",
                    "generat", "complet", "eventsource")  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TEXTS = (cst.SimpleString, cst.FormattedStringText, cst.Name)


def check(call: cst.Call, file: SourceFile) -> Notes:
    given = next((arg.value for arg in call.args if _is_none(arg.value)), None)
    if given is None:
        return
    what = _without_limit(call, file)
    if what is None or file.in_test(call) or _is_a_default(call, file) or _is_explained(call, file):
        return
    if _is_meant_to_stay_open(call, file):
        return
    name, value = what
    yield Note(
        call,
        f"`{name}` is given `None` as its timeout, so it waits for as long as the other side likes",
        fix=Fix.replace(value, "10", FixKind.SUGGESTION) if value is not None else None,
        severity="hint" if file.is_script else None,
    )


def _is_none(value: cst.BaseExpression | None) -> bool:
    return value.__class__ is cst.Name and isinstance(value, cst.Name) and value.value == "None"


def _without_limit(call: cst.Call, file: SourceFile) -> tuple[str, cst.BaseExpression | None] | None:
    """What waits without limit, and the `None` that says so."""
    name = file.name_of(call.func)
    if name == "asyncio.wait_for":
        value = argument(call, "timeout", 1)
        if call.args and isinstance(call.args[0].value, (cst.Name, cst.Attribute)):
            return None  # of a task that runs anyway: the same as `await`
        return (name, value) if _is_none(value) else None
    if name in _SCOPES:
        value = argument(call, "delay", 0)
        above = file.parent(call)
        # With a name, the limit may be set later, by `reschedule`.
        named = isinstance(above, cst.WithItem) and above.asname is not None
        return (name, value) if _is_none(value) and isinstance(above, cst.WithItem) and not named else None
    if name in _AIOHTTP_LIMITS:
        value = argument(call, "total", 0)
        return (name, value) if _is_none(value) and _is_the_only_limit(call) else None
    if name in _HTTPX_LIMITS:
        value = argument(call, "timeout", 0)
        return (name, value) if _is_none(value) and _is_the_only_limit(call) else None
    if name in _HTTPX_CALLS or name in _HTTPX_CLIENTS:
        value = argument(call, "timeout")
        return (name, value) if _is_none(value) else None
    if name is None and isinstance(call.func, cst.Attribute) and call.func.attr.value in _VERBS:
        value = argument(call, "timeout")
        kind = file.type_of(call.func.value) if _is_none(value) else None
        if kind in _HTTPX_CLIENTS or kind in _AIOHTTP_SESSIONS:
            return f"{kind}.{call.func.attr.value}", value
    return None


def _is_a_default(call: cst.Call, file: SourceFile) -> bool:
    """Whether this is the default of a parameter, which callers replace."""
    return isinstance(file.parent(call), cst.Param)


def _is_explained(call: cst.Call, file: SourceFile) -> bool:
    """Whether a comment above says why there is no timeout."""
    statement = file.enclosing_statement(call)
    lines = statement.leading_lines if isinstance(statement, cst.SimpleStatementLine) else ()
    return any(line.comment is not None and "timeout" in line.comment.value for line in lines)


def _is_the_only_limit(call: cst.Call) -> bool:
    """Whether no other argument sets a limit of its own, on connecting or on each read."""
    return all(_is_none(arg.value) for arg in call.args) and not any(arg.star for arg in call.args)


def _is_meant_to_stay_open(call: cst.Call, file: SourceFile) -> bool:
    """Whether the words around speak of a stream: the address, the variable, the function, the class."""
    statement = file.enclosing_statement(call)
    line = statement if isinstance(statement, cst.SimpleStatementLine) else call
    texts = [file.scope_of(call), file.path]
    texts += [node.value for node in walk(line) if isinstance(node, _TEXTS) and node.value != "follow_redirects"]
    words = {word.lower() for text in texts for word in _WORD.findall(text)}
    if words & _OPEN_WORDS or any(word.startswith(_OPEN_BEGINNINGS) for word in words):
        return True
    # A client may be what others open their streams on.
    return file.name_of(call.func) in _HTTPX_CLIENTS | _HTTPX_LIMITS | _AIOHTTP_LIMITS and any(
        isinstance(node.func, cst.Attribute) and node.func.attr.value in ("stream", "ws_connect", "aiter_lines")
        for node in file.nodes(cst.Call)
    )
