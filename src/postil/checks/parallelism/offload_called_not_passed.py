"""Finds functions that are called where they should be handed to a thread."""

import libcst as cst

from postil.lint import Fix, Insert, Note, Notes, Replace, SourceFile
from postil.lint.blocking import blocks
from postil.lint.contexts import Handover
from postil.lint.names import bare
from postil.lint.tree import is_generator, walk_scope

MENTIONS = ("thread", "Thread", "executor", "Executor", "run_sync", "Process", "sync_to_async", "Pool")

_KEEP_THE_RESULT = ("staticmethod", "classmethod", "functools.cache", "functools.lru_cache", "typing.override")
_DATA = frozenset(
    {"None", "bool", "bytes", "bytearray", "complex", "dict", "float", "frozenset", "int", "list", "set", "str",
     "tuple", "typing.Dict", "typing.List", "typing.Set", "typing.Tuple", "typing.NoReturn", "pathlib.Path",
     "datetime.datetime", "datetime.date", "decimal.Decimal"}
)  # fmt: skip
_MAKE_DATA = _DATA | {"abs", "all", "any", "ascii", "bin", "chr", "divmod", "enumerate", "filter", "format", "hash",
                      "hex", "id", "isinstance", "issubclass", "len", "oct", "open", "ord", "print", "range", "repr",
                      "reversed", "round", "slice", "sorted", "sum", "zip"}  # fmt: skip
_LITERALS = (
    cst.BaseString,
    cst.BaseNumber,
    cst.List,
    cst.Tuple,
    cst.Dict,
    cst.Set,
    cst.ListComp,
    cst.SetComp,
    cst.DictComp,
    cst.GeneratorExp,
    cst.Comparison,
    cst.BinaryOperation,
    cst.UnaryOperation,
)
_DEPTH = 4
# These call what they get with further arguments of their own, by position or also by keyword.
_PASS_POSITIONS = frozenset({"run_in_executor", "anyio.to_thread.run_sync", "anyio.to_process.run_sync",
                             "trio.to_thread.run_sync", "async_add_executor_job"})  # fmt: skip
_PASS_ALL = frozenset({"asyncio.to_thread", "starlette.concurrency.run_in_threadpool", "submit",
                       "fastapi.concurrency.run_in_threadpool", "twisted.internet.threads.deferToThread"})  # fmt: skip
_TAKE_ARGS = frozenset({"threading.Thread", "multiprocessing.Process"})


def check(file: SourceFile) -> Notes:
    for handover in file.handovers:
        call = handover.value
        if not isinstance(call, cst.Call) or not handover.certain or _has_arguments(handover):
            continue
        is_coroutine = _is_coroutine(call, file)
        if not is_coroutine and not _is_data(call, file):
            continue
        where = "on the event loop" if file.runs_on_loop(call) else "here"
        written = file.code(call) if len(file.code(call)) <= 40 else f"{file.code(call.func)}(…)"
        taker = "process" if "rocess" in handover.by else "thread"
        message = (
            f"`{written}` makes a coroutine, and the {taker} is given that to call"
            if is_coroutine
            else f"`{written}` runs {where}, and the {taker} is given its result to call"
        )
        yield Note(call, message, fix=None if is_coroutine else _fix(handover, call, file))


def _has_arguments(handover: Handover) -> bool:
    """Whether more is handed over for the callable, so that what the call returns is meant to be called."""
    args = handover.call.args
    position = args.index(handover.arg)
    if handover.arg.keyword is None and any(arg.keyword is None or arg.star for arg in args[position + 1 :]):
        return True
    return any(arg.keyword is not None and arg.keyword.value in ("args", "kwargs") for arg in args)


def _is_coroutine(call: cst.Call, file: SourceFile) -> bool:
    found = file.definition_of(call.func)
    return isinstance(found, cst.FunctionDef) and found.asynchronous is not None and not found.decorators


def _is_data(expression: cst.CSTNode | None, file: SourceFile, depth: int = 0) -> bool:
    """Whether an expression is seen to give something that can't be called."""
    if expression is None or isinstance(expression, _LITERALS):
        return True
    if depth > _DEPTH:
        return False
    if isinstance(expression, cst.Name):
        if expression.value in ("None", "True", "False"):
            return True
        value = file.value_of(expression)
        return value is not None and _is_data(value, file, depth + 1)
    if not isinstance(expression, cst.Call):
        return False
    if blocks(expression, file) is not None or file.name_of(expression.func) in _MAKE_DATA:
        return True
    # `requests.get(url).json()`: what a server answered
    if isinstance(expression.func, cst.Attribute) and isinstance(expression.func.value, cst.Call):
        return blocks(expression.func.value, file) is not None
    found = file.definition_of(expression.func)
    return isinstance(found, cst.FunctionDef) and _returns_data(found, file, depth + 1)


def _returns_data(function: cst.FunctionDef, file: SourceFile, depth: int) -> bool:
    known = sum(file.decorator(function, name) is not None for name in _KEEP_THE_RESULT)
    if function.asynchronous is not None or len(function.decorators) > known:
        return False
    if is_generator(function):
        return True
    if function.returns is not None:
        base = bare(function.returns.annotation)
        return file.name_of(base) in _DATA or (isinstance(base, cst.Name) and base.value == "None")
    return all(_is_data(node.value, file, depth) for node in walk_scope(function.body) if isinstance(node, cst.Return))


def _fix(handover: Handover, call: cst.Call, file: SourceFile) -> Fix | None:
    """`f` for `f()`, and `f, a` for `f(a)` where the taker passes arguments on."""
    function = file.code(call.func)
    if handover.by in ("asgiref.sync.sync_to_async", "channels.db.database_sync_to_async"):
        return None
    if not call.args:
        return Fix.replace(call, function)
    if any(mark in file.code(call) for mark in ("\n", "#")) or any(arg.star for arg in call.args):
        return None
    by_keyword = any(arg.keyword is not None for arg in call.args)
    arguments = ", ".join(file.code(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for arg in call.args)
    if handover.by in _TAKE_ARGS and not by_keyword and handover.arg.keyword is not None:
        rest = f", args=({arguments}{',' if len(call.args) == 1 else ''})"
        return Fix((Replace(call, function), Insert(call, rest, after=True)))
    passed_on = handover.by in _PASS_ALL or (handover.by in _PASS_POSITIONS and not by_keyword)
    if passed_on and handover.arg.keyword is None:
        return Fix.replace(call, f"{function}, {arguments}")
    return None
