"""Finds new configuration of black, isort or flake8 in a project that uses ruff."""

import re
from collections.abc import Iterator
from posixpath import basename, dirname, join

from postil.lint import ChangeSet, Note, Notes, Project, Span, TextChange
from postil.lint.catalogue.flake8 import IN_RUFF, OTHERS
from postil.lint.contexts import is_test_path
from postil.lint.replaced import configured

_TOOLS = ("black", "isort", "flake8")
_FILES = {".flake8": "flake8", ".isort.cfg": "isort"}
_HOOK = re.compile(r"repo:.*?/(?:psf|pycqa)/(black|isort|flake8)\b", re.IGNORECASE)
_PLUGIN = re.compile(rf"\b(?:flake8-[\w-]+|{'|'.join(OTHERS)})\b", re.IGNORECASE)
# What the package, its tests or its documentation need, they call: a code generator formats with black.
_CALLS = re.compile(r"^dependencies$|doc|test")
_CONFIGURES_FLAKE8 = (".flake8", "setup.cfg", "tox.ini", "pyproject.toml", ".pre-commit-config.yaml")


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.texts:
        if is_test_path(change.path) or not _uses_ruff(change.path, change_set.project):
            continue
        for place, tool, says in _configured(change):
            if tool != "flake8" or not _has_plugin(change_set.project):
                yield Note(place, f"{says} in a project that uses ruff")


def _uses_ruff(path: str, project: Project) -> bool:
    if project.nearest(path, "ruff.toml") or project.nearest(path, ".ruff.toml"):
        return True
    # Ruff passes over a pyproject.toml that says nothing of it, and looks further up.
    folder = path
    while folder:
        folder = dirname(folder)
        toml = project.toml(join(folder, "pyproject.toml"))
        if toml is not None and toml.get("tool", "ruff") is not None:
            return True
    return False


def _configured(change: TextChange) -> Iterator[tuple[Span, str, str]]:
    """What a change adds for the older tools: where, for which, and what it is."""
    yield from configured(change, _TOOLS, _CALLS)
    name = basename(change.path)
    if name in _FILES:
        if change.is_added and change.added:
            yield change.added[0], _FILES[name], f"`{name}` configures {_FILES[name]}"
    elif name == ".pre-commit-config.yaml":
        for line in change.added:
            if found := _HOOK.search(line.code):
                tool = found[1].lower()
                yield line, tool, f"this hook runs {tool}"


def _has_plugin(project: Project) -> bool:
    """Whether flake8 runs a plugin whose rules ruff has not got."""
    texts = (text for path, text in project.files.items() if basename(path) in _CONFIGURES_FLAKE8)
    return any(plugin.lower() not in IN_RUFF for text in texts for plugin in _PLUGIN.findall(text))
