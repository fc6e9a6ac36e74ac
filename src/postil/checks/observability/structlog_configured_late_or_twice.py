"""Finds logging that is configured while requests are served, or twice."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.structlog_names import CONFIGURE

MENTIONS = ("structlog", "basicConfig", "dictConfig")

_SETUPS = CONFIGURE | {"logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig"}


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    first: dict[tuple[int, str], cst.Call] = {}
    for call in file.nodes(cst.Call):
        name = file.name_of(call.func)
        if name not in _SETUPS:
            continue
        handler = file.served_by(call)
        if handler is not None and not file.is_startup(call):
            yield Note(call, f"`{file.code(call.func)}` runs each time `{file.known_as(handler)}` is served")
            continue
        block = file.parent(file.enclosing_statement(call))
        before = first.setdefault((id(block), name), call)
        if before is not call and not name.endswith("_once"):
            yield Note(
                call,
                f"`{file.code(call.func)}` is called a second time here, and replaces or loses against the first",
                secondary=(Secondary(before, "the first call"),),
            )
