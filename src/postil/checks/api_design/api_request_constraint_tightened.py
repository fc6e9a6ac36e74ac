"""Finds requests that passed the validation and no longer do: tighter limits, narrower types, no null."""

from collections.abc import Iterator

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import ContractChange
from postil.lint.interface import Interface, Parameter
from postil.lint.models import Field
from postil.lint.wire import accepts, is_known, limits_of, tightened


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    said: set[int] = set()
    for model in contract.models:
        if not (model.asked and model.known):
            continue
        before = {field.asked: field for field in model.before.fields.values()}
        for now in model.after.fields.values():
            was = before.get(now.asked)
            if was is None or id(now.node) in said:
                continue
            said.add(id(now.node))
            text = next(_refused(was, now, contract.head), None)
            if text is not None:
                shown = f"`{now.asked}` of `{model.name}` {text}"
                yield Note(now.file.at(now.node), shown, severity=None if model.sure else "hint")
    for endpoint, was, param in contract.kept_parameters():
        if was.source != param.source or id(param.node) in said:
            continue
        said.add(id(param.node))
        text = next(_refused(was, param, contract.head), None)
        if text is not None:
            yield Note(param.file.at(param.node), f"`{param.name}` of `{endpoint.shown}` {text}")


def _refused(was: Field | Parameter, now: Field | Parameter, interface: Interface) -> Iterator[str]:
    """What is refused now and was taken."""
    limits = limits_of(was.type, was.options, was.typed_in), limits_of(now.type, now.options, now.typed_in)
    for old, new in tightened(*limits, now.type):
        # An alias may have set the limit before, too.
        if old is None and not is_known(was.type, was.typed_in, interface):
            continue
        yield f"gains `{new}`" if old is None else f"goes from `{old}` to `{new}`"
    if not accepts(now.type, was.type, now.typed_in, interface):
        yield f"was `{was.written}` and is `{now.written}`, which takes less"
