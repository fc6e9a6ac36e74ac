"""What an endpoint answers with: dicts put together by hand, rows of a database, and what is no data at all."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

import libcst as cst

from postil.lint.catalogue.sessions import ASYNC_SESSIONS, SYNC_SESSIONS
from postil.lint.contexts import Route
from postil.lint.interface import Endpoint, Interface
from postil.lint.names import dotted
from postil.lint.source import SourceFile, argument
from postil.lint.tree import walk_scope

_SESSIONS = SYNC_SESSIONS | ASYNC_SESSIONS
_SESSION_NAME = re.compile(r"(^|_)(db|session)$", re.IGNORECASE)
# What a session gives: rows at once, or a result of which these methods give the rows.
_ROWS = frozenset({"get", "get_one", "scalar", "scalars"})
_RESULTS = frozenset({"execute", "exec", "scalars", "query", "stream"})
_FETCHES = frozenset({"all", "first", "one", "one_or_none", "scalar_one", "scalar_one_or_none", "get"})
_DUMPS = frozenset({"dict", "model_dump", "jsonable_encoder", "vars", "__dict__"})
_JSON = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
_PLAIN = frozenset({"HEAD", "OPTIONS", "TRACE"})
# Endpoints for machines that look whether the service is there; their form is the orchestrator's business.
_PROBE = re.compile(
    r"(^|[/_-])(health|healthz|health_?check|live|livez|liveness|alive|ready|readyz|readiness|ping|status|version"
    r"|metrics|heartbeat)(check)?/?$",
    re.IGNORECASE,
)
_ANY_PATH = ":path}"


def documented(code: SourceFile | Interface) -> Iterator[Endpoint]:
    """The endpoints that callers of a service read about: none that is hidden, passes on, or is a probe."""
    if isinstance(code, SourceFile):
        code = Interface((code,) if code.is_service and code.routes else ())
    for endpoint in code.endpoints:
        if not endpoint.file.is_service or endpoint.hidden or endpoint.methods <= _PLAIN or is_probe(endpoint.route):
            continue
        if not (endpoint.route.path or "").endswith(_ANY_PATH):
            yield endpoint


def answering(
    interface: Interface, fits: Callable[[SourceFile, cst.ClassDef], bool]
) -> Iterator[tuple[Endpoint, cst.BaseExpression, str]]:
    """The documented endpoints whose declared answer holds a class that fits, with the answer and the class's name."""
    for endpoint in documented(interface):
        declared = endpoint.response
        if declared is not None:
            names = (node.name.value for where, node in interface.held_in(endpoint.file, declared) if fits(where, node))
            for name in islice(names, 1):
                yield endpoint, declared, name


def is_probe(route: Route) -> bool:
    """Whether an endpoint only says that the service is there, by its path or name."""
    path = route.path
    return (path is not None and _PROBE.search(path) is not None) or _PROBE.search(
        route.function.name.value
    ) is not None


def returned(function: cst.FunctionDef) -> Iterator[cst.BaseExpression]:
    """The values that a function returns, both arms of a conditional one."""
    for node in walk_scope(function.body):
        if isinstance(node, cst.Return) and node.value is not None and dotted(node.value) != "None":
            yield from _arms(node.value)


