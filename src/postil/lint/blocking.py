"""Which calls hold the thread that makes them. May not guess: what isn't known by name or by type doesn't block."""

from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.blocking import (
    BLOCKING_CALLS,
    BLOCKING_METHODS,
    CONNECT_IF_HOST,
    MONGO_CLASSES,
    MONGO_METHODS,
    NOT_BLOCKING_METHODS,
    SPAWNS,
)
from postil.lint.names import dotted
from postil.lint.tree import FUNCTIONS, walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

# Take what they are given as an awaitable, so that a call among their arguments is one of an async library.
_TAKE_AWAITABLES = frozenset({"gather", "create_task", "ensure_future", "wait_for", "shield", "wait", "as_completed"})
# method → position of its `timeout`
_TIMEOUTS = {"wait": 0, "join": 0, "result": 0, "exception": 0, "communicate": 1, "get": 1, "put": 2}


# Last parts of all names above, and the libraries of which nearly every method blocks.
_LAST = frozenset(
    {name.rpartition(".")[2] for name in BLOCKING_CALLS}.union(*BLOCKING_METHODS.values()) | MONGO_METHODS
)
_DEPTH = 3  # how many names for parts of a client are followed
_WHOLE_CLIENTS = ("redis", "boto3")


def may_block(call: cst.Call, file: "SourceFile") -> bool:
    """A quick look at a call's last name, so that few calls need to be looked at closely."""
    if isinstance(call.func, cst.Attribute):
        return call.func.attr.value in _LAST or any(file.mentions(library) for library in _WHOLE_CLIENTS)
    return isinstance(call.func, cst.Name) and (
        call.func.value in _LAST or file.imports.get(call.func.value) in BLOCKING_CALLS
    )


def blocks(call: cst.Call, file: "SourceFile") -> str | None:
    """What a call is in its library's words, if it holds its thread: "requests.get", "redis.Redis.get"; else None."""
    name = file.name_of(call.func)
    if name in BLOCKING_CALLS:
        return name if not _returns_at_once(name, call, file) and not is_awaitable(call, file) else None
    if name is not None or not isinstance(call.func, cst.Attribute):
        return None
    method, owner = call.func.attr.value, call.func.value
    kind = file.type_of(owner)
    if kind is None and method in MONGO_METHODS:
        root = _root(owner, file)
        kind = file.type_of(root) if root is not owner else None
        if kind not in MONGO_CLASSES:
            return None
    if kind is None or not _method_blocks(kind, method) or is_awaitable(call, file):
        return None
    return None if _method_returns_at_once(kind, method, call, file) else f"{kind}.{method}"


def is_awaitable(call: cst.Call, file: "SourceFile") -> bool:
    """Whether a call is used as one of an async library: awaited, entered with `async with`, given to `gather`."""
    above = file.parent(call)
    if isinstance(above, cst.Await):
        return True
    if isinstance(above, cst.WithItem):
        statement = file.parent(above)
        return isinstance(statement, cst.With) and statement.asynchronous is not None
    if isinstance(above, (cst.For, cst.CompFor)):
        return above.asynchronous is not None and above.iter is call
    while isinstance(
        above, (cst.Arg, cst.StarredElement, cst.Element, cst.List, cst.Tuple, cst.ListComp, cst.GeneratorExp)
    ):
        above = file.parent(above)
    if isinstance(above, cst.Call) and above is not call:
        taker = above.func.attr if isinstance(above.func, cst.Attribute) else above.func
        return isinstance(taker, cst.Name) and taker.value in _TAKE_AWAITABLES
    return False


def _method_blocks(kind: str, method: str) -> bool:
    if kind in NOT_BLOCKING_METHODS:
        return method not in NOT_BLOCKING_METHODS[kind] and method.islower() and not method.startswith("_")
    if kind in MONGO_CLASSES:
        return method in MONGO_METHODS
    return method in BLOCKING_METHODS.get(kind, ())


def _root(expression: cst.BaseExpression, file: "SourceFile", depth: int = 0) -> cst.BaseExpression:
    """`client` of `client.shop["orders"]`, and of `orders` where that is a name for it."""
    while isinstance(expression, (cst.Attribute, cst.Subscript)):
        if isinstance(expression, cst.Attribute) and dotted(expression.value) in ("self", "cls"):
            break
        expression = expression.value
    part = file.value_of(expression)
    is_part = isinstance(part, (cst.Attribute, cst.Subscript)) and depth < _DEPTH
    return _root(part, file, depth + 1) if is_part else expression


