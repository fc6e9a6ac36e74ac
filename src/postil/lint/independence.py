"""Which waits could run at the same time. May not guess: only calls that are named for asking count."""

import re

import libcst as cst

from postil.lint.names import dotted, last_name
from postil.lint.source import SourceFile
from postil.lint.tree import walk

_ASKS = re.compile(
    r"^_*(a?get|fetch|load|lookup|look_up|find|resolve|retrieve|describe|query|search|count|list|embed|download)(_|$)"
)
# One task at a time may use these, or their answers come in a fixed order.
_SHARED = re.compile(
    r"(^|_)(a?session|conn|connection|db|database|cursor|cur|tx|txn|transaction|pipe|pipeline|ws|websocket|sock|socket"
    r"|page|browser|frame|element|driver|writer|reader|stream|channel|lock|queue|uow|repo|repository|store|dao|crud"
    r"|file|fp|process|proc|stdout|stdin|tab|locator|serial|port|device)s?$",
    re.IGNORECASE,
)
_SHARED_TYPES = re.compile(
    r"Session|Connection|Cursor|Transaction|WebSocket|Stream|Lock|Queue|Database|Repository|Page"
)
_STEPS = re.compile(r"token|next|sleep|wait|lock|page", re.IGNORECASE)


def asks_only(call: cst.Call) -> bool:
    """Whether a call is named for asking something, so that its order among others is likely to be free."""
    func = call.func
    last = last_name(func)
    return _ASKS.search(last) is not None and _STEPS.search(last) is None


def is_shared(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call is on, or is given, something that one task at a time may use: a session, a connection, a page."""
    for node in walk(call):
        if not isinstance(node, (cst.Name, cst.Attribute)):
            continue
        last = node.attr.value if isinstance(node, cst.Attribute) else node.value
        if _SHARED.search(last) or _SHARED_TYPES.search(file.type_of(node) or ""):
            return True
    return dotted(call.func) is None
