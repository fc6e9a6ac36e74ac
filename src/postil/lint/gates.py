"""What a project's configuration asks of its code: the gates of ruff, flake8, mypy, pyright, ty, coverage and pytest.

A gate is compared by its effective value in a folder, whichever of the tool's files it is written in.
"""

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname
from typing import Any

from postil.lint.project import Project, TomlFile

CONFIGURATIONS = frozenset(
    {"pyproject.toml", "ruff.toml", ".ruff.toml", "setup.cfg", "tox.ini", "pytest.ini", ".flake8", ".coveragerc",
     "mypy.ini", ".mypy.ini"}
)  # fmt: skip
"""The files in which gates stand."""

STRICT_OF_MYPY = "`strict` of mypy"
"""The gate that stands for many."""

# Settings of mypy that ask for more when they are on (docs of mypy 1.19, "The mypy configuration file").
_MYPY_STRICT = re.compile(r"strict\w*|disallow_\w+|warn_\w+|check_untyped_defs|no_implicit_\w+|extra_checks")
_MYPY_LOOSE = frozenset({"ignore_errors", "ignore_missing_imports", "implicit_optional", "allow_untyped_globals",
                         "allow_redefinition"})  # fmt: skip
# What `strict` of mypy turns on (docs of mypy 1.19, "--strict"), but for the newest, which few lists write out.
_MYPY_OF_STRICT = frozenset(
    {"warn_unused_configs", "disallow_any_generics", "disallow_subclassing_any", "disallow_untyped_calls",
     "disallow_untyped_defs", "disallow_incomplete_defs", "check_untyped_defs", "disallow_untyped_decorators",
     "warn_redundant_casts", "warn_unused_ignores", "warn_return_any", "no_implicit_reexport", "strict_equality"}
)  # fmt: skip
_LEVELS = {
    "pyright": {"none": 0, "false": 0, "information": 1, "warning": 2, "true": 3, "error": 3},
    "ty": {"ignore": 0, "warn": 1, "error": 2},
    "mode": {"off": 0, "basic": 1, "standard": 2, "strict": 3},
}
_NUMBER = re.compile(r"--cov-fail-under[= ](\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Gates:
    """The gates of one folder.

    `asked` are lists that are stricter when longer, `spared` those that are looser when longer, and `levels` numbers
    that are stricter when higher. The keys are words for people: "`select` of ruff".
    """

    asked: dict[str, frozenset[str]] = field(default_factory=dict)
    spared: dict[str, frozenset[str]] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    where: dict[str, tuple[str, tuple[str | int, ...]]] = field(default_factory=dict)

    def ask(self, key: str, values: object, path: str, *keys: str | int) -> None:
        """Add to what is asked."""
        self._add(self.asked, key, values, path, keys)

    def spare(self, key: str, values: object, path: str, *keys: str | int) -> None:
        """Add to what is spared."""
        self._add(self.spared, key, values, path, keys)

    def level(self, key: str, value: float | None, path: str, *keys: str | int) -> None:
        """Set a number."""
        if value is not None:
            self.levels[key] = max(value, self.levels.get(key, value))
            self.where.setdefault(key, (path, keys))

    def _add(
        self, table: dict[str, frozenset[str]], key: str, values: object, path: str, keys: tuple[str | int, ...]
    ) -> None:
        if values is not None:
            table[key] = table.get(key, frozenset()) | frozenset(_words(values))
            self.where.setdefault(key, (path, keys))


def gates_in(project: Project, folder: str) -> Gates:
    """The gates that the configuration files of one folder set."""
    gates = Gates()
    for path, text in project.files.items():
        name = basename(path)
        if dirname(path) != folder or name not in CONFIGURATIONS:
            continue
        if name.endswith(".toml"):
            toml = project.toml(path)
            if toml is not None:
                _of_toml(toml, name, gates)
        else:
            parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
            try:
                parser.read_string(text)
            except configparser.Error:
                continue
            _of_ini(parser, path, gates)
    return gates


def floor_in(command: str) -> float | None:
    """The highest floor of coverage that the options of a command, or of several, set."""
    return max((float(found) for found in _NUMBER.findall(command)), default=None)


def _words(values: object) -> Iterator[str]:
    if isinstance(values, str):
        lines = [line.partition("#")[0] for line in values.splitlines()]
        yield from (word for line in lines for word in re.split(r"[,\s]+", line) if word)
    elif isinstance(values, list):
        yield from (value for value in values if isinstance(value, str))


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _of_toml(toml: TomlFile, name: str, gates: Gates) -> None:
    ruff = ("tool", "ruff") if name == "pyproject.toml" else ()
    for base in (ruff, (*ruff, "lint")):
        for key in ("select", "extend-select"):
            gates.ask("`select` of ruff", toml.get(*base, key), toml.path, *base, key)
        for key in ("ignore", "extend-ignore"):
            gates.spare("`ignore` of ruff", toml.get(*base, key), toml.path, *base, key)
        for key in ("exclude", "extend-exclude"):
            gates.spare("`exclude` of ruff", toml.get(*base, key), toml.path, *base, key)
        for key in ("per-file-ignores", "extend-per-file-ignores"):
            for pattern, codes in _table(toml.get(*base, key)).items():
                listed = [f"{pattern}: {code}" for code in _words(codes) if not _is_for_tests(pattern, code)]
                gates.spare("`per-file-ignores` of ruff", listed, toml.path, *base, key, pattern)
    if name == "pyproject.toml":
        _of_pyproject(toml, gates)


def _of_pyproject(toml: TomlFile, gates: Gates) -> None:
    if toml.get("tool", "mypy") is not None:
        _of_mypy(_table(toml.get("tool", "mypy")), toml.path, gates, ("tool", "mypy"))
    overrides = toml.get("tool", "mypy", "overrides")
    for each in map(_table, overrides if isinstance(overrides, list) else ()):
        if each.get("ignore_errors") is True:
            gates.spare("`ignore_errors` of mypy", each.get("module"), toml.path, "tool", "mypy", "overrides")
    pyright = _table(toml.get("tool", "pyright"))
    for key, value in pyright.items():
        where = (toml.path, "tool", "pyright", key)
        if key == "typeCheckingMode":
            gates.level("`typeCheckingMode` of pyright", _LEVELS["mode"].get(str(value)), *where)
        elif key.startswith("report"):
            gates.level(f"`{key}` of pyright", _LEVELS["pyright"].get(str(value).lower()), *where)
        elif key in ("exclude", "ignore"):
            gates.spare(f"`{key}` of pyright", value, *where)
    for rule, value in _table(toml.get("tool", "ty", "rules")).items():
        gates.level(f"`{rule}` of ty", _LEVELS["ty"].get(str(value)), toml.path, "tool", "ty", "rules", rule)
    floor = toml.get("tool", "coverage", "report", "fail_under")
    gates.level("`fail_under` of coverage", _number(floor), toml.path, "tool", "coverage", "report", "fail_under")
    for part in ("run", "report"):
        keys = ("tool", "coverage", part, "omit")
        gates.spare("`omit` of coverage", toml.get(*keys), toml.path, *keys)
    for options in (("tool", "pytest", "ini_options"), ("tool", "pytest")):
        if toml.get(*options) is not None:
            _of_pytest(_table(toml.get(*options)), toml.path, gates, options)


def _of_ini(parser: configparser.RawConfigParser, path: str, gates: Gates) -> None:
    name = basename(path)
    flake8 = parser["flake8"] if parser.has_section("flake8") else {}
    for key in ("ignore", "extend-ignore", "per-file-ignores", "exclude", "extend-exclude"):
        given = flake8.get(key)
        if given is not None and key == "per-file-ignores":
            given = [line.strip() for line in given.splitlines() if line.strip() and not _is_for_tests(line, "S101")]
        gates.spare(f"`{key.removeprefix('extend-')}` of flake8", given, path, key)
    for key in ("select", "extend-select"):
        gates.ask("`select` of flake8", flake8.get(key), path, key)
    if parser.has_section("mypy"):
        _of_mypy(parser["mypy"], path, gates, ())
    for section in parser.sections():
        if section.startswith("mypy-") and (parser[section].get("ignore_errors") or "").lower() in ("true", "1"):
            gates.spare("`ignore_errors` of mypy", section.removeprefix("mypy-"), path, section)
    prefix = "" if name == ".coveragerc" else "coverage:"
    if parser.has_section(f"{prefix}report"):
        gates.level(
            "`fail_under` of coverage", _number(parser[f"{prefix}report"].get("fail_under")), path, "fail_under"
        )
    for part in ("run", "report"):
        if parser.has_section(prefix + part):
            gates.spare("`omit` of coverage", parser[prefix + part].get("omit"), path, "omit")
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    if parser.has_section(section):
        _of_pytest(parser[section], path, gates, ())


def _of_mypy(settings: Mapping[str, Any], path: str, gates: Gates, base: tuple[str, ...]) -> None:
    for key, value in settings.items():
        if key in ("disable_error_code", "exclude"):
            gates.spare(f"`{key}` of mypy", value, path, *base, key)
        elif key in _MYPY_LOOSE:
            gates.level(f"`{key}` of mypy", 0 if _is_on(value) else 1, path, *base, key)
        elif key != "strict" and _MYPY_STRICT.fullmatch(key):
            gates.level(f"`{key}` of mypy", 1 if _is_on(value) else 0, path, *base, key)
    # What isn't set has a value, too: else a line that is taken out would loosen nothing.
    strict = _is_on(settings.get("strict"))
    for key in sorted({*_MYPY_OF_STRICT, *_MYPY_LOOSE, "warn_unreachable"} - settings.keys()):
        holds = strict if key in _MYPY_OF_STRICT else key in _MYPY_LOOSE
        gates.level(f"`{key}` of mypy", 1 if holds else 0, path, *base, "strict")
    written_out = all(_is_on(settings.get(key)) for key in _MYPY_OF_STRICT)
    gates.level(STRICT_OF_MYPY, 1 if strict or written_out else 0, path, *base, "strict")


def _of_pytest(settings: Mapping[str, Any], path: str, gates: Gates, base: tuple[str, ...]) -> None:
    options = settings.get("addopts")
    text = " ".join(options) if isinstance(options, list) else str(options or "")
    gates.level("`fail_under` of coverage", floor_in(text), path, *base, "addopts")
    # https://docs.pytest.org/en/stable/reference/reference.html: `strict` and `strict_…` came with pytest 9.
    for key in ("strict_markers", "strict_config", "xfail_strict"):
        flag = f"--{key.replace('_', '-')}"
        other = "strict_xfail" if key == "xfail_strict" else key
        on = flag in text.split() or any(_is_on(settings.get(each)) for each in (key, other, "strict"))
        gates.level(f"`{key}` of pytest", 1 if on else 0, path, *base, key if key in settings else "addopts")
    filters = settings.get("filterwarnings")
    lines = filters.splitlines() if isinstance(filters, str) else filters if isinstance(filters, list) else None
    if lines is not None:
        ignored = [line.strip() for line in lines if isinstance(line, str) and line.strip().startswith("ignore")]
        errors = [line.strip() for line in lines if isinstance(line, str) and line.strip().startswith("error")]
        gates.ask("`error` among the `filterwarnings` of pytest", errors, path, *base, "filterwarnings")
        gates.spare("`filterwarnings` of pytest", ignored, path, *base, "filterwarnings")


def _is_on(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def _is_for_tests(pattern: str, code: str) -> bool:
    """`assert` in tests is no loosening."""
    return code.strip() in ("S101", "S") and "test" in pattern


def _number(value: object) -> float | None:
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None
