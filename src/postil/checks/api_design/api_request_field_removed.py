"""Finds fields that requests could hold, and no longer can."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    said: set[tuple[str, str, str]] = set()
    for model in changes.fact(ContractChange).models:
        if not (model.asked and model.known):
            continue
        still = {name for field in model.after.fields.values() for name in (field.asked, field.attribute)}
        for field in model.before.fields.values():
            key = (field.file.path, field.owner, field.asked)
            if field.asked in still or field.attribute in still or field.deprecated or key in said:
                continue
            said.add(key)
            refused = model.after.extra == "forbid"
            what = "refused" if refused else "taken and dropped"
            text = f"`{model.name}` no longer knows `{field.asked}`, so that requests which hold it are {what}"
            where, place = model.beside(field)
            severity = "error" if refused and model.sure else None
            yield Note(model.after.file.at(model.after.node), text, severity=severity, anchor=where.at(place))
