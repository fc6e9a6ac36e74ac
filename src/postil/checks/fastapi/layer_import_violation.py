"""Finds imports that lead from a lower layer of an application to a higher one."""

from collections.abc import Iterator
from posixpath import basename, dirname

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import dotted, imported

_API = frozenset({"api", "endpoints", "routers", "routes", "views"})
_SERVICES = frozenset({"services", "service"})
_LOWER = frozenset({"repositories", "repository", "models", "schemas"})
_ABOVE = {"services": _API, "service": _API} | dict.fromkeys(_LOWER, _API | _SERVICES) | {"core": _API}


def check(statement: cst.Import | cst.ImportFrom, file: SourceFile) -> Notes:
    folders = dirname(file.path).split("/")
    own = [*folders, basename(file.path).removesuffix(".py")]
    # The innermost layer counts: `api/models.py` is a model.
    layer = next((part for part in reversed(own) if part in _ABOVE or part in _API), None)
    if layer is None or layer in _API or not file.is_service or own[-1] == "__init__":
        return
    if file.enclosing_function(statement) is not None or file.in_type_checking(statement):
        return
    for origin in _origins(statement):
        parts = _inside(origin, folders)
        higher = next((part for part in reversed(parts) if part in _ABOVE or part in _API), None)
        if higher in _ABOVE[layer]:
            yield Note(statement, f"`{layer}` imports `{origin.lstrip('.')}`, which is part of `{higher}` above it")
            return


def _origins(statement: cst.Import | cst.ImportFrom) -> Iterator[str]:
    """What a statement imports, by its full name: `app.api.orders` of `import app.api.orders`, which binds `app`."""
    if isinstance(statement, cst.Import):
        return (name for alias in statement.names if (name := dotted(alias.name)) is not None)
    return (origin for _, origin in imported(statement))


def _inside(origin: str, folders: list[str]) -> list[str]:
    """The parts of an imported name below this application; none for another package."""
    if origin.startswith("."):
        up = len(origin) - len(origin.lstrip(".")) - 1
        return [*folders[: len(folders) - up], *origin.lstrip(".").split(".")]
    parts = origin.split(".")
    return parts if parts[0] in folders else []
