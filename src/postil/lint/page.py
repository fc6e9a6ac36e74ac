"""A rule's page: the words of its comment for people, and the test of its check.

A page has a few `key: value` lines between `---`, a title, why, and headings from a fixed list in a fixed
order. May not read the disk: the text is handed in, and each fault names its line and its cure.
"""

import re
from dataclasses import dataclass

from postil.lint.finding import Severity

HEADINGS = ("Bad", "Good", "Known misses", "When it is fine")
_KEYS = ("section", "severity", "opt-in", "aliases", "instead-of", "since")
_MARK = re.compile(r"[ \t]*(?:#|//)[ \t]*finding:[ \t]*(.*?)[ \t]*$")
_NAME = re.compile(r"^`([^`]+)`(?: \((before|after)\))?:$")
_FENCE = re.compile(r"^(`{3,})[ \t]*(\w*)[ \t]*(before|after)?[ \t]*$")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a page: the 1-based line, and one sentence with the cure."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Expected:
    """A line of an example that must be found, and how the message there starts."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced example, its marks taken out. `side` is "before" or "after" in a pair, else ""."""

    path: str
    text: str
    language: str
    side: str
    line: int
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """Blocks that belong together: one file, a pair before/after, or the files of one change set."""

    blocks: tuple[Block, ...]

    @property
    def line(self) -> int:
        """The 1-based line of the page on which the example starts."""
        return self.blocks[0].line

    @property
    def expected(self) -> tuple[tuple[str, int, str], ...]:
        """(path, line, start of the message) of everything that must be found."""
        return tuple((block.path, mark.line, mark.message) for block in self.blocks for mark in block.expected)


@dataclass(frozen=True, slots=True)
class Page:
    """A parsed page. `why` is the prose between the title and the first heading, as Markdown.

    `instead_of` are rules that say less about the same: where this one speaks, they are silent. `since` is the version
    of its pack that brought it; "" for the first one.
    """

    name: str
    section: str
    severity: Severity
    opt_in: bool
    aliases: tuple[str, ...]
    title: str
    why: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    misses: tuple[Example, ...]
    fine: tuple[Example, ...]
    markdown: str
    instead_of: tuple[str, ...] = ()
    since: str = ""

    @property
    def examples(self) -> tuple[Example, ...]:
        """All its examples."""
        return (*self.bad, *self.good, *self.misses, *self.fine)


def parse_page(name: str, text: str) -> tuple[Page | None, list[Fault]]:
    """Read a page; gives the page, or None and every fault in it."""
    faults: list[Fault] = []
    lines = text.split("\n")
    keys, start = _front_matter(lines, faults)
    title, title_line = "", start
    for number in range(start, len(lines)):
        if lines[number].strip():
            title_line = number
            if lines[number].startswith("# "):
                title = lines[number][2:].strip()
            else:
                faults.append(Fault(number + 1, "begin the page with its title: `# Do this`"))
            break
    else:
        faults.append(Fault(start + 1, "the page is empty: write a title, why, `## Bad` and `## Good`"))
    parts = _parts(lines, title_line + 1, faults)
    why = parts.get("", (title_line + 2, []))[1]
    if title and not "\n".join(why).strip():
        faults.append(Fault(title_line + 1, "say under the title, in two or three sentences, why it matters"))
    examples = {heading: _examples(name, *parts[heading], faults) for heading in HEADINGS if heading in parts}
    for heading in ("Bad", "Good"):
        if title and not examples.get(heading):
            faults.append(Fault(title_line + 1, f"show at least one example under `## {heading}`"))
    for example in examples.get("Bad", ()):
        if not example.expected:
            faults.append(
                Fault(example.line, "end each line that must be found with `# finding: start of the message`")
            )
    for heading in ("Good", "Known misses", "When it is fine"):
        for example in examples.get(heading, ()):
            if example.expected:
                faults.append(Fault(example.line, f"nothing is found under `## {heading}`: take the marks out"))
    if faults:
        return None, faults
    page = Page(
        name=name,
        section=keys["section"],
        severity=Severity(keys["severity"]),
        opt_in=keys.get("opt-in") == "true",
        aliases=_names(keys.get("aliases", "")),
        title=title,
        why="\n".join(why).strip(),
        bad=examples["Bad"],
        good=examples["Good"],
        misses=examples.get("Known misses", ()),
        fine=examples.get("When it is fine", ()),
        markdown="\n".join(lines[start:]).strip() + "\n",
        instead_of=_names(keys.get("instead-of", "")),
        since=keys.get("since", ""),
    )
    return page, []


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _front_matter(lines: list[str], faults: list[Fault]) -> tuple[dict[str, str], int]:
    keys: dict[str, str] = {}
    if not lines or lines[0].strip() != "---":
        faults.append(Fault(1, "begin the page with `---`, `section: …`, `severity: …`, `---`"))
        return keys, 0
    end = next((number for number in range(1, len(lines)) if lines[number].strip() == "---"), None)
    if end is None:
        faults.append(Fault(1, "close the block of keys with a second `---`"))
        return keys, 1
    for number in range(1, end):
        key, colon, value = lines[number].partition(":")
        key, value = key.strip(), value.strip()
        if not colon or not value:
            faults.append(Fault(number + 1, "write one `key: value` a line"))
        elif key not in _KEYS:
            faults.append(Fault(number + 1, f"`{key}` is no key of a page; there are {', '.join(_KEYS)}"))
        elif key in keys:
            faults.append(Fault(number + 1, f"`{key}` is given twice"))
        else:
            keys[key] = value
            if key == "severity" and value not in set(Severity):
                faults.append(Fault(number + 1, f"severity is {', '.join(Severity)}, not `{value}`"))
            if key == "opt-in" and value != "true":
                faults.append(Fault(number + 1, "`opt-in` is `true`, or left out"))
            if key == "since" and not re.fullmatch(r"\d+(\.\w+)*", value):
                faults.append(Fault(number + 1, f"`since` is a version of the pack, such as 1.2, not `{value}`"))
    faults.extend(Fault(1, f"say `{key}: …` in the first lines") for key in ("section", "severity") if key not in keys)
    return keys, end + 1


