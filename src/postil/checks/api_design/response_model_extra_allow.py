"""Finds models of responses that send whatever else the endpoint returns."""

from collections.abc import Iterator

from postil.lint import ChangeSet, Note, Notes
from postil.lint.answers import documented
from postil.lint.contract import Service
from postil.lint.interface import Interface


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    for endpoint in documented(interface):
        declared = endpoint.response
        if declared is None:
            continue
        for where, node in interface.models_in(endpoint.file, declared):
            if interface.is_model(where, node) and interface.model(where, node).extra == "allow":
                name = node.name.value
                text = f"`{endpoint.name}` sends whatever it returns, since `{name}` allows extra fields"
                yield Note(endpoint.file.at(declared), text)
                break
