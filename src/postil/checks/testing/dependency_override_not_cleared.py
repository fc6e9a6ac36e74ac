"""Finds overrides of FastAPI's dependencies that outlive the test which sets them."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile
from postil.lint.fixtures import conftests, fixture_of, fixtures_named, is_test_function
from postil.lint.names import parameters
from postil.lint.source import Unreadable
from postil.lint.tree import walk

MENTIONS = ("dependency_overrides",)

_OVERRIDES = "dependency_overrides"


def check(file: SourceFile) -> Notes:
    if not file.is_test:
        return
    told: set[int] = set()
    for owner, place, key in _set(file):
        function = file.enclosing_def(place)
        while function is not None and (above := file.enclosing_def(function)) is not None:
            function = above
        if function is None or id(function) in told:
            continue
        fixture = fixture_of(function, file)
        if fixture is None and not is_test_function(function, file):
            continue
        if any(file.enclosing_def(each) is function for each in _cleared(file)) or _is_cleared_elsewhere(file):
            continue
        if _is_own(owner, function, file):
            continue
        told.add(id(function))
        what = f"`{file.code(owner)}.{_OVERRIDES}[{key}]`" if key else f"`{file.code(owner)}.{_OVERRIDES}`"
        wide = fixture is not None and fixture.scope != "function"
        yield Note(
            place,
            f"{what} is set and never taken away, so it is in force for every test that follows",
            severity="hint" if wide else None,
            fix=_popped(owner, key, place, function, file),
        )


def _owner(expression: cst.CSTNode) -> cst.BaseExpression | None:
    """`app` of `app.dependency_overrides`."""
    if isinstance(expression, cst.Attribute) and expression.attr.value == _OVERRIDES:
        return expression.value
    return None


def _is_filled(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Dict) and bool(value.elements)


def _owner_of_method(call: cst.Call, *names: str) -> cst.BaseExpression | None:
    """`app` of `app.dependency_overrides.pop(…)`."""
    func = call.func
    return _owner(func.value) if isinstance(func, cst.Attribute) and func.attr.value in names else None


def _set(file: SourceFile) -> Iterator[tuple[cst.BaseExpression, cst.CSTNode, str]]:
    """Where overrides are set: the app, the statement and what is overridden, as far as it is one."""
    for assigned in file.nodes(cst.Assign):
        for each in assigned.targets:
            target = each.target
            if isinstance(target, cst.Subscript) and (owner := _owner(target.value)) is not None:
                yield owner, assigned, ", ".join(file.code(part).strip(", ") for part in target.slice)
            elif _is_filled(assigned.value) and (owner := _owner(target)) is not None:
                yield owner, assigned, ""
    for call in file.nodes(cst.Call):
        owner = _owner_of_method(call, "update")
        if owner is not None:
            yield owner, call, ""


def _cleared(file: SourceFile) -> Iterator[cst.CSTNode]:
    """Where overrides are taken away, or put back as they were."""
    for node in file.nodes(cst.Call):
        if _owner_of_method(node, "clear", "pop", "popitem") is not None:
            yield node
    for node in file.nodes(cst.Del):
        if any(_owner(each) is not None for each in walk(node)):
            yield node
    for node in file.nodes(cst.Assign):
        if not _is_filled(node.value) and any(_owner(each.target) is not None for each in node.targets):
            yield node


def _is_cleared_elsewhere(file: SourceFile) -> bool:
    """Whether a fixture, a teardown or another function that is no test clears overrides, here or in a conftest."""
    if _clears_for_all(file):
        return True
    for path, text in conftests(file):
        if _OVERRIDES not in text:
            continue
        try:
            conftest = SourceFile(path, text, file.project)
        except Unreadable:
            return True
        if _clears_for_all(conftest):
            return True
    return False


def _clears_for_all(file: SourceFile) -> bool:
    for node in _cleared(file):
        function = file.enclosing_def(node)
        if function is not None and not is_test_function(function, file):
            return True
    return False


def _is_own(owner: cst.BaseExpression, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the app is made for this test, or may be: by the function itself, or by a fixture that isn't known."""
    root = owner
    while isinstance(root, (cst.Attribute, cst.Call, cst.Subscript)):
        root = root.func if isinstance(root, cst.Call) else root.value
    if not isinstance(root, cst.Name) or root.value in ("self", "cls"):
        return True
    if any(param.name.value == root.value for param in parameters(function)):
        if root is not owner:
            return True
        found = fixtures_named(root.value, file)
        return not found or any(not _gives_global(each.function) for each in found)
    if file.is_local(root):
        value = file.value_of(root)
        return not isinstance(value, (cst.Name, cst.Attribute))
    return file.name_of(root) is None and file.global_value(root.value) is None


def _gives_global(function: cst.FunctionDef) -> bool:
    """Whether a fixture gives a name that it doesn't bind itself."""
    bound = {
        target.target.value
        for node in walk(function.body)
        if isinstance(node, cst.Assign)
        for target in node.targets
        if isinstance(target.target, cst.Name)
    } | {param.name.value for param in parameters(function)}
    given = [node.value for node in walk(function.body) if isinstance(node, (cst.Return, cst.Yield))]
    return bool(given) and all(isinstance(each, cst.Name) and each.value not in bound for each in given)


def _popped(
    owner: cst.BaseExpression, key: str, place: cst.CSTNode, function: cst.FunctionDef, file: SourceFile
) -> Fix | None:
    """Takes the override away behind the `yield` that ends a fixture."""
    last = function.body.body[-1]
    line = file.parent(place)
    if not key or not isinstance(last, cst.SimpleStatementLine) or not isinstance(last.body[0], cst.Expr):
        return None
    if not isinstance(last.body[0].value, cst.Yield) or line is None or file.parent(line) is not function.body:
        return None
    gap = f"{file.module.default_newline}{file.indentation(last)}"
    return Fix((Insert(last, f"{gap}{file.code(owner)}.{_OVERRIDES}.pop({key})", after=True),), FixKind.SUGGESTION)
