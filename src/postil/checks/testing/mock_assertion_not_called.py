"""Finds assertions about mocks that are never made."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.mocks import mock_in
from postil.lint.names import dotted

MENTIONS = ("called", "awaited", "assert_any", "assert_has", "has_calls", "has_awaits", "any_call", "any_await")

_ASSERTIONS = frozenset(
    {"assert_called", "assert_called_once", "assert_called_with", "assert_called_once_with", "assert_any_call",
     "assert_has_calls", "assert_not_called", "assert_awaited", "assert_awaited_once", "assert_awaited_with",
     "assert_awaited_once_with", "assert_any_await", "assert_has_awaits", "assert_not_awaited"}
)  # fmt: skip
_WITHOUT_ARGUMENTS = frozenset(
    {"assert_called", "assert_called_once", "assert_not_called", "assert_awaited", "assert_awaited_once",
     "assert_not_awaited"}
)  # fmt: skip
# Assertions whose first word was forgotten: a mock has any attribute that it is asked for.
_HALF = {name.removeprefix("assert_"): name for name in _ASSERTIONS} | {"called_once_with": "assert_called_once_with"}
# No other library has methods of these names.
_UNMISTAKABLE = frozenset({"called_once", "called_once_with", "awaited_once", "awaited_once_with"})
_REAL = frozenset({"called", "awaited"})


def check(node: cst.Expr | cst.Assert, file: SourceFile) -> Notes:
    value = node.value if isinstance(node, cst.Expr) else node.test
    if isinstance(value, cst.Await):
        value = value.expression
    call = value if isinstance(value, cst.Call) else None
    named = call.func if call is not None else value
    if not isinstance(named, cst.Attribute):
        return
    name = named.attr.value
    if name in _ASSERTIONS and call is None:
        if _is_expected_to_raise(node, file):
            return
        code = file.code(named)
        fix = Fix.replace(named, f"{code}()") if name in _WITHOUT_ARGUMENTS and isinstance(node, cst.Expr) else None
        if isinstance(node, cst.Assert):
            yield Note(named, f"`{code}` is a method, which is always true, and isn't called", fix=fix)
        else:
            yield Note(named, f"`{code}` is only named, and asserts nothing", fix=fix)
    elif name in _HALF and (call is not None or (name not in _REAL and isinstance(node, cst.Assert))):
        sure = name in _UNMISTAKABLE and dotted(named) is not None and file.in_test(node)
        if not (sure or _is_mock(named.value, file)) or _is_expected_to_raise(node, file):
            return
        meant = _HALF[name]
        code = file.code(named)
        yield Note(
            named,
            f"`{code}` is one more mock, and asserts nothing; the assertion is `{meant}`",
            fix=Fix((Replace(named.attr, meant),), FixKind.SUGGESTION) if isinstance(node, cst.Expr) else None,
        )


def _is_mock(owner: cst.BaseExpression, file: SourceFile) -> bool:
    if mock_in(owner, file) is not None:
        return True
    # `client.send.called_once_with()` of a client that is a mock
    while isinstance(owner, cst.Attribute):
        if "mock" in owner.attr.value.lower():
            return True
        owner = owner.value
        if mock_in(owner, file) is not None:
            return True
    return isinstance(owner, cst.Name) and "mock" in owner.value.lower() and file.in_test(owner)


def _is_expected_to_raise(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a test wants to see the access fail: it is about mocks themselves."""
    for above in file.ancestors(node):
        if isinstance(above, cst.With):
            for item in above.items:
                func = item.item.func if isinstance(item.item, cst.Call) else None
                if isinstance(func, cst.Attribute) and func.attr.value in ("raises", "assertRaises"):
                    return True
    return False
