"""Finds coroutines that are used as if they were the results of their functions."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.awaiting import awaited, used_as_value
from postil.lint.coroutines import KNOWN_NAMES, makes_coroutine

MENTIONS = ("async def", "fastapi", "starlette")


def check(file: SourceFile) -> Notes:
    coroutines = {each.name.value for each in file.nodes(cst.FunctionDef) if each.asynchronous is not None}
    coroutines |= KNOWN_NAMES
    for call in file.nodes(cst.Call):
        name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if isinstance(name, cst.Name) and name.value in coroutines:
            yield from _judged(call, file)


def _judged(call: cst.Call, file: SourceFile) -> Notes:
    used = used_as_value(call, file) if not isinstance(file.parent(call), cst.Await) else None
    if used is None or not makes_coroutine(call, file) or file.in_test(call):
        return
    yield Note(
        call,
        used.message,
        fix=awaited(call, file),
        secondary=(Secondary(used.place, "used as a value"),) if used.place is not None else (),
    )
