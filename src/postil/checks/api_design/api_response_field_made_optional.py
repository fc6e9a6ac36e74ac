"""Finds fields of a response that may be null now."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange
from postil.lint.models import is_nullable
from postil.lint.normal import type_form


def check(changes: ChangeSet) -> Notes:
    said: set[int] = set()
    contract = changes.fact(ContractChange)
    for model in contract.models:
        if not (model.sent and model.sure):
            continue
        for before, now in model.kept():
            if now.optional and not before.optional and before.annotation is not None and id(now.node) not in said:
                said.add(id(now.node))
                yield Note(now.file.at(now.node), f"`{now.name}` of `{model.name}` may be null now")
    for before, after in contract.answered():
        was, now = type_form(before.file, before.response), type_form(after.file, after.response)
        if is_nullable(now) and not is_nullable(was) and after.response is not None:
            yield Note(after.file.at(after.response), f"`{after.shown}` may answer with null now")