def _arms(value: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(value, cst.IfExp):
        yield from _arms(value.body)
        yield from _arms(value.orelse)
    else:
        yield value


def dumped(value: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression | None:
    """What was made into a dict: the `order` of `order.model_dump()`, `vars(order)`, `jsonable_encoder(order)`."""
    if isinstance(value, cst.Attribute):
        return value.value if value.attr.value == "__dict__" else None
    if not isinstance(value, cst.Call):
        return None
    if isinstance(value.func, cst.Attribute) and value.func.attr.value in ("dict", "model_dump"):
        options = [arg for arg in value.args if arg.keyword is not None]
        # With options it is another dict than the model would give.
        return value.func.value if not options and file.name_of(value.func) is None else None
    name = (file.name_of(value.func) or "").rpartition(".")[2]
    return value.args[0].value if name in _DUMPS and name != "dict" and value.args else None


def is_handmade(value: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a value is a dict written out where it is returned: `{…}`, `dict(…)`."""
    if isinstance(value, (cst.Dict, cst.DictComp)):
        return True
    return isinstance(value, cst.Call) and file.name_of(value.func) == "dict"


def content_of(value: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression | None:
    """The content of a JSON response of success: `x` of `JSONResponse(x)`; None for everything else."""
    if not isinstance(value, cst.Call) or (dotted(value.func) or "").rpartition(".")[2] not in _JSON:
        return None
    status = argument(value, "status_code", 1)
    if status is not None and not re.search(r"(^|_)2\d\d(_|$)", file.code(status)):
        return None
    return argument(value, "content", 0)


def is_row(value: cst.BaseExpression, file: SourceFile, depth: int = 0) -> bool:
    """Whether a value is rows that a SQLAlchemy session gave: `await session.get(…)`, `db.query(…).first()`, a name.

    A result of `execute` may be of single columns, so that only those of whole classes count.
    """
    if isinstance(value, cst.Await):
        value = value.expression
    if isinstance(value, cst.Name) and depth < 3:
        given = file.value_of(value)
        return given is not None and is_row(given, file, depth + 1)
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return False
    method, owner = value.func.attr.value, value.func.value
    if method in _ROWS and is_session(owner, file):
        return method == "get" or _asks_for_class(value, file)
    if method not in _FETCHES:
        return False
    chain = _chain(owner, file)
    asking = next((call for name, call in chain if name in _RESULTS and _of_session(call, file)), None)
    if asking is None or any(name in ("with_entities", "mappings", "values") for name, _ in chain):
        return False
    by_rows = method.startswith("scalar") or any(name in ("scalars", "query", "exec") for name, _ in chain)
    return by_rows and _asks_for_class(asking, file)


def is_session(owner: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether an expression is a SQLAlchemy session: by its type, or by its name where that isn't known."""
    kind = file.type_of(owner)
    if kind is not None and (kind in _SESSIONS or "." in kind):
        return kind in _SESSIONS
    name = dotted(owner) or ""
    # `db.session` is what Flask-SQLAlchemy calls it everywhere.
    known = name == "db.session" or file.mentions("sqlalchemy") or file.mentions("sqlmodel")
    return known and _SESSION_NAME.search(name.rpartition(".")[2]) is not None


def _chain(expression: cst.BaseExpression, file: SourceFile) -> list[tuple[str, cst.Call]]:
    """The method calls of `session.execute(…).scalars()`, the last one first, through names that are assigned once."""
    found: list[tuple[str, cst.Call]] = []
    current: cst.BaseExpression | None = expression
    for _ in range(12):
        if isinstance(current, cst.Await):
            current = current.expression
        elif isinstance(current, cst.Name):
            current = file.value_of(current)
        elif isinstance(current, cst.Call) and isinstance(current.func, cst.Attribute):
            found.append((current.func.attr.value, current))
            current = current.func.value
        else:
            break
    return found


def _of_session(call: cst.Call, file: SourceFile) -> bool:
    return isinstance(call.func, cst.Attribute) and is_session(call.func.value, file)


def _asks_for_class(call: cst.Call, file: SourceFile) -> bool:
    """Whether a question is for whole rows: `select(Order)…`, `session.query(Order)`, and not for columns or counts."""
    asked: cst.BaseExpression | None = call.args[0].value if call.args else None
    if isinstance(asked, cst.Name) and file.definition_of(asked) is None:
        asked = file.value_of(asked) or asked
    while isinstance(asked, cst.Call) and isinstance(asked.func, cst.Attribute) and file.name_of(asked.func) is None:
        asked = asked.func.value
        if isinstance(asked, cst.Name):
            asked = file.value_of(asked)
    if isinstance(asked, cst.Call):
        name = (file.name_of(asked.func) or "").rpartition(".")[2]
        if name != "select" or len(asked.args) != 1:
            return False
        asked = asked.args[0].value
    elif len(call.args) != 1:
        return False
    return isinstance(asked, (cst.Name, cst.Attribute)) and (dotted(asked) or "").rpartition(".")[2][:1].isupper()
