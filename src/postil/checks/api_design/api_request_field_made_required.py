"""Finds fields that requests could leave out, and no longer can."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    said: set[int] = set()
    for model in changes.fact(ContractChange).models:
        if not (model.asked and model.known):
            continue
        before = {field.asked: field for field in model.before.fields.values()}
        for field in model.after.fields.values():
            was = before.get(field.asked)
            if was is None or was.required or not field.required or id(field.node) in said:
                continue
            said.add(id(field.node))
            text = f"requests with `{model.name}` could leave out `{field.asked}`, and no longer can"
            yield Note(field.file.at(field.node), text, severity=None if model.sure else "warning")
