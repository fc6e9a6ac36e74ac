"""Finds `raise Exception(…)`, which can't be caught by name."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile

_BROAD = frozenset({"Exception", "BaseException"})
_NAMES = frozenset({*_BROAD, *(f"builtins.{name}" for name in _BROAD)})


def check(raised: cst.Raise, file: SourceFile) -> Notes:
    exception = raised.exc.func if isinstance(raised.exc, cst.Call) else raised.exc
    if isinstance(exception, cst.Name):
        if exception.value not in _BROAD:
            return
    elif not isinstance(exception, cst.Attribute) or exception.attr.value not in _BROAD:
        return
    if not file.is_service or file.name_of(exception) not in _NAMES or file.in_test(raised):
        return
    function = file.enclosing_def(raised)
    name = file.code(exception)
    who = f"with `{name}` callers"
    if function is not None:
        who = f"`{function.name.value}` raises `{name}`, so its callers"
    yield Note(raised, f"{who} can only catch this together with everything else")
