"""Start and shutdown of FastAPI apps by event handlers, the way that came before the lifespan."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint.dependencies import is_older
from postil.lint.names import last_name
from postil.lint.source import SourceFile, argument, string_value

_EVENTS = frozenset({"startup", "shutdown"})
_KEYWORDS = {"on_startup": "startup", "on_shutdown": "shutdown"}
_APP_NAMES = re.compile(r"(^|_)(app|router|application)$")
_LAST = frozenset({"FastAPI", "APIRouter"})


@dataclass(frozen=True, eq=False)
class EventHandler:
    """One registration of what runs when an app starts or shuts down.

    `shown` is how it is written ("`@app.on_event`"), `made` the call that makes the app or router, where the file
    shows it.
    """

    place: cst.CSTNode
    event: str
    shown: str
    made: cst.Call | None

    @property
    def lifespan(self) -> cst.BaseExpression | None:
        """The lifespan of the same app, with which the handler never runs.

        Routers run the handlers of their own beside it. Checked with FastAPI 0.165 (tests/test_framework_facts.py).
        """
        if self.made is None or last_name(self.made.func) != "FastAPI":
            return None
        given = argument(self.made, "lifespan")
        if isinstance(given, cst.Name) and given.value != "None":
            return given
        # A choice between two, or with a default, may come out as none.
        return given if isinstance(given, (cst.Attribute, cst.Call)) else None


def event_handlers(file: SourceFile) -> Iterator[EventHandler]:
    """The event handlers that a file gives to FastAPI apps and routers, unless its FastAPI has no lifespan yet."""
    if not any(origin.split(".", 1)[0] == "fastapi" for origin in file.imports.values()):
        return
    # https://fastapi.tiangolo.com/release-notes/#0930
    if is_older(file.project, file.path, "fastapi", "0.93"):
        return
    for call in file.nodes(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("on_event", "add_event_handler"):
            event = string_value(argument(call, "event_type", 0))
            if event in _EVENTS and _is_app(call.func.value, file):
                shown = f"{'@' if isinstance(file.parent(call), cst.Decorator) else ''}{file.code(call.func)}"
                yield EventHandler(call, event, shown, _made(call.func.value, file))
        elif last_name(call.func) in _LAST and (file.name_of(call.func) or "").startswith("fastapi."):
            for arg in call.args:
                event = _KEYWORDS.get(arg.keyword.value) if arg.keyword is not None else None
                # An app's subclass hands on what it was given.
                given = file.code(arg.value)
                if event is not None and arg.keyword is not None and given not in ("None", "[]", arg.keyword.value):
                    yield EventHandler(arg, event, arg.keyword.value, call)


def _is_app(owner: cst.BaseExpression, file: SourceFile) -> bool:
    kind = file.type_of(owner)
    if kind is not None:
        return kind.startswith("fastapi.") and kind.rpartition(".")[2] in _LAST
    # An app that comes from another file, or by a parameter.
    return _APP_NAMES.search(file.code(owner).rpartition(".")[2]) is not None


def _made(owner: cst.BaseExpression, file: SourceFile) -> cst.Call | None:
    # An app hands its handlers on to its own router.
    if isinstance(owner, cst.Attribute) and owner.attr.value == "router":
        owner = owner.value
    value = file.value_of(owner)
    return value if isinstance(value, cst.Call) else None
