"""Finds `with` on locks that only `async with` can enter."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile
from postil.lint.catalogue.locks import LOOP_LOCKS
from postil.lint.names import dotted

MENTIONS = ("Lock", "Semaphore", "Condition", "CapacityLimiter")


def check(statement: cst.With, file: SourceFile) -> Notes:
    if statement.asynchronous is not None:
        return
    for each in statement.items:
        kind = file.type_of(each.item)
        if kind not in LOOP_LOCKS:
            continue
        function = file.enclosing_function(statement)
        in_coroutine = isinstance(function, cst.FunctionDef) and function.asynchronous is not None
        yield Note(
            statement,
            f"`with` can't enter `{dotted(each.item) or file.code(each.item)}`, which is an `{kind}`",
            fix=Fix((Insert(statement, "async "),)) if in_coroutine and len(statement.items) == 1 else None,
        )
