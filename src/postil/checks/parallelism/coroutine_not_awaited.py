"""Finds coroutines that are made and dropped, so that their work never happens."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.awaiting import awaited
from postil.lint.coroutines import makes_coroutine

MENTIONS = ("async def", "asyncio")


def check(expression: cst.Expr, file: SourceFile) -> Notes:
    call = expression.value
    if not isinstance(call, cst.Call):
        return
    is_gather = file.name_of(call.func) == "asyncio.gather"
    if not is_gather and (not makes_coroutine(call, file) or file.in_test(call)):
        return
    written = file.code(call.func)
    if is_gather:
        if file.in_test(call):
            return
        message = f"nothing waits for what `{written}` starts, and its failures are lost"
    else:
        message = f"`{written}` only makes a coroutine here, and nothing awaits it"
    yield Note(call, message, fix=awaited(call, file))
