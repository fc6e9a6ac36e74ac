"""Finds fields of a response that may be null now."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    said: set[int] = set()
    for model in changes.fact(ContractChange).models:
        if not (model.sent and model.sure):
            continue
        for before, now in model.kept():
            if now.optional and not before.optional and before.annotation is not None and id(now.node) not in said:
                said.add(id(now.node))
                yield Note(now.file.at(now.node), f"`{now.name}` of `{model.name}` may be null now")
