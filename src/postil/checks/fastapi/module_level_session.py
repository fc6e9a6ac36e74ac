"""Finds database sessions that live as long as the process."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.sessions import opens_session

MENTIONS = ("Session", "session")


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if not isinstance(last, str) or "ession" not in last:
        return
    if not file.is_service or file.is_command or not opens_session(call, file):
        return
    how = _kept(call, file)
    if how is not None:
        yield Note(call, f"this session is made once, {how}, and all requests share it")


def _kept(call: cst.Call, file: SourceFile) -> str | None:
    """How a session outlives the request: as a global, a class attribute, or a default; None where it doesn't."""
    above = file.parent(call)
    if isinstance(above, cst.Param) and above.default is call:
        return f"as the default of `{above.name.value}`"
    if not isinstance(above, (cst.Assign, cst.AnnAssign)) or file.enclosing_function(call) is not None:
        return None
    around = [each for each in file.ancestors(above) if isinstance(each, (cst.If, cst.ClassDef, cst.With, cst.Try))]
    if not around:
        return "when the module is imported"
    return "with the class" if isinstance(around[0], cst.ClassDef) and len(around) == 1 else None
