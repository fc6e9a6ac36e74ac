"""Finds event loops that are started where one is running already."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Secondary, SourceFile, argument
from postil.lint.names import last_name
from postil.lint.tree import walk_scope

MENTIONS = ("asyncio", "anyio", "async_to_sync", "run_until_complete", "uvloop")

_RUN = frozenset({"asyncio.run", "asyncio.runners.run", "anyio.run", "uvloop.run"})
_LASTS = frozenset({"run", "run_until_complete", "async_to_sync"})
_RUNNER = "asyncio.Runner"


def check(file: SourceFile) -> Notes:
    if file.is_test or file.mentions("nest_asyncio"):
        return
    deep: list[cst.CSTNode] = []
    names: dict[int, str] = {}
    for call in file.nodes(cst.Call):
        if (name := _starts_loop(call, file)) is None:
            continue
        if not file.runs_on_loop(call):
            names[id(call)] = name
            deep.append(call)
        elif not file.in_test(call) and not _is_guarded(call, file):
            function = file.enclosing_function(call)
            where = f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "this callback"
            yield Note(
                call, f"`{name}` raises here, since {where} runs on a loop already", fix=_awaited(call, name, file)
            )
    for chain in file.calls.chains(deep) if deep else ():
        place = chain.places[0]
        caller = file.enclosing_function(place)
        if file.in_test(place) or _is_guarded(place, file):
            continue
        start = f"`{caller.name.value}`" if isinstance(caller, cst.FunctionDef) else "a callback"
        steps = [f"`{function.name.value}()`" for function in chain.functions]
        end = f"`{names[id(chain.places[-1])]}`"
        yield Note(
            place,
            f"{' → '.join((start, *steps, end))} raises, since {start} runs on a loop already",
            secondary=tuple(
                Secondary(where, f"{one} comes to {other}")
                for where, one, other in zip(chain.places[1:], steps, [*steps[1:], end], strict=True)
            ),
        )


def _starts_loop(call: cst.Call, file: SourceFile) -> str | None:
    """What starts an event loop here: "asyncio.run", "run_until_complete"; None where nothing does."""
    func = call.func
    if isinstance(func, cst.Call):
        name = file.name_of(func.func)
        return "async_to_sync" if name in ("asgiref.sync.async_to_sync", "asgiref.sync.AsyncToSync") else None
    last = last_name(func)
    if last not in _LASTS and not (isinstance(func, cst.Name) and func.value in file.imports):
        return None
    name = file.name_of(func)
    if name in _RUN:
        return name
    if not isinstance(func, cst.Attribute):
        return None
    if last == "run_until_complete":
        return last
    return "asyncio.Runner.run" if last == "run" and file.type_of(func.value) == _RUNNER else None


def _is_guarded(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether the function around asks if a loop is running, or is ready for the failure."""
    function = file.enclosing_def(node)
    if function is not None and any(
        isinstance(each, cst.Attribute) and each.attr.value == "is_running" for each in walk_scope(function.body)
    ):
        return True
    return any(
        isinstance(above, cst.Try)
        and any(
            handler.type is not None and (file.name_of(handler.type) or "") == "RuntimeError"
            for handler in above.handlers
        )
        for above in file.ancestors(node)
    )


def _awaited(call: cst.Call, name: str, file: SourceFile) -> Fix | None:
    """`await f()` for `asyncio.run(f())`."""
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None or len(call.args) != 1:
        return None
    work = argument(call, "main", 0) or argument(call, "future", 0)
    if name not in ("asyncio.run", "run_until_complete", "asyncio.Runner.run", "uvloop.run") or work is None:
        return None
    if any(isinstance(above, cst.GeneratorExp) for above in file.ancestors(call)):
        return None
    text = f"await {file.code(work)}"
    is_base = isinstance(file.parent(call), (cst.Attribute, cst.Subscript, cst.Call))
    return Fix.replace(call, f"({text})" if is_base else text, FixKind.SUGGESTION)
