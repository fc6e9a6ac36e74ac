"""Finds database sessions and connections that several tasks use at the same time."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.sessions import ASYNC_SESSIONS
from postil.lint.fanout import Work, fanouts
from postil.lint.names import dotted
from postil.lint.tree import walk, walk_scope

MENTIONS = ("AsyncSession", "AsyncConnection", "asyncpg", "async_sessionmaker", "create_async_engine", "AsyncEngine")


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    for fanout in fanouts(file):
        first: dict[str, cst.CSTNode] = {}
        said: set[str] = set()
        for work in fanout.works:
            for name, place in _sessions(work, file):
                if name in said or file.in_test(fanout.place):
                    continue
                if work.over is not None:
                    said.add(name)
                    yield Note(place, f"all of these tasks use `{name}` at the same time, and it has one connection")
                elif name in first:
                    said.add(name)
                    yield Note(
                        place,
                        f"several of these tasks use `{name}` at the same time, and it has one connection",
                        secondary=(Secondary(first[name], "used here too"),),
                    )
                else:
                    first[name] = place


def _sessions(work: Work, file: SourceFile) -> list[tuple[str, cst.CSTNode]]:
    """The sessions that a piece of work uses and hasn't made itself, by name, with the place in its expression."""
    found: dict[str, cst.CSTNode] = {}
    for node in walk(work.expression):
        if isinstance(node, (cst.Name, cst.Attribute)) and file.type_of(node) in ASYNC_SESSIONS:
            name = dotted(node)
            if name is not None and name.split(".", 1)[0] not in work.names and not _is_own(node, work, file):
                found.setdefault(name, node)
    if work.called is not None:
        for name in _used_inside(work.called, file):
            found.setdefault(name, work.expression)
    return list(found.items())


def _is_own(node: cst.CSTNode, work: Work, file: SourceFile) -> bool:
    """Whether a name is only looked at, as `session.bind` in an argument is not: an attribute that isn't called."""
    above = file.parent(node)
    if not isinstance(above, cst.Attribute):
        return False
    outer = file.parent(above)
    return not (isinstance(outer, cst.Call) and outer.func is above)


def _used_inside(called: cst.BaseExpression, file: SourceFile) -> list[str]:
    """The sessions of the function around, or of the object, that a called function of this file uses."""
    callee = file.definition_of(called)
    if not isinstance(callee, cst.FunctionDef) or callee.asynchronous is None:
        return []
    names = []
    own_object = isinstance(called, cst.Attribute) and dotted(called.value) == "self"
    nested = file.enclosing_function(callee)
    for node in walk_scope(callee.body):
        is_outer = isinstance(node, cst.Name) and nested is not None and not _binds(callee, node.value)
        is_attribute = isinstance(node, cst.Attribute) and own_object and dotted(node.value) == "self"
        if (is_outer or is_attribute) and file.type_of(node) in ASYNC_SESSIONS and (name := dotted(node)) is not None:
            names.append(name)
    return names


def _binds(function: cst.FunctionDef, name: str) -> bool:
    """Whether a function has a parameter or a variable of this name."""
    from_params = {param.name.value for param in (*function.params.params, *function.params.kwonly_params)}
    if name in from_params:
        return True
    return any(
        isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.AsName))
        and isinstance(target := getattr(node, "target", None) or getattr(node, "name", None), cst.Name)
        and target.value == name
        for node in walk_scope(function.body)
    )
