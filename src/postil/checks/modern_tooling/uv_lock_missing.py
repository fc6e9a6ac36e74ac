"""Finds projects that are managed by uv and have no uv.lock."""

import re

from postil.lint import ChangeSet, Note, Notes, Project, Span, TomlFile
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import is_library, tables

_IN_CI = re.compile(r"\buv (?:sync|lock)\b")
_WHAT_IS_LOCKED = (
    ("project", "dependencies"),
    ("project", "optional-dependencies"),
    ("project", "requires-python"),
    ("dependency-groups",),
    ("build-system",),
    ("tool", "uv"),
)


def check(change_set: ChangeSet) -> Notes:
    project = change_set.project
    # Why there is none is said where the change makes git ignore it.
    if change_set.compared and _ignores_lock(project) and not _ignores_lock(change_set.base_project):
        return
    for toml, base in change_set.tomls("pyproject.toml"):
        # Only of the root are all files known; elsewhere a lock that isn't among them may be there.
        known = toml.path == "pyproject.toml" or base is None
        if not known or is_test_path(toml.path) or project.nearest(toml.path, "uv.lock") or _is_member(toml, project):
            continue
        if base is not None and not _concerned(toml, base, change_set):
            continue
        found = _evidence(toml, project)
        if found is not None:
            place, says = found
            severity = "hint" if is_library(toml) and _ignores_lock(project) else None
            yield Note(place, f"{says}, and there is no `uv.lock` beside this file", severity=severity)


def _concerned(toml: TomlFile, base: TomlFile, change_set: ChangeSet) -> bool:
    """Whether the change took the lock away, or altered what belongs in it."""
    if change_set.base_project.nearest(base.path, "uv.lock") is not None:
        return True
    return any(toml.get(*keys) != base.get(*keys) for keys in _WHAT_IS_LOCKED)


def _evidence(toml: TomlFile, project: Project) -> tuple[Span, str] | None:
    """What shows that uv manages the project, and where it stands."""
    uv = toml.get("tool", "uv")
    workspace = tables(uv).get("workspace") is not None
    own = toml.span("project", "name") or toml.span("project") or (toml.span("tool", "uv") if workspace else None)
    if own is None or tables(uv).get("managed") is False:
        return None
    # `[tool.uv.pip]` alone is for `uv pip`, which knows no lock.
    if tables(uv).keys() - {"pip"}:
        return toml.span("tool", "uv") or own, "`[tool.uv]` makes this a project of uv"
    backend = toml.span("build-system", "build-backend")
    if backend is not None and toml.get("build-system", "build-backend") == "uv_build":
        return backend, "`uv_build` makes this a project of uv"
    if toml.path == "pyproject.toml":
        for path in sorted(project.files):
            if path.startswith(".github/workflows/") and (found := _IN_CI.search(project.files[path])):
                return own, f"`{path}` runs `{found[0]}`"
    return None


def _is_member(toml: TomlFile, project: Project) -> bool:
    """Whether the project is, or may be, part of a workspace that is locked further up."""
    if any(tables(source).get("workspace") for source in tables(toml.get("tool", "uv", "sources")).values()):
        return True
    above = toml.path.removesuffix("pyproject.toml")
    while above:
        above = above.rstrip("/").rpartition("/")[0]
        other = project.toml(f"{above}/pyproject.toml" if above else "pyproject.toml")
        if other is not None and other.get("tool", "uv", "workspace") is not None:
            return True
    return False


def _ignores_lock(project: Project) -> bool:
    return any("uv.lock" in line for line in project.files.get(".gitignore", "").split("\n"))
