"""Finds handlers that go on after the settings were found wrong."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.configuration import builds_settings
from postil.lint.handlers import hands_on, raises
from postil.lint.names import dotted
from postil.lint.tree import walk, walk_scope

MENTIONS = ("Settings",)

_FAULTS = frozenset(
    {"ValueError", "pydantic.ValidationError", "pydantic_core.ValidationError",
     "pydantic.error_wrappers.ValidationError", "pydantic_settings.SettingsError"}
)  # fmt: skip
_SHORT = 3
_ENDS = frozenset({"exit", "_exit", "quit", "abort", "Exit", "fail"})


def check(tried: cst.Try, file: SourceFile) -> Notes:
    if not file.is_service:
        return
    built = next(
        (n for n in walk_scope(tried.body) if isinstance(n, cst.Call) and builds_settings(n, file) is not None), None
    )
    if built is None:
        return
    for handler in tried.handlers:
        if handler.type is None or file.is_broad(handler):
            # In a long block the settings are one of many things that may fail.
            if len(tried.body.body) > _SHORT:
                continue
        elif not _catches(handler, file):
            continue
        if not (raises(handler) or _ends(handler) or hands_on(handler, file) or _builds_others(handler, file)):
            caught = file.code(handler.type) if handler.type is not None else "everything"
            yield Note(
                handler,
                f"wrong settings end here, and the service goes on without them (it catches {_code(caught)})",
                secondary=(Secondary(built, "the settings are read here"),),
            )


def _code(caught: str) -> str:
    return caught if caught == "everything" else f"`{caught}`"


def _catches(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    caught = handler.type
    if caught is None:
        return False
    types = [element.value for element in caught.elements] if isinstance(caught, cst.Tuple) else [caught]
    return any((file.name_of(each) or "") in _FAULTS for each in types)


def _builds_others(handler: cst.ExceptHandler, file: SourceFile) -> bool:
    """Whether another kind of settings is tried next."""
    return any(isinstance(node, cst.Call) and builds_settings(node, file) is not None for node in walk(handler.body))


def _ends(handler: cst.ExceptHandler) -> bool:
    """Whether the handler ends the program, or tells its caller: `sys.exit(1)`, `return 1`."""
    for node in walk(handler.body):
        if isinstance(node, cst.Call) and (dotted(node.func) or "").rpartition(".")[2] in _ENDS:
            return True
        if isinstance(node, cst.Return) and isinstance(node.value, (cst.Integer, cst.UnaryOperation)):
            return True
    return False
