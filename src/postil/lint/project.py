"""The project files around the code (pyproject.toml, uv.lock, pytest.ini …): their values, and where these stand.

May not read the disk: the texts are handed in.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from posixpath import basename, dirname, join
from typing import Any, TypeAlias

import tree_sitter
import tree_sitter_toml

from postil.lint.check import Span

Key: TypeAlias = str | int

_TOML = tree_sitter.Language(tree_sitter_toml.language())
_PROJECT_NAMES = frozenset(
    {
        "pyproject.toml",
        "uv.lock",
        "uv.toml",
        "Pipfile",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        "ruff.toml",
        ".ruff.toml",
        ".flake8",
        ".isort.cfg",
        ".coveragerc",
        "mypy.ini",
        ".mypy.ini",
        "pyrightconfig.json",
        ".gitignore",
        ".git-blame-ignore-revs",
        ".pre-commit-config.yaml",
        "conftest.py",
        "Makefile",
        "justfile",
        "README.md",
        "README.rst",
    }
)
_PROJECT_PATTERNS = (
    "requirements*.txt",
    "requirements*.in",
    "Dockerfile*",
    "Containerfile*",
    "*.Dockerfile",
    "*.dockerfile",
    "*.sh",
    "*.mk",
)
_WORKFLOW = re.compile(r"(?:^|/)\.github/(?:workflows/[^/]+|actions/(?:.+/)?action)\.ya?ml$")
# Folders whose YAML says how a service is deployed: Kubernetes manifests, Helm charts, Kustomize's layers.
_DEPLOYMENT_FOLDERS = frozenset(
    {"k8s", "kubernetes", "kube", "deploy", "deployment", "deployments", "manifests", "helm", "chart", "charts",
     "kustomize", "overlays"}
)  # fmt: skip


def is_project_file(path: str) -> bool:
    """Whether rules look at this file though it is no source code.

    That is what builds, locks, installs, checks, ignores or deploys.
    """
    name = basename(path)
    if name in _PROJECT_NAMES or any(fnmatchcase(name, pattern) for pattern in _PROJECT_PATTERNS):
        return True
    if name.endswith((".yml", ".yaml")):
        return is_workflow(path) or not _DEPLOYMENT_FOLDERS.isdisjoint(dirname(path).split("/"))
    return name.endswith(".txt") and basename(dirname(path)) == "requirements"


def is_workflow(path: str) -> bool:
    """Whether GitHub runs this file: a workflow, or an action of the repository's own."""
    return _WORKFLOW.search(path) is not None


def lines_of(path: str, text: str) -> Iterator[Span]:
    """The lines of a file that aren't blank, each without the white space around it, and where it stands."""
    for number, line in enumerate(text.split("\n"), 1):
        code = line.strip()
        if code:
            start = len(line) - len(line.lstrip()) + 1
            yield Span(path, number, start, number, start + len(code), code)


def toml_file(path: str, text: str) -> "TomlFile | None":
    """`text` as TOML; None when it isn't."""
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class TomlFile:
    """A TOML file: `data` are its values, `span` says where one of them stands."""

    path: str
    text: str
    data: Mapping[str, Any]

    @cached_property
    def _spans(self) -> dict[tuple[Key, ...], tree_sitter.Node]:
        spans: dict[tuple[Key, ...], tree_sitter.Node] = {}
        tree = tree_sitter.Parser(_TOML).parse(self.text.encode())
        counts: dict[tuple[Key, ...], int] = {}
        for child in tree.root_node.named_children:
            if child.type == "pair":
                _record_pair(child, (), spans)
            elif child.type in ("table", "table_array_element"):
                head, *rest = [part for part in child.named_children if part.type != "comment"]
                keys: tuple[Key, ...] = _keys(head)
                if child.type == "table_array_element":
                    index = counts.get(keys, -1) + 1
                    counts[keys] = index
                    keys = (*keys, index)
                keys = _within_arrays(keys, counts)
                spans.setdefault(keys, head)
                for part in rest:
                    if part.type == "pair":
                        _record_pair(part, keys, spans)
        return spans

    def get(self, *keys: Key) -> Any:
        """The value under `keys` (names, and indexes into arrays); None when it isn't there."""
        value: Any = self.data
        for key in keys:
            if isinstance(value, Mapping):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def span(self, *keys: Key) -> Span | None:
        """Where the value under `keys` (names, and indexes into arrays) stands; None when it isn't there."""
        node = self._spans.get(keys)
        if node is None:
            return None
        (row, column), (end_row, end_column) = node.start_point, node.end_point
        lines = self.text.encode().split(b"\n")
        start = len(lines[row][:column].decode())
        end = len(lines[end_row][:end_column].decode()) if end_row < len(lines) else 0
        return Span(self.path, row + 1, start + 1, end_row + 1, end + 1, (node.text or b"").decode())


