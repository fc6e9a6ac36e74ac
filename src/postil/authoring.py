"""Helps to write packs: begins one, begins a rule, and runs every example on a pack's pages."""

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from postil.lint.examples import example_failures, fix_failures, neighbour_failures
from postil.packs import FILE, Guideline, Pack, PackError, Written, load, module_name, over_built_in

_KIT = Path(__file__).with_name("kit")
"""What a new pack and a new rule begin with; words in capitals between two underscores are filled in."""
_RULE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
CHAPTER, FIRST_RULE = "house-rules", "eval-of-text"
"""The chapter of a new pack, and its rule."""


class AuthoringError(Exception):
    """What was asked for can't be written. The text says why, and the cure."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of the pages of packs: how many rules and examples were run, and a line for each fault."""

    rules: int
    examples: int
    faults: tuple[str, ...]


def examine(folders: Sequence[Path]) -> Examined:
    """Load packs over the built-in one, and run what their pages show: their own rules, and words for others."""
    try:
        guideline = load(over_built_in(folders))
    except PackError as error:
        return Examined(0, 0, error.faults)
    asked = {folder.resolve() for folder in folders}
    pages = [page for pack in guideline.packs if pack.path in asked for page in pack.pages]
    examples = sum(len(each.page.examples) for each in pages)
    return Examined(len(pages), examples, tuple(_failures(guideline, pages)))


def _failures(guideline: Guideline, pages: Iterable[Written]) -> Iterator[str]:
    rules = guideline.rules
    titles = Counter(rule.title for rule in rules.rules)
    for written in pages:
        rule = rules.by_name.get(written.page.name)
        if rule is None or rule.page.markdown != written.page.markdown:
            # Switched off, or a later pack has other words for it.
            continue
        page = str(written.path)
        if titles[rule.title] > 1:
            yield f"{page}:1: another rule has the title “{rule.title}” as well; write one that tells them apart"
        failures = list(example_failures(rules, rule, page))
        yield from failures
        if not failures:
            yield from fix_failures(rules, rule, page)
            yield from neighbour_failures(rules, rule, page)


def new_pack(folder: Path) -> list[Path]:
    """Write a pack that works as it is: pages, a check, a test that runs the pages, and how to use it. Its files.

    Raises:
        AuthoringError: there is something in the folder already, or its name can't be that of a pack.
    """
    folder = folder.resolve()
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")
    if not re.match(r"[a-z]", name):
        raise AuthoringError(f"{folder.name!r} can't be the name of a pack; name the folder for whose rules they are")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AuthoringError(f"{folder} is there already, and not empty; name a new folder")
    package = f"{module_name(name.removesuffix('-pack'))}_checks"
    checks = f"{package}/{module_name(CHAPTER)}"
    kit = {
        FILE: "pack.toml",
        "README.md": "README.md",
        f"{CHAPTER}/README.md": "chapter.md",
        f"{CHAPTER}/{FIRST_RULE}.md": "page.md",
        f"{package}/__init__.py": None,
        f"{checks}/__init__.py": None,
        f"{checks}/{module_name(FIRST_RULE)}.py": "check.py.txt",
        "tests/test_pages.py": "test_pages.py.txt",
    }
    values = {"NAME": name, "CHECKS": package, "SECTION": "house-style", "TITLE": FIRST_RULE.replace("-", " ")}
    return [_write(folder / path, each, **values) for path, each in kit.items()]


@dataclass(frozen=True, slots=True)
class NewRule:
    """The two files of a new rule, and the sections of its chapter that it may belong to."""

    page: Path
    check: Path
    sections: tuple[str, ...]


def new_rule(folder: Path, chapter: str, name: str) -> NewRule:
    """Write the page and the check of a rule, which work as they are, into a pack.

    Raises:
        AuthoringError: there is no such chapter, or the name won't do.
        PackError: the pack is wrong as it stands.
    """
    guideline = load(over_built_in([folder]))
    pack = next(each for each in guideline.packs if each.path == folder.resolve())
    known = guideline.chapter(chapter)
    if known is None:
        names = [each.name for each in guideline.chapters]
        near = get_close_matches(chapter, names, 1)
        cure = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(names)}"
        raise AuthoringError(f"there is no chapter `{chapter}`; {cure}")
    if not _RULE.fullmatch(name):
        raise AuthoringError(f"{name!r} is no name for a rule; name the pattern in kebab-case, as `bare-except`")
    if name in guideline.rules.names:
        raise AuthoringError(f"there is a rule `{name}` already; choose another name")
    sections = tuple(section.slug for section in known.sections)
    if not sections:
        raise AuthoringError(
            f"{known.path}: the chapter has no section for a rule to name; write one: `## House style`"
        )
    checks = _folder_of_checks(pack) / module_name(chapter)
    for package in (checks.parent, checks):
        if not (package / "__init__.py").exists():
            _write(package / "__init__.py", None)
    page = _write(pack.path / chapter / f"{name}.md", "page.md", SECTION=sections[0], TITLE=name.replace("-", " "))
    return NewRule(page, _write(checks / f"{module_name(name)}.py", "check.py.txt"), sections)


def _folder_of_checks(pack: Pack) -> Path:
    """Where the package of a pack's checks stands."""
    package = pack.settings.data.get("checks")
    if package is None:
        raise AuthoringError(f'{pack.at()}: the pack has no checks; name their package: checks = "acme_checks"')
    found = importlib.util.find_spec(str(package))
    if found is None or not found.submodule_search_locations:
        raise AuthoringError(f"{pack.at('checks')}: `{package}` is no package; make it a folder with an __init__.py")
    return Path(next(iter(found.submodule_search_locations)))


def _write(path: Path, kit: str | None, **values: str) -> Path:
    """Write a file as the kit has it, with the values in their places; an empty one without a kit."""
    text = (_KIT / kit).read_text(encoding="utf-8") if kit else ""
    for name, value in values.items():
        text = text.replace(f"__{name}__", value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
