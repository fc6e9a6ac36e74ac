"""Finds retries of what fails the same way each time: wrong values, missing rights, violated constraints."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.catalogue.retries import PERMANENT
from postil.lint.names import dotted
from postil.lint.retries import filter_parts, listed

MENTIONS = ("tenacity", "stamina", "backoff", "autoretry_for")

# By the last part of the name, whatever the library.
_PERMANENT = re.compile(
    r"(Authentication|Authorization|Unauthori[sz]ed|Forbidden|PermissionDenied|AccessDenied|NotFound|DoesNotExist"
    r"|BadRequest|InvalidRequest)(Error|Exception)?$|^(HTTP|Http)?(401|403|404|400)"
)
# Where something has to appear first, its absence passes.
_NOT_YET = re.compile(r"NotFound|DoesNotExist|404")
_EVENTUAL = re.compile(
    r"(^|_)(a?wait|poll|until|ready|consisten\w*|eventual\w*|visible|appear\w*|propagat\w*|sync\w*|watch|check|verify"
    r"|ensure|describe|replica\w*|created?)(_|$)"
)
# An LLM answers the same question differently each time, and what doesn't fit may fit at the next attempt.
_OF_THE_ANSWER = frozenset({"ValueError", "KeyError", "IndexError", "AssertionError", "pydantic.ValidationError"})
_MODEL = re.compile(
    r"(?<![^\W_])(llm|prompt|completions?|openai|anthropic|claude|gpt|gemini|langchain|litellm)(?![^\W_])",
    re.IGNORECASE,
)


def check(file: SourceFile) -> Notes:
    for expression, function, body in _filters(file):
        asks_model = body is not None and _MODEL.search(file.code(body)) is not None
        for caught in listed(expression, file):
            name = file.name_of(caught) or dotted(caught) or ""
            if name not in PERMANENT and not _PERMANENT.search(name.rpartition(".")[2]):
                continue
            if file.in_test(function or caught) or (asks_model and name in _OF_THE_ANSWER):
                continue
            named = function.name.value if function is not None else ""
            is_absence = _NOT_YET.search(name) is not None
            # A task may begin before the transaction that it was sent in is there to see.
            if is_absence and function is not None and file.is_task(function):
                continue
            eventual = is_absence and (not named or _EVENTUAL.search(named))
            what = f"`{named}`" if named else "this"
            yield Note(
                caught,
                f"`{file.code(caught)}` is not transient, and {what} is tried again on it",
                severity="hint" if eventual else None,
            )


def _filters(
    file: SourceFile,
) -> Iterator[tuple[cst.BaseExpression, cst.FunctionDef | None, cst.FunctionDef | cst.BaseSuite | None]]:
    """The types that are tried again, the function around, and the code that is tried again where it is here."""
    seen: set[int] = set()
    for retry in file.retries:
        for part in filter_parts(retry, file):
            if part is not None and id(part) not in seen:
                seen.add(id(part))
                yield part, retry.function or file.enclosing_def(retry.place), retry.function or retry.body
    for task in file.tasks:
        named = argument(task.call, "autoretry_for") if task.framework == "celery" and task.call is not None else None
        if named is not None:
            yield named, task.function, task.function
