"""Finds pools of connections whose limit is taken away."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.catalogue.clients import WITHOUT_LIMIT

MENTIONS = ("TCPConnector", "Limits", "create_engine", "create_async_engine", "QueuePool", "max_connections")

_LAST = frozenset(name.rpartition(".")[2] for name in WITHOUT_LIMIT)


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in _LAST:
        return
    name = file.name_of(call.func)
    # One who counts what runs at a time has a limit.
    if (
        name not in WITHOUT_LIMIT
        or not file.is_service
        or file.mentions("Semaphore")
        or file.mentions("CapacityLimiter")
    ):
        return
    by_host = argument(call, "limit_per_host")
    if by_host is not None and file.code(by_host) != "0":
        return
    for option, unlimited in WITHOUT_LIMIT[name].items():
        given = argument(call, option)
        if given is not None and file.code(given) == unlimited:
            yield Note(given, f"`{option}={unlimited}` lets `{name}` open connections without limit")
