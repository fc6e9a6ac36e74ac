"""What a repository decides about its reviews: `[tool.postil]` of pyproject.toml, or `.github/postil.toml`.

May not read the disk. A fault in one value costs that value: all else holds, and the fault is said with its line.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from postil.lint.engine import RuleSet
from postil.lint.finding import Severity
from postil.lint.project import Key, TomlFile
from postil.lint.rule import options_of

FILES = (".github/postil.toml", "pyproject.toml")
"""Where a configuration may stand; the first that holds one is taken."""
LONGEST = 250_000
"""Characters of a file with a configuration. Each reader of TOML takes seconds for a few million."""
DEEPEST = 50
"""Levels of tables and arrays in the value of a key. None needs more than three, and pydantic reads fewer than 200."""
MOST_PATTERNS = 200
"""Patterns of one key: each is tried on each changed file."""
MOST_FAULTS = 50
"""Faults that are told; to find the nearest right name for each of thousands takes seconds."""

_PYDANTICS = re.compile(r"^(?:Input|Tuple|Dictionary) | after validation")
"""Words of pydantic's messages that tell an author nothing."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=MOST_PATTERNS)]


class _Table(BaseModel):
    """Strict, as a value of the wrong type is a mistake about the meaning of its key."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        validate_by_alias=True,
    )


class Caps(_Table):
    """How much one review says in place; the rest is listed."""

    inline: int = Field(default=20, ge=0, le=50)
    """The most comments of one review."""
    per_rule: int = Field(default=3, ge=1, le=50)
    """The most comments of one rule."""


class Config(_Table):
    """A repository's choices. Patterns of paths are those of .gitignore, without `!`."""

    packs: tuple[Name, ...] | None = None
    """Only these packs of the installation over the built-in one; when left out, all of them."""
    select: tuple[Name, ...] = ()
    """Only these rules, opt-in ones included; when empty, all that are on by default."""
    ignore: tuple[Name, ...] = ()
    """Not these rules."""
    severities: dict[Name, Literal["hint", "warning", "error", "off"]] = {}
    """How much a rule weighs, which also switches an opt-in rule on; or off."""
    options: dict[Name, dict[str, Any]] = {}
    """The options of a rule, by its name."""
    per_path_ignores: Annotated[dict[Pattern, tuple[Name, ...]], Field(max_length=MOST_PATTERNS)] = {}
    """Rules whose findings are left out below some paths."""
    exclude: Patterns = ()
    """Paths that are left out, besides what is vendored, generated, a snapshot or minified."""
    include: Patterns = ()
    """Paths that are looked at though they would be left out."""
    threshold: Literal["warning", "error"] = "warning"
    """The least severity that fails the check. Hints never do."""
    caps: Caps = Caps()
    """How much one review says in place."""
    drafts: bool = False
    """Whether drafts are reviewed."""
    bots: Literal["review", "skip"] = "review"
    """Whether pull requests that a bot opened are reviewed."""


@dataclass(frozen=True)
class Reading:
    """A configuration as it was read. `source` is its path, or "defaults"; `faults` are lines for its author."""

    config: Config = field(default_factory=Config)
    source: str = "defaults"
    faults: tuple[str, ...] = ()
    toml: TomlFile | None = None

    def at(self, *keys: Key) -> str:
        """Where a value stands, as the beginning of a fault."""
        if self.toml is None:
            return ""
        prefix = ("tool", "postil") if _is_pyproject(self.source) else ()
        span = self.toml.span(*prefix, *keys)
        return f"line {span.line}: " if span else ""


@dataclass(frozen=True)
class Choice:
    """The rules of a run, by name, with what is changed about them. Plain values: it goes to the child process.

    `packs` are those that lie over the built-in one, None for all.
    """

    rules: tuple[str, ...]
    severities: Mapping[str, Severity] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    packs: tuple[str, ...] | None = None

    def of(self, rules: RuleSet) -> RuleSet:
        """The chosen rules among `rules`, changed as chosen."""
        weighed = (
            rule.weighed(self.severities.get(rule.name), self.options.get(rule.name, {}))
            for rule in rules.only(self.rules).rules
        )
        return RuleSet(weighed, rules.names)


def read(files: Mapping[str, str], unread: Mapping[str, str] = MappingProxyType({})) -> Reading:
    """The configuration in the first of `FILES` that holds one; the defaults where none does.

    `unread` are those that are there and can't be read, each with the reason as a sentence without the path.
    """
    for path in FILES:
        if path in unread:
            return Reading(source=path, faults=(f"can't be read: {unread[path]}; the defaults hold",))
        if path in files:
            found = parse(files[path], path)
            if found is not None:
                return found
    return Reading()


