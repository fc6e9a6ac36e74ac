"""Finds calls over the network that may wait for ever."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking, string_value
from postil.lint.catalogue.timeouts import (
    CONNECT_LATER,
    LIMITED_BY_CONSTRUCTOR,
    UNLIMITED_CALLS,
    UNLIMITED_METHODS,
    USE_SOCKET_DEFAULT,
)
from postil.lint.names import dotted
from postil.lint.tree import walk

_METHODS = frozenset(method for _, method in UNLIMITED_METHODS)
_FUNCTIONS = frozenset(name.rpartition(".")[2] for name in UNLIMITED_CALLS)
MENTIONS = tuple(sorted({name.split(".", 1)[0] for name in UNLIMITED_CALLS} | {"urllib3"}))
_CONNECTION_STRING = re.compile(r"\s*(postgres(ql)?://|\w+\s*=)")
_LOCAL = re.compile(r"""[rRfFbB]*["']+(file|data):""")
_PLAIN_ADAPTERS = frozenset({"requests.adapters.HTTPAdapter", "requests.HTTPAdapter"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    found = _unlimited(call, file)
    if found is None or has_unpacking(call) or file.in_test(call):
        return
    name, keyword, position = found
    given = argument(call, keyword, position)
    is_none = isinstance(given, cst.Name) and given.value == "None"
    if (given is not None and not is_none) or _is_limited_elsewhere(name, call, file):
        return
    written = dotted(call.func)
    what = (
        f"`{name}`" if file.name_of(call.func) or written is None else f"`{written}`, of `{name.rpartition('.')[0]}`,"
    )
    yield Note(
        call,
        f"{what} is told to wait for ever" if is_none else f"{what} waits for ever if the other side stays silent",
        fix=_limited(call, keyword, given),
        severity="hint" if file.is_script else None,
    )


def _unlimited(call: cst.Call, file: SourceFile) -> tuple[str, str, int | None] | None:
    """What a call is in its library's words, and the keyword and position of its timeout."""
    func = call.func
    name = file.name_of(func) if file.called(call) in _FUNCTIONS else None
    if name is not None:
        return (name, *UNLIMITED_CALLS[name]) if name in UNLIMITED_CALLS else None
    if not isinstance(func, cst.Attribute) or func.attr.value not in _METHODS:
        return None
    kind = file.type_of(func.value)
    option = UNLIMITED_METHODS.get((kind, func.attr.value)) if kind is not None else None
    return (f"{kind}.{func.attr.value}", *option) if option is not None else None


def _is_limited_elsewhere(name: str, call: cst.Call, file: SourceFile) -> bool:
    if name in CONNECT_LATER and argument(call, "host", 0) is None:
        return True
    if name == "socket.create_connection" and _sets_limit(call, file):
        return True
    if name.startswith(USE_SOCKET_DEFAULT):
        if call.args and _LOCAL.match(file.code(call.args[0].value)) is not None:
            return True
        if any(file.name_of(other.func) == "socket.setdefaulttimeout" for other in file.nodes(cst.Call)):
            return True
    if name.startswith(LIMITED_BY_CONSTRUCTOR):
        made = file.value_of(cst.ensure_type(call.func, cst.Attribute).value)
        return not isinstance(made, cst.Call) or has_unpacking(made) or argument(made, "timeout") is not None
    if name == "psycopg2.connect":
        source = argument(call, "dsn", 0)
        text = _literal_text(source) if source is not None else ""
        return text is None or "connect_timeout" in text
    return "Session" in name and _has_own_limits(file)


def _literal_text(expression: cst.BaseExpression) -> str | None:
    """The text of a string, or of an f-string that begins like a connection string (`postgresql://…`, `host=…`)."""
    if not isinstance(expression, cst.FormattedString):
        return string_value(expression)
    parts = [part.value if isinstance(part, cst.FormattedStringText) else "" for part in expression.parts]
    return "".join(parts) if parts and _CONNECTION_STRING.match(parts[0]) else None


def _sets_limit(call: cst.Call, file: SourceFile) -> bool:
    """Whether the function around a call sets the limit on the socket, or closes it at once: connecting has an end."""
    above = file.parent(call)
    if isinstance(above, cst.Attribute) and above.attr.value == "close":
        return True
    function = file.enclosing_function(call)
    return function is not None and any(
        isinstance(node, cst.Attribute) and node.attr.value == "settimeout" for node in walk(function.body)
    )


def _has_own_limits(file: SourceFile) -> bool:
    """Whether a file gives its sessions adapters of their own, or replaces their methods."""
    for other in file.nodes(cst.Call):
        if isinstance(other.func, cst.Attribute) and other.func.attr.value == "mount" and len(other.args) > 1:
            adapter = other.args[1].value
            adapter = file.value_of(adapter) or adapter
            if not isinstance(adapter, cst.Call) or file.name_of(adapter.func) not in _PLAIN_ADAPTERS:
                return True
    return any(
        isinstance(target.target, cst.Attribute) and target.target.attr.value in ("request", "send", "get", "post")
        for assigned in file.nodes(cst.Assign)
        for target in assigned.targets
    )


def _limited(call: cst.Call, keyword: str, given: cst.BaseExpression | None) -> Fix | None:
    if keyword == "transport":
        return None
    if given is not None:
        return Fix.replace(given, "10", FixKind.SUGGESTION)
    if not call.args:
        return None
    return Fix((Insert(call.args[-1], f", {keyword}=10", after=True),), FixKind.SUGGESTION)
