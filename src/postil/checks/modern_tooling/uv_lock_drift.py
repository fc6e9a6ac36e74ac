"""Finds requirements of a pyproject.toml that its uv.lock was not made for."""

from collections.abc import Iterable, Iterator
from posixpath import dirname, relpath
from typing import Any

from packaging.utils import canonicalize_name

from postil.lint import ChangeSet, Note, Notes, Project, Span, TomlFile
from postil.lint.dependencies import distribution, tables
from postil.lint.project import Key
from postil.lint.requirements import (
    LOCK_REVISION,
    LOCK_VERSION,
    Wanted,
    declared_groups,
    declared_requirements,
    remembered,
    unreadable,
)


def check(change_set: ChangeSet) -> Notes:
    project, base = change_set.project, change_set.base_project
    for path in sorted(project.files):
        if path.rpartition("/")[2] != "pyproject.toml":
            continue
        lock = project.nearest(path, "uv.lock")
        if lock is None or not {path, lock} & change_set.changed:
            continue
        # Where both sides are the same there is no base to compare with: a whole folder is being checked.
        same = all(project.files.get(each) == base.files.get(each) for each in (path, lock))
        old = set() if same else {message for _, message in _drift(base, path, base.nearest(path, "uv.lock"))}
        seen: set[tuple[int, int, str]] = set()
        for span, message in _drift(project, path, lock):
            key = (span.line, span.column, message)
            if message not in old and key not in seen:
                seen.add(key)
                yield Note(span, message)


def _drift(project: Project, path: str, lock_path: str | None) -> Iterator[tuple[Span, str]]:
    pyproject, lock = project.toml(path), project.toml(lock_path) if lock_path else None
    if pyproject is None or lock is None or not _is_known(lock):
        return
    package = _package(pyproject, lock, dirname(path), dirname(lock.path))
    if package is None:
        return
    metadata = tables(package.get("metadata"))
    if not metadata and (package.get("dependencies") or package.get("optional-dependencies")):
        return
    by_name = _sourced(pyproject) | _sourced(project.toml(f"{dirname(lock.path)}/pyproject.toml".lstrip("/")))
    dynamic = pyproject.get("project", "dynamic")
    kept = _remembered(metadata.get("requires-dist"))
    computed = [each for each in dynamic if isinstance(each, str)] if isinstance(dynamic, list) else []
    if not {"dependencies", "optional-dependencies"}.intersection(computed):
        wanted = list(declared_requirements(pyproject))
        for extra in sorted({each.extra for each in (*wanted, *kept)}):
            keys = (
                ("project", "optional-dependencies", _spelt(pyproject, extra)) if extra else ("project", "dependencies")
            )
            mine = [each for each in wanted if each.extra == extra]
            theirs = [each for each in kept if each.extra == extra]
            yield from _differences(pyproject, mine, theirs, keys, by_name)
    groups = declared_groups(pyproject)
    locked = tables(metadata.get("requires-dev"))
    conditional = tables(pyproject.get("tool", "uv", "dependency-groups"))
    dropped: set[str] = set()
    for name in sorted(groups.keys() | locked.keys(), key=lambda each: (_includes(pyproject, each), each)):
        theirs = _remembered(locked.get(name))
        # uv adds a group's own `requires-python` to each marker of it.
        loose = {each.name for each in groups.get(name, [])} if name in conditional else set()
        keys = ("dependency-groups", _spelt(pyproject, name))
        mine = groups.get(name, [])
        # What an included group no longer asks for is said there.
        theirs = [each for each in theirs if str(each) not in dropped]
        dropped |= {str(each) for each in theirs if all(each.name != other.name for other in mine)}
        yield from _differences(pyproject, mine, theirs, keys, by_name | loose)


def _includes(pyproject: TomlFile, group: str) -> bool:
    """Whether a group takes in another one."""
    entries = pyproject.get("dependency-groups", _spelt(pyproject, group))
    return isinstance(entries, list) and any("include-group" in tables(entry) for entry in entries)


def _remembered(entries: object) -> list[Wanted]:
    found = map(remembered, entries) if isinstance(entries, list) else ()
    return [each for each in found if each is not None]


def _is_known(lock: TomlFile) -> bool:
    """Whether the lock has a form that this check was written for."""
    version, revision = lock.get("version"), lock.get("revision") or 0
    return version == LOCK_VERSION and isinstance(revision, int) and revision <= LOCK_REVISION


def _package(pyproject: TomlFile, lock: TomlFile, folder: str, lock_folder: str) -> Any:
    """The lock's entry of this project: the one of its name that is built from its folder."""
    name = distribution(pyproject.get("project", "name"))
    where = relpath(folder or ".", lock_folder or ".")
    packages = lock.get("package")
    for package in packages if isinstance(packages, list) else []:
        source = tables(tables(package).get("source"))
        folders = [source.get(kind) for kind in ("editable", "virtual", "directory")]
        if distribution(tables(package).get("name")) == name and where in folders:
            return package
    return None


def _sourced(pyproject: TomlFile | None) -> frozenset[str]:
    """The packages that uv takes from elsewhere, so that the lock holds the place instead of the specifier."""
    sources = tables(pyproject.get("tool", "uv", "sources")) if pyproject is not None else {}
    return frozenset(map(canonicalize_name, sources))


def _spelt(pyproject: TomlFile, name: str) -> str:
    """An extra's or group's name as pyproject.toml spells it."""
    known = (*tables(pyproject.get("project", "optional-dependencies")), *tables(pyproject.get("dependency-groups")))
    return next((each for each in known if canonicalize_name(each) == name), name)


def _differences(
    pyproject: TomlFile, mine: list[Wanted], theirs: list[Wanted], keys: tuple[Key, ...], by_name: Iterable[str]
) -> Iterator[tuple[Span, str]]:
    """What pyproject.toml asks for in one list, and the lock doesn't remember so; and the other way round."""
    for name in dict.fromkeys(each.name for each in (*mine, *theirs) if each.name not in unreadable(pyproject)):
        asked = [each for each in mine if each.name == name]
        kept = [each for each in theirs if each.name == name]
        if asked and kept and (name in by_name or any(each.url for each in kept)):
            continue
        if not asked:
            place = pyproject.span(*keys) or pyproject.span("project") or Span(pyproject.path, 1)
            short = Span(place.path, place.line, place.column, place.line, place.column + 1, name)
            yield short, f"`uv.lock` was made for `{kept[0]}` too, which {_title(keys)} no longer asks for"
        for each in asked:
            if any(each.same(other) for other in kept):
                continue
            place = pyproject.span(*each.keys)
            if place is None:
                continue
            other = next((o for o in kept if not any(o.same(a) for a in asked)), kept[0] if kept else None)
            remembers = f"was made for `{other}`" if other is not None else f"doesn't know `{name}` here"
            yield place, f"{_title(each.keys[:-1])} asks for `{each}`, and `uv.lock` {remembers}"


def _title(keys: tuple[Key, ...]) -> str:
    return "the project" if keys[0] == "project" and keys[-1] == "dependencies" else f"`{keys[-1]}`"
