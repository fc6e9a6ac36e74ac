"""Reads packs from disk: folders of chapters and rule pages, joined with their checks.

A pack is a folder with a `pack.toml` and one folder a chapter. Its pages are Markdown; its checks are an importable
package with one module a rule, named alike. The built-in rules are the first pack and use no private door.
"""

import importlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from postil.lint.engine import RuleSet
from postil.lint.finding import Severity
from postil.lint.page import Page, parse_page
from postil.lint.rule import CheckError, Rule, options_of, subscription
from postil.review.model import RuleWords

_HERE = Path(__file__).resolve()
# An installed package carries the rules inside; in a checkout they stand where people read them.
BUILT_IN = next((p for p in (_HERE.parent / "rules", _HERE.parents[2] / "rules") if p.is_dir()), _HERE.parent / "rules")

_PACK_KEYS = {"name", "title", "version", "checks", "url", "chapters", "rules"}


class PackError(Exception):
    """A pack is wrong. The text lists every fault, a line each: file, line, what is wrong and the cure."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a chapter: its slug (GitHub's anchor), its heading, and the statements that it covers."""

    slug: str
    title: str
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """One chapter of the guideline, with the names of the rules that enforce it."""

    name: str
    title: str
    markdown: str
    sections: tuple[Section, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """Where rule pages and sections are found: in the service's own guide, or in a repository that shows Markdown."""

    base: str
    repository: bool = False

    def rule(self, chapter: str, name: str) -> str:
        """The address of a rule's page."""
        return f"{self.base.rstrip('/')}/{chapter}/{name}{'.md' if self.repository else ''}"

    def section(self, chapter: str, slug: str) -> str:
        """The address of a section of a chapter."""
        return f"{self.base.rstrip('/')}/{chapter}{'/README.md' if self.repository else ''}#{slug}"


@dataclass(frozen=True)
class Guideline:
    """Everything that the loaded packs say: the chapters for people, the rules for the engine."""

    version: str
    rules: RuleSet
    chapters: tuple[Chapter, ...]
    aliases: Mapping[str, str]
    url: str = ""

    def chapter(self, name: str) -> Chapter | None:
        """The chapter with this name."""
        return next((chapter for chapter in self.chapters if chapter.name == name), None)

    def rule(self, name: str) -> Rule | None:
        """The rule with this name or alias."""
        return self.rules.by_name.get(self.aliases.get(name, name))

    @property
    def default_rules(self) -> RuleSet:
        """The rules that are on by default."""
        return self.rules.only(rule.name for rule in self.rules.rules if not rule.opt_in)

    def words(self, links: Links) -> dict[str, RuleWords]:
        """What comments say about each rule, with its links."""
        return {
            rule.name: RuleWords(
                name=rule.name,
                title=rule.title,
                why=rule.why,
                chapter_title=rule.chapter_title,
                section_title=rule.section_title,
                rule_url=links.rule(rule.chapter, rule.name),
                section_url=links.section(rule.chapter, rule.section),
            )
            for rule in self.rules.rules
        }


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, punctuation dropped, spaces to hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def load(paths: Sequence[Path] = (BUILT_IN,)) -> Guideline:
    """Read packs; a later one wins page by page and setting by setting.

    Raises:
        PackError: with every fault of every pack.
    """
    faults: list[str] = []
    rules: dict[str, Rule] = {}
    chapters: dict[str, Chapter] = {}
    names: dict[str, str] = {}
    version, url = "", ""
    for path in paths:
        pack = _Pack(path, faults)
        if pack.settings:
            version = version or str(pack.settings.get("version", ""))
            url = str(pack.settings.get("url", "")) or url
            chapters.update(pack.chapters())
            rules.update(pack.rules(chapters, rules))
            # What a pack switches off is still a rule, which code may allow.
            names.update({name: rule.name for rule in rules.values() for name in (*rule.page.aliases, rule.name)})
            _weigh(pack, rules, faults)
    aliases: dict[str, str] = {}
    for rule in rules.values():
        for alias in rule.page.aliases:
            if alias in rules or aliases.setdefault(alias, rule.name) != rule.name:
                faults.append(f"{rule.chapter}/{rule.name}.md:1: the alias `{alias}` is taken; choose another")
    for rule in rules.values():
        for other in rule.page.instead_of:
            where = f"{rule.chapter}/{rule.name}.md:1"
            if other not in names:
                faults.append(f"{where}: it speaks instead of `{other}`, and there is no such rule")
            elif other in rules and (rules[other].page.instead_of or other == rule.name):
                faults.append(f"{where}: it speaks instead of `{other}`, which speaks instead of others itself")
    if faults:
        raise PackError(faults)
    ordered = sorted(rules.values(), key=lambda rule: (list(chapters).index(rule.chapter), rule.name))
    filled = tuple(
        Chapter(c.name, c.title, c.markdown, c.sections, tuple(r.name for r in ordered if r.chapter == c.name))
        for c in chapters.values()
    )
    return Guideline(version, RuleSet(ordered, names), filled, aliases, url.replace("{version}", version))


def _weigh(pack: "_Pack", rules: dict[str, Rule], faults: list[str]) -> None:
    """Carry out a pack's `[rules]` table: a severity, "off", or a table of options."""
    table = pack.settings.get("rules", {})
    for name, value in table.items() if isinstance(table, dict) else ():
        where = f"{pack.path / 'pack.toml'}: [rules] {name}"
        rule = rules.get(name)
        if rule is None:
            faults.append(f"{where}: there is no such rule; `postil rules` lists them")
        elif value == "off":
            del rules[name]
        elif isinstance(value, str):
            if value in set(Severity):
                rules[name] = replace(rule.weighed(Severity(value), {}), opt_in=False)
            else:
                faults.append(f'{where}: write "off", "hint", "warning", "error" or a table of options')
        elif isinstance(value, dict):
            _, wrong = options_of(rule.check, value)
            faults.extend(f"{where}.{option} {text}" for option, text in wrong.items())
            rules[name] = rule.weighed(None, value)
        else:
            faults.append(f'{where}: write "off", "hint", "warning", "error" or a table of options')


class _Pack:
    """One pack's folder."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self.settings: dict[str, Any] = {}
        file = path / "pack.toml"
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            faults.append(f'{file}: not found; a pack is a folder with a pack.toml (at least: name = "…")')
            return
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            faults.append(f"{file}: {error}; mend the file")
            return
        for key in sorted(set(settings) - _PACK_KEYS):
            faults.append(f"{file}: `{key}` is no key of a pack; there are {', '.join(sorted(_PACK_KEYS))}")
        if not isinstance(settings.get("name"), str):
            faults.append(f'{file}: give the pack a name = "…"')
        self.settings = settings

    def _folders(self) -> list[Path]:
        listed = self.settings.get("chapters")
        if isinstance(listed, list):
            return [self.path / str(name) for name in listed]
        return sorted(folder for folder in self.path.iterdir() if (folder / "README.md").is_file())

    def chapters(self) -> dict[str, Chapter]:
        """The chapters by folder name."""
        found: dict[str, Chapter] = {}
        for folder in self._folders():
            readme = folder / "README.md"
            if not readme.is_file():
                self.faults.append(f"{readme}: not found; a chapter is a folder with a README.md")
                continue
            text = readme.read_text(encoding="utf-8")
            title, sections = _outline(text)
            if not title:
                self.faults.append(f"{readme}:1: begin the chapter with its title: `# …`")
            found[folder.name] = Chapter(folder.name, title, text, sections)
        return found

    def rules(self, chapters: Mapping[str, Chapter], earlier: Mapping[str, Rule]) -> dict[str, Rule]:
        """The rules of this pack; a page for a rule of an earlier pack gives that rule new words."""
        found: dict[str, Rule] = {}
        package = self.settings.get("checks")
        for page_path in self._pages():
            name, chapter = page_path.stem, chapters.get(page_path.parent.name)
            page, faults = parse_page(name, page_path.read_text(encoding="utf-8"))
            self.faults.extend(f"{page_path}:{fault.line}: {fault.message}" for fault in faults)
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
                self.faults.append(f"{page_path}: name rules in kebab-case")
            if name in found:
                self.faults.append(f"{page_path}: there is a rule `{name}` in another chapter; names are unique")
            if page is None or chapter is None:
                continue
            section = next((s for s in chapter.sections if s.slug == page.section), None)
            if section is None:
                known = ", ".join(s.slug for s in chapter.sections)
                self.faults.append(
                    f"{page_path}:2: chapter {chapter.name} has no section `{page.section}`; it has {known}"
                )
                continue
            rule = self._rule(page, page_path, chapter, section, package, earlier.get(name))
            if rule is not None:
                found[name] = rule
        if isinstance(package, str):
            self._orphans(package, {rule.name for rule in found.values()} | set(earlier))
        return found

    def _pages(self) -> Iterator[Path]:
        for folder in self._folders():
            if folder.is_dir():
                yield from sorted(page for page in folder.glob("*.md") if page.name != "README.md")

    def _rule(
        self, page: Page, path: Path, chapter: Chapter, section: Section, package: object, earlier: Rule | None
    ) -> Rule | None:
        module: ModuleType | None = None
        if isinstance(package, str):
            dotted = f"{package}.{_module(chapter.name)}.{_module(page.name)}"
            try:
                module = importlib.import_module(dotted)
            except ModuleNotFoundError as error:
                if error.name is None or not dotted.startswith(error.name):
                    self.faults.append(f"{path}: its check {dotted} can't be imported: {error}")
                    return None
        if module is None and earlier is None:
            self.faults.append(
                f"{path}: there is no check for it; write {package or 'checks'}.{_module(page.name)}.check"
            )
            return None
        if module is None and earlier is not None:
            check, mentions = earlier.check, earlier.mentions
        else:
            check, mentions = getattr(module, "check", None), tuple(getattr(module, "MENTIONS", ()))
        if not callable(check):
            self.faults.append(f"{path}: its module has no function `check`")
            return None
        try:
            wanted = subscription(check)
        except CheckError as error:
            code = getattr(check, "__code__", None)
            place = f"{code.co_filename}:{code.co_firstlineno}" if code else str(path)
            self.faults.append(f"{place}: {error}")
            return None
        return Rule(
            name=page.name,
            chapter=chapter.name,
            chapter_title=chapter.title,
            section_title=section.title,
            page=page,
            check=check,
            subscription=wanted,
            severity=page.severity,
            opt_in=page.opt_in,
            mentions=mentions,
        )

    def _orphans(self, package: str, named: Iterable[str]) -> None:
        """A check without a page never speaks: refuse it."""
        known = {_module(name) for name in named}
        for folder in importlib.import_module(package).__path__:
            for module in sorted(Path(folder).glob("*/*.py")):
                if module.stem != "__init__" and module.stem not in known:
                    name = module.stem.replace("_", "-")
                    chapter = module.parent.name.replace("_", "-")
                    self.faults.append(f"{module}: there is no page for it; write {self.path / chapter / name}.md")


def _module(name: str) -> str:
    return name.replace("-", "_")


def _outline(markdown: str) -> tuple[str, tuple[Section, ...]]:
    """A chapter's title and sections; the statements stand in a comment under each heading."""
    title = ""
    sections: list[Section] = []
    fence = False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            fence = not fence
        elif fence:
            continue
        elif line.startswith("# ") and not title:
            title = line[2:].strip()
        elif line.startswith("## "):
            sections.append(Section(slug(line[3:]), line[3:].strip()))
        elif (found := re.match(r"<!-- statements: (.*?) -->", line)) and sections:
            statements = tuple(part.strip() for part in found[1].split(","))
            sections[-1] = Section(sections[-1].slug, sections[-1].title, statements)
    return title, tuple(sections)
