"""Finds new parameters without which an endpoint refuses a request."""

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    said: set[int] = set()
    for each in contract.endpoints:
        before, after = each.before, each.after
        if after is None or each.moved or before.hidden:
            continue
        known = {param.name for param in contract.base.parameters(before)}
        known |= {param.node.name.value for param in contract.base.parameters(before)}
        for param in contract.head.parameters(after):
            asked = param.required and param.source in ("query", "header", "cookie")
            if not asked or {param.name, param.node.name.value} & known or id(param.node) in said:
                continue
            said.add(id(param.node))
            through = f" (through `{param.asked_by}`)" if param.asked_by != after.name else ""
            text = f"`{after.shown}` needs the {param.source} parameter `{param.name}` now{through}"
            yield Note(param.file.at(param.node), text)
