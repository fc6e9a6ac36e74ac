"""Calls that open a database session: of the class itself, or of what a session maker gives."""

import re

import libcst as cst

from postil.lint.catalogue.sessions import SESSION_CLASSES, SESSION_MAKERS
from postil.lint.source import SourceFile, argument

# The names that SQLAlchemy's and FastAPI's documentation give to session makers.
_MAKERS = re.compile(r"^(?:\w*Session(?:Local|Maker|Factory)|(?:\w+_)?session_?(?:maker|factory)|async_session)$")


def opens_session(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call opens a SQLAlchemy session, as far as the file shows; a `scoped_session` is none."""
    func = call.func
    # `with maker.begin() as session:` opens one, and a transaction with it.
    if isinstance(func, cst.Attribute) and func.attr.value == "begin" and not call.args:
        func = func.value
    name = file.name_of(func)
    if name is not None and name.startswith(("sqlalchemy.", "sqlmodel.")):
        return name in SESSION_CLASSES
    if isinstance(func, cst.Call):
        return file.name_of(func.func) in SESSION_MAKERS
    value = file.value_of(func)
    if value is not None:
        return isinstance(value, cst.Call) and file.name_of(value.func) in SESSION_MAKERS
    # From another file, by its name.
    last = name.rpartition(".")[2] if name is not None and "." in name else ""
    return bool(_MAKERS.match(last)) and argument(call, "bind") is None and not call.args
