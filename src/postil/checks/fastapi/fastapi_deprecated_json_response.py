"""Finds the JSON response classes that FastAPI has deprecated."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.dependencies import is_older

MENTIONS = ("ORJSONResponse", "UJSONResponse")

_CLASSES = frozenset(MENTIONS)


def check(name: cst.Name | cst.Attribute, file: SourceFile) -> Notes:
    origin = file.name_of(name) or ""
    last = origin.rpartition(".")[2]
    if last not in _CLASSES or not origin.startswith("fastapi."):
        return
    above = file.parent(name)
    # An import is no use, and a subclass that writes JSON in its own way is no longer FastAPI's.
    in_class = any(isinstance(each, cst.ClassDef) for each in file.ancestors(name) if isinstance(above, cst.Arg))
    if isinstance(above, (cst.ImportAlias, cst.AsName)) or (
        in_class and isinstance(file.parent(above or name), cst.ClassDef)
    ):
        return
    # https://fastapi.tiangolo.com/release-notes/#01310
    if not file.is_service or is_older(file.project, file.path, "fastapi", "0.131"):
        return
    yield Note(name, f"`{last}` is deprecated since FastAPI 0.131, and a model is written faster without it")
