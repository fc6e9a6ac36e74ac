"""Finds pytest marks that nothing registers."""

import re

import libcst as cst

from postil.lint import ChangeSet, FileChange, Fix, FixKind, Note, Notes, SourceFile
from postil.lint.catalogue.pytest_marks import BUILT_IN
from postil.lint.markers import REGISTERING, Registry, closest

_WRITTEN = re.compile(r"\bmark\.(\w+)")


def check(change_set: ChangeSet) -> Notes:
    now = Registry(change_set.project, list(change_set.heads(*REGISTERING)))
    before = _before(change_set)
    for change in change_set.files:
        written = set(_WRITTEN.findall(change.head_text or ""))
        known = now.of(change.path) if written else None
        # Most files use known marks only, and need not be parsed.
        head = change.head if known is not None and not written <= known.names else None
        if head is None or known is None:
            continue
        said: set[str] = set()
        for node, name in _used(head):
            if name in known.names or _was_there(change_set, change, name, before):
                continue
            meant = closest(name, BUILT_IN if known.open else known.names)
            if meant is not None:
                message = f"`pytest.mark.{name}` is registered nowhere, and looks like a slip of `{meant}`"
                fix = Fix.replace(node.attr, meant, FixKind.SUGGESTION)
                yield Note(head.at(node), message, fix=fix, severity="error")
            elif not known.open and name not in said:
                said.add(name)
                yield Note(head.at(node), f"`pytest.mark.{name}` is registered nowhere that pytest reads")


def _used(file: SourceFile) -> list[tuple[cst.Attribute, str]]:
    """The uses of `pytest.mark.x` with the mark's name."""
    found = []
    for node in file.nodes(cst.Attribute):
        name = file.name_of(node) or ""
        if name.startswith("pytest.mark.") and name.count(".") == 2:
            found.append((node, node.attr.value))
    return found


def _before(change_set: ChangeSet) -> Registry:
    bases = (each.base for each in change_set.files if any(word in (each.base_text or "") for word in REGISTERING))
    return Registry(change_set.base_project, [base for base in bases if base is not None])


def _was_there(change_set: ChangeSet, change: FileChange, name: str, before: Registry) -> bool:
    """Whether the file used the mark before, or another one did that lost it, and it was as unknown then."""
    written = f"mark.{name}"
    for each in change_set.files:
        count = (each.base_text or "").count(written)
        if count and (each is change or count > (each.head_text or "").count(written)):
            known = before.of(each.previous_path or each.path)
            if known is None or name not in known.names:
                return True
    return False
