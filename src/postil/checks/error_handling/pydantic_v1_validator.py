"""Finds the names of pydantic 1 in a project that has pydantic 2."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile
from postil.lint.dependencies import major_of
from postil.lint.models import is_model
from postil.lint.names import dotted, parameters

MENTIONS = ("pydantic",)

_VALIDATORS = {"validator": "field_validator", "root_validator": "model_validator"}
_HOMES = ("pydantic", "pydantic.class_validators", "pydantic.deprecated.class_validators")
_METHODS = {
    "dict": "model_dump",
    "json": "model_dump_json",
    "copy": "model_copy",
    "parse_obj": "model_validate",
    "parse_raw": "model_validate_json",
    "construct": "model_construct",
}
# Same arguments, same result: pydantic's own `dict` and `parse_obj` only pass these on.
_SAME = frozenset({"dict", "parse_obj"})
_BOTH = re.compile(r"v1|v2|version|pydantic|hasattr", re.IGNORECASE)


def check(node: cst.FunctionDef | cst.ClassDef | cst.Call, file: SourceFile) -> Notes:
    if isinstance(node, cst.FunctionDef):
        found = _decorated(node, file) if node.decorators else None
    elif isinstance(node, cst.ClassDef):
        found = _configured(node, file) if node.name.value == "Config" else None
    else:
        found = _called(node, file)
    if found is not None and not _is_for_both(node, file) and (major_of("pydantic", file.project, file.path) or 0) >= 2:
        yield found


def _is_for_both(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether code is one of two ways: under a condition on the version, or where the new name was tried first.

    Who silences the warning has decided, too.
    """
    return any(
        isinstance(above, cst.ExceptHandler)
        or (isinstance(above, cst.With) and any("catch_warnings" in file.code(item.item) for item in above.items))
        or (isinstance(above, (cst.If, cst.IfExp)) and _BOTH.search(file.code(above.test)))
        for above in file.ancestors(node)
    )


def _decorated(function: cst.FunctionDef, file: SourceFile) -> Note | None:
    for each in function.decorators:
        called = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        home, _, name = (file.name_of(called) or "").rpartition(".")
        if home in _HOMES and name in _VALIDATORS:
            return Note(
                each,
                f"`{file.code(called)}` is pydantic 1's name for `{_VALIDATORS[name]}`, and will go",
                _renamed(function, each, called, file) if name == "validator" else None,
            )
    return None


def _renamed(
    function: cst.FunctionDef, decorator: cst.Decorator, called: cst.BaseExpression, file: SourceFile
) -> Fix | None:
    """`@field_validator` and `@classmethod`, for a validator that takes the value alone, and is the only one here."""
    call = decorator.decorator
    if not isinstance(call, cst.Call) or not isinstance(called, cst.Name) or len(list(parameters(function))) != 2:
        return None
    if any(arg.keyword is not None or arg.star for arg in call.args) or len(function.decorators) != 1:
        return None
    imports = [
        alias.name
        for node in file.module.body
        if isinstance(node, cst.SimpleStatementLine)
        for line in node.body
        if isinstance(line, cst.ImportFrom) and not isinstance(line.names, cst.ImportStar)
        for alias in line.names
        if alias.asname is None
        and alias.name.value == called.value == "validator"
        and dotted(line.module) == "pydantic"
    ]
    uses = [name for name in file.nodes(cst.Name) if name.value == "validator"]
    if len(imports) != 1 or any(name is not called and name is not imports[0] for name in uses):
        return None
    indent = file.indentation(function)
    return Fix(
        (
            Replace(imports[0], "field_validator"),
            Replace(called, "field_validator"),
            Insert(decorator.decorator, f"\n{indent}@classmethod", after=True),
        ),
        FixKind.SUGGESTION,
    )


def _configured(config: cst.ClassDef, file: SourceFile) -> Note | None:
    owner = file.enclosing_class(config)
    if owner is None or file.parent(file.parent(config) or config) is not owner or not _is_two(owner, file):
        return None
    return Note(
        config,
        f"`class Config` in `{owner.name.value}` is pydantic 1's way, and will go",
        anchor=config.name,
    )


def _called(call: cst.Call, file: SourceFile) -> Note | None:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in _METHODS:
        return None
    method = func.attr.value
    owner = _owner(func, file)
    if owner is None or not _is_two(owner, file) or file.member_of(owner, method) is not None:
        return None
    new = _METHODS[method]
    return Note(
        call,
        f"`{owner.name.value}.{method}` is pydantic 1's name for `{new}`, and will go",
        Fix.replace(func.attr, new) if method in _SAME else None,
        anchor=func.attr,
    )


def _owner(func: cst.Attribute, file: SourceFile) -> cst.ClassDef | None:
    """The class of this file whose method is called: of an object whose class is known, or of the class itself."""
    if func.attr.value in ("parse_obj", "parse_raw", "construct"):
        found = file.definition_of(func.value)
        if isinstance(found, cst.ClassDef):
            return found
        if isinstance(func.value, cst.Name) and func.value.value == "cls":
            return file.enclosing_class(func)
        return None
    kind = file.type_of(func.value)
    return file.class_named(kind) if kind is not None and "." not in kind else None


def _is_two(owner: cst.ClassDef, file: SourceFile) -> bool:
    """Whether a class is a model of pydantic 2's own interface, and not of `pydantic.v1`."""
    return not any(origin.startswith("pydantic.v1") for origin in file.imports.values()) and is_model(file, owner)
