"""Finds plain classes that take a whole JSON document as their arguments."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile
from postil.lint.change import Files
from postil.lint.modules import Modules
from postil.lint.names import dotted
from postil.lint.tree import walk

_READS = ("loads(", ".json()", "json.load(")
_LOADS = frozenset({"json.loads", "json.load", "orjson.loads", "ujson.loads", "simplejson.loads", "rapidjson.loads"})
_ATTRS = frozenset({"attrs.define", "attrs.frozen", "attrs.mutable", "attr.s", "attr.define", "attr.frozen",
                    "attr.attrs", "attr.dataclass"})  # fmt: skip
_CHECKS = re.compile(r"__post_init__|__attrs_post_init__|validator|convert|def __init__|def __new__")
_STEPS = 3  # from a name to what it was made of
# What the same program wrote needs no check.
_OWN = re.compile(r"\bdumps?\(")


def check(changes: ChangeSet) -> Notes:
    yield from changes.new(_found)


def _found(files: Files) -> Iterator[tuple[SourceFile, Note]]:
    modules: Modules | None = None
    for file in files(*_READS):
        if "**" not in file.text or not file.is_service:
            continue
        for call in file.nodes(cst.Call):
            spread = [arg.value for arg in call.args if arg.star == "**"]
            if len(spread) != 1 or (source := _document(spread[0], file)) is None:
                continue
            if _is_own(source, file) or file.in_test(call):
                continue
            modules = modules or Modules(files())
            own = file.enclosing_class(call) if dotted(call.func) == "cls" else None
            found = (file, own) if own is not None else modules.definition(file, call.func)
            where, owner = found or (file, None)
            kind = _kind(owner, where) if isinstance(owner, cst.ClassDef) else None
            if owner is None or kind is None or _CHECKS.search(where.code(owner.body)):
                continue
            yield (
                file,
                Note(
                    file.at(call),
                    f"`{owner.name.value}` takes this JSON as it comes, as {kind} checks no types",
                    secondary=(Secondary(where.at(owner.name), "the class that is filled"),),
                ),
            )


def _document(value: cst.BaseExpression, file: SourceFile, depth: int = 0) -> cst.Call | None:
    """The call that reads a JSON document, where a value is one or a part of one: `data["order"]`, each `row` in it."""
    while isinstance(value, cst.Subscript):
        value = value.value
    given: cst.BaseExpression | None = value
    if isinstance(value, cst.Name):
        given = _looped(value, file) or file.value_of(value)
        if isinstance(given, (cst.Name, cst.Subscript, cst.Await)) and depth < _STEPS:
            return _document(given, file, depth + 1)
    given = given.expression if isinstance(given, cst.Await) else given
    if not isinstance(given, cst.Call):
        return None
    if file.name_of(given.func) in _LOADS:
        return given
    is_answer = isinstance(given.func, cst.Attribute) and given.func.attr.value == "json" and not given.args
    return given if is_answer else None


def _looped(name: cst.Name, file: SourceFile) -> cst.BaseExpression | None:
    """What a loop or comprehension around a name goes through, where the name is what it takes from there."""
    for above in file.ancestors(name):
        if isinstance(above, cst.FunctionDef):
            return None
        loop = above.for_in if isinstance(above, (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)) else above
        if isinstance(loop, (cst.For, cst.CompFor)) and dotted(loop.target) == name.value:
            # `row = checked(row)` makes another thing of it.
            inside = walk(loop.body) if isinstance(loop, cst.For) else ()
            rebound = any(isinstance(node, cst.AssignTarget) and dotted(node.target) == name.value for node in inside)
            return None if rebound else loop.iter
    return None


def _is_own(source: cst.Call, file: SourceFile) -> bool:
    """Whether the document may be one that this module wrote."""
    return file.name_of(source.func) in _LOADS and _OWN.search(file.text) is not None


def _kind(owner: cst.ClassDef, file: SourceFile) -> str | None:
    """What kind of class doesn't look at what it is given, in words; None for all others."""
    if file.decorator(owner, "dataclasses.dataclass") is not None:
        return "a dataclass"
    if file.decorator(owner, *_ATTRS) is not None:
        return "an attrs class"
    bases = {file.name_of(arg.value) for arg in owner.bases if arg.keyword is None}
    if bases & {"typing.NamedTuple", "typing_extensions.NamedTuple"}:
        return "a named tuple"
    has_table = any(
        isinstance(node, cst.Assign) and any(dotted(each.target) == "__tablename__" for each in node.targets)
        for line in owner.body.body
        if isinstance(line, cst.SimpleStatementLine)
        for node in line.body
    )
    return "a table's class" if has_table and file.mentions("sqlalchemy") else None
