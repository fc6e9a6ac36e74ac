"""Finds retries that repeat whatever went wrong, bugs included."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.catalogue.families import NETWORK_ERRORS
from postil.lint.names import dotted
from postil.lint.network import calls_of
from postil.lint.retries import Retry, attempts_of, filter_of, spellings, with_option
from postil.lint.tree import walk

MENTIONS = ("tenacity",)


def check(file: SourceFile) -> Notes:
    if not file.is_service or file.is_command:
        return
    seen: set[int] = set()
    for retry in file.retries:
        key = id(retry.call or retry.place)
        if key in seen or retry.library != "tenacity" or not retry.complete or filter_of(retry) is not None:
            continue
        seen.add(key)
        if attempts_of(retry, file) == 1:
            continue
        # What is kept in a variable may be given its filter later: `retrying.copy(retry=…)`; a decorator may not.
        if retry.body is None and not _is_kept_decorator(retry, file):
            continue
        if file.in_test(retry.function or retry.place) or _fails_by_the_network_only(retry, file):
            continue
        what = f"`{retry.function.name.value}`" if retry.function is not None else "this block"
        what = "whatever this decorates" if retry.body is None else what
        yield Note(retry.place, f"{what} is tried again on every exception, bugs included", fix=_filtered(retry, file))


def _is_kept_decorator(retry: Retry, file: SourceFile) -> bool:
    """Whether `tenacity.retry(…)` is given a name, or returned, for functions elsewhere."""
    return retry.name == "tenacity.retry" and isinstance(
        file.parent(retry.place), (cst.Assign, cst.AnnAssign, cst.Return)
    )


def _fails_by_the_network_only(retry: Retry, file: SourceFile) -> bool:
    """Whether all that is called is the network, and no answer is judged."""
    body = retry.body
    found = calls_of(body, file) if body is not None else None
    if body is None or found is None or not found.libraries or found.raised:
        return False
    methods = {
        (dotted(node.func) or "").rpartition(".")[2]
        for node in walk(body)
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
    }
    return not methods & {"raise_for_status", "json"} and not any(isinstance(n, cst.Subscript) for n in walk(body))


def _filtered(retry: Retry, file: SourceFile) -> Fix | None:
    """The network errors of the one library that is called."""
    found = calls_of(retry.body, file) if retry.body is not None else None
    if found is None or len(found.libraries) != 1:
        return None
    errors = [file.spelling_of(name) for name in NETWORK_ERRORS.get(next(iter(found.libraries)), ())]
    known = [name for name in errors if name is not None]
    written = spellings(("retry_if_exception_type",), file)
    if not known or len(known) < len(errors) or written is None:
        return None
    (by_type,), imported = written
    classes = known[0] if len(known) == 1 else f"({', '.join(known)})"
    given = with_option(retry, f"retry={by_type}({classes})", file)
    return Fix((*imported, given), FixKind.SUGGESTION) if given is not None else None
