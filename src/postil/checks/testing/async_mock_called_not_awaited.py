"""Finds async mocks of which a test only asserts that they were called."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.catalogue.coroutines import LIBRARY_METHODS
from postil.lint.mocks import ASSERTIONS, mock_class, mock_in, spec_of
from postil.lint.tree import walk

MENTIONS = ("AsyncMock", "create_autospec", "AsyncSession", "AsyncConnection", "AsyncClient")

_SCHEDULES = frozenset(
    {"create_task", "ensure_future", "TaskGroup", "create_task_group", "start_soon", "run_coroutine_threadsafe"}
)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in ASSERTIONS:
        return
    name = func.attr.value
    if name == "assert_not_called":
        return
    made = mock_in(func.value, file)
    is_async = _is_coroutine_method(func.value, file) if made is None else mock_class(made, file) == "AsyncMock"
    if not is_async or _is_looked_at_elsewhere(func.value, call, file):
        return
    meant = ASSERTIONS[name]
    yield Note(
        func.attr,
        f"`{file.code(func.value)}.{name}` is content when the coroutine was made and never awaited",
        fix=Fix.replace(func.attr, meant, FixKind.SUGGESTION),
    )


def _is_coroutine_method(mock: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether it is `session.commit` of a mock with the shape of a class, whose coroutine methods are async mocks."""
    if not isinstance(mock, cst.Attribute) or mock.attr.value not in _METHODS:
        return False
    made = mock_in(mock.value, file)
    shape = spec_of(made, file) if made is not None else None
    code = file.code(mock)
    if shape is None or mock.attr.value not in LIBRARY_METHODS.get(file.name_of(shape) or "", ()):
        return False
    return not any(file.code(each.target) == code for each in file.nodes(cst.AssignTarget))


_METHODS = frozenset().union(*LIBRARY_METHODS.values())


def _is_looked_at_elsewhere(mock: cst.BaseExpression, call: cst.Call, file: SourceFile) -> bool:
    """Whether the test looks at the awaits as well, or hands coroutines to tasks, which may not have run yet."""
    function = file.enclosing_def(call)
    if function is None:
        return True
    code = file.code(mock)
    for node in walk(function.body):
        if isinstance(node, cst.Attribute):
            last = node.attr.value
            if "await" in last and file.code(node.value) == code:
                return True
            if last in _SCHEDULES or "create_task" in last:
                return True
        elif isinstance(node, cst.Name) and node.value in _SCHEDULES:
            return True
    return False
