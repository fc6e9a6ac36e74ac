"""Finds fields of requests that look optional, and must be sent."""

from collections.abc import Iterator
from functools import partial

import libcst as cst

from postil.lint import ChangeSet, Fix, FixKind, Insert, Note, Notes, argument
from postil.lint.contract import ContractChange, Service
from postil.lint.dependencies import is_older
from postil.lint.interface import Interface
from postil.lint.names import dotted


def check(changes: ChangeSet) -> Notes:
    service = changes.fact(Service)
    contract = changes.fact(ContractChange)
    # What a change adds to a model that is in use is told by `api-request-field-required-added`.
    told = {
        id(field.node)
        for model in contract.models
        if model.asked
        for field in model.after.fields.values()
        if field.asked not in {each.asked for each in model.before.fields.values()}
    }
    yield from service.new(partial(_found, told=told))


def _found(interface: Interface, told: set[int]) -> Iterator[Note]:
    for file in interface.files:
        if not (file.mentions("Optional") or file.mentions("None")):
            continue
        if not file.is_service or file.mentions("pydantic.v1") or is_older(file.project, file.path, "pydantic", "2"):
            continue
        for node in file.nodes(cst.ClassDef):
            if not node.bases or not interface.is_model(file, node):
                continue
            role = interface.role(file, node)
            if not role.asked or role.views:
                continue
            for field in interface.model(file, node).fields.values():
                statement = field.node
                if field.owner != node.name.value or not isinstance(statement, cst.AnnAssign) or id(statement) in told:
                    continue
                if field.required and field.optional and (given := _defaulted(statement)) is not None:
                    text = f"requests with `{field.owner}` must hold `{field.asked}`: its type only lets it be null"
                    yield Note(file.at(statement), text, fix=Fix((given,), FixKind.SUGGESTION))


def _defaulted(statement: cst.AnnAssign) -> Insert | None:
    """The default that a field lacks; None where it is said to have none: `= ...`, `Field(...)`."""
    value = statement.value
    if value is None:
        return Insert(statement.annotation, " = None", after=True)
    if not isinstance(value, cst.Call) or (dotted(value.func) or "").rpartition(".")[2] != "Field":
        return None
    if not value.args or argument(value, "default", 0) is not None:
        return None
    return Insert(value.args[0], "default=None, ")
