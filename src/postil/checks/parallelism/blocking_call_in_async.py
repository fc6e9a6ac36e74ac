"""Finds calls that hold the event loop until something outside answers."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.blocking import blocks, may_block
from postil.lint.catalogue.blocking import QUEUES
from postil.lint.names import dotted
from postil.lint.offload import without_blocking

MENTIONS = ("async def", "call_soon", "call_later", "on_startup")

_FUTURE = "concurrent.futures.Future"
_ENDINGS = frozenset({"threading.Thread.join", "multiprocessing.Process.join", "subprocess.Popen.wait"})


def check(file: SourceFile) -> Notes:
    for call in file.nodes(cst.Call):
        if may_block(call, file) and file.runs_on_loop(call) and (name := blocks(call, file)) is not None:
            yield from _judged(call, name, file)


def _judged(call: cst.Call, name: str, file: SourceFile) -> Notes:
    owner = name.rpartition(".")[0]
    if owner in QUEUES or owner == _FUTURE:
        return  # for these there is another cure, and a rule of its own
    if file.in_test(call) or any(handover.value is call for handover in file.handovers):
        return
    function = file.enclosing_function(call)
    where = f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "a callback"
    yield Note(
        call,
        f"{_what(call, name, file)} blocks the event loop in {where}",
        fix=without_blocking(call, name, file),
        severity="hint" if file.is_script or _serves_nobody(call, file) or _awaits_the_end(call, name, file) else None,
    )


def _what(call: cst.Call, name: str, file: SourceFile) -> str:
    """The call as it is written, with its class where that isn't seen."""
    written = dotted(call.func)
    if file.name_of(call.func) is not None or written is None:
        return f"`{name}`"
    return f"`{written}`, of `{name.rpartition('.')[0]}`,"


def _serves_nobody(call: cst.Call, file: SourceFile) -> bool:
    """Whether nobody can be waiting yet: the app is being started."""
    function = file.enclosing_def(call)
    return function is not None and function.name.value != "main" and file.is_startup(call)


def _awaits_the_end(call: cst.Call, name: str, file: SourceFile) -> bool:
    """Whether this waits for a thread or process that is ending anyway."""
    return name in _ENDINGS and file.is_cleanup(call)
