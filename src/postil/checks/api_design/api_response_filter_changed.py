"""Finds endpoints whose answers hold other keys, though their model is the same."""

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, argument
from postil.lint.contract import ContractChange
from postil.lint.interface import Endpoint

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
    for each in changes.fact(ContractChange).endpoints:
        before, after = each.before, each.after
        if after is None or before.hidden or before.response is None or after.response is None:
            continue
        for name in _FILTERS:
            if (was := _said(before, name)) != (now := _said(after, name)):
                text = f"`{after.shown}` answers with other keys: `{name}` was `{was}` and is `{now}`"
                yield Note(after.file.at(after.route.decorator), text)


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
