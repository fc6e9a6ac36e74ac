"""Finds values that requests may no longer hold, and values that responses didn't hold before."""

from collections.abc import Collection, Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange, ModelChange
from postil.lint.source import SourceFile
from postil.lint.values import Value, admitted, is_enumeration, members


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    said: set[int] = set()
    for model in contract.models:
        if is_enumeration(model.after.file, model.after.node, contract.head.modules):
            yield from _of_enumeration(model)
            continue
        places = []
        if model.sent:
            places += [(before, now, True) for before, now in model.kept()]
        if model.asked and model.known:
            after = {field.asked: field for field in model.after.fields.values()}
            places += [(was, after[was.asked], False) for was in model.before.fields.values() if was.asked in after]
        for before, now, sent in places:
            # A type that is spelt the same is told at its class.
            if before.type == now.type or id(now.node) in said:
                continue
            was = admitted(before.type, before.file, contract.base.modules)
            is_now = admitted(now.type, now.file, contract.head.modules)
            notes = list(_told(was, is_now, f"`{now.name}` of `{model.name}`", sent, model.sure, now.file, now.node))
            said.update(id(now.node) for _ in notes)
            yield from notes
    for endpoint, before, param in contract.kept_parameters():
        if before.type == param.type or id(param.node) in said:
            continue
        said.add(id(param.node))
        was = admitted(before.type, before.typed_in, contract.base.modules)
        is_now = admitted(param.type, param.typed_in, contract.head.modules)
        shown = f"`{param.name}` of `{endpoint.shown}`"
        yield from _told(was, is_now, shown, False, True, param.file, param.node)


def _of_enumeration(model: ModelChange) -> Notes:
    was = members(model.before.file, model.before.node)
    now = members(model.after.file, model.after.node)
    shown, file = f"`{model.name}`", model.after.file
    if model.asked:
        yield from _told(was, now, shown, False, model.sure, file, model.after.node)
    if model.sent and was is not None and now is not None:
        gained = next((node for value, node in now.items() if value not in was), model.after.node)
        yield from _told(was, now, shown, True, model.sure, file, gained)


def _told(
    was: Collection[Value] | None,
    now: Collection[Value] | None,
    shown: str,
    sent: bool,
    sure: bool,
    file: SourceFile,
    node: cst.CSTNode,
) -> Iterator[Note]:
    if was is None or now is None:
        return
    lost = [value for value in was if value not in now]
    gained = [value for value in now if value not in was]
    if not sent and lost:
        text = f"requests can no longer hold {_listed(lost)} as {shown}"
        yield Note(file.at(node), text, severity=None if sure else "warning")
    if sent and gained:
        text = f"responses may hold {_listed(gained)} as {shown}, which no reader knows"
        yield Note(file.at(node), text, severity="hint")


def _listed(values: Collection[Value]) -> str:
    shown = [f"`{value}`" for value in sorted(map(str, values))]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
