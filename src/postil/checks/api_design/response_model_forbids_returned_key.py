"""Finds answers that their own model refuses, so that FastAPI answers 500."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, string_value
from postil.lint.answers import returned
from postil.lint.contract import Service
from postil.lint.interface import Endpoint, Interface
from postil.lint.models import Model

_LISTS = ("list", "List", "Sequence")


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    for endpoint in interface.endpoints:
        found = _strict(endpoint, interface)
        if found is None:
            continue
        model, many = found
        known = {name for field in model.fields.values() for name in (field.name, field.asked, field.attribute)}
        for value in returned(endpoint.route.function):
            for entry, key in _keys(value, endpoint.file, many=many):
                if key not in known:
                    name = model.node.name.value
                    text = f"`{endpoint.name}` returns the key `{key}`, which `{name}` forbids, so FastAPI answers 500"
                    yield Note(endpoint.file.at(entry), text)


def _strict(endpoint: Endpoint, interface: Interface) -> tuple[Model, bool] | None:
    """The model that forbids other keys, and whether a list of it is answered; None where not all of it is known."""
    declared, many = endpoint.response, False
    if isinstance(declared, cst.Subscript):
        name = (endpoint.file.name_of(declared.value) or "").rpartition(".")[2]
        inside = declared.slice[0].slice
        if name not in _LISTS or len(declared.slice) != 1 or not isinstance(inside, cst.Index):
            return None
        declared, many = inside.value, True
    if not isinstance(declared, (cst.Name, cst.Attribute)):
        return None
    known = interface.modules.definition(endpoint.file, declared)
    if known is None or not isinstance(known[1], cst.ClassDef):
        return None
    where, node = known[0], known[1]
    if not interface.is_model(where, node):
        return None
    model = interface.model(where, node)
    if model.extra != "forbid" or model.foreign:
        return None
    # Other names, or keys that are taken out before the model sees them.
    changed = ("alias_generator", "model_validator", "root_validator")
    lineage = interface.lineage(where, node)
    return None if any(word in file.code(owner) for file, owner in lineage for word in changed) else (model, many)


def _keys(value: cst.BaseExpression, file: SourceFile, *, many: bool) -> Iterator[tuple[cst.CSTNode, str]]:
    """The constant keys of a returned dict, or of the dicts of a returned list; none where some aren't known."""
    given = file.value_of(value) or value
    if many:
        rows = [each.value for each in given.elements] if isinstance(given, cst.List) else []
        if isinstance(given, cst.ListComp):
            rows = [given.elt]
    else:
        rows = [given]
    for row in rows:
        if isinstance(row, cst.Dict) and not any(isinstance(each, cst.StarredDictElement) for each in row.elements):
            for entry in row.elements:
                key = string_value(entry.key) if isinstance(entry, cst.DictElement) else None
                if key is not None:
                    yield entry, key
