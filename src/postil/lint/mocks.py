"""The mocks of `unittest.mock` and `pytest-mock` in a file: what is patched, and what a name holds.

May not guess: a name that is bound twice, or to something else, is no mock that is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint.fixtures import find_fixtures, requested
from postil.lint.names import dotted, last_name, parameters
from postil.lint.source import SourceFile, argument, string_value
from postil.lint.tree import walk_scope

CLASSES = frozenset({"Mock", "MagicMock", "AsyncMock", "NonCallableMock", "NonCallableMagicMock", "PropertyMock"})
"""The classes of `unittest.mock` whose objects have assertions."""

ASSERTIONS = {
    "assert_called": "assert_awaited",
    "assert_called_once": "assert_awaited_once",
    "assert_called_with": "assert_awaited_with",
    "assert_called_once_with": "assert_awaited_once_with",
    "assert_any_call": "assert_any_await",
    "assert_has_calls": "assert_has_awaits",
    "assert_not_called": "assert_not_awaited",
}
"""The assertions of a mock about calls, each with the one about awaits that an `AsyncMock` has besides."""

_MODULES = ("unittest.mock.", "mock.mock.", "mock.", "asyncmock.")
_MOCKERS = frozenset({"mocker", "class_mocker", "module_mocker", "package_mocker", "session_mocker"})
_SPECS = ("spec", "spec_set", "autospec")


@dataclass(frozen=True, eq=False)
class Patch:
    """One call that patches. `way` is "patch", "object", "multiple" or "dict"; `new` what is put in place, if given."""

    call: cst.Call
    way: str

    @property
    def new(self) -> cst.BaseExpression | None:
        """What is put in place of the target; None where `patch` makes a mock."""
        return argument(self.call, "new", {"patch": 1, "object": 2}.get(self.way))

    @property
    def factory(self) -> cst.BaseExpression | None:
        """What makes the replacement (`new_callable`)."""
        return argument(self.call, "new_callable", {"patch": 5, "object": 6}.get(self.way))

    @property
    def has_spec(self) -> bool:
        """Whether the mock gets the shape of something: `autospec`, `spec`, `spec_set`."""
        return any(arg.keyword is not None and arg.keyword.value in _SPECS for arg in self.call.args)

    @property
    def target(self) -> str | None:
        """The last part of what is patched: "send" of `patch("orders.alerts.send")`; None when not written out."""
        if self.way == "patch":
            text = string_value(argument(self.call, "target", 0))
        else:
            text = string_value(argument(self.call, "attribute", 1)) if self.way == "object" else None
        return text.rpartition(".")[2] if text else None


def _from_library(func: cst.CSTNode, file: SourceFile) -> str | None:
    """`patch.object` of `mock.patch.object` and of `mocker.patch.object`, whatever the import; None for others."""
    name = file.name_of(func)
    if name is not None:
        return next((name.removeprefix(module) for module in _MODULES if name.startswith(module)), None)
    written = dotted(func)
    root, dot, rest = written.partition(".") if written else ("", "", "")
    if not dot:
        return None
    if root in _MOCKERS:
        return rest.removeprefix("mock.")
    base = func
    while isinstance(base, cst.Attribute):
        base = base.value
    kind = file.type_of(base) or ""
    return rest.removeprefix("mock.") if kind.rpartition(".")[2] in ("MockerFixture", "MockFixture") else None


def patch_of(call: cst.CSTNode | None, file: SourceFile) -> Patch | None:
    """The patch that a call is: `patch`, `patch.object`, `patch.multiple`, `patch.dict`, also as `mocker`'s methods."""
    if not isinstance(call, cst.Call):
        return None
    func = call.func
    last = last_name(func)
    # The name may have been given at the import, and most calls are of something else.
    if isinstance(func, cst.Attribute) and last not in ("patch", "object", "multiple", "dict"):
        return None
    name = _from_library(func, file)
    if name == "patch":
        return Patch(call, "patch")
    if name in ("patch.object", "patch.multiple", "patch.dict"):
        return Patch(call, name.removeprefix("patch."))
    return None


