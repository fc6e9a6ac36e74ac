"""`stripe` imported by another package than the one for payments."""

import libcst as cst
from libcst.helpers import get_full_name_for_node

from postil.lint import Note, Notes, SourceFile

MENTIONS = ("stripe",)


def check(statement: cst.Import | cst.ImportFrom, file: SourceFile, *, package: str = "acme/payments") -> Notes:
    inside = f"/{package}/" in f"/{file.path}"
    if not inside and any(name.partition(".")[0] == "stripe" for name in _imported(statement)):
        yield Note(statement, f"`stripe` is imported outside of `{package}`")


def _imported(statement: cst.Import | cst.ImportFrom) -> list[str]:
    """The modules that a statement imports; none where it names one beside itself."""
    if isinstance(statement, cst.Import):
        return [get_full_name_for_node(alias.name) or "" for alias in statement.names]
    if statement.relative or statement.module is None:
        return []
    return [get_full_name_for_node(statement.module) or ""]
