"""Finds errors whose body has another form than those of the rest of the service."""

from collections.abc import Collection, Iterator
from functools import partial

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, string_value
from postil.lint.contract import Service
from postil.lint.errors_sent import ErrorBody, convention, error_bodies
from postil.lint.interface import Interface

_LEAST = 4
_ENVELOPE = frozenset({"error"})
_LEAST_OWN = 2
# Forms that others prescribe: OAuth (RFC 6749), JSON-RPC, problem details (RFC 9457).
_PRESCRIBED = frozenset({"error_description", "jsonrpc", "type"})


def check(changes: ChangeSet, *, envelope: tuple[str, ...] = ()) -> Notes:
    yield from changes.fact(Service).new(partial(_found, envelope=envelope))


def _found(interface: Interface, envelope: tuple[str, ...]) -> Iterator[Note]:
    bodies = [
        body
        for file in interface.files
        if file.mentions("Response")
        for body in error_bodies(file)
        if not _PRESCRIBED & set(body.keys) and "problem+json" not in file.code(body.response)
    ]
    usual = frozenset(envelope) or _own(bodies) or convention((frozenset(body.keys) for body in bodies), _LEAST)
    if usual is None:
        return
    for body in bodies:
        if not usual <= set(body.keys):
            text = (
                f"this error is sent as `{_shown(body.keys)}`, and those of this service as `{_shown(sorted(usual))}`"
            )
            yield Note(body.file.at(body.content), text)


def _own(bodies: Collection[ErrorBody]) -> frozenset[str] | None:
    """The guideline's envelope, where two errors have it, and fewer have another form."""
    times = sum(map(_is_enveloped, bodies))
    return _ENVELOPE if times >= _LEAST_OWN and times > len(bodies) - times else None


def _is_enveloped(body: ErrorBody) -> bool:
    """Whether a body is `{"error": {"code": …, "message": …}}`."""
    if set(body.keys) != _ENVELOPE:
        return False
    inside = body.content.elements[0].value
    parts = inside.elements if isinstance(inside, cst.Dict) else ()
    return {"code", "message"} <= {string_value(each.key) for each in parts if isinstance(each, cst.DictElement)}


def _shown(keys: tuple[str, ...] | list[str]) -> str:
    return "{" + ", ".join(f'"{key}": …' for key in keys[:3]) + (", …}" if len(keys) > 3 else "}")
