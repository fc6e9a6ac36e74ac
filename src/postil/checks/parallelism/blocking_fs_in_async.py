"""Finds work on the local disk that is done on the event loop."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.catalogue.files import FILE_CALLS, PATH_CLASSES, PATH_METHODS, TREE_CALLS, WHOLE_FILE_METHODS
from postil.lint.names import last_name
from postil.lint.offload import in_thread
from postil.lint.tree import FUNCTIONS

MENTIONS = ("async def",)

_LAST = {name.rpartition(".")[2] for name in FILE_CALLS | TREE_CALLS} | PATH_METHODS | WHOLE_FILE_METHODS
# What these give reads the disk only when somebody goes over it.
_LAZY = frozenset({"os.walk", "os.fwalk", "os.scandir"})
_LOOPS = (cst.For, cst.While, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)


def check(file: SourceFile, *, small: bool = False) -> Notes:
    if not file.is_service:
        return
    for call in file.nodes(cst.Call):
        func = call.func
        last = last_name(func)
        if last not in _LAST and not (isinstance(func, cst.Name) and func.value in file.imports):
            continue
        if not file.runs_on_loop(call) or (found := _touches_disk(call, last, file)) is None:
            continue
        name, is_large = found
        if not is_large and not small and not _in_loop(call, file):
            continue
        if file.in_test(call) or file.is_startup(call) or isinstance(file.parent(call), cst.Await):
            continue
        function = file.enclosing_function(call)
        where = f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "a callback"
        yield Note(
            call,
            f"`{name}` holds the event loop for the disk in {where}, where `asyncio.to_thread` would not",
            fix=in_thread(call, file) if name not in _LAZY else None,
        )


def _touches_disk(call: cst.Call, last: str, file: SourceFile) -> tuple[str, bool] | None:
    """What a call of the standard library does on the disk, and whether that grows with what is there."""
    name = file.name_of(call.func)
    if name is not None:
        return (name, name in TREE_CALLS) if name in FILE_CALLS or name in TREE_CALLS else None
    if not isinstance(call.func, cst.Attribute) or (last not in PATH_METHODS and last not in WHOLE_FILE_METHODS):
        return None
    kind = file.type_of(call.func.value)
    return (f"{kind}.{last}", last in WHOLE_FILE_METHODS) if kind in PATH_CLASSES else None


def _in_loop(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call is repeated within its function: in the body of a loop, not in what the loop goes over."""
    child: cst.CSTNode = call
    for above in file.ancestors(call):
        if isinstance(above, FUNCTIONS):
            return False
        if isinstance(above, _LOOPS) and not (isinstance(above, cst.For) and child is above.iter):
            return True
        child = above
    return False
