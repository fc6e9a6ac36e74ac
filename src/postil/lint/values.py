"""Which values a type admits on the wire, where they can be counted: those of enumerations and literals.

May not guess: a member whose value isn't written out, or a type that admits others too, makes the answer unknown.
"""

import ast
from collections.abc import Mapping

import libcst as cst

from postil.lint.models import lineage
from postil.lint.modules import Modules
from postil.lint.normal import Form
from postil.lint.source import SourceFile, string_value

Value = str | int | float | bool

_KINDS = frozenset({"Enum", "StrEnum", "IntEnum"})


def is_enumeration(file: SourceFile, node: cst.ClassDef, modules: Modules | None = None) -> bool:
    """Whether a class is one of `enum`'s kind, as far as the files at hand show."""
    return any(
        where.code(arg.value).rpartition(".")[2] in _KINDS
        for where, owner in lineage(file, node, modules)
        for arg in owner.bases
    )


def literal(expression: cst.CSTNode | None) -> Value | None:
    """The text, number or truth value that is written out; None for everything else."""
    if (text := string_value(expression)) is not None:
        return text
    if isinstance(expression, cst.Name):
        return {"True": True, "False": False}.get(expression.value)
    if isinstance(expression, cst.UnaryOperation) and isinstance(expression.operator, cst.Minus):
        value = literal(expression.expression)
        return None if value is None or isinstance(value, str) else -value
    if isinstance(expression, (cst.Integer, cst.Float)):
        return ast.literal_eval(expression.value)
    return None


def members(file: SourceFile, node: cst.ClassDef) -> Mapping[Value, cst.CSTNode] | None:
    """The values of an enumeration's members with their statements; None where not all are known.

    `auto()` is known in a `StrEnum` alone, as elsewhere it goes by the order. With `_missing_` there may be others.
    """
    by_name = any(file.code(arg.value).rpartition(".")[2] == "StrEnum" for arg in node.bases)
    found: dict[Value, cst.CSTNode] = {}
    for line in node.body.body:
        if isinstance(line, cst.FunctionDef) and line.name.value in ("_missing_", "_generate_next_value_", "__new__"):
            return None
        if isinstance(line, (cst.If, cst.For, cst.With, cst.Try)):
            return None
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if not isinstance(part, cst.Assign):
                continue
            for target in part.targets:
                if not isinstance(target.target, cst.Name):
                    return None
                name = target.target.value
                if name.startswith("_"):
                    continue
                value = literal(part.value)
                if value is None and by_name and _is_auto(part.value, file):
                    value = name.lower()
                if value is None:
                    return None
                found.setdefault(value, part)
    return found or None


def _is_auto(expression: cst.CSTNode, file: SourceFile) -> bool:
    return isinstance(expression, cst.Call) and file.name_of(expression.func) == "enum.auto"


def admitted(form: Form, file: SourceFile, modules: Modules) -> frozenset[Value] | None:
    """The values that a type admits, null aside; None where they can't be counted. `file` is where it is written."""
    if isinstance(form, tuple) and form[:1] == ("union",):
        parts = [admitted(each, file, modules) for each in form[1:] if each != "None"]
        return None if None in parts else frozenset(value for part in parts if part is not None for value in part)
    if isinstance(form, tuple) and form[:2] == ("of", "Literal"):
        values = [literal(cst.parse_expression(str(each))) for each in form[2:] if each != "None"]
        return None if None in values else frozenset(value for value in values if value is not None)
    if not isinstance(form, str) or not form.isidentifier():
        return None
    known = modules.definition(file, cst.Name(form))
    node = known[1] if known is not None else file.class_named(form)
    where = known[0] if known is not None else file
    if not isinstance(node, cst.ClassDef) or not is_enumeration(where, node, modules):
        return None
    found = members(where, node)
    return frozenset(found) if found is not None else None
