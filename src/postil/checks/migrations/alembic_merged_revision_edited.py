"""Finds edits of merged Alembic revisions that change what an upgrade does."""

import re
from collections import Counter
from collections.abc import Iterator

import libcst as cst

from postil.lint import FileChange, Note, Notes, SourceFile, string_value
from postil.lint.alembic import assigned, is_revision, upgrades
from postil.lint.names import dotted
from postil.lint.normal import Forms, is_idle
from postil.lint.tree import walk

MENTIONS = ("down_revision",)

# SQL runs the same, marked as text or not; SQLAlchemy 2 asks for the mark.
_TEXT = frozenset({"sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text"})
_LOGGING = re.compile(r"print$|_*log(_|$)")
_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})


def check(change: FileChange) -> Notes:
    if change.base_text is None or change.head_text is None or change.base_text == change.head_text:
        return
    base, head = change.base, change.head
    if base is None or head is None or not is_revision(base):
        return
    before, after = dict(assigned(base.module)), dict(assigned(head.module))
    was, now = Forms(base, idle=_idle, marking=_TEXT), Forms(head, like=base, idle=_idle, marking=_TEXT)
    name = string_value(before["revision"]) or change.path.rpartition("/")[2]
    parent, was_parent = after.get("down_revision"), before["down_revision"]
    if _is_none(parent) and not _is_none(was_parent):
        return  # it became the first one: the history was squashed into it
    identity = after.get("revision")
    if identity is not None and was.of(before["revision"]) != now.of(identity):
        said = f"the merged revision `{name}` gets another id, which databases at `{name}` don't know"
        yield Note(head.at(identity), said)
    if parent is not None and was.of(was_parent) != now.of(parent):
        said = f"the merged revision `{name}` gets another parent, {_code(head, parent)} for {_code(base, was_parent)}"
        yield Note(head.at(parent), said, severity="warning")
    old = {function.name.value: was.digest(function) for function in upgrades(base)}
    for function in upgrades(head):
        if function.name.value in old and old[function.name.value] != now.digest(function):
            yield _note(base, head, function, name)


def _note(base: SourceFile, head: SourceFile, function: cst.FunctionDef, name: str) -> Note:
    """A note at the first thing that `function` runs and that base doesn't say, else at the function itself."""
    said = f"`{function.name.value}()` of the merged revision `{name}` is no longer what databases have run"
    was, now = Forms(base, deep=False, marking=_TEXT), Forms(head, deep=False, like=base, marking=_TEXT)
    known = Counter(was.of(part) for part in _parts(base, upgrades(base)))
    for part in _parts(head, [function]):
        form = now.of(part)
        if not known[form]:
            return Note(head.at(part), said)
        known[form] -= 1
    return Note(head.at(function), said)


def _parts(file: SourceFile, functions: list[cst.FunctionDef]) -> Iterator[cst.CSTNode]:
    """The simple statements of these functions and of all that they use in this module, and what blocks depend on."""
    forms = Forms(file)
    seen: set[int] = set()
    queue: list[cst.CSTNode] = list(functions)
    while queue:
        definition = queue.pop(0)
        if id(definition) in seen:
            continue
        seen.add(id(definition))
        if not isinstance(definition, (cst.FunctionDef, cst.ClassDef)):
            yield definition
        for node in walk(definition):
            if isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
                yield from (part for part in node.body if not _idle(part))
            elif isinstance(node, (cst.If, cst.While)):
                yield node.test
            elif isinstance(node, cst.For):
                yield node.iter
            elif isinstance(node, cst.WithItem):
                yield node.item
            elif isinstance(node, cst.Name):
                queue.extend(forms.used(node))


def _idle(statement: cst.CSTNode) -> bool:
    """Whether a statement leaves the database alone for sure: it does nothing, or only logs or prints."""
    if is_idle(statement):
        return True
    call = statement.value if isinstance(statement, cst.Expr) else None
    if not isinstance(call, cst.Call):
        return False
    owner, _, method = (dotted(call.func) or "").rpartition(".")
    # A helper of the revision says by its name that it logs: `_log_unknown_type(…)`.
    return method in _LOGS and "log" in owner.lower() if owner else _LOGGING.match(method) is not None


def _is_none(expression: cst.BaseExpression | None) -> bool:
    return isinstance(expression, cst.Name) and expression.value == "None"


def _code(file: SourceFile, expression: cst.BaseExpression) -> str:
    value = string_value(expression)
    return f"`{value if value is not None else file.code(expression)}`"
