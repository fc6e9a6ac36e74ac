"""Finds new configuration of mypy or pyright in a project that uses ty."""

from collections.abc import Iterator
from posixpath import basename

from postil.lint import ChangeSet, Note, Notes, Project, Span, TextChange, lines_of
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import distribution, requirements

_TOOLS = ("mypy", "pyright", "basedpyright")
_SECTIONS = {"[mypy]": "mypy"}


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.texts:
        if is_test_path(change.path) or not _uses_ty(change.path, change_set.project):
            continue
        for place, tool, says in _configured(change):
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


def _configured(change: TextChange) -> Iterator[tuple[Span, str, str]]:
    """What a change adds for the other checkers: where, for which, and what it is."""
    name = basename(change.path)
    if name in ("setup.cfg", "tox.ini"):
        for line in change.added:
            if line.code in _SECTIONS:
                yield line, _SECTIONS[line.code], f"`{line.code}` configures {_SECTIONS[line.code]}"
    toml, base = change.head_toml, change.base_toml
    if name != "pyproject.toml" or toml is None or not change.compared:
        return
    for tool in _TOOLS:
        place = toml.span("tool", tool)
        if place is not None and (base is None or base.get("tool", tool) is None):
            yield place, tool, f"`[tool.{tool}]` configures {tool}"
    before = {distribution(requirement) for (requirement, _), _ in requirements(base)} if base is not None else set()
    for (requirement, table), keys in requirements(toml):
        tool, place = distribution(requirement), toml.span(*keys)
        # What the package itself needs, it calls.
        if tool in _TOOLS and tool not in before and place is not None and table[-1] != "dependencies":
            yield place, tool, f"`{requirement}` installs {tool}"


def _has_plugin(project: Project) -> bool:
    """Whether mypy runs a plugin, which ty has nothing for."""
    return any(
        line.code.startswith("plugins")
        for path, text in project.files.items()
        if basename(path) in ("pyproject.toml", "setup.cfg", "tox.ini")
        for line in lines_of(path, text)
    )
