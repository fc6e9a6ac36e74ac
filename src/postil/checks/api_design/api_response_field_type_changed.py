"""Finds fields of a response that hold something else now."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange
from postil.lint.wire import breaks


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    said: set[int] = set()
    for model in contract.models:
        if not model.sent:
            continue
        for before, now in model.kept():
            if id(now.node) in said or not breaks(before.type, now.type, now.file, contract.head):
                continue
            said.add(id(now.node))
            if before.annotation is None or now.annotation is None:
                continue
            was, is_now = before.file.code(before.annotation), now.file.code(now.annotation)
            text = f"`{now.name}` of `{model.name}` was `{was}` and is `{is_now}`"
            yield Note(now.file.at(now.node), text, severity=None if model.sure else "warning")
