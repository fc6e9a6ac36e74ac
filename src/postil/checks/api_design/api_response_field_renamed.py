"""Finds fields of a response that have another name now."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    said: set[int] = set()
    for model in changes.fact(ContractChange).models:
        for old, new in model.renamed().items():
            if id(new.node) not in said:
                said.add(id(new.node))
                severity = None if model.sure else "warning"
                yield Note(
                    new.file.at(new.node), f"`{model.name}` sends `{old}` as `{new.name}` now", severity=severity
                )