def mock_class(call: cst.CSTNode | None, file: SourceFile) -> str | None:
    """The class of the mock that an expression makes: "AsyncMock"; None when it makes none.

    `create_autospec` of a coroutine function in this file makes an `AsyncMock`, and a patch with `new_callable` or a
    mock as replacement gives that.
    """
    if not isinstance(call, cst.Call):
        return None
    patch = patch_of(call, file)
    if patch is not None:
        return None if patch.way in ("multiple", "dict") else _patched_with(patch, file)
    name = _from_library(call.func, file)
    if name in CLASSES:
        return name
    if name == "create_autospec":
        function = file.definition_of(call.args[0].value) if call.args else None
        is_async = isinstance(function, cst.FunctionDef) and function.asynchronous is not None
        return "AsyncMock" if is_async else "MagicMock"
    return None


def spec_of(call: cst.Call, file: SourceFile) -> cst.BaseExpression | None:
    """The class whose shape a mock has: of `AsyncMock(spec=Store)` and `create_autospec(Store, instance=True)`."""
    name = _from_library(call.func, file)
    if name == "create_autospec":
        instance = argument(call, "instance", 2)
        return argument(call, "spec", 0) if isinstance(instance, cst.Name) and instance.value == "True" else None
    if name not in CLASSES:
        return None
    given = argument(call, "spec", 0)
    return given if given is not None else argument(call, "spec_set")


def _patched_with(patch: Patch, file: SourceFile) -> str | None:
    if patch.new is not None:
        return mock_class(patch.new, file)
    if patch.factory is not None:
        name = _from_library(patch.factory, file)
        return name if name in CLASSES else None
    # The mock for a coroutine function is an AsyncMock, which the file doesn't show.
    return "Mock"


def mock_in(expression: cst.CSTNode, file: SourceFile) -> cst.Call | None:
    """The call that made the mock which a name or attribute holds; None when it is none that is known.

    Sees assignments, `with patch(…) as name`, parameters that patch decorators or fixtures of this file fill,
    `owner.name = Mock()` in the same function, and `self.name = Mock()` in the class.
    """
    if isinstance(expression, cst.Name):
        value = file.value_of(expression)
        if value is not None:
            return _made(value, file)
        function = file.enclosing_def(expression)
        if function is None:
            return None
        name = expression.value
        found = [*_entered(name, function, file), *_injected(name, function, file)] or [*_asked(name, function, file)]
    elif isinstance(expression, cst.Attribute):
        function = file.enclosing_def(expression)
        if function is None:
            return None
        code = file.code(expression)
        found = [
            node.value
            for node in file.nodes(cst.Assign)
            if any(file.code(each.target) == code for each in node.targets) and file.enclosing_def(node) is function
        ]
        if not found and (value := file.value_of(expression)) is not None:
            found = [value]
    else:
        return None
    return _made(found[0], file) if len(found) == 1 else None


def _made(value: cst.CSTNode, file: SourceFile) -> cst.Call | None:
    return value if isinstance(value, cst.Call) and mock_class(value, file) is not None else None


def _entered(name: str, function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.CSTNode]:
    for item in file.nodes(cst.WithItem):
        asname = item.asname.name if item.asname is not None else None
        if isinstance(asname, cst.Name) and asname.value == name and file.enclosing_def(item) is function:
            yield item.item


def _asked(name: str, function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.CSTNode]:
    """What the fixture of this file gives by whose name a parameter asks for it."""
    if not any(param.name.value == name for param in requested(function)):
        return
    fixtures = [each.function for each in find_fixtures(file) if each.name == name]
    for node in walk_scope(fixtures[0].body) if len(fixtures) == 1 else ():
        if not isinstance(node, (cst.Return, cst.Yield)) or not isinstance(node.value, cst.BaseExpression):
            continue
        given = node.value
        entered = _entered(given.value, fixtures[0], file) if isinstance(given, cst.Name) else ()
        yield file.value_of(given) or next(iter(entered), given)


def _injected(name: str, function: cst.FunctionDef, file: SourceFile) -> Iterator[cst.CSTNode]:
    """What the decorators of a test pass to a parameter: the one next to the function fills the first."""
    taken = [param for param in parameters(function) if param.name.value not in ("self", "cls")]
    index = next((position for position, param in enumerate(taken) if param.name.value == name), None)
    if index is None:
        return
    patches = [patch for each in reversed(function.decorators) if (patch := patch_of(each.decorator, file)) is not None]
    if any(patch.way == "multiple" for patch in patches):
        return
    passing = [patch for patch in patches if patch.way != "dict" and patch.new is None]
    if index < len(passing):
        yield passing[index].call
