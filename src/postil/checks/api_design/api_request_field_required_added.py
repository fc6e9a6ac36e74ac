"""Finds new fields without which a request is refused."""

import libcst as cst

from postil.lint import ChangeSet, Fix, FixKind, Insert, Note, Notes
from postil.lint.contract import ContractChange, ModelChange
from postil.lint.models import Field


def check(changes: ChangeSet) -> Notes:
    said: set[int] = set()
    for model in changes.fact(ContractChange).models:
        if not (model.asked and model.known):
            continue
        known = {field.asked for field in model.before.fields.values()}
        known |= {field.attribute for field in model.before.fields.values()}
        for field in model.after.fields.values():
            if not field.required or {field.asked, field.attribute} & known or id(field.node) in said:
                continue
            if not isinstance(field.node, cst.AnnAssign):
                continue
            said.add(id(field.node))
            text = f"requests with `{model.name}` must hold `{field.asked}` now, which no caller sends yet"
            fix = _optional(field, field.node) if field.node.value is None and field.type != "Any" else None
            yield Note(field.file.at(field.node), text, severity=_severity(model), fix=fix)


def _severity(model: ModelChange) -> str | None:
    """Less where a validator may fill in what is missing, or only the name says what the model is for."""
    fills = any(
        isinstance(part, cst.FunctionDef)
        and any("before" in model.after.file.code(each.decorator) for each in part.decorators)
        for part in model.after.node.body.body
    )
    return "hint" if fills else None if model.sure else "warning"


def _optional(field: Field, node: cst.AnnAssign) -> Fix:
    default = " = None" if field.optional else " | None = None"
    return Fix((Insert(node.annotation, default, after=True),), FixKind.SUGGESTION)
