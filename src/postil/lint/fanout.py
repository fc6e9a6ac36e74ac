"""Work that is started together: what `gather`, `wait` and task groups run, and where gather's results go."""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint.around import put_into
from postil.lint.names import last_name, targets
from postil.lint.source import SourceFile, argument
from postil.lint.tree import FUNCTIONS, walk_scope

_GATHER = "asyncio.gather"
_TAKE_ALL = frozenset({"asyncio.wait", "asyncio.as_completed"})
_GROUPS = frozenset({"asyncio.TaskGroup", "asyncio.taskgroups.TaskGroup"})
# Home Assistant's too.
_WRAPPERS = frozenset({"async_create_task", "create_eager_task", "create_task", "ensure_future", "shield", "wait_for"})


@dataclass(frozen=True, eq=False)
class Work:
    """One of the things that run at once: what is awaited, without `create_task` around it.

    `over` is what it is repeated over, where a loop, a comprehension or `map` starts it; `names` are those that this
    binds, and `mapped` is what `map` calls for each item.
    """

    expression: cst.BaseExpression
    over: cst.BaseExpression | None = None
    names: frozenset[str] = frozenset()
    mapped: cst.BaseExpression | None = None

    @property
    def called(self) -> cst.BaseExpression | None:
        """What is called to begin it: `fetch` of `fetch(url)` and of `map(fetch, urls)`."""
        if self.mapped is not None:
            return self.mapped
        return self.expression.func if isinstance(self.expression, cst.Call) else None


@dataclass(frozen=True, eq=False)
class Fanout:
    """The place where several things are started, or waited for, together."""

    place: cst.CSTNode
    works: tuple[Work, ...]


def fanouts(file: SourceFile) -> Iterator[Fanout]:
    """What a file starts together: calls of `gather`, `wait` and `as_completed`, and blocks of task groups."""
    for call in file.nodes(cst.Call):
        func = call.func
        last = last_name(func)
        if last in ("gather", "wait", "as_completed") or isinstance(func, cst.Name):
            name = file.name_of(func)
            if name == _GATHER or name in _TAKE_ALL:
                yield Fanout(call, tuple(works(call, file)))
    for block in file.nodes(cst.With):
        if block.asynchronous is None:
            continue
        for item in block.items:
            if isinstance(item.asname, cst.AsName) and file.type_of(item.item) in _GROUPS:
                found = _started(block, {name.value for name in targets(item.asname.name)}, file)
                if found:
                    yield Fanout(block, tuple(found))


def works(call: cst.Call, file: SourceFile) -> Iterator[Work]:
    """What `gather` or `wait` waits for, as far as seen: arguments, items of lists, what a list is filled with."""
    takes_all = file.name_of(call.func) in _TAKE_ALL
    for index, arg in enumerate(call.args):
        if arg.keyword is None and (not takes_all or index == 0):
            yield from _of_argument(arg.value, call, file, many=takes_all or arg.star == "*")


def _of_argument(value: cst.BaseExpression, call: cst.Call, file: SourceFile, *, many: bool) -> Iterator[Work]:
    if not many:
        yield Work(_unwrapped(value))
        return
    shown: cst.BaseExpression | None = value
    if isinstance(value, cst.Name):
        filled = [_in_loop(put.args[0].value, put, call, file) for put in put_into(value, call, file)]
        if filled:
            yield from filled
            return
        shown = file.value_of(value)
    if isinstance(shown, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
        names = frozenset(name.value for name in targets(shown.for_in.target))
        yield Work(_unwrapped(shown.elt), shown.for_in.iter, names)
    elif isinstance(shown, (cst.List, cst.Tuple, cst.Set)):
        yield from (Work(_unwrapped(element.value)) for element in shown.elements)
    elif isinstance(shown, cst.Call) and len(shown.args) == 2 and file.name_of(shown.func) == "map":
        yield Work(shown, shown.args[1].value, mapped=shown.args[0].value)
    else:
        yield Work(value)


def _started(block: cst.With, groups: set[str], file: SourceFile) -> list[Work]:
    """What `group.create_task(…)` starts within the block of a task group."""
    return [
        _in_loop(coroutine, node, block, file)
        for node in walk_scope(block.body)
        if isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "create_task"
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value in groups
        and (coroutine := argument(node, "coro", 0)) is not None
    ]


def _in_loop(work: cst.BaseExpression, start: cst.CSTNode, end: cst.CSTNode, file: SourceFile) -> Work:
    """Work as one that a loop repeats, if there is a loop around it that `end` isn't in."""
    around_end = {id(above) for above in file.ancestors(end)} | {id(end)}
    for above in file.ancestors(start):
        if isinstance(above, FUNCTIONS) or id(above) in around_end:
            break
        if isinstance(above, cst.For):
            return Work(_unwrapped(work), above.iter, frozenset(name.value for name in targets(above.target)))
        if isinstance(above, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            names = frozenset(name.value for name in targets(above.for_in.target))
            return Work(_unwrapped(work), above.for_in.iter, names)
    return Work(_unwrapped(work))


def _unwrapped(work: cst.BaseExpression) -> cst.BaseExpression:
    """`f(x)` of `create_task(f(x))`."""
    if isinstance(work, cst.Call) and work.args and isinstance(work.func, (cst.Name, cst.Attribute)):
        last = work.func.attr.value if isinstance(work.func, cst.Attribute) else work.func.value
        if last in _WRAPPERS:
            return work.args[0].value
    return work


def collects_exceptions(call: cst.Call) -> bool:
    """Whether a `gather` puts exceptions among its results."""
    option = argument(call, "return_exceptions")
    return isinstance(option, cst.Name) and option.value == "True"


def awaited(call: cst.Call, file: SourceFile) -> cst.Await | None:
    """The `await` that gives a call's results, directly or through `asyncio.wait_for`."""
    above = file.parent(call)
    if isinstance(above, cst.Arg):
        outer = file.parent(above)
        if isinstance(outer, cst.Call) and file.name_of(outer.func) in ("asyncio.wait_for", "asyncio.shield"):
            above = file.parent(outer)
    return above if isinstance(above, cst.Await) else None


def assigned(statement: cst.CSTNode | None) -> list[str]:
    """The plain names that a statement gives a value to; empty if it does anything else with it."""
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target: cst.CSTNode = statement.targets[0].target
    elif isinstance(statement, (cst.AnnAssign, cst.NamedExpr)):
        target = statement.target
    else:
        return []
    names = [name.value for name in targets(target)]
    parts = len(target.elements) if isinstance(target, (cst.Tuple, cst.List)) else 1
    return names if len(names) == parts else []
