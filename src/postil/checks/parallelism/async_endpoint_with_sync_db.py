"""Finds async endpoints that use a sync database session."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile
from postil.lint.blocking import is_awaitable
from postil.lint.catalogue.sessions import SYNC_SESSIONS
from postil.lint.names import parameters
from postil.lint.sessions import opens_session
from postil.lint.tree import walk_scope

MENTIONS = ("Session",)

_ASK = frozenset(
    {"commit", "delete", "exec", "execute", "flush", "get", "get_one", "merge", "query", "refresh", "rollback",
     "scalar", "scalars"}
)  # fmt: skip
_FRAMEWORKS = frozenset({"fastapi", "starlette"})


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if function.asynchronous is None or file.is_test:
        return
    sessions = {**_given(function, file), **_opened(function, file)}
    if not sessions or not _serves_requests(function, file):
        return
    for name, kind in sessions.items():
        used = _use(function, name, file)
        if used is None:
            continue
        place, through = used
        how = f" through `{through}`" if through is not None else ""
        yield Note(
            function.name,
            f"`{function.name.value}` is async and asks the database{how} with the sync session `{name}`,"
            " so every other request waits",
            fix=_sync(function, file) if through is None else None,
            secondary=(Secondary(place, f"`{kind.rpartition('.')[2]}` blocks here"),),
        )
        return


def _given(function: cst.FunctionDef, file: SourceFile) -> dict[str, str]:
    """The parameters that are sync sessions, and their classes."""
    kinds = {
        param.name.value: file.annotated_type(param.annotation.annotation)
        for param in parameters(function)
        if param.annotation is not None
    }
    return {name: kind for name, kind in kinds.items() if kind in SYNC_SESSIONS}


def _opened(function: cst.FunctionDef, file: SourceFile) -> dict[str, str]:
    """The sync sessions that a function opens itself, by the names that it gives them, and their classes.

    A maker from elsewhere makes sync ones where a plain `with` enters what it makes.
    """
    found: dict[str, str] = {}
    for node in walk_scope(function.body):
        if isinstance(node, cst.With) and node.asynchronous is None:
            for each in node.items:
                if (
                    isinstance(each.item, cst.Call)
                    and each.asname is not None
                    and isinstance(each.asname.name, cst.Name)
                    and (file.type_of(each.item) in SYNC_SESSIONS or opens_session(each.item, file))
                ):
                    found[each.asname.name.value] = file.type_of(each.item) or "Session"
        elif isinstance(node, cst.Assign) and isinstance(node.targets[0].target, cst.Name):
            kind = file.type_of(node.value)
            if kind in SYNC_SESSIONS:
                found[node.targets[0].target.value] = kind
    return found


def _serves_requests(function: cst.FunctionDef, file: SourceFile) -> bool:
    route = next((route for route in file.routes if route.function is function), None)
    if route is not None:
        return route.framework in _FRAMEWORKS
    return file.is_request_handler(function) and file.mentions("fastapi")


def _use(function: cst.FunctionDef, session: str, file: SourceFile) -> tuple[cst.CSTNode, str | None] | None:
    """Where a function asks the database with its session, itself or by a sync function that it is handed to."""
    handed: tuple[cst.CSTNode, str | None] | None = None
    for node in walk_scope(function.body):
        if not isinstance(node, cst.Call) or is_awaitable(node, file) or not file.runs_on_loop(node):
            continue
        owner = node.func.value if isinstance(node.func, cst.Attribute) else None
        if isinstance(owner, cst.Name) and owner.value == session:
            if isinstance(node.func, cst.Attribute) and node.func.attr.value in _ASK:
                return node, None
            continue
        callee = file.definition_of(node.func)
        if handed is None and isinstance(callee, cst.FunctionDef) and callee.asynchronous is None:
            name = _received_as(node, callee, session)
            if name is not None and not callee.decorators and _asks(callee, name):
                handed = node, f"{callee.name.value}()"
    return handed


def _received_as(call: cst.Call, callee: cst.FunctionDef, session: str) -> str | None:
    """The name under which a callee gets the session."""
    names = [param.name.value for param in callee.params.params if param.name.value not in ("self", "cls")]
    for index, arg in enumerate(call.args):
        if isinstance(arg.value, cst.Name) and arg.value.value == session and not arg.star:
            if arg.keyword is not None:
                return arg.keyword.value
            return names[index] if index < len(names) else None
    return None


def _asks(function: cst.FunctionDef, session: str) -> bool:
    return any(
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in _ASK
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value == session
        for node in walk_scope(function.body)
    )


def _sync(function: cst.FunctionDef, file: SourceFile) -> Fix | None:
    """`def` for `async def`, where nothing in the body is awaited; FastAPI runs such an endpoint in a thread."""
    if (
        function.asynchronous is None
        or any(True for _ in file.calls.uses(function))
        or any(
            isinstance(node, cst.Await) or getattr(node, "asynchronous", None) is not None
            for node in walk_scope(function.body)
        )
    ):
        return None
    return Fix.replace(function.asynchronous, "", FixKind.SUGGESTION)
