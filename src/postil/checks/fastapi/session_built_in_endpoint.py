"""Finds endpoints that open a database session themselves."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.probes import probes
from postil.lint.sessions import opens_session
from postil.lint.tree import walk_scope

MENTIONS = ("fastapi",)

_WORDS = re.compile(r"session", re.IGNORECASE)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or not file.is_service or _WORDS.search(file.text) is None:
        return
    route = next((route for route in file.routes if route.function is function), None)
    if route is None or route.framework != "fastapi" or route.method.startswith("websocket"):
        return
    nodes = list(walk_scope(function.body))
    opened = [node for node in nodes if isinstance(node, cst.Call) and opens_session(node, file)]
    # Two sessions, or one that is closed before something slow, are a decision.
    if len(opened) != 1 or any(isinstance(node, cst.Yield) for node in nodes):
        return
    if any(probe.function is function for probe in probes(file)):
        return
    yield Note(
        opened[0],
        f"`{function.name.value}` opens its own session with `{file.code(opened[0].func)}`, where no test can reach it",
    )
