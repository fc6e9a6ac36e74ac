"""Finds changes of a few dependencies that move the versions of many other packages in uv.lock."""

from postil.lint import ChangeSet, Note, Notes, Span, TomlFile
from postil.lint.dependencies import distribution, locked, reached, requirements, tables

MORE_THAN = 5
PER_DEPENDENCY = 3


def check(change_set: ChangeSet) -> Notes:
    for lock in change_set.named("uv.lock"):
        base, head = lock.base_toml, lock.head_toml
        if base is None or head is None or any(base.get(key) != head.get(key) for key in _FORMAT):
            continue
        folder = lock.path.removesuffix("uv.lock")
        wanted: dict[str, Span] = {}
        for change in change_set.named("pyproject.toml"):
            if change.path.startswith(folder) and change.head_toml is not None and change.base_toml is not None:
                wanted |= _altered(change.base_toml, change.head_toml)
        related = reached(locked(head), wanted) | reached(locked(base), wanted)
        before, after = _versions(base), _versions(head)
        moved = [name for name in sorted(after) if name in before and before[name] != after[name]]
        unrelated = [name for name in moved if name not in related]
        if not wanted or len(unrelated) <= max(MORE_THAN, PER_DEPENDENCY * len(wanted)):
            continue
        name, place = next(iter(wanted.items()))
        others = f" and {len(wanted) - 1} more" if len(wanted) > 1 else ""
        shown = ", ".join(f"`{each}`" for each in unrelated[:3])
        yield Note(
            place,
            f"`uv.lock` moves {len(unrelated)} packages that `{name}`{others} "
            f"{'do' if others else 'does'} not need ({shown}, …)",
        )


_FORMAT = ("version", "revision", "requires-python")


def _versions(lock: TomlFile) -> dict[str, frozenset[str]]:
    """The locked versions of each package that comes from outside."""
    found: dict[str, set[str]] = {}
    packages = lock.get("package")
    for package in packages if isinstance(packages, list) else []:
        source = tables(package.get("source"))
        if not {"editable", "virtual", "directory", "path"} & source.keys():
            found.setdefault(str(package.get("name")), set()).add(str(package.get("version")))
    return {name: frozenset(versions) for name, versions in found.items()}


def _altered(base: TomlFile, head: TomlFile) -> dict[str, Span]:
    """The names whose requirements differ, with the place of the new one; removed ones stand for the whole table."""
    before, after = dict(requirements(base)), dict(requirements(head))
    found: dict[str, Span] = {}
    for (requirement, table), keys in after.items():
        name, place = distribution(requirement), head.span(*keys)
        if (requirement, table) not in before and name is not None and place is not None:
            found.setdefault(name, place)
    for requirement, table in sorted(before.keys() - after.keys()):
        name, place = distribution(requirement), head.span(*table) or head.span("project")
        if name is not None and place is not None:
            found.setdefault(name, place)
    return found