def _within_arrays(keys: tuple[Key, ...], counts: Mapping[tuple[Key, ...], int]) -> tuple[Key, ...]:
    """`[a.b]` after `[[a]]` belongs to the last element of `a`."""
    result: tuple[Key, ...] = ()
    for position, key in enumerate(keys):
        result = (*result, key)
        following = keys[position + 1] if position + 1 < len(keys) else None
        if result in counts and following is not None and not isinstance(following, int):
            result = (*result, counts[result])
    return result


def _keys(node: tree_sitter.Node) -> tuple[Key, ...]:
    """The parts of a key. A dotted one nests to the left, once for each dot, and may have thousands of them."""
    parts: list[Key] = []
    left = [node]
    while left:
        node = left.pop()
        if node.type == "dotted_key":
            left += reversed(node.named_children)
        else:
            text = (node.text or b"").decode()
            parts += tomllib.loads(f"{text} = 1") if node.type == "quoted_key" else [text]
    return tuple(parts)


def _record_pair(
    pair: tree_sitter.Node, prefix: tuple[Key, ...], spans: dict[tuple[Key, ...], tree_sitter.Node]
) -> None:
    name, value = [child for child in pair.named_children if child.type != "comment"][:2]
    keys = (*prefix, *_keys(name))
    spans.setdefault(keys, value)
    _record_value(value, keys, spans)


def _record_value(
    value: tree_sitter.Node, keys: tuple[Key, ...], spans: dict[tuple[Key, ...], tree_sitter.Node]
) -> None:
    parts = [child for child in value.named_children if child.type != "comment"]
    if value.type == "array":
        for index, part in enumerate(parts):
            spans.setdefault((*keys, index), part)
            _record_value(part, (*keys, index), spans)
    elif value.type == "inline_table":
        for part in parts:
            if part.type == "pair":
                _record_pair(part, keys, spans)


@dataclass(frozen=True)
class Project:
    """The project files of one state of a repository, as path → text. What isn't there is unknown, not absent."""

    files: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _tomls(self) -> dict[str, TomlFile | None]:
        return {}

    def toml(self, path: str) -> TomlFile | None:
        """The TOML file at `path`; None when it isn't there or isn't valid TOML."""
        if path not in self._tomls:
            text = self.files.get(path)
            self._tomls[path] = None if text is None else toml_file(path, text)
        return self._tomls[path]

    def nearest(self, path: str, name: str) -> str | None:
        """The path of the file `name` in the folder of `path` or the closest one above it."""
        folder = dirname(path)
        while True:
            candidate = join(folder, name)
            if candidate in self.files:
                return candidate
            if folder == dirname(folder):
                return None
            folder = dirname(folder)

    def requires_python(self, path: str) -> tuple[int, int] | None:
        """The lowest Python version, as (major, minor), that the project around `path` declares to support."""
        nearest = self.nearest(path, "pyproject.toml")
        toml = self.toml(nearest) if nearest else None
        declared = toml.data.get("project", {}) if toml else {}
        text = declared.get("requires-python") if isinstance(declared, dict) else None
        if not isinstance(text, str):
            return None
        floors = []
        for clause in map(str.strip, text.split(",")):
            for operator in (">=", "~=", "=="):
                if clause.startswith(operator):
                    parts = clause.removeprefix(operator).strip().split(".")
                    if len(parts) >= 2 and parts[0].isdigit() and parts[1].isdigit():
                        floors.append((int(parts[0]), int(parts[1])))
        return max(floors) if floors else None
