"""Finds async sessions whose objects expire on commit."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking

MENTIONS = ("AsyncSession", "async_sessionmaker")

_MAKERS = frozenset({"async_sessionmaker", "AsyncSession", "sessionmaker"})
_MODULES = ("sqlalchemy.", "sqlmodel.")


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in _MAKERS or not call.args or has_unpacking(call) or argument(call, "expire_on_commit") is not None:
        return
    if not file.is_service or not (file.name_of(call.func) or "").startswith(_MODULES):
        return
    kind = argument(call, "class_") if last == "sessionmaker" else None
    if last == "sessionmaker" and (kind is None or not (file.name_of(kind) or "").endswith(".AsyncSession")):
        return
    # `maker.configure(…)` says it later.
    if file.mentions("expire_on_commit") and file.mentions(".configure("):
        return
    yield Note(
        call,
        "after a commit the objects of this session ask the database when an attribute is read, where nothing awaits",
        fix=Fix((Insert(call.args[-1], ", expire_on_commit=False", after=True),), FixKind.SUGGESTION),
    )
