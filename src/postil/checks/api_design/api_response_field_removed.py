"""Finds fields that a change takes out of a model which an API sends."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange

_NAMED = 3  # fields in one message


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    for endpoint, model in contract.exchanged():
        lost = [field for field in model.removed() if not field.deprecated]
        if lost and endpoint.response is not None:
            names = ", ".join(f"`{field.name}`" for field in lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
            text = f"`{endpoint.shown}` answers with `{model.name}` now, which lacks {names}"
            severity = "warning" if all(field.optional for field in lost) else None
            yield Note(endpoint.file.at(endpoint.response), text, severity=severity)
    said: set[tuple[str, str, str]] = set()
    for model in contract.models:
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
