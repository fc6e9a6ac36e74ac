"""Finds deprecated fields of requests that cannot be left out."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import Service
from postil.lint.interface import Interface


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    for file in interface.files:
        if not file.mentions("deprecated"):
            continue
        for node in file.nodes(cst.ClassDef):
            if not node.bases or not interface.is_model(file, node):
                continue
            role = interface.role(file, node)
            for field in interface.model(file, node).fields.values() if role.asked and not role.views else ():
                if field.owner == node.name.value and field.deprecated and field.required:
                    text = f"`{field.asked}` of `{field.owner}` is deprecated, and requests must hold it"
                    yield Note(file.at(field.node), text)
