"""Finds models of responses that send whatever else the endpoint returns."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile
from postil.lint.answers import answering
from postil.lint.contract import Service
from postil.lint.interface import Interface


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    def is_open(file: SourceFile, node: cst.ClassDef) -> bool:
        return interface.is_model(file, node) and interface.model(file, node).extra == "allow"

    for endpoint, declared, name in answering(interface, is_open):
        text = f"`{endpoint.name}` sends whatever it returns, since `{name}` allows extra fields"
        yield Note(endpoint.file.at(declared), text)
