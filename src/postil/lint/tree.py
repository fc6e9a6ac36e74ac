"""Walking LibCST trees fast: for each node class, which of its fields hold code.

LibCST's own visitors cost about as much as the parse for each hundred lines of machinery; a table of fields made
once from the node classes costs some hundredths of it. May not import `libcst.matchers`, which is slow to load.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import libcst as cst

_LAYOUT = (
    cst.BaseParenthesizableWhitespace,
    cst.TrailingWhitespace,
    cst.EmptyLine,
    cst.Newline,
    cst.Comment,
    cst.Comma,
    cst.Semicolon,
    cst.Colon,
    cst.Dot,
    cst.AssignEqual,
    cst.LeftParen,
    cst.RightParen,
    cst.LeftSquareBracket,
    cst.RightSquareBracket,
    cst.LeftCurlyBrace,
    cst.RightCurlyBrace,
    cst.BaseUnaryOp,
    cst.BaseBinaryOp,
    cst.BaseBooleanOp,
    cst.BaseCompOp,
    cst.BaseAugOp,
    cst.BitOr,
)


def _classes(root: type) -> Iterator[type]:
    for child in root.__subclasses__():
        yield child
        yield from _classes(child)


def _leaves(hint: object) -> Iterator[type]:
    arguments = typing.get_args(hint)
    if arguments and typing.get_origin(hint) is not typing.Literal:
        for argument in arguments:
            yield from _leaves(argument)
    elif isinstance(hint, type):
        yield hint


def _fields(layout: bool) -> dict[type, tuple[str, ...]]:
    table: dict[type, tuple[str, ...]] = {}
    for kind in set(_classes(cst.CSTNode)):
        if not dataclasses.is_dataclass(kind):
            continue
        hints = typing.get_type_hints(kind)
        names = []
        for field in dataclasses.fields(kind):
            nodes = [leaf for leaf in _leaves(hints[field.name]) if issubclass(leaf, cst.CSTNode)]
            if nodes and (layout or not all(issubclass(leaf, _LAYOUT) for leaf in nodes)):
                names.append(field.name)
        table[kind] = tuple(names)
    return table


def _in_source_order(kind: type, names: tuple[str, ...]) -> tuple[str, ...]:
    """Dataclass order is source order but for what stands before a definition's name and behind its body."""
    early = ("header", "leading_lines", "decorators", "lines_after_decorators", "asynchronous")
    late = ("body", "cases", "handlers", "orelse", "finalbody", "footer", "trailing_whitespace")
    if kind in (cst.IfExp, cst.Lambda):
        return names

    def place(name: str) -> int:
        if name in early:
            return early.index(name) - len(early)
        return 1 + late.index(name) if name in late else 0

    return tuple(sorted(names, key=place))


CODE_FIELDS: dict[type, tuple[str, ...]] = {
    kind: _in_source_order(kind, names) for kind, names in _fields(layout=False).items()
}
ALL_FIELDS: dict[type, tuple[str, ...]] = {
    kind: _in_source_order(kind, names) for kind, names in _fields(layout=True).items()
}


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]] | None:
    """Reads all these attributes of a node at once, the last first; `attrgetter` does that in C."""
    match names[::-1]:
        case []:
            return None
        case [name]:
            read = attrgetter(name)
            return lambda node: (read(node),)
        case several:
            return attrgetter(*several)


READERS: dict[type, Callable[[Any], tuple[Any, ...]] | None] = {
    kind: _reader(names) for kind, names in CODE_FIELDS.items()
}
"""By class, what reads the fields of a node that hold code, the last first as a stack wants them; None without any."""

FUNCTIONS = (cst.FunctionDef, cst.Lambda)
COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)

# Classes are compared by identity on the paths that see every node: LibCST's are abstract base classes, for which
# `isinstance` costs ten times as much.
_BODIES = frozenset({cst.FunctionDef, cst.Lambda, cst.ClassDef})
SCOPES = _BODIES | frozenset(COMPREHENSIONS)
_SEQUENCES = frozenset({list, tuple})


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The code below `node`, one level, in source order; no white space, commas, brackets or operators."""
    for name in CODE_FIELDS[node.__class__]:
        value = getattr(node, name)
        if value.__class__ in CODE_FIELDS:
            yield value
        elif value.__class__ in _SEQUENCES:
            yield from value


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`node` and all code below it, in source order."""
    stack = [node]
    readers = READERS
    while stack:
        current = stack.pop()
        yield current
        read = readers[current.__class__]
        for value in read(current) if read is not None else ():
            if value.__class__ in readers:
                stack.append(value)
            elif value.__class__ in _SEQUENCES:
                stack.extend(reversed(value))


def walk_scope(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """As `walk`, but what runs in another function isn't entered: bodies of nested functions, lambdas and classes.

    Nested definitions themselves are yielded, with their decorators, defaults and bases, which run here.
    """
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        below = list(children(current))
        if current.__class__ in _BODIES and current is not node:
            inner = getattr(current, "body", None)
            below = [child for child in below if child is not inner]
        below.reverse()
        stack.extend(below)


def is_generator(function: cst.FunctionDef) -> bool:
    """Whether a call of `function` only makes a generator: its own body holds a `yield`."""
    return any(node.__class__ is cst.Yield for node in walk_scope(function.body))


_SUSPEND_IF_ASYNC = frozenset({cst.For, cst.With, cst.CompFor})


def suspensions(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Where the code below `node`, in its own scope, may let other tasks run: `await`, `async for`, `async with`."""
    for below in walk_scope(node):
        kind = below.__class__
        if kind is cst.Await or (kind in _SUSPEND_IF_ASYNC and below.asynchronous is not None):  # ty: ignore[missing-attribute]
            yield below


_WAIT_FOR_TASKS = frozenset({"gather", "wait", "wait_for", "shield"})


def waits_for_a_task(wait: cst.CSTNode) -> bool:
    """Whether an `await` is of tasks or futures that were there before, whose cancellation may be that of others."""
    awaited = wait.expression if isinstance(wait, cst.Await) else None
    if isinstance(awaited, cst.Call):
        func = awaited.func
        last = func.attr if isinstance(func, cst.Attribute) else func
        return (
            isinstance(last, cst.Name)
            and last.value in _WAIT_FOR_TASKS
            and all(arg.keyword is not None or arg.value.__class__ in _EXISTING for arg in awaited.args)
        )
    return awaited.__class__ in _EXISTING


_EXISTING = frozenset({cst.Name, cst.Attribute, cst.Subscript})
