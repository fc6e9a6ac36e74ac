"""Finds modules that open a connection for each request, though they make many."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.around import is_repeated
from postil.lint.catalogue.families import REQUESTS

MENTIONS = ("requests", "httpx")

_MANY = 3
_LIBRARIES = ("requests.", "httpx.", "httpx2.")
_ONE_SHOT = frozenset(name for name in REQUESTS if name.startswith(_LIBRARIES))
_VERBS = frozenset(name.rpartition(".")[2] for name in _ONE_SHOT)


def check(file: SourceFile) -> Notes:
    if not file.is_service or file.is_command:
        return
    calls = list(_one_shot(file))
    in_loops = [call for call in calls if is_repeated(call, file)]
    for call in in_loops:
        yield Note(call, f"`{file.name_of(call.func)}` opens a connection in each round of this loop")
    others = [call for call in calls if not any(call is each for each in in_loops)]
    if len(others) >= _MANY:
        yield Note(
            others[0],
            f"`{file.name_of(others[0].func)}` opens a connection of its own, one of {len(others)} in this file",
            secondary=tuple(Secondary(call, "opens one as well") for call in others[1:4]),
        )


def _one_shot(file: SourceFile) -> Iterator[cst.Call]:
    for call in file.nodes(cst.Call):
        last = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
        if (last in _VERBS or isinstance(call.func, cst.Name)) and file.name_of(call.func) in _ONE_SHOT:
            yield call
