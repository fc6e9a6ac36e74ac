"""What a project says that it depends on, and which tool installs it, as far as its files show."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from postil.lint.catalogue.distributions import BY_EXTRA
from postil.lint.check import Fix, FixKind, Span
from postil.lint.project import Key, Project, TomlFile

_KEY = re.compile(r"""[ \t]*["'\w-]+[ \t]*=[ \t]*""")
_EXTRAS = re.compile(r"\s*[\w.-]+\s*\[([\w.,\s-]+)\]")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def distribution(requirement: object) -> str | None:
    """The normalised name (PEP 503) that a requirement begins with; None for what is no requirement."""
    found = _NAME.match(requirement) if isinstance(requirement, str) else None
    return canonicalize_name(found[1]) if found else None


def distributions(requirements: object) -> Iterator[str]:
    """The normalised names in a list of requirements, or in a table whose keys are names; nothing for other values.

    With them come the well-known ones that their extras ask for: `uvicorn` of `fastapi[standard]`.
    """
    if isinstance(requirements, (list, Mapping)):
        for requirement in requirements:
            if (name := distribution(requirement)) is not None:
                yield name
                for extra in _extras(requirement, requirements):
                    yield from BY_EXTRA.get((name, extra), ())


def _extras(requirement: str, requirements: list[Any] | Mapping[str, Any]) -> list[str]:
    found = _EXTRAS.match(requirement)
    if found is not None:
        return [canonicalize_name(each.strip()) for each in found[1].split(",")]
    extras = tables(requirements[requirement]).get("extras") if isinstance(requirements, Mapping) else None
    return [each for each in extras if isinstance(each, str)] if isinstance(extras, list) else []


