"""Finds processes that start while the module is imported."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.catalogue.pools import PROCESS_EXECUTORS
from postil.lint.names import dotted

MENTIONS = ("ProcessPoolExecutor", "multiprocessing")

_STARTS_AT_ONCE = frozenset({"multiprocessing.Pool", "multiprocessing.pool.Pool"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if file.enclosing_function(call) is not None or (what := _starts(call, file)) is None:
        return
    if file.is_test or _is_guarded(call, file) or '"fork"' in file.text or "'fork'" in file.text:
        return
    yield Note(
        call,
        f"`{what}` starts processes while the module is imported, and each of them imports it again",
        fix=_guarded(call, file),
    )


def _starts(call: cst.Call, file: SourceFile) -> str | None:
    """What starts processes, if a call does: pools begin at once, executors with the first job."""
    name = file.name_of(call.func)
    if name in _STARTS_AT_ONCE:
        return name
    func = call.func
    if not isinstance(func, cst.Attribute):
        return None
    if func.attr.value in ("submit", "map") and file.type_of(func.value) in PROCESS_EXECUTORS:
        return f"{dotted(func.value) or 'ProcessPoolExecutor'}.{func.attr.value}"
    if func.attr.value == "start" and file.type_of(func.value) == "multiprocessing.Process":
        return f"{dotted(func.value) or 'Process'}.start"
    return None


def _is_guarded(call: cst.Call, file: SourceFile) -> bool:
    if any(isinstance(above, cst.If) and "__name__" in file.code(above.test) for above in file.ancestors(call)):
        return True
    # `if __name__ != "__main__": raise SystemExit`
    return any(
        isinstance(line, cst.If) and "__name__" in file.code(line.test) and "!=" in file.code(line.test)
        for line in file.module.body
    )


def _guarded(call: cst.Call, file: SourceFile) -> Fix | None:
    """The `with` or `for` around the call below a guard."""
    outer = next((above for above in file.ancestors(call) if file.parent(above) is file.module), None)
    if not isinstance(outer, (cst.With, cst.For)):
        return None
    text = file.laid_out(outer, outer, deeper=True)
    header = f'if __name__ == "__main__":{file.module.default_newline}{file.module.default_indent}'
    return Fix.replace(outer, f"{header}{text}", FixKind.SUGGESTION) if text is not None else None
