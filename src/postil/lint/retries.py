"""Which code is tried again, by which library, and with which options: tenacity, stamina, backoff and retrying.

May not guess: options that come from elsewhere (`**options`) are marked as not all known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

# What retries → (its library, what its arguments by position are). Checked against tenacity 9.2.1, stamina 26.1.0,
# backoff 2.2.1 and retrying 1.4.2.
_TENACITY = ("sleep", "stop", "wait", "retry", "before", "after", "before_sleep", "reraise")
_RETRIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "tenacity.retry": ("tenacity", _TENACITY),
    "tenacity.Retrying": ("tenacity", _TENACITY),
    "tenacity.AsyncRetrying": ("tenacity", _TENACITY),
    "tenacity.asyncio.AsyncRetrying": ("tenacity", _TENACITY),
    "stamina.retry": ("stamina", ()),
    "stamina.retry_context": ("stamina", ("on",)),
    "backoff.on_exception": ("backoff", ("wait_gen", "exception")),
    "backoff.on_predicate": ("backoff", ("wait_gen", "predicate")),
    "retrying.retry": ("retrying", ("stop", "wait")),
}
LIBRARIES = ("tenacity", "stamina", "backoff", "retrying")


@dataclass(frozen=True, eq=False)
class Retry:
    """One use of a retry library.

    `place` is the decorator or the call that sets it up, `call` that call (None for a decorator without brackets),
    `name` its dotted name. `function` is what is decorated, `block` the loop `for attempt in Retrying(…)`; where both
    are None the retry is kept in a variable. `complete` is False where options may come from elsewhere.
    """

    name: str
    library: str
    place: cst.CSTNode
    call: cst.Call | None
    options: Mapping[str, cst.BaseExpression]
    complete: bool
    function: cst.FunctionDef | None
    block: cst.For | None


def find_retries(file: "SourceFile") -> Iterator[Retry]:
    """The retries of a file: decorated functions first, each group in source order."""
    if not any(library in file.text for library in LIBRARIES):
        return
    decorating: set[int] = set()
    for function in file.nodes(cst.FunctionDef):
        for decorator in function.decorators:
            expression = decorator.decorator
            made = file.value_of(expression) if isinstance(expression, (cst.Name, cst.Attribute)) else None
            found = _retry(made if isinstance(made, cst.Call) else expression, decorator, function, None, file)
            if found is not None:
                decorating.add(id(expression))
                yield found
    for call in file.nodes(cst.Call):
        if id(call) in decorating:
            continue
        above = file.parent(call)
        block = above if isinstance(above, cst.For) and above.iter is call else None
        if (found := _retry(call, call, None, block, file)) is not None:
            yield found


def _retry(
    expression: cst.BaseExpression,
    place: cst.CSTNode,
    function: cst.FunctionDef | None,
    block: cst.For | None,
    file: "SourceFile",
) -> Retry | None:
    call = expression if isinstance(expression, cst.Call) else None
    name = file.name_of(call.func if call is not None else expression)
    if name not in _RETRIES:
        return None
    library, positions = _RETRIES[name]
    args = call.args if call is not None else ()
    given: dict[str, cst.BaseExpression] = {}
    for index, arg in enumerate(args):
        if arg.keyword is not None:
            given[arg.keyword.value] = arg.value
        elif not arg.star and index < len(positions):
            given[positions[index]] = arg.value
    if function is None and len(args) == 1 and args[0].keyword is None and library in ("tenacity", "retrying"):
        # `retry(fetch)` takes the function itself.
        handed = file.definition_of(args[0].value)
        function, given = (handed, {}) if isinstance(handed, cst.FunctionDef) else (None, given)
    complete = not any(arg.star for arg in args)
    return Retry(name, library, place, call, given, complete, function, block)
