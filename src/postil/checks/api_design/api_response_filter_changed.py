"""Finds endpoints whose answers hold other keys, though their model is the same."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.contract import ContractChange
from postil.lint.interface import Endpoint
from postil.lint.models import Field

_FILTERS = (
    "response_model_include",
    "response_model_exclude",
    "response_model_exclude_none",
    "response_model_exclude_unset",
    "response_model_exclude_defaults",
    "response_model_by_alias",
)
_DEFAULTS = {"response_model_by_alias": "True"}


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    yield from _generators(contract)
    for each in contract.endpoints:
        before, after = each.before, each.after
        if after is None or before.hidden or before.response is None or after.response is None:
            continue
        for name in _FILTERS:
            if (was := _said(before, name)) != (now := _said(after, name)):
                text = f"`{after.shown}` answers with other keys: `{name}` was `{was}` and is `{now}`"
                yield Note(after.file.at(after.route.decorator), text)


def _generators(contract: ContractChange) -> Iterator[Note]:
    """Models whose names on the wire are made in another way now."""
    said: set[int] = set()
    for model in contract.models:
        if not (model.sent and model.sure and model.known):
            continue
        was, now = model.before.generator, model.after.generator
        if _code(was) == _code(now) or not any(_made(field) for field, _ in model.kept()):
            continue
        where, place = now if now is not None else (model.after.file, model.after.node)
        if id(place) not in said:
            said.add(id(place))
            text = f"`{model.name}` sends other keys: `alias_generator` was `{_code(was)}` and is `{_code(now)}`"
            yield Note(where.at(place), text)


def _code(generator: tuple[SourceFile, cst.BaseExpression] | None) -> str:
    return generator[0].code(generator[1]) if generator is not None else "None"


def _made(field: Field) -> bool:
    """Whether a generator may give a field another name: one of several words, that has no name on the wire yet."""
    return field.name == field.attribute and "_" in field.name


def _said(endpoint: Endpoint, name: str) -> str:
    """What an option of a route says, in one spelling."""
    value = argument(endpoint.route.call, name)
    if value is None:
        return _DEFAULTS.get(name, "None" if name.endswith(("include", "exclude")) else "False")
    if isinstance(value, (cst.Set, cst.List, cst.Tuple)):
        # Names in another order, or another kind of brackets, are the same names.
        names = sorted(endpoint.file.code(each.value).replace("'", '"') for each in value.elements)
        return f"{{{', '.join(names)}}}"
    return " ".join(endpoint.file.code(value).split())
