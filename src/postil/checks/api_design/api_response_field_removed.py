"""Finds fields that a change takes out of a model which an API sends."""

import re
from collections import Counter
from collections.abc import Iterator

import libcst as cst

from postil.lint import FileChange, Note, Notes, SourceFile
from postil.lint.models import Field, Model, View, model_of, responses

# In a file without endpoints, models are told by the names that FastAPI's own documentation gives them.
_SENT = re.compile(r"(Response|Read|Out|Public)$")
_API = re.compile(r"(^|/)(\w*api\w*|schemas?|responses?|routes|routers|endpoints|dtos?|datamodels)(/|\.py$)")
# What a field is declared by, as text: without one less of these, nothing was removed, and nothing need be parsed.
_DECLARED = re.compile(r"^[ \t]+(?:def )?\w+[ \t]*[:(]|alias[ \t]*=[ \t]*.\w+", re.MULTILINE)
_ROUTE = re.compile(r"^[ \t]*@\w[\w.]*\.\w+\(", re.MULTILINE)
# Bases that projects put under all their models. Any other from elsewhere may have gained the field in the same change.
_ROOTS = re.compile(r"\w*Base(Model|Schema)|Model|Schema|\w*SQLModel")


def check(change: FileChange) -> Notes:
    if change.base_text is None or change.head_text is None or "class " not in change.base_text:
        return
    if not Counter(_DECLARED.findall(change.base_text)) - Counter(_DECLARED.findall(change.head_text)):
        return
    if not (_API.search(change.path) or _ROUTE.search(change.base_text)):
        return
    base, head = change.base, change.head
    if base is None or head is None:
        return
    sent, still = _sent(base), _sent(head)
    said: set[tuple[str, str]] = set()
    for name in sorted(sent.keys() & still.keys()):
        was, now = base.class_named(name), head.class_named(name)
        if was is None or now is None:
            continue
        before, after = model_of(base, was), model_of(head, now)
        for field in _removed(before, after, sent[name]):
            if (field.owner, field.name) not in said:
                said.add((field.owner, field.name))
                yield _note(head, field, before, after, sure=bool(base.routes))


def _sent(file: SourceFile) -> dict[str, list[View]]:
    """The classes of a file that go out in responses: those that its endpoints reach, else those that are named so."""
    if file.routes:
        return responses(file)
    if not _API.search(file.path) or file.is_test:
        return {}
    return {
        node.name.value: [View()]
        for node in file.nodes(cst.ClassDef)
        if _SENT.search(node.name.value) and node.bases and file.class_named(node.name.value) is node
    }


def _removed(was: Model, now: Model, views: list[View]) -> Iterator[Field]:
    """The fields that were sent and are gone: neither moved to a base, nor renamed, nor hidden before."""
    if now.foreign - was.foreign or not all(_ROOTS.fullmatch(name) for name in now.foreign):
        return
    gained = [field for name, field in now.fields.items() if name not in was.fields]
    for name, field in was.fields.items():
        if name in now.fields or field.excluded or not any(view.shows(field) for view in views):
            continue
        renamed = next(
            (new for new in gained if new.type == field.type and abs(new.position - field.position) <= 1), None
        )
        if renamed is not None:
            gained.remove(renamed)
        else:
            yield field


def _note(head: SourceFile, field: Field, was: Model, now: Model, *, sure: bool) -> Note:
    said = f"`{now.node.name.value}` no longer sends `{field.name}`"
    severity = None if sure and not field.optional else "warning"
    if field.deprecated:
        said, severity = f"{said}, which was deprecated before", "hint"
    return Note(head.at(now.node), said, severity=severity, anchor=head.at(_beside(head, field, was, now)))


def _beside(head: SourceFile, field: Field, was: Model, now: Model) -> cst.CSTNode:
    """Where a field stood: at the field before it that is still there, or else at its class."""
    before = [other for other in was.fields.values() if other.owner == field.owner and other.position < field.position]
    for other in sorted(before, key=lambda each: -each.position):
        kept = now.fields.get(other.name)
        if kept is not None and kept.owner == field.owner:
            return kept.node
    return head.class_named(field.owner) or now.node
