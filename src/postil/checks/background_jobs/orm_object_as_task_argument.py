"""Finds rows of a database that are handed to a background job as objects."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.answers import is_row
from postil.lint.around import loop_of
from postil.lint.names import dotted, targets
from postil.lint.queues import WORDS, enqueued
from postil.lint.tree import walk_scope

MENTIONS = WORDS

# What takes one object out of a manager or a query.
_ONE = frozenset(
    {"get", "create", "first", "last", "latest", "earliest", "one", "one_or_none", "scalar_one", "scalar_one_or_none",
     "scalar", "aget", "acreate", "afirst", "first_or_404", "get_or_404"}
)  # fmt: skip
_PAIRS = frozenset({"get_or_create", "update_or_create", "aget_or_create", "aupdate_or_create"})
_QUERIES = frozenset(
    {"query", "scalars", "execute", "filter", "filter_by", "where", "select_related", "all", "order_by"}
)
_SHORTCUTS = frozenset({"django.shortcuts.get_object_or_404"})
_MODEL_BASES = re.compile(r"^(?:models|db|django\.db\.models|flask_sqlalchemy)\.(?:\w+\.)*Model$|DeclarativeBase$")
_DEPTH = 5


def check(call: cst.Call, file: SourceFile) -> Notes:
    job = enqueued(call, file) if not file.is_test else None
    for given in job.arguments if job is not None else ():
        if isinstance(given, cst.Name) and _is_row(given, file):
            yield Note(
                given,
                f"`{given.value}` is a row of the database as it is now, and the job runs later; its id says which row",
            )


def _is_row(name: cst.Name, file: SourceFile) -> bool:
    """Whether a name stands for an object of an ORM, as far as the file shows it."""
    value = file.value_of(name)
    if value is not None:
        if isinstance(value, cst.Await):
            value = value.expression
        return isinstance(value, cst.Call) and (
            _takes_one(value, file) or _is_model(value.func, file) or is_row(value, file)
        )
    loop = loop_of(name, file)
    if loop is not None:
        return _is_many(loop.iter, file)
    if _made_or_got(name, file):
        return True
    kind = file.type_of(name)
    owner = file.class_named(kind) if kind is not None and "." not in kind else None
    return owner is not None and _inherits_model(owner, file)


def _takes_one(call: cst.Call, file: SourceFile) -> bool:
    if file.name_of(call.func) in _SHORTCUTS:
        return True
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in _ONE:
        return False
    if _is_values(call.func.value):
        return False
    owner = dotted(call.func.value) or ""
    if owner.endswith(".objects"):
        return True
    if call.func.attr.value in ("get", "scalar") and "session" in owner.rpartition(".")[2].lower():
        # `session.get(Model, 3)`, and not that of requests: `session.get("https://…")`
        first = call.args[0].value if call.args else None
        model = isinstance(first, (cst.Name, cst.Attribute)) and (dotted(first) or "").rpartition(".")[2][:1].isupper()
        return model and call.func.attr.value == "get"
    return _is_many(call.func.value, file)


def _is_many(expression: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether an expression is a query for whole objects: `Model.objects.filter(…)`, `session.query(Model)`."""
    depth = 0
    while depth < _DEPTH * 2:
        if isinstance(expression, cst.Call) and isinstance(expression.func, cst.Attribute):
            method, owner = expression.func.attr.value, expression.func.value
            if method in ("values", "values_list", "aggregate", "annotate", "iterator", "dates"):
                return False
            if method in ("query", "scalars") and "session" in (dotted(owner) or "").lower():
                return len(expression.args) == 1 and isinstance(expression.args[0].value, cst.Name)
            expression = owner
        elif isinstance(expression, cst.Attribute):
            return (
                expression.attr.value == "objects"
                and (dotted(expression.value) or "a").rpartition(".")[2][:1].isupper()
            )
        else:
            return False
        depth += 1
    return False


def _is_values(expression: cst.BaseExpression) -> bool:
    """Whether a query gives dicts, tuples or plain values instead of objects."""
    while isinstance(expression, cst.Call) and isinstance(expression.func, cst.Attribute):
        if expression.func.attr.value in ("values", "values_list", "with_entities", "aggregate"):
            return True
        expression = expression.func.value
    return False


def _made_or_got(name: cst.Name, file: SourceFile) -> bool:
    """Whether a name is the first of the pair that `Model.objects.get_or_create(…)` gives, and nothing else."""
    function = file.enclosing_def(name)
    given = [
        node
        for node in walk_scope(function.body if function is not None else file.module)
        if isinstance(node, cst.Assign)
        and any(name.value == each.value for t in node.targets for each in targets(t.target))
    ]
    if len(given) != 1 or not isinstance(given[0].targets[0].target, cst.Tuple):
        return False
    first = given[0].targets[0].target.elements[0].value
    value = given[0].value.expression if isinstance(given[0].value, cst.Await) else given[0].value
    return (
        dotted(first) == name.value
        and isinstance(value, cst.Call)
        and isinstance(value.func, cst.Attribute)
        and value.func.attr.value in _PAIRS
        and (dotted(value.func.value) or "").endswith(".objects")
    )


def _is_model(called: cst.BaseExpression, file: SourceFile) -> bool:
    found = file.definition_of(called)
    return isinstance(found, cst.ClassDef) and _inherits_model(found, file)


def _inherits_model(owner: cst.ClassDef, file: SourceFile, depth: int = 0) -> bool:
    """Whether a class of this file is mapped to a table."""
    for line in owner.body.body:
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.Assign) and dotted(part.targets[0].target) == "__tablename__":
                return True
    for base in owner.bases:
        if _MODEL_BASES.search(file.name_of(base.value) or dotted(base.value) or ""):
            return True
        found = file.definition_of(base.value)
        if isinstance(found, cst.ClassDef) and depth < _DEPTH and _inherits_model(found, file, depth + 1):
            return True
    return False
