"""Finds models of requests that drop what they don't know without a word."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import Service
from postil.lint.interface import Interface

# What others send may grow.
_OTHERS = re.compile(r"hook|event|callback|notification", re.IGNORECASE)


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    for file in interface.files:
        for node in file.nodes(cst.ClassDef):
            name = node.name.value
            if (
                not node.bases
                or _OTHERS.search(name)
                or _OTHERS.search(file.path)
                or not interface.is_model(file, node)
            ):
                continue
            role = interface.role(file, node)
            if not (role.asked and role.sure) or role.views:
                continue
            model = interface.model(file, node)
            if model.extra is None and not model.foreign:
                yield Note(
                    file.at(node),
                    f"`{name}` drops fields that it doesn't know, so a misspelt one is lost without a word",
                )
