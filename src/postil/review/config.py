"""What a repository decides about its reviews: `[tool.postil]` of pyproject.toml, or `.github/postil.toml`.

May not read the disk. A fault in one key costs that key: everything else holds, and the fault is said.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from postil.lint.engine import RuleSet
from postil.lint.finding import Severity

FILES = (".github/postil.toml", "pyproject.toml")
_KEYS = ("select", "ignore", "exclude", "threshold")


@dataclass(frozen=True, slots=True)
class Config:
    """A repository's choices.

    `select`: only these rules, opt-in ones included (empty: all that are on by default); `ignore`: not these;
    `exclude`: glob patterns of paths that are left out; `threshold`: the least severity that fails the check;
    `source`: where it was read.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    threshold: Severity = Severity.WARNING
    source: str = "defaults"
    faults: tuple[str, ...] = field(default=())

    def excludes(self, path: str) -> bool:
        """Whether a path is left out."""
        return any(fnmatchcase(path, pattern) for pattern in self.exclude)


def read(files: Mapping[str, str]) -> Config:
    """The configuration in the first of `FILES` that holds one; the defaults where none does."""
    for path in FILES:
        if path in files:
            found = parse(files[path], path)
            if found is not None:
                return found
    return Config()


def parse(text: str, source: str) -> Config | None:
    """The configuration in one TOML file; None for a pyproject.toml without `[tool.postil]`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if source.endswith("pyproject.toml"):
            return None
        return Config(source=source, faults=(f"{source}: {error}; the defaults hold",))
    if source.endswith("pyproject.toml"):
        tools = data.get("tool")
        table = tools.get("postil") if isinstance(tools, dict) else None
        if table is None:
            return None
    else:
        table = data
    if not isinstance(table, dict):
        return Config(source=source, faults=(f"{source}: [tool.postil] is a table",))
    return _read_table(table, source)


def _read_table(table: Mapping[str, Any], source: str) -> Config:
    faults: list[str] = []
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(_KEYS)}"
            faults.append(f"{source}: `{key}` is no key of [tool.postil]; {hint}")
        elif key == "threshold":
            if value in set(Severity):
                values[key] = Severity(value)
            else:
                faults.append(f"{source}: threshold is {', '.join(Severity)}, not {value!r}")
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            values[key] = tuple(value)
        else:
            faults.append(f"{source}: `{key}` is a list of strings")
    return Config(**values, source=source, faults=tuple(faults))


def chosen(rules: RuleSet, config: Config, aliases: Mapping[str, str] | None = None) -> tuple[RuleSet, tuple[str, ...]]:
    """The rules that a configuration leaves, and a fault for each name in it that is no rule's."""
    aliases = aliases or {}
    faults = []
    known = rules.by_name
    wanted: set[str] = set()
    for name in (*config.select, *config.ignore):
        if aliases.get(name, name) not in known:
            near = get_close_matches(name, [*known, *aliases], 1)
            cure = f"did you mean `{near[0]}`?" if near else "`postil rules` lists them"
            faults.append(f"{config.source}: there is no rule `{name}`; {cure}")
    select = {aliases.get(name, name) for name in config.select}
    ignore = {aliases.get(name, name) for name in config.ignore}
    for rule in rules.rules:
        on = rule.name in select if select else not rule.opt_in
        if on and rule.name not in ignore:
            wanted.add(rule.name)
    return rules.only(wanted), tuple(faults)
