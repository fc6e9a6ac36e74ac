"""Which code is tried again, by which library, and with which options: tenacity, stamina, backoff and retrying.

May not guess: options that come from elsewhere (`**options`) are marked as not all known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.check import Insert, Replace
from postil.lint.names import dotted

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

    @property
    def body(self) -> cst.BaseSuite | None:
        """The code that is tried again; None where the retry is kept in a variable."""
        holder = self.function or self.block
        return holder.body if holder is not None else None

    @property
    def what(self) -> str:
        """The retry in a sentence."""
        return f"the retries of `{self.function.name.value}`" if self.function is not None else "this retry"


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


# Named in a filter that is not only a list of classes. Checked against tenacity 9.2.1.
_BY_TYPE = frozenset({"tenacity.retry_if_exception_type", "tenacity.retry.retry_if_exception_type"})
_ANY = frozenset({"tenacity.retry_any", "tenacity.retry.retry_any"})
# library → the option that says for which exceptions
_FILTERS = {"tenacity": "retry", "stamina": "on", "backoff": "exception"}


def filter_of(retry: Retry) -> cst.BaseExpression | None:
    """The option by which a retry chooses what it tries again; None where there is none."""
    return retry.options.get(_FILTERS.get(retry.library, ""))


def filter_parts(retry: Retry, file: "SourceFile") -> Iterator[cst.BaseExpression | None]:
    """The types in a retry's filter, part by part; None for each part that decides by something else."""
    option = filter_of(retry)
    if option is None:
        return
    if retry.library != "tenacity":
        yield option
    else:
        yield from _types_of(option, file)


def _types_of(option: cst.BaseExpression, file: "SourceFile") -> Iterator[cst.BaseExpression | None]:
    """The types in `retry_if_exception_type(…) | …`."""
    if isinstance(option, cst.BinaryOperation) and isinstance(option.operator, cst.BitOr):
        yield from _types_of(option.left, file)
        yield from _types_of(option.right, file)
        return
    name = file.name_of(option.func) if isinstance(option, cst.Call) else None
    if isinstance(option, cst.Call) and name in _BY_TYPE:
        given = next((a.value for a in option.args if a.keyword is None or a.keyword.value == "exception_types"), None)
        yield given
    elif isinstance(option, cst.Call) and name in _ANY:
        for arg in option.args:
            yield from _types_of(arg.value, file)
    else:
        yield None


def listed(expression: cst.BaseExpression, file: "SourceFile") -> list[cst.BaseExpression]:
    """The classes of a filter: one, a tuple of them, or a name that the file gives to such a tuple."""
    value = file.value_of(expression) if isinstance(expression, cst.Name) else None
    if isinstance(value, (cst.Tuple, cst.List)):
        expression = value
    if isinstance(expression, (cst.Tuple, cst.List)):
        return [element.value for element in expression.elements]
    return [expression]


def spellings(names: Sequence[str], file: "SourceFile") -> tuple[list[str], list[Insert]] | None:
    """How a file writes names of tenacity, and the edits that import those it has not; None where it can't."""
    known = [file.spelling_of(f"tenacity.{name}") for name in names]
    missing = [name for name, spelling in zip(names, known, strict=True) if spelling is None]
    if not missing:
        return [spelling for spelling in known if spelling is not None], []
    for line in file.module.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.ImportFrom) and dotted(statement.module) == "tenacity":
                if isinstance(statement.names, cst.ImportStar):
                    return None
                last = list(statement.names)[-1]
                text = "".join(f", {name}" for name in missing)
                written = [spelling or name for name, spelling in zip(names, known, strict=True)]
                return written, [Insert(last.asname or last.name, text, after=True)]
    return None


def with_option(retry: Retry, option: str, file: "SourceFile") -> Insert | Replace | None:
    """The edit that gives a retry one more option (`stop=…`); None where its call stands elsewhere."""
    if retry.call is None:
        target = retry.place.decorator if isinstance(retry.place, cst.Decorator) else None
        return Insert(target, f"({option})", after=True) if target is not None else None
    if not retry.call.args:
        return Replace(retry.call, f"{file.code(retry.call.func)}({option})")
    if retry.options or not retry.function:
        return Insert(retry.call.args[-1], f", {option}", after=True)
    return None


def attempts_of(retry: Retry, file: "SourceFile") -> int | None:
    """The number of attempts after which a retry ends, the first included; None where it isn't there to read."""
    stop = retry.options.get("stop")
    if stop is not None:
        stop = file.value_of(stop) or stop
        is_count = isinstance(stop, cst.Call) and (dotted(stop.func) or "").endswith("stop_after_attempt")
        count = stop.args[0].value if is_count and isinstance(stop, cst.Call) and stop.args else None
    else:
        names = ("attempts", "max_tries", "stop_max_attempt_number")
        count = next((retry.options[name] for name in names if name in retry.options), None)
    return count.evaluated_value if isinstance(count, cst.Integer) else None
