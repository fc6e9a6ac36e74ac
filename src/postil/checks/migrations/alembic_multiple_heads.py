"""Finds revisions that follow the same one, so there are two newest."""

from collections import defaultdict
from posixpath import dirname

from postil.lint import ChangeSet, Fix, FixKind, Note, Notes, Secondary, string_value
from postil.lint.revisions import Revision, revision

MENTIONS = ("down_revision",)


def check(changes: ChangeSet) -> Notes:
    new: set[str] = set()
    folders: dict[str, list[Revision]] = defaultdict(list)
    for change in changes.files:
        if change.head_text is None or not any(word in change.head_text for word in MENTIONS):
            continue
        found = change.head.fact(revision) if change.head is not None else None
        if found is not None and found.name is not None and not found.file.is_test:
            folders[dirname(change.path)].append(found)
            if not change.compared or change.is_added:
                new.add(change.path)
    for revisions in folders.values():
        yield from _forks(revisions, new)


def _forks(revisions: list[Revision], new: set[str]) -> Notes:
    """The later one of each two that follow the same revision, where nothing joins them again."""
    children: dict[str, list[Revision]] = defaultdict(list)
    for each in revisions:
        for parent in each.parents or ():
            children[parent].append(each)
    for parent, found in children.items():
        # Those that were there come first, then by their names, which often begin with the date.
        siblings = sorted(found, key=lambda each: (each.file.path in new, each.file.path))
        first = siblings[0]
        for other in siblings[1:]:
            if other.file.path not in new or other.name == first.name:
                continue
            if any(each.is_branch or len(each.parents or ()) != 1 for each in (first, other)):
                continue
            before, after = _reached(first, children), _reached(other, children)
            if before.keys() & after.keys():
                continue
            said = f"`{other.name}` and `{first.name}` both follow `{parent}`, so there are two heads"
            yield Note(
                other.file.at(other.parent_node),
                f"{said}, and `alembic upgrade head` refuses to choose",
                fix=_fix(other, before, children),
                secondary=(Secondary(first.file.at(first.parent_node), f"`{first.name}` follows it too"),),
            )


def _reached(start: Revision, children: dict[str, list[Revision]]) -> dict[str, Revision]:
    """A revision and all that come after it, by their ids."""
    found: dict[str, Revision] = {}
    queue = [start]
    while queue:
        each = queue.pop()
        if each.name is not None and each.name not in found:
            found[each.name] = each
            queue.extend(children.get(each.name, ()))
    return found


def _fix(other: Revision, before: dict[str, Revision], children: dict[str, list[Revision]]) -> Fix | None:
    """Follow the newest of the other line instead."""
    ends = [name for name in before if name not in children]
    if len(ends) != 1 or string_value(other.parent_node) is None:
        return None
    return Fix.replace(other.file.at(other.parent_node), f'"{ends[0]}"', FixKind.SUGGESTION)
