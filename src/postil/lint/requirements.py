"""Requirements as pyproject.toml states them and as uv.lock remembers them, made comparable.

The form of the lock was checked against uv 0.13.9 (lock version 1, revision 5): it keeps each requirement of the
project under `metadata`, names normalised, specifiers without spaces, `python_version` as `python_full_version`, the
extra that a requirement belongs to within its marker, groups with what they include.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeVar

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from postil.lint.dependencies import distribution, tables
from postil.lint.project import Key, TomlFile

LOCK_VERSION, LOCK_REVISION = 1, 5

_T = TypeVar("_T")
_EXTRA = re.compile(r"extra == '([^']+)'")
_OWN_EXTRA = re.compile(r"(^| and )extra == '[^']+'$")
_PLATFORMS = (("linux", "posix", "Linux"), ("win32", "nt", "Windows"), ("darwin", "posix", "Darwin"))
_MACHINES = ("x86_64", "aarch64", "arm64", "AMD64", "armv7l", "ppc64le", "s390x", "i686", "riscv64")
_PYTHONS = tuple(f"3.{minor}.{patch}" for minor in range(8, 17) for patch in (0, 7))
_IMPLEMENTATIONS = (("cpython", "CPython"), ("pypy", "PyPy"))


@dataclass(frozen=True)
class Wanted:
    """One requirement. `extra` is the extra that it belongs to; `keys` is where pyproject.toml says it, if it does."""

    name: str
    extras: frozenset[str] = frozenset()
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    marker: str = ""
    url: bool = False
    extra: str = ""
    keys: tuple[Key, ...] = ()

    def same(self, other: "Wanted") -> bool:
        """Whether both ask for the same, however they spell it."""
        return (
            (self.name, self.extras, self.url) == (other.name, other.extras, other.url)
            and self.specifier == other.specifier
            and _same_marker(self.marker, other.marker, self.extra)
        )

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        marker = f"; {self.marker}" if self.marker else ""
        bounds = sorted(map(str, self.specifier), key=lambda each: (each[0] not in ">~=", each))
        return f"{self.name}{extras}{','.join(bounds)}{marker}"


def parse(text: str, keys: tuple[Key, ...], extra: str = "") -> Wanted | None:
    """A requirement of pyproject.toml; None when it isn't one."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    return Wanted(
        canonicalize_name(found.name),
        frozenset(map(canonicalize_name, found.extras)),
        found.specifier,
        str(found.marker) if found.marker else "",
        found.url is not None,
        extra,
        keys,
    )


def remembered(entry: object) -> Wanted | None:
    """A requirement as uv.lock keeps it under `metadata`; None when it can't be read."""
    table = tables(entry)
    name, marker, specifier = table.get("name"), table.get("marker", ""), table.get("specifier", "")
    if not (isinstance(name, str) and isinstance(marker, str) and isinstance(specifier, str)):
        return None
    belongs = set(_EXTRA.findall(marker))
    try:
        specifiers = SpecifierSet(specifier)
    except InvalidSpecifier:
        return None
    listed = table.get("extras")
    extras = listed if isinstance(listed, list) else []
    return Wanted(
        canonicalize_name(name),
        frozenset(canonicalize_name(each) for each in extras if isinstance(each, str)),
        specifiers,
        _OWN_EXTRA.sub("", marker),
        any(key in table for key in ("url", "git", "path", "directory", "editable", "virtual")),
        belongs.pop() if len(belongs) == 1 else "",
    )


def _same_marker(one: str, other: str, extra: str) -> bool:
    """Whether two markers are true in the same environments; `extra` is the extra that is being installed.

    uv writes markers anew, so they are tried on every common platform and Python instead of compared as text.
    """
    if one == other:
        return True
    try:
        first, second = (Marker(text) if text else None for text in (one, other))
        return all(
            (first is None or first.evaluate(environment)) == (second is None or second.evaluate(environment))
            for environment in _environments(one + other, extra)
        )
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True  # can't be told, so there is nothing to say


def _environments(markers: str, extra: str) -> Iterator[dict[str, str]]:
    """Environments that differ in what the markers mention."""

    def varied(values: Sequence[_T], *words: str) -> Sequence[_T]:
        return values if any(word in markers for word in words) else values[:1]

    pythons = varied(_PYTHONS, "python_", "implementation_version")
    platforms = varied(_PLATFORMS, "sys_platform", "os_name", "platform_system")
    machines = varied(_MACHINES, "platform_machine")
    implementations = varied(_IMPLEMENTATIONS, "implementation")
    for python, platform, machine, implementation in product(pythons, platforms, machines, implementations):
        yield {
            "python_full_version": python,
            "python_version": python.rpartition(".")[0],
            "sys_platform": platform[0],
            "os_name": platform[1],
            "platform_system": platform[2],
            "platform_machine": machine,
            "implementation_name": implementation[0],
            "platform_python_implementation": implementation[1],
            "implementation_version": python,
            "platform_release": "",
            "platform_version": "",
            "extra": extra,
        }


def declared_requirements(pyproject: TomlFile) -> Iterator[Wanted]:
    """`[project]`'s dependencies, and those of its extras."""
    yield from _listed(pyproject, ("project", "dependencies"))
    for name in tables(pyproject.get("project", "optional-dependencies")):
        yield from _listed(pyproject, ("project", "optional-dependencies", name), canonicalize_name(name))


def declared_groups(pyproject: TomlFile) -> dict[str, list[Wanted]]:
    """The dependency groups by normalised name, with what they include; uv's older `dev-dependencies` are in `dev`."""
    groups = tables(pyproject.get("dependency-groups"))
    named: dict[str, str] = {canonicalize_name(name): name for name in groups}
    found = {name: list(_grouped(pyproject, groups, named, name, frozenset())) for name in named}
    older = list(_listed(pyproject, ("tool", "uv", "dev-dependencies")))
    if older:
        found.setdefault("dev", []).extend(older)
    return found


def _grouped(
    pyproject: TomlFile, groups: Mapping[str, Any], named: Mapping[str, str], name: str, seen: frozenset[str]
) -> Iterator[Wanted]:
    if name in seen or name not in named:
        return
    yield from _listed(pyproject, ("dependency-groups", named[name]))
    entries = groups[named[name]]
    for entry in entries if isinstance(entries, list) else []:
        included = tables(entry).get("include-group")
        if isinstance(included, str):
            yield from _grouped(pyproject, groups, named, canonicalize_name(included), seen | {name})


def _listed(pyproject: TomlFile, keys: tuple[Key, ...], extra: str = "") -> Iterator[Wanted]:
    entries = pyproject.get(*keys)
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        wanted = parse(entry, (*keys, index), extra) if isinstance(entry, str) else None
        if wanted is not None:
            yield wanted


def unreadable(pyproject: TomlFile) -> frozenset[str]:
    """The names of requirements that can't be parsed, wherever they stand."""
    lists = [
        pyproject.get("project", "dependencies"),
        pyproject.get("tool", "uv", "dev-dependencies"),
        *tables(pyproject.get("project", "optional-dependencies")).values(),
        *tables(pyproject.get("dependency-groups")).values(),
    ]
    entries = (entry for each in lists if isinstance(each, list) for entry in each if isinstance(entry, str))
    return frozenset(name for entry in entries if parse(entry, ()) is None and (name := distribution(entry)))
