"""Finds retry filters and handlers that name exceptions which the guarded calls never raise."""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument
from postil.lint.catalogue.families import (
    BUILT_ON,
    BUILTIN_NETWORK_ERRORS,
    NETWORK_ERRORS,
    NOT_EXCEPTIONS,
    WRAP_EVERYTHING,
)
from postil.lint.network import all_known, calls_of, library_of
from postil.lint.retries import Retry, filter_of, filter_parts, listed

MENTIONS = ("aiohttp", "elastic", "httpx", "psycopg", "pymongo", "pymysql", "redis", "requests", "urllib3")


@dataclass(frozen=True, eq=False)
class _Filter:
    """Classes that are waited for, the code that may raise them, and what follows if it never does."""

    expression: cst.BaseExpression
    classes: list[cst.BaseExpression]
    body: cst.CSTNode | None
    consequence: str
    for_celery: bool = False


def check(file: SourceFile) -> Notes:
    for each in _filters(file):
        names = [file.name_of(caught) for caught in each.classes]
        for caught, name in zip(each.classes, names, strict=True):
            if name in NOT_EXCEPTIONS and not file.in_test(caught):
                follows = each.consequence if len(names) == 1 else "this part of the filter never matches"
                yield Note(caught, f"`{name}` is no exception, so {follows}")
        if each.body is None or not names or not all(name and _is_network_error(name) for name in names):
            continue
        libraries = _libraries(each.body, [name for name in names if name], file)
        if libraries is not None and not file.in_test(each.expression):
            named = " and ".join(f"`{name}`" for name in sorted(libraries))
            caught = _in_words([file.code(one) for one in each.classes])
            yield Note(
                each.expression,
                f"{named} never raise{'s' if len(libraries) == 1 else ''} {caught}, so {each.consequence}",
                fix=_right_classes(each, libraries, file),
            )


def _filters(file: SourceFile) -> Iterator[_Filter]:
    for tried in [*file.nodes(cst.Try), *file.nodes(cst.TryStar)]:
        if isinstance(tried, (cst.Try, cst.TryStar)):
            for handler in tried.handlers:
                if handler.type is not None:
                    yield _Filter(handler.type, listed(handler.type, file), tried.body, "this handler is never entered")
    for retry in file.retries:
        yield from _of_retry(retry, file)
    for task in file.tasks:
        named = argument(task.call, "autoretry_for") if task.framework == "celery" and task.call is not None else None
        if named is not None:
            yield _Filter(
                named, listed(named, file), task.function.body, "the task is never tried again", for_celery=True
            )


def _of_retry(retry: Retry, file: SourceFile) -> Iterator[_Filter]:
    option = filter_of(retry)
    if option is None:
        return
    parts = list(filter_parts(retry, file))
    known = [part for part in parts if part is not None]
    classes = [one for part in known for one in listed(part, file)]
    body = retry.body if len(known) == len(parts) else None
    yield _Filter(known[0] if len(known) == 1 else option, classes, body, "nothing is tried again")


def _is_network_error(name: str) -> bool:
    return name in BUILTIN_NETWORK_ERRORS or library_of(name) is not None


def _libraries(body: cst.CSTNode, caught: list[str], file: SourceFile) -> set[str] | None:
    """The libraries that `body` calls, if none of them raises any of the classes, and nothing else may."""
    found = calls_of(body, file)
    if found is None or not found.libraries:
        return None
    raised = all_known(found.raised, file)
    if raised is None or any(_may_be(name, caught) for name in raised):
        return None
    if any(_may_raise(library, name) for library in found.libraries for name in caught):
        return None
    return found.libraries


def _may_be(raised: str, caught: list[str]) -> bool:
    """Whether a class that the code raises itself may be one of those caught."""
    if raised in caught or "." not in raised:
        return raised in BUILTIN_NETWORK_ERRORS or raised in caught
    return library_of(raised) in {library_of(name) for name in caught} or library_of(raised) is None


def _may_raise(library: str, caught: str) -> bool:
    family = library_of(caught)
    if caught in BUILTIN_NETWORK_ERRORS:
        return library not in WRAP_EVERYTHING
    return family is None or family == library or (library, family) in BUILT_ON


def _in_words(texts: list[str]) -> str:
    quoted = [f"`{text}`" for text in texts]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _right_classes(each: _Filter, libraries: set[str], file: SourceFile) -> Fix | None:
    if len(libraries) != 1:
        return None
    spelled = [file.spelling_of(name) for name in NETWORK_ERRORS.get(next(iter(libraries)), ())]
    known = [name for name in spelled if name is not None]
    if not known or len(known) < len(spelled):
        return None
    text = ", ".join(known)
    # A tuple of one, where Celery wants a tuple and where brackets stay behind in a call.
    in_call = bool(each.expression.lpar) and isinstance(file.parent(each.expression), cst.Arg)
    if len(known) == 1 and (each.for_celery or in_call):
        text += ","
    # What is replaced keeps the brackets around it.
    if "," in text and not each.expression.lpar:
        text = f"({text})"
    return Fix.replace(each.expression, text, FixKind.SUGGESTION)
