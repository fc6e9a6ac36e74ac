"""Finds calls of coroutine functions that this change holds in another file, and that nothing awaits."""

import re
from collections.abc import Iterable, Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile
from postil.lint.awaiting import Used, awaited, used_as_value
from postil.lint.coroutines import coroutine_definition
from postil.lint.modules import Modules, importing
from postil.lint.names import last_name

_COROUTINES = re.compile(r"async def (\w+)")
Found = tuple[SourceFile, cst.Call, Used, SourceFile, cst.FunctionDef]


def check(changes: ChangeSet) -> Notes:
    # In all of a project a type checker sees it; a change of one file alone shows no other.
    if not changes.compared or len(changes.files) < 2:
        return
    concerned = importing(changes.files, lambda text: "async def" in text)
    names = set(_COROUTINES.findall("\n".join(change.head_text or "" for change in concerned)))
    found = list(_forgotten([change.head for change in concerned if change.head is not None], names))
    if not found:
        return
    before = {
        _key(*each) for each in _forgotten([change.base for change in concerned if change.base is not None], names)
    }
    paths = {change.path: change.previous_path or change.path for change in changes.files}
    for file, call, used, owner, function in found:
        path, *rest = _key(file, call, used, owner, function)
        if (paths[path], *rest) in before:
            continue
        places = [Secondary(owner.at(function.name), "the coroutine function")]
        if used.place is not None:
            places.insert(0, Secondary(file.at(used.place), "used as a value"))
        yield Note(file.at(call), used.message, fix=awaited(call, file), secondary=tuple(places))


def _key(file: SourceFile, call: cst.Call, used: Used, owner: SourceFile, function: cst.FunctionDef) -> tuple[str, ...]:
    return file.path, file.scope_of(call), used.message


def _forgotten(files: Iterable[SourceFile], names: set[str]) -> Iterator[Found]:
    """The calls of other files' coroutine functions that are dropped, or used as if they gave a value."""
    files = list(files)
    modules = Modules(files)
    for file in files:
        for call in file.nodes(cst.Call):
            if last_name(call.func) not in names or isinstance(file.parent(call), cst.Await):
                continue
            used = _use(call, file)
            if used is None or file.definition_of(call.func) is not None or file.in_test(call):
                continue
            led = modules.called_in(call.func, file)
            function = coroutine_definition(led[1], led[0]) if led is not None else None
            if led is not None and function is not None and led[0] is not file:
                yield file, call, used, led[0], function


def _use(call: cst.Call, file: SourceFile) -> Used | None:
    if isinstance(file.parent(call), cst.Expr):
        return Used(f"`{file.code(call.func)}` only makes a coroutine here, and nothing awaits it", None)
    return used_as_value(call, file)
