"""Finds clients that live as long as the service, and that nothing closes at its end."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.catalogue.clients import CLOSED_BY
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = tuple(sorted({name.partition(".")[0] for name in CLOSED_BY}))

_LAST = frozenset(name.rpartition(".")[2] for name in CLOSED_BY)
_CLOSING = frozenset({"close", "aclose", "dispose", "disconnect", "shutdown", "__aexit__", "__exit__"})
# What enters and leaves clients elsewhere in the file.
_LEAVES = frozenset({"enter_async_context", "enter_context", "push_async_callback", "callback", "closing", "aclosing"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in _LAST:
        return
    name = file.name_of(call.func)
    if name not in CLOSED_BY or not file.is_service or file.is_command:
        return
    kept = _kept_in(call, file)
    if kept is None or _is_closed(kept, file):
        return
    yield Note(call, f"nothing in this file closes `{kept}` at the end, by `{CLOSED_BY[name]}`")


def _kept_in(call: cst.Call, file: SourceFile) -> str | None:
    """Where a client is kept for longer than a call: a global of the module, `self.x`, `app.state.x`."""
    assigned = file.parent(call)
    if isinstance(assigned, cst.Assign) and len(assigned.targets) == 1:
        target = assigned.targets[0].target
    elif isinstance(assigned, cst.AnnAssign):
        target = assigned.target
    else:
        return None
    if isinstance(target, cst.Attribute):
        return dotted(target)
    return target.value if isinstance(target, cst.Name) and file.enclosing_function(call) is None else None


def _is_closed(kept: str, file: SourceFile) -> bool:
    last = kept.rpartition(".")[2]
    for node in walk(file.module):
        if isinstance(node, cst.Attribute) and node.attr.value in _CLOSING:
            if (dotted(node.value) or "").rpartition(".")[2] == last:
                return True
        elif isinstance(node, cst.WithItem) and (dotted(node.item) or "").rpartition(".")[2] == last:
            return True
        elif isinstance(node, cst.Call):
            called = (dotted(node.func) or "").rpartition(".")[2]
            # `getattr(self, name)`, `stack.enter_async_context(client)`, `close_all(client)`
            ends = called in _LEAVES or "clos" in called or "clean" in called
            if ends and any((dotted(arg.value) or "").rpartition(".")[2] == last for arg in node.args):
                return True
    return False
