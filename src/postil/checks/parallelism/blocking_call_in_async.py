"""Finds calls that hold the event loop until something outside answers."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile
from postil.lint.blocking import blocks, may_block
from postil.lint.catalogue.blocking import BOUND_TO_THEIR_THREAD, QUEUES
from postil.lint.names import dotted

MENTIONS = ("async", "call_soon", "call_later", "on_startup")

_ENDINGS = frozenset({"threading.Thread.join", "multiprocessing.Process.join", "subprocess.Popen.wait"})


def check(file: SourceFile) -> Notes:
    for call in file.nodes(cst.Call):
        if may_block(call, file) and file.runs_on_loop(call) and (name := blocks(call, file)) is not None:
            yield from _judged(call, name, file)


def _judged(call: cst.Call, name: str, file: SourceFile) -> Notes:
    if name.rpartition(".")[0] in QUEUES:
        return  # for these there is another cure, and a rule of its own
    if file.in_test(call) or any(handover.value is call for handover in file.handovers):
        return
    function = file.enclosing_function(call)
    where = f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "a callback"
    yield Note(
        call,
        f"{_what(call, name, file)} blocks the event loop in {where}",
        fix=_fix(call, name, file),
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


def _fix(call: cst.Call, name: str, file: SourceFile) -> Fix | None:
    """`await asyncio.sleep(…)`, or the same call in a thread."""
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        return None
    if any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call)):
        return None
    above = file.parent(call)
    is_base = isinstance(above, (cst.Attribute, cst.Subscript, cst.Call))
    opening, closing = ("(", (Insert(call, ")", after=True),)) if is_base else ("", ())
    if name == "time.sleep":
        sleep = file.spelling_of("asyncio.sleep")
        if sleep is None or len(call.args) != 1 or call.args[0].star:
            return None
        return Fix((Replace(call.func, f"{opening}await {sleep}"), *closing))
    to_thread = file.spelling_of("asyncio.to_thread")
    if to_thread is None or name.startswith(BOUND_TO_THEIR_THREAD) or isinstance(above, cst.WithItem):
        return None
    function_name = file.code(call.func)
    if not call.args:
        return Fix.replace(
            call, f"{opening}await {to_thread}({function_name}){')' if is_base else ''}", FixKind.SUGGESTION
        )
    edits = (
        Replace(call.func, f"{opening}await {to_thread}"),
        Insert(call.args[0], f"{function_name}, "),
        *closing,
    )
    return Fix(edits, FixKind.SUGGESTION)
