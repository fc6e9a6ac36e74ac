"""Finds retried functions that catch the very exception that the retry waits for."""

import re

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.catalogue.families import FAMILY_ROOTS
from postil.lint.handlers import hands_on, raises
from postil.lint.names import dotted
from postil.lint.network import library_of
from postil.lint.retries import Retry, filter_of, filter_parts, listed
from postil.lint.tree import walk, walk_scope

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
        # tenacity tries again on its own `TryAgain`, whatever the filter says.
        if retry.library == "tenacity" and file.mentions("TryAgain"):
            continue
        chosen = filter_of(retry)
        if chosen is not None and _ASKS_THE_RESULT.search(file.code(chosen)):
            continue
        tried = _whole_body(function)
        handler = _swallowing(tried, retry, file) if tried is not None else None
        if handler is not None and not file.in_test(function):
            into = f"turns what its retry waits for into `{_raised(handler)}`" if raises(handler) else None
            yield Note(
                retry.place,
                f"`{function.name.value}` {into or 'catches what its retry waits for'}, so nothing is tried again",
                secondary=(Secondary(handler, "caught here"),),
            )


def _whole_body(function: cst.FunctionDef) -> cst.Try | None:
    """The one `try` in which all calls of a function stand."""
    tried = [each for each in function.body.body if isinstance(each, cst.Try)]
    if len(tried) != 1:
        return None
    others = [each for each in function.body.body if each is not tried[0]]
    parts = [node for line in others if not (_logs(line) or _reads(line)) for node in walk(line)]
    return None if any(isinstance(part, (cst.Call, cst.Raise, cst.Await)) for part in parts) else tried[0]


def _reads(line: cst.CSTNode) -> bool:
    """Whether a line only takes an answer apart that is there already: `return response.json()`."""
    return all(
        isinstance(node.func, cst.Attribute) and node.func.attr.value == "json" and not node.args
        if isinstance(node, cst.Call)
        else not isinstance(node, (cst.Raise, cst.Await))
        for node in walk(line)
    )


def _logs(line: cst.CSTNode) -> bool:
    calls = [node for node in walk(line) if isinstance(node, cst.Call)]
    return bool(calls) and _LOGS.search(dotted(calls[0].func) or "") is not None


def _swallowing(tried: cst.Try, retry: Retry, file: SourceFile) -> cst.ExceptHandler | None:
    """The handler that takes all that the retry waits for, and neither raises it again nor hands it on."""
    parts = list(filter_parts(retry, file))
    awaited = [file.name_of(each) for part in parts if part is not None for each in listed(part, file)]
    # What a predicate waits for isn't known.
    known = bool(awaited) and None not in parts and None not in awaited
    for handler in tried.handlers:
        if raises(handler):
            if not known or not _raises_another(handler, {name for name in awaited if name}, file):
                return None
        elif hands_on(handler, file) or _calls_what_may_raise(handler):
            return None
        if file.is_broad(handler):
            return handler
        caught = {file.name_of(each) for each in listed(handler.type, file)} if handler.type is not None else set()
        families = {library_of(name) for name in caught & FAMILY_ROOTS if name is not None}
        if known and all(name and (name in caught or library_of(name) in families) for name in awaited):
            return handler
    return None


def _raises_another(handler: cst.ExceptHandler, awaited: set[str], file: SourceFile) -> bool:
    """Whether a handler always ends with an exception that is none of those that are waited for.

    Only libraries' own are looked at: a project's exceptions may well be derived from builtin ones.
    """
    libraries = {library_of(name) for name in awaited}
    ends = [node for node in walk_scope(handler.body) if isinstance(node, (cst.Raise, cst.Return))]
    last = handler.body.body[-1]
    if None in libraries or not isinstance(last, cst.SimpleStatementLine) or [*last.body[-1:]] != ends:
        return False
    made = ends[0].exc if isinstance(ends[0], cst.Raise) else None
    made = made.func if isinstance(made, cst.Call) else made
    name = file.name_of(made) if made is not None else None
    if made is None or (name is not None and library_of(name) in libraries):
        return False
    found = file.definition_of(made)
    if isinstance(found, cst.ClassDef):
        bases = [file.name_of(base.value) for base in found.bases]
        return all(base is not None and library_of(base) not in libraries for base in bases)
    return name is not None


def _raised(handler: cst.ExceptHandler) -> str:
    """What a handler raises, as it is written."""
    made = next((node.exc for node in walk_scope(handler.body) if isinstance(node, cst.Raise)), None)
    return dotted(made.func if isinstance(made, cst.Call) else made) or "another exception"


def _calls_what_may_raise(handler: cst.ExceptHandler) -> bool:
    for node in walk(handler.body):
        if isinstance(node, cst.Call):
            written = dotted(node.func) or "error"
            if not _LOGS.search(written) and _MAY_RAISE.search(written):
                return True
    return False
