"""Who calls whom inside one file: which functions run for a request or a job, and what code on the loop comes to.

May not guess: only what the file defines and names is followed. Cached functions and start-up code end a path.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.names import last_name, parameters
from postil.lint.tree import is_generator, walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile


# Decorators under which a call by the function's name still runs its body, there and then.
_RUN_THE_BODY = frozenset(
    {"staticmethod", "classmethod", "property", "functools.cached_property", "functools.wraps", "abc.abstractmethod",
     "typing.override", "typing_extensions.override", "contextlib.contextmanager", "tenacity.retry", "stamina.retry",
     "backoff.on_exception", "backoff.on_predicate", "retrying.retry"}
)  # fmt: skip
_PROPERTIES = ("property", "functools.cached_property")
_CONTEXT_MANAGER = "contextlib.contextmanager"
# What runs through a generator that it is given.
_CONSUME = frozenset({"all", "any", "dict", "frozenset", "list", "max", "min", "next", "set", "sorted", "sum", "tuple"})
# Who asks this may go another way when a loop is running.
_ASK_FOR_THE_LOOP = frozenset({"get_running_loop", "_get_running_loop", "is_running", "current_async_library",
                               "iscoroutinefunction"})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Chain:
    """How code on the event loop comes to something in a sync function of the same file.

    `functions` are the sync functions on the way, from the one that is called on the loop. `places` are where each of
    them is called, and in the end what was asked about: one more than there are functions.
    """

    functions: tuple[cst.FunctionDef, ...]
    places: tuple[cst.CSTNode, ...]


class Calls:
    """The calls between the functions of one file, gathered when asked."""

    def __init__(self, file: "SourceFile") -> None:
        self._file = file
        self._callees: dict[int, list[tuple[cst.Call, cst.FunctionDef]]] = {}
        self._serving: dict[int, cst.FunctionDef] | None = None
        self._by_name: dict[str, list[cst.Call]] | None = None

    def callees(self, function: cst.FunctionDef) -> list[tuple[cst.Call, cst.FunctionDef]]:
        """The calls in a function's own body to functions of this file, in source order."""
        key = id(function)
        if key not in self._callees:
            self._callees[key] = [
                (node, found)
                for node in walk_scope(function.body)
                if isinstance(node, cst.Call)
                and isinstance(found := self._file.definition_of(node.func), cst.FunctionDef)
                and found is not function
            ]
        return self._callees[key]

    def reached(self, function: cst.FunctionDef) -> list[cst.FunctionDef]:
        """A function, and the functions of this file that run when it runs."""
        found = [function]
        for current in found:
            found += [callee for _, callee in self.callees(current) if not any(callee is known for known in found)]
        return found

    def served_by(self, function: cst.FunctionDef) -> cst.FunctionDef | None:
        """The request handler or task for which a function runs: itself, or one that calls it; or None."""
        if self._serving is None:
            self._serving = {}
            file = self._file
            queue = [(f, f) for f in file.nodes(cst.FunctionDef) if file.is_task(f) or file.is_request_handler(f)]
            for current, handler in queue:
                if id(current) in self._serving:
                    continue
                self._serving[id(current)] = handler
                queue += [(callee, handler) for _, callee in self.callees(current) if not file.is_startup(callee.body)]
        return self._serving.get(id(function))

    def left_by(self, function: cst.FunctionDef) -> cst.FunctionDef | None:
        """The handler that leaves a function to run after its answer: `background.add_task(mail, order)`; or None."""
        file = self._file
        for call in self._calls_of("add_task"):
            if not call.args or file.definition_of(call.args[0].value) is not function:
                continue
            owner = call.func.value if isinstance(call.func, cst.Attribute) else None
            around = file.enclosing_def(call)
            if owner is not None and (file.type_of(owner) or "").endswith(".BackgroundTasks") and around is not None:
                return self.served_by(around)
        return None

    def chains(self, ends: Iterable[cst.CSTNode]) -> Iterator[Chain]:
        """The shortest ways from code on the event loop to nodes in sync functions, one for each pair of functions.

        Functions that ask whether a loop is running are left out, and those under decorators that aren't known.
        """
        file = self._file
        found: dict[int, Chain] = {}
        for end in ends:
            function = file.enclosing_function(end)
            if isinstance(function, cst.FunctionDef) and id(function) not in found and self.runs_when_called(function):
                found[id(function)] = Chain((function,), (end,))
        said: set[tuple[int, int]] = set()
        queue = list(found.values())
        for chain in queue:
            for use in self.uses(chain.functions[0]):
                caller = file.enclosing_function(use)
                if caller is None or caller is chain.functions[0] or self._is_switched_off(use, chain):
                    continue
                if file.runs_on_loop(use):
                    pair = (id(caller), id(chain.functions[0]))
                    if pair not in said:
                        said.add(pair)
                        yield Chain(chain.functions, (use, *chain.places))
                elif isinstance(caller, cst.FunctionDef) and id(caller) not in found and self.runs_when_called(caller):
                    found[id(caller)] = Chain((caller, *chain.functions), (use, *chain.places))
                    queue.append(found[id(caller)])

    def _is_switched_off(self, use: cst.CSTNode, chain: Chain) -> bool:
        """Whether a step of a chain stands under `if option:`, and the calls before leave the option at False or None.

        In a property what is under a condition is made once, and kept.
        """
        off: frozenset[str] = frozenset()
        for function, place in zip(chain.functions, chain.places, strict=True):
            is_property = not isinstance(use, cst.Call)
            off = _left_off(use, function, off) if isinstance(use, cst.Call) else frozenset()
            child: cst.CSTNode = place
            for above in self._file.ancestors(place) if off or is_property else ():
                if above is function:
                    break
                if isinstance(above, cst.If) and child is above.body and (is_property or _needs(above.test) & off):
                    return True
                child = above
            use = place
        return False

    def runs_when_called(self, function: cst.FunctionDef) -> bool:
        """Whether a call of a plain function runs its body there and then, for all that its decorators tell."""
        file = self._file
        if function.asynchronous is not None:
            return False
        for decorator in function.decorators:
            target = decorator.decorator
            if file.name_of(target.func if isinstance(target, cst.Call) else target) not in _RUN_THE_BODY:
                return False
        return not any(
            isinstance(node, cst.Call) and last_name(node.func) in _ASK_FOR_THE_LOOP
            for node in walk_scope(function.body)
        )

    def uses(self, function: cst.FunctionDef) -> Iterator[cst.CSTNode]:
        """Where code of this file runs a function: by a call, as a property, in a `with`, by making an object."""
        file, name = self._file, function.name.value
        if name in ("__init__", "__enter__"):
            owner = file.parent(file.parent(function) or function)
            classes = [
                each for each in file.nodes(cst.ClassDef) if each is owner or file.member_of(each, name) is function
            ]
            for call in (call for each in classes for call in self._calls_of(each.name.value)):
                if file.definition_of(call.func) in classes and (name == "__init__" or self._is_entered(call)):
                    yield call
        elif file.decorator(function, *_PROPERTIES) is not None:
            for attribute in file.nodes(cst.Attribute):
                if attribute.attr.value == name and file.definition_of(attribute) is function:
                    yield attribute
        else:
            is_manager = file.decorator(function, _CONTEXT_MANAGER) is not None
            is_lazy = not is_manager and is_generator(function)
            for call in self._calls_of(name):
                if file.definition_of(call.func) is not function:
                    continue
                if self._is_entered(call) if is_manager else not is_lazy or self._is_consumed(call):
                    yield call

    def _calls_of(self, name: str) -> list[cst.Call]:
        if self._by_name is None:
            self._by_name = {}
            for call in self._file.nodes(cst.Call):
                self._by_name.setdefault(last_name(call.func), []).append(call)
        return self._by_name.get(name, [])

    def _is_entered(self, call: cst.Call) -> bool:
        item = self._file.parent(call)
        statement = self._file.parent(item) if isinstance(item, cst.WithItem) else None
        return isinstance(statement, cst.With) and statement.asynchronous is None

    def _is_consumed(self, call: cst.Call) -> bool:
        above = self._file.parent(call)
        if isinstance(above, (cst.For, cst.CompFor)):
            return above.iter is call
        outer = self._file.parent(above) if isinstance(above, cst.Arg) else None
        return isinstance(outer, cst.Call) and self._file.name_of(outer.func) in _CONSUME


def _left_off(call: cst.Call, function: cst.FunctionDef, before: frozenset[str]) -> frozenset[str]:
    """The parameters that are False or None in a call: given so, handed on so, or not given and so by default."""
    if any(arg.star for arg in call.args):
        return frozenset()
    by_name = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    names = [param.name.value for param in function.params.params if param.name.value not in ("self", "cls")]
    by_name |= {name: arg.value for name, arg in zip(names, (a for a in call.args if a.keyword is None), strict=False)}
    off = {"False", "None", *before}
    return frozenset(
        param.name.value
        for param in parameters(function)
        if isinstance(value := by_name.get(param.name.value, param.default), cst.Name)
        and value.value in (off if param.name.value in by_name else ("False", "None"))
    )


def _needs(test: cst.BaseExpression) -> frozenset[str]:
    """The names that must be true, or not None, for a test to hold."""
    match test:
        case cst.Name():
            return frozenset({test.value})
        case cst.BooleanOperation(operator=cst.And()):
            return _needs(test.left) | _needs(test.right)
        case cst.Comparison(left=cst.Name() as name, comparisons=[cst.ComparisonTarget(operator=cst.IsNot())]):
            return frozenset({name.value})
    return frozenset()
