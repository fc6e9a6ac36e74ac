"""Files that nobody wrote by hand here: vendored, generated, snapshots, minified. A finding in one of them is noise.

Pure. It errs on the side of looking: what only might be generated is looked at. Migrations that Django or Alembic began
are code that runs against production, and no noise.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

MARKS = ".gitattributes"
"""The file in which a repository tells GitHub's own diff what is generated or vendored."""


class Noise(StrEnum):
    """What a file is that nobody wrote by hand here."""

    VENDORED = "vendored"
    GENERATED = "generated"
    SNAPSHOT = "snapshot"
    MINIFIED = "minified"


VENDORED_FOLDERS = (
    "vendor", "vendored", "_vendor", "_vendored", "third_party", "third-party", "thirdparty", "node_modules",
    "bower_components", "site-packages", "dist-packages", "__pypackages__", "venv", ".venv", ".tox", ".nox",
)  # fmt: skip
"""Folders that hold other people's code, wherever they stand."""

GENERATED_FILES = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi", "versioneer.py")
"""Names that only generators give: protoc, grpc_tools and versioneer."""

SNAPSHOT_FOLDERS = ("__snapshots__",)
SNAPSHOT_FILES = ("snapshots/snap_*.py",)
"""Where syrupy and snapshottest keep what a test recorded."""

LONG_LINE = 1_000
"""Characters of a line that no person writes. A file is minified when most of its text stands in such lines."""

SMALL = 20_000
"""Characters below which a file of long lines is only odd: nobody minifies so little."""

_HEADER_LINES = 40
_DOCSTRING = re.compile(r"""[rRuUbB]{0,2}("{3}|'{3}|"|')""")
_GENERATOR = re.compile(
    r"@generated\b"
    r"|(?:warning[:!]?\s+)?(?:(?:this|the)\s+)?(?:file|code|module|class|stub|form(?:\s+implementation)?)?\s*"
    r"(?:(?:is|was|has\s+been)\s+)?(?:auto(?:matically)?[-\s]?)?generated\s+"
    # Django begins a migration so, and people go on with it.
    r"(?:automatically|(?:by|from|with|using)\b(?!\s+django\b))",
    re.IGNORECASE,
)
_HANDS_OFF = re.compile(r"\bdo(?: not|n't) (?:edit|modify|change)\b", re.IGNORECASE)
_SHOUTED = re.compile(r"\bDO NOT (?:EDIT|MODIFY)\b")


def of_path(path: str, marks: Mapping[str, bool]) -> Noise | None:
    """What a file is by its path; `marks` are those of `marks_of`, and go first."""
    folders = path.split("/")[:-1]
    if marks.get("vendored", any(folder in VENDORED_FOLDERS for folder in folders)):
        return Noise.VENDORED
    name = path.rpartition("/")[2]
    if marks.get("generated", any(fnmatchcase(name, pattern) for pattern in GENERATED_FILES)):
        return Noise.GENERATED
    recorded = any(fnmatchcase(f"/{path}", f"*/{pattern}") for pattern in SNAPSHOT_FILES)
    if recorded or any(folder in SNAPSHOT_FOLDERS for folder in folders):
        return Noise.SNAPSHOT
    return None


def of_text(text: str, marks: Mapping[str, bool]) -> Noise | None:
    """What a Python file is by what its head says, or by the length of its lines."""
    header = list(_header(text))
    said = any(_GENERATOR.match(line) for line in header) or any(map(_SHOUTED.search, header))
    forbidden = any(map(_HANDS_OFF.search, header)) and any("generated" in line.lower() for line in header)
    if marks.get("generated", said or forbidden):
        return Noise.GENERATED
    if len(text) < SMALL:
        return None
    long = sum(len(line) for line in text.split("\n") if len(line) > LONG_LINE)
    return Noise.MINIFIED if 2 * long > len(text) else None


def _header(text: str) -> Iterator[str]:
    """The words of the comments and the docstring that a file begins with, line by line."""
    quotes = ""
    for line in text.split("\n", _HEADER_LINES)[:_HEADER_LINES]:
        words = line.strip()
        if not quotes:
            opened = _DOCSTRING.match(words)
            if opened:
                quotes, words = opened[1], words[opened.end() :]
            elif words and not words.startswith("#"):
                return
        end = words.find(quotes) if quotes else -1
        yield words[: end if end >= 0 else None].strip("#*-=<> \t")
        if end >= 0:
            quotes = ""


def marks_of(attributes: str) -> list[tuple[str, str, bool]]:
    """The `linguist-generated` and `linguist-vendored` of a .gitattributes file, the last that matches a path holding.

    Each is a pattern, "generated" or "vendored", and whether that is set.
    """
    found = []
    for line in attributes.split("\n"):
        pattern, *words = line.split() or ("#",)
        # Quoted patterns and macros aren't worth the trouble.
        if pattern.startswith(("#", '"', "[")):
            continue
        for word in words:
            name, _, value = word.lstrip("-!").partition("=")
            if name in ("linguist-generated", "linguist-vendored"):
                is_set = not word.startswith(("-", "!")) and value != "false"
                found.append((pattern, name.removeprefix("linguist-"), is_set))
    return found
