"""Finds exceptions raised in a handler without their cause."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, SourceFile


def check(raised: cst.Raise, file: SourceFile) -> Notes:
    if raised.exc is None or raised.cause is not None or not isinstance(raised.exc, cst.Call):
        return
    for above in file.ancestors(raised):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return
        if isinstance(above, cst.ExceptHandler):
            handler = above
            break
    else:
        return
    if not isinstance(handler.name, cst.AsName) or not isinstance(handler.name.name, cst.Name):
        return
    cause = handler.name.name.value
    what = file.code(raised.exc.func)
    yield Note(
        raised,
        f"`{what}` is raised without `from`, so `{cause}` is not shown as its cause",
        fix=Fix((Insert(raised.exc, f" from {cause}", after=True),)),
    )
