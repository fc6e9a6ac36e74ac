"""Finds pure Python computation that is spread over threads, which take turns at it."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.fanout import fanouts
from postil.lint.names import last_name
from postil.lint.network import calls_of
from postil.lint.tree import COMPREHENSIONS, walk, walk_scope

MENTIONS = ("ThreadPoolExecutor", "to_thread")

_POOL = "concurrent.futures.ThreadPoolExecutor"
# These wait, or let go of the interpreter lock while they work.
_LET_GO = frozenset({"time", "os", "shutil", "tempfile", "hashlib", "hmac", "zlib", "gzip", "logging", "open", "input",
                     "print", "secrets"})  # fmt: skip
_FILES = frozenset({"read", "write", "readline", "readlines", "acquire", "wait", "get", "put"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not call.args or not _spreads(call, file) or file.in_test(call):
        return
    function = file.definition_of(call.args[0].value)
    if not isinstance(function, cst.FunctionDef) or not _only_computes(function, file):
        return
    name = function.name.value
    yield Note(
        call,
        f"`{name}` only computes, so threads take turns at it and are no faster than one",
        secondary=(Secondary(function.name, "waits for nothing"),),
    )


def _spreads(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call gives work to several threads: of a pool, or by one of many `to_thread` that are gathered."""
    last = last_name(call.func)
    if last in ("submit", "map") and isinstance(call.func, cst.Attribute):
        return file.type_of(call.func.value) == _POOL
    # A single thread keeps the loop free, which is another matter.
    return file.name_of(call.func) == "asyncio.to_thread" and any(
        work.expression is call and work.over is not None for fanout in fanouts(file) for work in fanout.works
    )


def _only_computes(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether all that a function does is known to be Python code, and enough of it to matter: a loop within a loop."""
    reached = file.calls.reached(function)
    if not any(_has_nested_loops(each) for each in reached):
        return False
    calls = calls_of(function.body, file)
    if calls is None or calls.libraries:
        return False
    for each in reached:
        for node in walk_scope(each.body):
            if isinstance(node, (cst.Await, cst.With)):
                return False
            if isinstance(node, cst.Call):
                name = file.name_of(node.func)
                if name is not None and name.split(".", 1)[0] in _LET_GO:
                    return False
                if isinstance(node.func, cst.Attribute) and node.func.attr.value in _FILES and name is None:
                    return False
    return True


def _has_nested_loops(function: cst.FunctionDef) -> bool:
    loops = (cst.For, cst.While, *COMPREHENSIONS)
    for node in walk_scope(function.body):
        if isinstance(node, COMPREHENSIONS) and node.for_in.inner_for_in is not None:
            return True
        if isinstance(node, loops) and any(isinstance(each, loops) and each is not node for each in walk(node)):
            return True
    return False