def parse(text: str, source: str) -> Reading | None:
    """The configuration in one TOML file; None for a pyproject.toml without `[tool.postil]`."""
    if _is_pyproject(source) and "tool" not in text:
        return None
    if len(text) > LONGEST:
        return Reading(source=source, faults=(f"it is longer than {LONGEST:,} characters; the defaults hold",))
    try:
        toml = TomlFile(source, text, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        if _is_pyproject(source) and "tool.postil" not in text:
            return None
        return Reading(source=source, faults=(f"it is no TOML ({error}); the defaults hold",))
    table = toml.get("tool", "postil") if _is_pyproject(source) else toml.data
    if table is None:
        return None
    if not isinstance(table, dict):
        return Reading(source=source, faults=("`tool.postil` should be a table; the defaults hold",))
    return _validated(Reading(source=source, toml=toml), table)


def _is_pyproject(source: str) -> bool:
    return source.rpartition("/")[2] == "pyproject.toml"


def _validated(reading: Reading, table: Mapping[str, Any]) -> Reading:
    """The table without the values that are wrong, and a fault for each of these."""
    deep = [key for key, value in table.items() if _nests_too_deep(value)]
    wrong: list[tuple[tuple[Key, ...], str, str]] = [
        ((key,), "too_deep", "nests deeper than any value does") for key in deep
    ]
    # As JSON, a list may become a tuple though the model is strict; TOML's dates are no value of any key.
    values = json.loads(json.dumps({key: table[key] for key in table if key not in deep}, default=str))
    # What is left out can't bring up a new fault, but one in the key of a table is named with the whole entry.
    while True:
        try:
            config = Config.model_validate_json(json.dumps(values))
        except ValidationError as error:
            places = {_existing(values, each["loc"]): each for each in reversed(error.errors())}
            for keys, each in sorted(places.items(), key=lambda item: [str(key).zfill(9) for key in item[0]])[::-1]:
                wrong.append((keys, each["type"], each["msg"]))
                _remove(values, keys)
        else:
            faults = sorted((_fault(reading, *each) for each in wrong[:MOST_FAULTS]), key=_line)
            return Reading(config, reading.source, tuple(faults), reading.toml)


def _nests_too_deep(value: object) -> bool:
    """Whether there is anything below the deepest level. By levels, as what nests so deep ends a recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _line(fault: str) -> int:
    return int(fault.split(":", 1)[0].removeprefix("line ")) if fault.startswith("line ") else 0


def _existing(values: Any, location: Sequence[Key]) -> tuple[Key, ...]:
    """The part of an error's location that leads to a value; pydantic adds parts of its own ("[key]")."""
    keys: list[Key] = []
    for key in location:
        if not (isinstance(values, dict) and key in values) and not (isinstance(values, list) and isinstance(key, int)):
            break
        keys.append(key)
        values = values[key]
    return tuple(keys)


def _remove(values: Any, keys: Sequence[Key]) -> None:
    for key in keys[:-1]:
        values = values[key]
    del values[keys[-1]]


def _fault(reading: Reading, keys: tuple[Key, ...], kind: str, message: str) -> str:
    name = ".".join(str(key) for key in keys if isinstance(key, str))
    if kind == "extra_forbidden" and keys == ("tool",) and not _is_pyproject(reading.source):
        text = "in this file the keys stand alone, without `[tool.postil]`; what is below it is left out"
    elif kind == "extra_forbidden":
        owner, known = (Caps, "`[tool.postil.caps]`") if len(keys) > 1 else (Config, "`[tool.postil]`")
        names = [str(each.alias) for each in owner.model_fields.values()]
        text = f"`{name}` is no key of {known}; {_nearest(str(keys[-1]), names, 'there are ' + ', '.join(names))}"
    else:
        text = f"`{name}` {_PYDANTICS.sub('', message)}; it is left out"
    return reading.at(*keys) + text


def _nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    near = get_close_matches(name.replace("_", "-"), known, 1)
    return f"did you mean `{near[0]}`?" if near else otherwise


def matches(path: str, pattern: str) -> bool:
    """Whether a path, or a folder that it is in, matches a pattern of .gitignore (without `!`)."""
    parts, wanted = path.split("/"), pattern.strip("/").split("/")
    anchored = pattern.startswith("/") or len(wanted) > 1
    # Sets of positions, not a regular expression: a pattern can't make it slow.
    reached = {0} if anchored else set(range(len(parts)))
    for part in wanted:
        if part == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {each + 1 for each in reached if each < len(parts) and fnmatchcase(parts[each], part)}
        if not reached:
            return False
    return not pattern.endswith("/") or min(reached) < len(parts)


def chosen(rules: RuleSet, reading: Reading, aliases: Mapping[str, str]) -> tuple[Choice, tuple[str, ...]]:
    """The rules that a configuration leaves, and all its faults: those of names and options are found only here."""
    config, known = reading.config, rules.by_name
    faults = list(reading.faults)

    def named(names: Iterator[tuple[str, tuple[Key, ...]]]) -> Iterator[tuple[str, str]]:
        """The existing ones of the names, and the rules that they mean."""
        for name, keys in names:
            real = aliases.get(name, name)
            if real in known:
                yield name, real
            elif len(faults) < MOST_FAULTS:
                cure = _nearest(name, [*known, *aliases], "`postil rules` lists them")
                faults.append(f"{reading.at(*keys)}there is no rule `{name}`; {cure}")

    def listed(*keys: Key, names: Sequence[str]) -> set[str]:
        return {real for _, real in named((name, (*keys, index)) for index, name in enumerate(names))}

    select, ignore = listed("select", names=config.select), listed("ignore", names=config.ignore)
    for pattern, names in config.per_path_ignores.items():
        listed("per-path-ignores", pattern, names=names)
    weights = {real: config.severities[name] for name, real in named((n, ("severities", n)) for n in config.severities)}
    options: dict[str, dict[str, Any]] = {}
    for name, rule in named((name, ("options", name)) for name in config.options):
        values, wrong = options_of(known[rule].check, config.options[name])
        options[rule] = {key: config.options[name][key] for key in values}
        faults += [f"{reading.at('options', name, key)}`options.{name}.{key}` {text}" for key, text in wrong.items()]
    wanted = []
    for rule in rules.rules:
        weight = weights.get(rule.name)
        on = rule.name in select if config.select else not rule.opt_in or weight is not None
        if on and rule.name not in ignore and weight != "off":
            wanted.append(rule.name)
    severities = {name: Severity(weight) for name, weight in weights.items() if weight != "off"}
    told = sorted(faults, key=_line)[:MOST_FAULTS]
    if len(told) == MOST_FAULTS:
        told.append(f"of the mistakes no more than {MOST_FAULTS} are listed")
    return Choice(tuple(wanted), severities, options, config.packs), tuple(told)
