"""Finds errors whose body has another form than those of the rest of the service."""

from collections.abc import Iterator
from functools import partial

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import Service
from postil.lint.errors_sent import convention, error_bodies
from postil.lint.interface import Interface

_LEAST = 4
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
    usual = frozenset(envelope) or convention((frozenset(body.keys) for body in bodies), _LEAST)
    if usual is None:
        return
    for body in bodies:
        if not usual <= set(body.keys):
            text = (
                f"this error is sent as `{_shown(body.keys)}`, and those of this service as `{_shown(sorted(usual))}`"
            )
            yield Note(body.file.at(body.content), text)


def _shown(keys: tuple[str, ...] | list[str]) -> str:
    return "{" + ", ".join(f'"{key}": …' for key in keys[:3]) + (", …}" if len(keys) > 3 else "}")
