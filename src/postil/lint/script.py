"""The metadata that a script carries in comments (PEP 723), and what is wrong with it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from postil.lint.check import Span
from postil.lint.source import SourceFile

_START = "# /// script"
_END = "# ///"


@dataclass(frozen=True)
class ScriptBlock:
    """One `# /// script` block: its first line, its values, and each fault with its place."""

    start: Span
    data: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[tuple[Span, str], ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        """What the script says that it needs."""
        listed = self.data.get("dependencies")
        return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def script_blocks(file: SourceFile) -> list[ScriptBlock]:
    """The blocks of a file, as the reference implementation in PEP 723 finds them.

    None for a file that writes of such blocks in its strings: there a marker is no metadata of its own.
    """
    if _START not in file.text or _in_strings(file):
        return []
    lines = [line.rstrip("\r") for line in file.text.split("\n")]
    found = []
    position = 0
    while position < len(lines):
        if lines[position].rstrip() == _START:
            block, position = _block(file.path, lines, position)
            if found:
                block = ScriptBlock(block.start, {}, ((block.start, "this is a second `script` block"),))
            found.append(block)
        else:
            position += 1
    return found


def _in_strings(file: SourceFile) -> bool:
    texts = (node.value for node in file.nodes(cst.SimpleString))
    parts = (node.value for node in file.nodes(cst.FormattedStringText))
    return any(_START in text for text in (*texts, *parts))


def _block(path: str, lines: list[str], start: int) -> tuple[ScriptBlock, int]:
    """The block that begins at an index of `lines`, and the index behind it."""
    place = _span(path, lines, start)
    stop = start + 1
    while stop < len(lines) and (lines[stop] == "#" or lines[stop].startswith("# ")):
        stop += 1
    ends = [number for number in range(start + 1, stop) if lines[number] == _END]
    if not ends:
        rest = next((n for n in range(stop, min(stop + 40, len(lines))) if lines[n].rstrip() == _END), None)
        if rest is not None and lines[stop].strip() and _START not in lines[stop:rest]:
            return ScriptBlock(
                place, {}, ((_span(path, lines, stop), "this line of the block does not begin with `# `"),)
            ), rest + 1
        return ScriptBlock(place, {}, ((place, "the block that begins here is not closed by a line `# ///`"),)), stop
    text = "\n".join(line[2:] for line in lines[start + 1 : ends[-1]])
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        wrong = _span(path, lines, start + int(line[1])) if line else place
        return ScriptBlock(place, {}, ((wrong, "the block is not valid TOML"),)), ends[-1] + 1
    faults = tuple((_line_with(path, lines, start, ends[-1], word), says) for word, says in _faults(data))
    return ScriptBlock(place, data, faults), ends[-1] + 1


def _faults(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the values, each with a word of the line that it stands on."""
    python = data.get("requires-python")
    if python is not None:
        try:
            SpecifierSet(python)
        except (InvalidSpecifier, TypeError, AttributeError):
            yield "requires-python", f"`{python}` is no version specifier"
    listed = data.get("dependencies", [])
    if not isinstance(listed, list):
        yield "dependencies", "`dependencies` is no list"
        return
    for each in listed:
        try:
            Requirement(each)
        except (InvalidRequirement, TypeError):
            yield str(each), f"`{each}` is no requirement"


def _line_with(path: str, lines: list[str], start: int, end: int, word: str) -> Span:
    number = next((number for number in range(start, end) if word in lines[number]), start)
    return _span(path, lines, number)


def _span(path: str, lines: list[str], index: int) -> Span:
    return Span(path, index + 1, 1, index + 1, len(lines[index]) + 1, lines[index])
