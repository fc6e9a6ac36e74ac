"""Finds new configuration of mypy or pyright in a project that uses ty."""

import re
from posixpath import basename

from postil.lint import ChangeSet, Note, Notes, Project, lines_of
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import distribution, requirements
from postil.lint.replaced import configured

_TOOLS = ("mypy", "pyright", "basedpyright")
# What the package itself needs, it calls.
_CALLS = re.compile(r"^dependencies$")


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.texts:
        if is_test_path(change.path) or not _uses_ty(change.path, change_set.project):
            continue
        for place, tool, says in configured(change, _TOOLS, _CALLS):
            if tool != "mypy" or not _has_plugin(change_set.project):
                yield Note(place, f"{says} in a project that uses ty")


def _uses_ty(path: str, project: Project) -> bool:
    nearest = project.nearest(path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    if toml is None:
        return False
    return toml.get("tool", "ty") is not None or any(
        distribution(requirement) == "ty" for (requirement, _), _ in requirements(toml)
    )


def _has_plugin(project: Project) -> bool:
    """Whether mypy runs a plugin, which ty has nothing for."""
    return any(
        line.code.startswith("plugins")
        for path, text in project.files.items()
        if basename(path) in ("pyproject.toml", "setup.cfg", "tox.ini")
        for line in lines_of(path, text)
    )
