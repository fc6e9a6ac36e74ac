"""Finds fields that a change takes out of a model which an API sends."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    said: set[tuple[str, str, str]] = set()
    for model in changes.fact(ContractChange).models:
        renamed = model.renamed()
        for field in model.removed():
            # A base's field is missing in all of its models, and is said once.
            key = (field.file.path, field.owner, field.name)
            if field.name in renamed or key in said:
                continue
            said.add(key)
            text = f"`{model.name}` no longer sends `{field.name}`"
            severity = None if model.sure and not field.optional else "warning"
            if field.deprecated:
                text, severity = f"{text}, which was deprecated before", "hint"
            where, place = model.beside(field)
            yield Note(model.after.file.at(model.after.node), text, severity=severity, anchor=where.at(place))
