"""Finds new parameters without which an endpoint refuses a request."""

import libcst as cst

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange
from postil.lint.interface import Parameter
from postil.lint.names import dotted

_FORM = ("Form", "File")


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    said: set[int] = set()
    for each in contract.endpoints:
        before, after = each.before, each.after
        if after is None or each.moved or before.hidden:
            continue
        # A parameter with another name in Python, or another one to callers, is still the same.
        known: dict[str, Parameter] = {}
        for param in contract.base.parameters(before):
            known |= {param.name: param, param.attribute: param}
        for param in contract.head.parameters(after):
            kind = _kind(param)
            if not param.required or kind is None or id(param.node) in said:
                continue
            was = known.get(param.name) or known.get(param.attribute)
            if was is not None and (was.required or was.source != param.source):
                continue
            said.add(id(param.node))
            through = f" (through `{param.asked_by}`)" if param.asked_by != after.name else ""
            lost = ", which callers could leave out" if was is not None else ""
            text = f"`{after.shown}` needs the {kind} `{param.name}` now{through}{lost}"
            yield Note(param.file.at(param.node), text)


def _kind(param: Parameter) -> str | None:
    """What a caller gives it as, in words; None for a part of the path, a body, and what a model holds.

    The fields of models are told by `api-request-field-required-added`.
    """
    if not isinstance(param.node, cst.Param):
        return None
    if param.source in ("query", "header", "cookie"):
        return f"{param.source} parameter"
    in_form = any((dotted(option.func) or "").rpartition(".")[2] in _FORM for option in param.options)
    return "form field" if in_form and param.source == "body" else None