def _returns_at_once(name: str, call: cst.Call, file: "SourceFile") -> bool:
    if name in CONNECT_IF_HOST:
        return not any(arg.star or arg.keyword is None or arg.keyword.value == "host" for arg in call.args)
    if name in SPAWNS:
        return not call.args or not (dotted(call.args[0].value) or "").endswith("P_WAIT")
    if name.startswith("os.wait"):
        return "WNOHANG" in file.code(call)
    if name == "urllib.request.urlopen":
        # What stands in the address itself needs no server.
        function = file.enclosing_def(call)
        is_named_so = function is not None and "data_ur" in function.name.value
        return is_named_so or (bool(call.args) and _begins(call.args[0].value, "data:", file))
    if name == "socket.getaddrinfo":
        # An address that is a number already is only taken apart.
        return "NUMERIC" in file.code(call)
    return name == "time.sleep" and (
        (len(call.args) == 1 and _is_zero(call.args[0].value)) or _is_for_sync_callers(call, file)
    )


def _is_for_sync_callers(call: cst.Call, file: "SourceFile") -> bool:
    """Whether a call is in the `else` of `if asynchronous: await asyncio.sleep(…)`: code for callers of both kinds."""
    child: cst.CSTNode = call
    for above in file.ancestors(call):
        if isinstance(above, cst.If) and isinstance(child, cst.Else) and isinstance(above.test, cst.Name):
            return any(isinstance(node, cst.Await) for node in walk_scope(above.body))
        if isinstance(above, FUNCTIONS):
            return False
        child = above
    return False


def _begins(text: cst.BaseExpression, start: str, file: "SourceFile") -> bool:
    """Whether a text, or the one that a variable is given, begins so."""
    value = file.value_of(text) or text
    if isinstance(value, cst.FormattedString) and value.parts:
        value = value.parts[0]
    if isinstance(value, cst.FormattedStringText):
        return value.value.startswith(start)
    return isinstance(value, cst.SimpleString) and str(value.evaluated_value).startswith(start)


def _method_returns_at_once(kind: str, method: str, call: cst.Call, file: "SourceFile") -> bool:
    values = {arg.keyword.value if arg.keyword is not None else index: arg.value for index, arg in enumerate(call.args)}
    timeout = values.get("timeout", values.get(_TIMEOUTS.get(method, -1)))
    if timeout is not None and _is_zero(timeout):
        return True
    owner = cst.ensure_type(call.func, cst.Attribute).value
    if kind.startswith(("queue.", "multiprocessing.")) and method in ("get", "put"):
        block = values.get("block", values.get(0 if method == "get" else 1))
        if isinstance(block, cst.Name) and block.value == "False":
            return True
        if method == "put":
            return not _is_bounded(owner, file)
        return _is_asked(owner, ("empty", "qsize"), call, file)
    if kind == "concurrent.futures.Future":
        # A future that comes from elsewhere may be done already.
        made = owner if isinstance(owner, cst.Call) else file.value_of(owner)
        is_made_here = made is not None and file.type_of(made) == kind
        if not is_made_here or _is_asked(owner, ("done", "cancelled", "add_done_callback"), call, file):
            return True
        return _is_waited_for(owner, call, file)
    if kind == "subprocess.Popen" and method == "wait":
        return _is_asked(owner, ("poll",), call, file)
    return False


def _is_bounded(queue: cst.BaseExpression, file: "SourceFile") -> bool:
    """Whether a queue is seen to be made with a size, without which `put` never waits."""
    made = file.value_of(queue)
    return isinstance(made, cst.Call) and bool(made.args) and not _is_zero(made.args[0].value)


def _is_asked(owner: cst.BaseExpression, methods: tuple[str, ...], call: cst.Call, file: "SourceFile") -> bool:
    """Whether the function around a call also asks the object if there is anything to wait for."""
    name, function = dotted(owner), file.enclosing_function(call)
    if name is None or function is None:
        return False
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in methods and dotted(node.value) == name
        for node in walk_scope(function.body)
    )


def _is_waited_for(future: cst.BaseExpression, call: cst.Call, file: "SourceFile") -> bool:
    """Whether the function around a call also awaits the future, by `asyncio.wrap_future`."""
    name, function = dotted(future), file.enclosing_function(call)
    return (
        name is not None
        and function is not None
        and any(
            isinstance(node, cst.Call)
            and file.name_of(node.func) == "asyncio.wrap_future"
            and any(dotted(arg.value) == name for arg in node.args)
            for node in walk_scope(function.body)
        )
    )


def _is_zero(expression: cst.BaseExpression) -> bool:
    return isinstance(expression, (cst.Integer, cst.Float)) and expression.evaluated_value == 0
