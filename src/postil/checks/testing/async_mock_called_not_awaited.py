"""Finds async mocks of which a test only asserts that they were called."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.mocks import ASSERTIONS, mock_class, mock_in
from postil.lint.tree import walk

MENTIONS = ("AsyncMock", "create_autospec")

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
    if made is None or mock_class(made, file) != "AsyncMock" or _is_looked_at_elsewhere(func.value, call, file):
        return
    meant = ASSERTIONS[name]
    yield Note(
        func.attr,
        f"`{file.code(func.value)}.{name}` is content when the coroutine was made and never awaited",
        fix=Fix.replace(func.attr, meant, FixKind.SUGGESTION),
    )


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