def tables(value: object) -> Mapping[str, Any]:
    """`value` if it is a table, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def declared(pyproject: TomlFile) -> frozenset[str]:
    """The normalised names of everything that a pyproject.toml declares: dependencies, extras, groups, build tools.

    Knows PEP 621, PEP 735 and the tables of uv, Poetry, PDM and Hatch.
    """
    names: set[str] = set()
    lists: list[object] = [
        pyproject.get("project", "dependencies"),
        pyproject.get("build-system", "requires"),
        pyproject.get("tool", "uv", "dev-dependencies"),
        pyproject.get("tool", "poetry", "dependencies"),
        pyproject.get("tool", "poetry", "dev-dependencies"),
        *tables(pyproject.get("project", "optional-dependencies")).values(),
        *tables(pyproject.get("dependency-groups")).values(),
        *tables(pyproject.get("tool", "pdm", "dev-dependencies")).values(),
        *(tables(each).get("dependencies") for each in tables(pyproject.get("tool", "poetry", "group")).values()),
        *(tables(each).get("dependencies") for each in tables(pyproject.get("tool", "hatch", "envs")).values()),
    ]
    for each in lists:
        names.update(distributions(each))
    if (own := distribution(pyproject.get("project", "name"))) is not None:
        names.add(own)
    return frozenset(names)


def requirements(pyproject: TomlFile) -> Iterator[tuple[tuple[str, tuple[str, ...]], tuple[Key, ...]]]:
    """The requirements of PEP 621, PEP 735 and uv: each with the keys of its table, and with its own keys."""
    places: list[tuple[str, ...]] = [("project", "dependencies"), ("tool", "uv", "dev-dependencies")]
    for table in (("project", "optional-dependencies"), ("dependency-groups",)):
        places += [(*table, name) for name in tables(pyproject.get(*table))]
    for place in places:
        entries = pyproject.get(*place)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, str):
                yield (entry, place), (*place, index)


def locked(lock: TomlFile) -> dict[str, Mapping[str, Any]]:
    """The packages of a uv.lock by normalised name; of several versions of one package, the last."""
    packages = lock.get("package")
    found = {}
    for package in packages if isinstance(packages, list) else []:
        if (name := distribution(tables(package).get("name"))) is not None:
            found[name] = package
    return found


def major_of(name: str, project: Project, path: str) -> int | None:
    """The major version of a package around `path`: the locked one, or the lowest that pyproject.toml asks for."""
    lock_path = project.nearest(path, "uv.lock")
    lock = project.toml(lock_path) if lock_path is not None else None
    if lock is not None and (package := locked(lock).get(name)) is not None:
        return _major(package.get("version"))
    nearest = project.nearest(path, "pyproject.toml")
    pyproject = project.toml(nearest) if nearest is not None else None
    listed = pyproject.get("project", "dependencies") if pyproject is not None else None
    for text in listed if isinstance(listed, list) else []:
        if distribution(text) == name:
            try:
                specifiers = Requirement(text).specifier
            except InvalidRequirement:
                return None
            floors = [_major(each.version) for each in specifiers if each.operator in (">=", "==", "~=", ">", "===")]
            return max((floor for floor in floors if floor is not None), default=None)
    return None


def _major(version: object) -> int | None:
    first = str(version).partition(".")[0]
    return int(first) if first.isdigit() else None


def reached(packages: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> frozenset[str]:
    """`names` and every package that they bring along, by the dependencies and extras in a lock."""
    seen: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        package = packages.get(name, {})
        lists = [package.get("dependencies"), *tables(package.get("optional-dependencies")).values()]
        for each in lists:
            for dependency in each if isinstance(each, list) else []:
                if (below := distribution(tables(dependency).get("name"))) is not None:
                    queue.append(below)
    return frozenset(seen)


def uses_uv(project: Project, path: str) -> bool:
    """Whether the project around `path` is managed by uv: a lock, or a `[tool.uv]` table, in its folder or above."""
    if project.nearest(path, "uv.lock") is not None:
        return True
    nearest = project.nearest(path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    return toml is not None and toml.get("tool", "uv") is not None


def is_library(pyproject: TomlFile | None) -> bool:
    """Whether a project is built for others to install, and starts no application itself."""
    return (
        pyproject is not None
        and pyproject.get("build-system") is not None
        and pyproject.get("project", "scripts") is None
        and pyproject.get("project", "gui-scripts") is None
    )


def into_groups(toml: TomlFile, place: Span, table: str, group: str, kind: FixKind) -> Fix | None:
    """Make the last key of `table` a dependency group, by beginning that table before it.

    `place` is where the key's value stands, `table` how its table's header is written. None where another key follows,
    or where there are groups already: then it would have to move further than can be read at a glance.
    """
    lines = [line.strip() for line in toml.text.split("\n")]
    rest = next((line for line in lines[place.end_line :] if line and not line.startswith("#")), "[")
    begin = toml.text.split("\n")[place.line - 1][: place.column - 1]
    if toml.get("dependency-groups") is not None or not rest.startswith("[") or not _KEY.fullmatch(begin):
        return None
    alone = place.line > 1 and lines[place.line - 2] == table
    start = place.line - 1 if alone else place.line
    gap = "" if alone or place.line < 2 or not lines[place.line - 2] else "\n"
    header = Span(toml.path, start, 1, place.line, place.column)
    return Fix.replace(header, f"{gap}[dependency-groups]\n{group} = ", kind)


def is_older(project: Project, path: str, name: str, version: str) -> bool:
    """Whether the project around `path` is known to use a distribution before `version`.

    It is where uv.lock has such a version, or pyproject.toml or requirements.txt admit no later one.
    """
    lock = project.nearest(path, "uv.lock")
    toml = project.toml(lock) if lock is not None else None
    if toml is not None and (package := locked(toml).get(name)) is not None:
        return _precedes(str(package.get("version")), version)
    found = [each for each in _requirements_of(project, path) if distribution(each) == name]
    return bool(found) and all(_admits_only_before(each, version) for each in found)


def is_since(project: Project, path: str, name: str, version: str) -> bool:
    """Whether the project around `path` is known to use a distribution from `version` on, by its uv.lock or `>=`."""
    lock = project.nearest(path, "uv.lock")
    toml = project.toml(lock) if lock is not None else None
    if toml is not None and (package := locked(toml).get(name)) is not None:
        return _precedes(version, str(package.get("version"))) or str(package.get("version")) == version
    found = [each for each in _requirements_of(project, path) if distribution(each) == name]
    return any(_begins_at(each, version) for each in found)


def _begins_at(requirement: str, version: str) -> bool:
    try:
        bounds = Requirement(requirement).specifier
    except InvalidRequirement:
        return False
    return any(
        bound.operator in (">=", "==", "~=", ">") and not _precedes(bound.version.removesuffix(".*"), version)
        for bound in bounds
    )


def _requirements_of(project: Project, path: str) -> Iterator[str]:
    nearest = project.nearest(path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    if toml is not None:
        yield from (text for (text, _), _ in requirements(toml))
    listed = project.nearest(path, "requirements.txt")
    if listed is not None:
        yield from (line.partition("#")[0].strip() for line in project.files[listed].split("\n"))


def _precedes(one: str, other: str) -> bool:
    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False


def _admits_only_before(requirement: str, version: str) -> bool:
    """Whether each release that a requirement admits is before `version`: by `==`, `<`, `<=` or `~=`."""
    try:
        bounds = Requirement(requirement).specifier
    except InvalidRequirement:
        return False
    return any(_ends_before(bound.operator, bound.version.removesuffix(".*"), version) for bound in bounds)


def _ends_before(operator: str, number: str, version: str) -> bool:
    if operator == "~=":
        # `~=4.5` admits no 5.
        return _precedes(number.split(".", 1)[0], version)
    if operator in ("==", "<="):
        return _precedes(number, version)
    return operator == "<" and not _precedes(version, number)
