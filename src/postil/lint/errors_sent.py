"""The bodies of errors that a service sends, as far as they are written out."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst

from postil.lint.answers import is_probe
from postil.lint.names import dotted
from postil.lint.source import SourceFile, argument, string_value

_JSON = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
_FAILS = re.compile(r"(^|_)[45]\d\d(_|$)")
# Starlette's, and Flask's
_REGISTERS = ("exception_handler", "add_exception_handler", "errorhandler")
_LISTED = "exception_handlers"

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, eq=False)
class ErrorBody:
    """One error's body: the dict, its keys, and the response that sends it."""

    content: cst.Dict
    keys: tuple[str, ...]
    response: cst.Call
    file: SourceFile


def error_bodies(file: SourceFile) -> Iterator[ErrorBody]:
    """The dicts that a file sends with a status of failure, or from a handler of exceptions."""
    if not file.is_service:
        return
    probes = {id(route.function) for route in file.routes if is_probe(route)}
    handlers = {id(function) for _, function in registered(file)}
    for call in file.nodes(cst.Call):
        if (dotted(call.func) or "").rpartition(".")[2] not in _JSON:
            continue
        content = argument(call, "content", 0)
        status = argument(call, "status_code", 1)
        function = file.enclosing_def(call)
        failed = status is not None and _FAILS.search(file.code(status)) is not None
        if not isinstance(content, cst.Dict) or id(function) in probes or not (failed or id(function) in handlers):
            continue
        keys = [string_value(each.key) if isinstance(each, cst.DictElement) else None for each in content.elements]
        if keys and all(key is not None for key in keys):
            yield ErrorBody(content, tuple(key for key in keys if key is not None), call, file)


def handled_exceptions(file: SourceFile) -> Iterator[cst.BaseExpression]:
    """The exceptions and statuses for which a file registers handlers."""
    return (given for given, _ in _registrations(file))


def registered(file: SourceFile) -> Iterator[tuple[cst.BaseExpression, cst.FunctionDef]]:
    """The functions of a file that it registers as handlers, each with the exception or status that it is for."""
    for given, handler in _registrations(file):
        known = handler if isinstance(handler, cst.FunctionDef) else file.definition_of(handler)
        if isinstance(known, cst.FunctionDef):
            yield given, known


def _registrations(file: SourceFile) -> Iterator[tuple[cst.BaseExpression, cst.CSTNode]]:
    """What a file registers handlers for, with what handles it: a decorated function, or what is handed over."""
    for call in file.nodes(cst.Call) if any(map(file.mentions, (*_REGISTERS, _LISTED))) else ():
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in _REGISTERS:
            given, above = argument(call, "exc_class_or_status_code", 0), file.parent(call)
            decorated = file.parent(above) if isinstance(above, cst.Decorator) else None
            if given is not None:
                yield given, decorated or argument(call, "handler", 1) or call
        listed = argument(call, _LISTED)
        if isinstance(listed, cst.Name):
            listed = file.value_of(listed)
        for entry in listed.elements if isinstance(listed, cst.Dict) else ():
            if isinstance(entry, cst.DictElement):
                yield entry.key, entry.value


def convention(shapes: Iterable[S], least: int, share: float = 0.7) -> S | None:
    """The shape that most have, out of at least so many; None where there is no such habit."""
    counted = Counter(shapes)
    if counted.total() < least:
        return None
    shape, times = counted.most_common(1)[0]
    return shape if times >= share * counted.total() else None
