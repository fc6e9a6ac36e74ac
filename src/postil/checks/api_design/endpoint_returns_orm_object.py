"""Finds endpoints that answer with a table's rows, so that every column is public."""

from collections.abc import Iterator
from functools import partial

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument
from postil.lint.answers import answering, documented, is_row, returned
from postil.lint.contract import Service
from postil.lint.interface import Endpoint, Interface
from postil.lint.names import dotted


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    for endpoint, declared, name in answering(interface, partial(_is_table, interface)):
        text = f"`{endpoint.name}` answers with the table `{name}` itself, so each of its columns is public"
        yield Note(endpoint.file.at(declared), text)
    for endpoint in documented(interface):
        if endpoint.response is None:
            yield from _rows(endpoint)


def _rows(endpoint: Endpoint) -> Iterator[Note]:
    """Rows that an endpoint without any declared answer returns."""
    call = endpoint.route.call
    if any(argument(call, option) is not None for option in ("response_class", "response_model")):
        return
    for value in returned(endpoint.route.function):
        if is_row(value, endpoint.file):
            text = f"`{endpoint.name}` answers with what the database gave, so each column is public"
            yield Note(endpoint.file.at(value), text)
            return


def _is_table(interface: Interface, file: SourceFile, node: cst.ClassDef) -> bool:
    """Whether a class is a table's: SQLModel's `table=True`, or the `__tablename__` of SQLAlchemy."""
    if any(each.keyword is not None and each.keyword.value == "table" and dotted(each.value) == "True"
           for each in node.keywords):  # fmt: skip
        return True
    # A SQLModel class without `table=True` below a table is a plain model, whatever its base is.
    if interface.is_model(file, node):
        return False
    return any(
        isinstance(part, cst.Assign) and any(dotted(target.target) == "__tablename__" for target in part.targets)
        for _, owner in interface.lineage(file, node)
        for line in owner.body.body
        if isinstance(line, cst.SimpleStatementLine)
        for part in line.body
    )
