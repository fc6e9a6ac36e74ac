"""Finds fields of a response, and whole responses, that hold something else now."""

from collections.abc import Iterator

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange
from postil.lint.normal import type_form
from postil.lint.wire import breaks, is_list_of


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
    yield from _answers(contract)


def _answers(contract: ContractChange) -> Iterator[Note]:
    """The endpoints whose answer as a whole is of another type."""
    for before, after in contract.answered():
        if before.response is None or after.response is None:
            continue
        was, now = type_form(before.file, before.response), type_form(after.file, after.response)
        if breaks(was, now, after.file, contract.head) or is_list_of(was, now) or is_list_of(now, was):
            old, new = before.file.code(before.response), after.file.code(after.response)
            yield Note(
                after.file.at(after.response), f"`{after.shown}` answered with `{old}`, and answers with `{new}`"
            )
    for endpoint, model in contract.exchanged():
        for field, now in model.kept():
            if endpoint.response is not None and breaks(field.type, now.type, now.file, contract.head):
                text = f"`{endpoint.shown}` answers with `{model.name}` now, whose `{now.name}` is `{now.written}`"
                yield Note(endpoint.file.at(endpoint.response), f"{text} and not `{field.written}`")
                break
