"""Finds merged Alembic revisions that a change takes away, so databases that stand at them are lost."""

from postil.lint import ChangeSet, Note, Notes, Span
from postil.lint.revisions import Revision, revision

MENTIONS = ("down_revision",)


def check(changes: ChangeSet) -> Notes:
    concerned = [change for change in changes.files if change.compared and change.mentions(*MENTIONS)]
    if not any(change.base_text is not None and change.head_text is None for change in concerned):
        return
    kept: set[str | None] = set()
    begun: list[Revision] = []
    gone: dict[str, str] = {}
    for change in concerned:
        head = change.head.fact(revision) if change.head is not None else None
        was = change.base.fact(revision) if change.base is not None else None
        if head is not None:
            kept.add(head.name)
            # A history that is squashed has a new first revision, or one that says now what it stands for.
            if (head.parents == () or head.replaces) and not (was is not None and _is_as_it_was(was, head)):
                begun.append(head)
        elif was is not None and was.name is not None and not was.file.is_test:
            gone[was.name] = change.path
    # Where `env.py` is gone as well, the folder doesn't migrate any database any more.
    given_up = {
        change.path.removesuffix("env.py")
        for change in changes.files
        if change.head_text is None and change.path.rpartition("/")[2] == "env.py"
    }
    gone = {name: path for name, path in gone.items() if name not in kept and not path.startswith(tuple(given_up))}
    if not gone:
        return
    if begun:
        start, one = begun[0], len(gone) == 1
        places = (
            "its place, so a database that stands at it" if one else "their place, so a database that stands at one"
        )
        said = f"{_names(list(gone))} and this revision takes {places} is lost"
        yield Note(start.file.at(start.parent_node), f"{said} unless it was upgraded before", severity="warning")
        return
    for name, path in gone.items():
        said = f"the merged revision `{name}` is gone, and a database that stands at it can go neither up nor down"
        yield Note(Span(path, 1, 1, 1, 1, code=name), said)


def _is_as_it_was(was: Revision, head: Revision) -> bool:
    return (was.name, was.parents, was.replaces) == (head.name, head.parents, head.replaces)


def _names(names: list[str]) -> str:
    return f"the revision `{names[0]}` is gone" if len(names) == 1 else f"{len(names)} revisions are gone"
