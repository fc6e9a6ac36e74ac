"""Finds new loggers of the standard library in a service that logs with structlog."""

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile

_STRUCTLOG = ("structlog.get_logger", "structlog.stdlib.get_logger", "structlog.getLogger")
# What brings the records of the standard library into structlog's format.
_BRIDGE = "ProcessorFormatter"
_FEWEST = 3  # other modules that log, without which a share says nothing
_SHARE = 0.8


def check(change_set: ChangeSet) -> Notes:
    changes = [c for c in change_set.files if c.head_text and c.mentions("getLogger", "get_logger", _BRIDGE)]
    texts = [change.head_text or "" for change in changes]
    if any(_BRIDGE in text for text in texts) or not any("structlog" in text for text in texts):
        return
    known = [change.head for change in changes if change.head is not None and change.head.is_service]
    loggers = [(file, _stdlib(file), _uses_structlog(file)) for file in known]
    logging = [entry for entry in loggers if entry[1] is not None or entry[2]]
    with_structlog = sum(uses for _, _, uses in logging)
    bases = {change.path: change.base_text for change in changes}
    for file, call, uses in logging:
        if call is None or (bases[file.path] is not None and "logging.getLogger" in (bases[file.path] or "")):
            continue
        others = len(logging) > _FEWEST and with_structlog - uses >= _SHARE * (len(logging) - 1)
        if uses or others:
            where = "this module" if uses else "this service"
            yield Note(
                file.at(call),
                f"`{file.code(call)}` makes a second logger, and {where} logs with structlog",
            )


def _uses_structlog(file: SourceFile) -> bool:
    return any(file.name_of(call.func) in _STRUCTLOG for call in file.nodes(cst.Call))


def _stdlib(file: SourceFile) -> cst.Call | None:
    """The logger of the standard library that a module makes for itself, at its top level."""
    for call in file.nodes(cst.Call):
        if file.name_of(call.func) != "logging.getLogger" or file.enclosing_function(call) is not None:
            continue
        # `logging.getLogger("uvicorn")` is that of another library.
        if call.args and file.code(call.args[0].value) == "__name__":
            return call
    return None
