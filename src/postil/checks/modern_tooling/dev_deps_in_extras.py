"""Finds extras for development tools that a change adds or edits: users of the package could install them."""

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from postil.lint import ChangeSet, Fix, FixKind, Note, Notes, Span, TomlFile
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import distribution, distributions, into_groups, tables

_EXTRAS = ("project", "optional-dependencies")
_DEVELOPMENT = frozenset({"dev", "test", "tests", "testing", "docs", "lint", "typing", "ci", "bench"})
_FLOOR = re.compile(r">=?\s*(\d+)\.(\d+)")


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.named("pyproject.toml"):
        toml, base = change.head_toml, change.base_toml
        if toml is None or not change_set.compared or is_test_path(change.path) or not _knows_groups(toml):
            continue
        for name, requirements in tables(toml.get(*_EXTRAS)).items():
            place = toml.span(*_EXTRAS, name)
            if (
                name not in _DEVELOPMENT
                or place is None
                or (base is not None and base.get(*_EXTRAS, name) == requirements)
            ):
                continue
            promised = _promised(name, toml, change_set)
            where = f", and {promised} offers it" if promised else ""
            yield Note(
                place,
                f"the extra `{name}` is published with the package{where}",
                None if promised else _moved(toml, place, name),
                severity="hint" if promised else None,
            )


def _moved(toml: TomlFile, place: Span, name: str) -> Fix | None:
    # A group has no way to say "another extra of this package".
    own = distribution(toml.get("project", "name"))
    if any(each == own for each in distributions(toml.get(*_EXTRAS, name))):
        return None
    # Another table of groups is made of these: a file can't hold both.
    if toml.get("tool", "uv", "dev-dependencies") is not None:
        return None
    return into_groups(toml, place, "[project.optional-dependencies]", name, FixKind.SUGGESTION)


def _knows_groups(toml: TomlFile) -> bool:
    """Whether the project's Python and its build tool can be expected to know `[dependency-groups]`."""
    if toml.get("dependency-groups") is not None:
        return True
    oldest = _FLOOR.search(str(toml.get("project", "requires-python")))
    if oldest is not None and (int(oldest[1]), int(oldest[2])) < (3, 8):
        return False
    backend = str(toml.get("build-system", "build-backend") or "")
    if backend.startswith("pdm."):
        return False
    return not backend.startswith("poetry.") or _new_poetry(toml)


def _new_poetry(toml: TomlFile) -> bool:
    """Whether the build asks for Poetry 2.2 or newer, the first that reads PEP 735 (its change log)."""
    requires = toml.get("build-system", "requires")
    for each in requires if isinstance(requires, list) else []:
        try:
            requirement = Requirement(str(each))
            floors = [
                Version(clause.version) for clause in requirement.specifier if clause.operator in (">=", "~=", "==")
            ]
        except (InvalidRequirement, InvalidVersion):
            continue
        if requirement.name in ("poetry-core", "poetry") and any(floor >= Version("2.2") for floor in floors):
            return True
    return False


def _promised(extra: str, toml: TomlFile, change_set: ChangeSet) -> str | None:
    """Where users are told of the extra: in another extra of the package, or in the README."""
    own = distribution(toml.get("project", "name"))
    asked = re.compile(rf"([\w.-]+)\[(?:[^\]]*,)?\s*{re.escape(extra)}\s*(?:,[^\]]*)?\]")
    for name, requirements in tables(toml.get(*_EXTRAS)).items():
        for each in requirements if isinstance(requirements, list) else []:
            if (found := asked.search(str(each))) and distribution(found[1]) == own:
                return f"the extra `{name}`"
    folder = toml.path.removesuffix("pyproject.toml")
    for readme in (f"{folder}README.md", f"{folder}README.rst"):
        for line in change_set.project.files.get(readme, "").split("\n"):
            if "pip install" in line and any(distribution(found[1]) == own for found in asked.finditer(line)):
                return f"`{readme}`"
    return None
