"""Finds changes of a column's type that write the table anew under a full lock."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.normal import Forms
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)

_TEXTS = frozenset({"String", "VARCHAR", "Text", "TEXT", "Unicode", "UnicodeText", "AutoString"})
_TO_TEXT = re.compile(r"(?i)\bTYPE\s+(?:text|varchar|character\s+varying)\b(?!.*\bUSING\b)")
_LONG = frozenset({"Text", "TEXT", "UnicodeText"})


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or not found.on_postgres:
        return
    for step in found.schema_steps:
        if step.operation != "change_type" or step.is_empty or not found.for_postgres(step) or _widens(file, step):
            continue
        what = f"`{step.table}.{step.column}`" if step.table and step.column else f"`{step.column or 'a column'}`"
        said = f"another type for {what} writes the whole table anew while nobody may read it"
        yield Note(step.call, said)


def _widens(file: SourceFile, step: Step) -> bool:
    """Whether PostgreSQL may leave the rows as they are: the same type, or a longer text.

    Without `existing_type` a text may only get longer, and a column that is renamed is told its type for MySQL's sake.
    """
    if step.sql is not None:
        return _TO_TEXT.search(step.sql.code) is not None
    new, old = step.argument("type_"), step.argument("existing_type")
    if new is None:
        return False
    if old is None:
        return _kind(file, new) in _TEXTS or step.argument("new_column_name") is not None
    forms = Forms(file)
    if forms.of(new) == forms.of(old):
        return True
    was, now = _kind(file, old), _kind(file, new)
    if was not in _TEXTS or now not in _TEXTS:
        return was == now and not _has_arguments(new) and not _has_arguments(old)
    length, before = _length(new), _length(old)
    return now in _LONG or length is None or (before is not None and length >= before)


def _kind(file: SourceFile, expression: cst.BaseExpression) -> str:
    func = expression.func if isinstance(expression, cst.Call) else expression
    return (file.name_of(func) or file.code(func)).rpartition(".")[2]


def _has_arguments(expression: cst.BaseExpression) -> bool:
    return isinstance(expression, cst.Call) and bool(expression.args)


def _length(expression: cst.BaseExpression) -> int | None:
    value = argument(expression, "length", 0) if isinstance(expression, cst.Call) else None
    return value.evaluated_value if isinstance(value, cst.Integer) else None