def _parts(lines: list[str], start: int, faults: list[Fault]) -> dict[str, tuple[int, list[str]]]:
    """The page's parts by heading ("" is the prose in front), each with the 1-based line of its first line."""
    parts: dict[str, tuple[int, list[str]]] = {"": (start + 1, [])}
    current, fence, last = "", "", -1
    for number in range(start, len(lines)):
        line = lines[number]
        if fence:
            if line.startswith(fence) and not line.strip("`").strip():
                fence = ""
        elif opened := _FENCE.match(line):
            fence = opened[1]
        elif line.startswith("#") and line.lstrip("#").startswith(" "):
            heading = line.lstrip("#").strip()
            if not line.startswith("## ") or heading not in HEADINGS:
                faults.append(Fault(number + 1, f"headings are {', '.join(f'`## {h}`' for h in HEADINGS)}"))
                current = heading
                parts.setdefault(current, (number + 2, []))
                continue
            if HEADINGS.index(heading) <= last:
                faults.append(Fault(number + 1, f"`## {heading}` stands out of order: {', '.join(HEADINGS)}"))
                continue
            last = HEADINGS.index(heading)
            current = heading
            parts[current] = (number + 2, [])
            continue
        parts[current][1].append(line)
    if fence:
        faults.append(Fault(len(lines), "a code block is not closed"))
    return parts


def _examples(name: str, first_line: int, lines: list[str], faults: list[Fault]) -> tuple[Example, ...]:
    blocks: list[list[Block]] = []
    path = side = ""
    grouped = False
    number = 0
    while number < len(lines):
        line = lines[number]
        if named := _NAME.match(line.strip()):
            grouped = bool(path == "" and blocks and _belongs(blocks[-1], named[1], named[2] or ""))
            path, side = named[1], named[2] or ""
        elif opened := _FENCE.match(line):
            end = next((n for n in range(number + 1, len(lines)) if lines[n].startswith(opened[1])), len(lines))
            block = _block(
                path or "app/service.py", lines[number + 1 : end], opened[2], opened[3] or side, first_line + number
            )
            if opened[2] == "python" and not path and not block.side:
                grouped = False
            if opened[2] == "" and not path:
                faults.append(Fault(first_line + number, "say the language of the block: ```python"))
            if block.side == "after" and not path and blocks and blocks[-1] and blocks[-1][-1].side == "before":
                grouped = True
            if grouped and blocks:
                blocks[-1].append(block)
            else:
                blocks.append([block])
            path = side = ""
            grouped = False
            number = end
        elif line.strip():
            # Prose parts examples: what follows it is a new one.
            grouped = False
            path = side = ""
            if blocks and blocks[-1]:
                blocks.append([])
        number += 1
    return tuple(Example(tuple(group)) for group in blocks if group)


def _belongs(group: list[Block], path: str, side: str) -> bool:
    """Whether a named block goes on with the example before it: no prose between, and not the same file again."""
    return bool(group) and all((block.path, block.side) != (path, side) for block in group) and group[-1].path != ""


def _block(path: str, lines: list[str], language: str, side: str, line: int) -> Block:
    expected = []
    clean = []
    for number, text in enumerate(lines, 1):
        if found := _MARK.search(text):
            expected.append(Expected(number, found[1]))
        clean.append(text[: found.start()] if found else text)
    return Block(path, "\n".join(clean) + "\n" if clean else "", language, side, line, tuple(expected))
