"""Finds pydantic validators that give nothing back, or something else than the model."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument, string_value
from postil.lint.flow import reaches_end
from postil.lint.models import model_of
from postil.lint.names import dotted, parameters
from postil.lint.tree import is_generator, walk_scope

MENTIONS = ("validator",)

_FIELD = frozenset({"field_validator", "validator"})
_MODEL = frozenset({"model_validator", "root_validator"})
_HOMES = ("pydantic", "pydantic.v1", "pydantic.functional_validators", "pydantic.class_validators")
_COPIES = frozenset({"model_copy", "copy", "model_construct", "construct"})


@dataclass(frozen=True)
class _Validator:
    decorator: cst.BaseExpression
    name: str
    is_after: bool

    @property
    def fields(self) -> str:
        """The fields that it validates, as words."""
        args = self.decorator.args if isinstance(self.decorator, cst.Call) else ()
        names = [string_value(arg.value) for arg in args if arg.keyword is None]
        named = [f"`{name}`" for name in names if name and name != "*"]
        return " and ".join(named) if named and len(named) == len(names) and len(named) < 3 else "the field"


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators:
        return
    validator = _validator(function, file)
    if validator is None or _is_stub(function) or is_generator(function):
        return
    returns = [node for node in walk_scope(function.body) if isinstance(node, cst.Return)]
    gives = [each for each in returns if each.value is not None]
    carried = _carried(function, validator)
    outcome = _outcome(validator)
    if reaches_end(function.body, file):
        how = "returns nothing on one of its paths" if gives else "returns nothing"
        yield Note(
            function,
            f"`{function.name.value}` {how}, so {outcome}",
            _add(function, carried, file),
            anchor=function.name,
        )
    elif returns and (not gives or (validator.name in _MODEL and len(gives) < len(returns))):
        # For a field `return` beside others may be a None that is meant; a model is never None.
        empty = next(each for each in returns if each.value is None)
        yield Note(empty, f"`{function.name.value}` returns nothing, so {outcome}", _fill(empty, carried))
    elif validator.is_after and carried is not None:
        owner = file.enclosing_class(function)
        yield from _others(function, gives, carried, model_of(file, owner).fields if owner is not None else ())


def _validator(function: cst.FunctionDef, file: SourceFile) -> _Validator | None:
    for each in function.decorators:
        called = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        home, _, name = (file.name_of(called) or "").rpartition(".")
        if home in _HOMES and (name in _FIELD or name in _MODEL):
            mode = argument(each.decorator, "mode") if isinstance(each.decorator, cst.Call) else None
            return _Validator(each.decorator, name, name == "model_validator" and string_value(mode) == "after")
    return None


def _outcome(validator: _Validator) -> str:
    if validator.is_after:
        return "validating gives `None` in place of the model"
    if validator.name in _MODEL:
        return "the model gets `None` in place of its values"
    return (
        f"{validator.fields} becomes `None`"
        if " and " not in validator.fields
        else (f"{validator.fields} become `None`")
    )


def _is_stub(function: cst.FunctionDef) -> bool:
    """Whether the body is to be written elsewhere: `...`, or an abstract method."""
    if any((dotted(each.decorator) or "").endswith("abstractmethod") for each in function.decorators):
        return True
    lines = [line for line in function.body.body if isinstance(line, cst.SimpleStatementLine)]
    statements = [each for line in lines for each in line.body] if lines else list(function.body.body)
    return (
        len(lines) in (0, len(function.body.body))
        and all(
            isinstance(each, cst.Expr) and isinstance(each.value, (cst.Ellipsis, cst.SimpleString))
            for each in statements
        )
        and any(isinstance(each, cst.Expr) and isinstance(each.value, cst.Ellipsis) for each in statements)
    )


def _carried(function: cst.FunctionDef, validator: _Validator) -> str | None:
    """The parameter that holds what is validated."""
    names = [param.name.value for param in parameters(function)]
    if validator.is_after and names[:1] == ["self"]:
        return "self"
    held = names[1:] if names[:1] in (["cls"], ["self"]) else names
    return held[0] if held else None


def _add(function: cst.FunctionDef, carried: str | None, file: SourceFile) -> Fix | None:
    if carried is None or not isinstance(function.body, cst.IndentedBlock):
        return None
    last = function.body.body[-1]
    if isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Pass) and len(last.body) == 1:
        return Fix((Replace(last.body[0], f"return {carried}"),), FixKind.SUGGESTION)
    return Fix((Insert(last, f"\n{file.indentation(last)}return {carried}", after=True),), FixKind.SUGGESTION)


def _fill(empty: cst.Return, carried: str | None) -> Fix | None:
    return Fix.replace(empty, f"return {carried}", FixKind.SUGGESTION) if carried is not None else None


def _others(
    function: cst.FunctionDef, gives: list[cst.Return], carried: str, fields: Collection[str]
) -> Iterator[Note]:
    """The results of an after-validator of the model that surely aren't the model."""
    for each in gives:
        match each.value:
            case cst.Name(value="None"):
                yield Note(
                    each,
                    f"`{function.name.value}` returns `None`, so validating gives `None` in place of the model",
                    _fill(each, carried),
                )
            case cst.Call(func=cst.Attribute(value=cst.Name(value=owner), attr=cst.Name(value=method))) if (
                owner == carried and method in _COPIES
            ):
                yield Note(
                    each,
                    f"`{function.name.value}` returns a copy of the model, which calls of the class ignore",
                    severity="warning",
                )
            case cst.Dict():
                yield Note(
                    each,
                    f"`{function.name.value}` returns a dictionary, so validating gives that in place of the model",
                )
            case cst.Attribute(value=cst.Name(value=owner), attr=cst.Name(value=field)) if (
                owner == carried and field in fields
            ):
                text = f"`{function.name.value}` returns `{field}`, so validating gives that in place of the model"
                yield Note(each, text, _fill(each, carried))
