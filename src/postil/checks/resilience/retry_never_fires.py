"""Finds retried functions that catch the very exception that the retry waits for."""

import re

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.families import FAMILY_ROOTS
from postil.lint.handlers import hands_on, raises
from postil.lint.names import dotted
from postil.lint.network import library_of
from postil.lint.retries import Retry, filter_of, filter_parts, listed
from postil.lint.tree import walk

MENTIONS = ("tenacity", "stamina", "backoff")

# What asks for another attempt in another way than by an exception, or that may raise by itself.
_ASKS_THE_RESULT = re.compile(r"result|predicate|TryAgain")
_MAY_RAISE = re.compile(r"raise|fail|abort|error|handle|retry|check|throw|exit", re.IGNORECASE)
_LOGS = re.compile(r"(^|\.)_?(logger|log|logging|LOG|LOGGER)\.")


def check(file: SourceFile) -> Notes:
    for retry in file.retries:
        function = retry.function
        if function is None or not retry.complete or retry.name == "backoff.on_predicate":
            continue
        chosen = filter_of(retry)
        if chosen is not None and _ASKS_THE_RESULT.search(file.code(chosen)):
            continue
        tried = _whole_body(function)
        handler = _swallowing(tried, retry, file) if tried is not None else None
        if handler is not None and not file.in_test(function):
            yield Note(
                retry.place,
                f"`{function.name.value}` catches what its retry waits for, so nothing is tried again",
                secondary=(Secondary(handler, "caught here"),),
            )


def _whole_body(function: cst.FunctionDef) -> cst.Try | None:
    """The one `try` in which all calls of a function stand."""
    tried = [each for each in function.body.body if isinstance(each, cst.Try)]
    if len(tried) != 1:
        return None
    others = [each for each in function.body.body if each is not tried[0]]
    return (
        None
        if any(isinstance(node, (cst.Call, cst.Raise, cst.Await)) for o in others if not _logs(o) for node in walk(o))
        else tried[0]
    )


def _logs(line: cst.CSTNode) -> bool:
    calls = [node for node in walk(line) if isinstance(node, cst.Call)]
    return bool(calls) and _LOGS.search(dotted(calls[0].func) or "") is not None


def _swallowing(tried: cst.Try, retry: Retry, file: SourceFile) -> cst.ExceptHandler | None:
    """The handler that takes all that the retry waits for, and neither raises nor hands it on."""
    for handler in tried.handlers:
        if raises(handler) or hands_on(handler, file) or _calls_what_may_raise(handler):
            return None
        if file.is_broad(handler):
            return handler
        caught = {file.name_of(each) for each in listed(handler.type, file)} if handler.type is not None else set()
        awaited = [
            file.name_of(each) for part in filter_parts(retry, file) if part is not None for each in listed(part, file)
        ]
        families = {library_of(name) for name in caught & FAMILY_ROOTS if name is not None}
        if awaited and all(name and (name in caught or library_of(name) in families) for name in awaited):
            return handler
    return None


def _calls_what_may_raise(handler: cst.ExceptHandler) -> bool:
    for node in walk(handler.body):
        if isinstance(node, cst.Call):
            written = dotted(node.func) or "error"
            if not _LOGS.search(written) and _MAY_RAISE.search(written):
                return True
    return False
