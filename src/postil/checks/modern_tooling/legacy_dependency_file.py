"""Finds new lists of dependencies beside a uv.lock: a second source of truth."""

import re
from fnmatch import fnmatchcase
from posixpath import basename

from postil.lint import ChangeSet, Note, Notes, Project, Span, TextChange, lines_of
from postil.lint.contexts import is_test_path

_GENERATED = re.compile(r"\buv (?:export|pip compile)\b|\bpip-compile\b|\bgenerated\b", re.IGNORECASE)
_SECTION = re.compile(r"\[([^\]]+)\]")
_OTHERS = re.compile(
    r"(?:^|/)(?:docs?|examples?|samples?|tutorials?)/|(?:^|/)requirements[-_.]docs?\.txt$|/docs?\.txt$"
)
_HEAD_LINES = 10
_POETRY = ("tool", "poetry", "dependencies")


def check(change_set: ChangeSet) -> Notes:
    if not change_set.compared:
        return
    for change in change_set.texts:
        if is_test_path(change.path) or _for_others(change.path):
            continue
        lock = change_set.project.nearest(change.path, "uv.lock")
        place = _list_of_dependencies(change) if lock is not None else None
        if place is None or _is_generated(change, change_set.project):
            continue
        yield Note(place, f"this is a second list of dependencies beside `{lock}`")


def _list_of_dependencies(change: TextChange) -> Span | None:
    """Where a file begins to list dependencies, if it did not before."""
    name = basename(change.path)
    if name == "pyproject.toml":
        known = change.base_toml is not None and change.base_toml.get(*_POETRY) is not None
        return None if known or change.head_toml is None else change.head_toml.span(*_POETRY)
    if name == "setup.cfg":
        return (
            None
            if _install_requires(change.path, change.base_text)
            else _install_requires(change.path, change.head_text)
        )
    if change.is_added and change.added and (name == "Pipfile" or _is_requirements(change.path)):
        return next((line for line in change.added if not line.code.startswith(("#", "-"))), None)
    return None


def _is_requirements(path: str) -> bool:
    name = basename(path)
    return fnmatchcase(name, "requirements*.txt") or (name.endswith(".txt") and "/requirements/" in f"/{path}")


def _for_others(path: str) -> bool:
    """Read the Docs installs a file of its own, and an example is copied by people with any installer."""
    return _OTHERS.search(path) is not None


def _install_requires(path: str, text: str | None) -> Span | None:
    section = ""
    for line in lines_of(path, text or ""):
        if found := _SECTION.fullmatch(line.code):
            section = found[1].strip()
        elif section == "options" and line.code.partition("=")[0].strip() == "install_requires":
            return line
    return None


def _is_generated(change: TextChange, project: Project) -> bool:
    """Whether the file says that a tool wrote it, or something in the repository writes it from the lock."""
    head = "\n".join((change.head_text or "").split("\n")[:_HEAD_LINES])
    if not change.path.endswith(".toml") and _GENERATED.search(head):
        return True
    name = basename(change.path)
    for text in project.files.values():
        if ("uv export" in text or "uv-export" in text or "uv pip compile" in text) and name in text:
            return True
    return False
