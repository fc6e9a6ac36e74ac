"""Reads packs from disk: folders of chapters and rule pages, joined with their checks.

A pack is a folder with a `pack.toml` and one folder a chapter. Its pages are Markdown; its checks are an importable
package with one module a rule, named alike. The built-in rules are the first pack and use no private door.
"""

import importlib
import re
import sys
import tomllib
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from postil.lint.check import Check
from postil.lint.engine import RuleSet
from postil.lint.finding import Severity
from postil.lint.page import Page, parse_page
from postil.lint.project import Key, TomlFile
from postil.lint.rule import CheckError, Rule, Subscription, options_of, subscription
from postil.review.config import Reading
from postil.review.model import RuleWords

_HERE = Path(__file__).resolve()
# An installed package carries the rules inside; in a checkout they stand where people read them.
BUILT_IN = next((p for p in (_HERE.parent / "rules", _HERE.parents[2] / "rules") if p.is_dir()), _HERE.parent / "rules")

FILE = "pack.toml"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What packs, chapters and rules may be called."""
_TEXT = "utf-8-sig"
"""Editors of Windows begin a file with a byte order mark."""
_PACK_KEYS = ("name", "title", "version", "checks", "url", "chapters", "rules", "links")
_WEIGHTS = '"off", "opt-in", "on", "hint", "warning", "error" or a table of options'


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
    """One chapter of the guideline, with the names of the rules that enforce it. `path` is that of its README."""

    name: str
    title: str
    markdown: str
    sections: tuple[Section, ...]
    path: Path
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """Where rule pages and sections are found: in the service's own guide, or in a repository that shows Markdown.

    `own` are the addresses of pages that lie elsewhere, by "chapter/rule", and of chapters. Without a `base` the others
    have none, which is "". `choice` are the packs that a repository chose: the guide shows it what these say.
    """

    base: str
    repository: bool = False
    own: Mapping[str, str] = field(default_factory=dict)
    choice: tuple[str, ...] | None = None

    def rule(self, chapter: str, name: str) -> str:
        """The address of a rule's page."""
        return self._address(f"{chapter}/{name}", ".md")

    def section(self, chapter: str, slug: str) -> str:
        """The address of a section of a chapter."""
        page = self._address(chapter, "/README.md")
        return page and f"{page}#{slug}"

    def _address(self, page: str, file: str) -> str:
        end = file if self.repository else chosen(self.choice)
        return self.own.get(page, f"{self.base.rstrip('/')}/{page}{end}" if self.base else "")


def chosen(packs: Sequence[str] | None) -> str:
    """What the address of a page of the guide ends with where a repository chose among the packs."""
    return "" if packs is None else f"?packs={','.join(packs)}"


@dataclass(frozen=True)
class Written:
    """A rule's page in a pack; without a check it gives words to a rule of an earlier pack."""

    page: Page
    path: Path
    chapter: str
    check: Check | None = None
    subscription: Subscription = field(default_factory=Subscription)
    mentions: tuple[str, ...] = ()

    @property
    def section_at(self) -> str:
        """Where the page names its section."""
        lines = self.path.read_text(encoding=_TEXT).splitlines()
        return f"{self.path}:{next((n for n, line in enumerate(lines, 1) if line.startswith('section:')), 1)}"


@dataclass(frozen=True)
class Pack:
    """One pack as it stands in its folder."""

    path: Path
    settings: TomlFile
    chapters: tuple[Chapter, ...]
    pages: tuple[Written, ...]

    @property
    def name(self) -> str:
        """Its name, by which repositories choose it."""
        return str(self.settings.data.get("name", ""))

    @property
    def version(self) -> str:
        """Its version; "" where it gives none."""
        return str(self.settings.data.get("version", ""))

    @property
    def url(self) -> str:
        """The address of its folder in a repository that all readers can see; "" where it gives none."""
        return str(self.settings.data.get("url", "")).replace("{version}", self.version).rstrip("/")

    def table(self, key: str) -> Mapping[str, Any]:
        """One of its tables; empty where there is none."""
        value = self.settings.data.get(key)
        return value if isinstance(value, dict) else {}

    def at(self, *keys: Key) -> str:
        """Where a value of its pack.toml stands, as the beginning of a fault."""
        span = self.settings.span(*keys)
        return f"{self.path / FILE}:{span.line if span else 1}"


@dataclass(frozen=True)
class Guideline:
    """Everything that the loaded packs say: the chapters for people, the rules for the engine.

    `own` are the addresses of pages that lie elsewhere than the built-in ones, as `Links` has them. `choice` are the
    names of its packs over the first where not all that are installed were chosen.
    """

    version: str
    rules: RuleSet
    chapters: tuple[Chapter, ...]
    aliases: Mapping[str, str]
    packs: tuple[Pack, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    choice: tuple[str, ...] | None = None

    def chapter(self, name: str) -> Chapter | None:
        """The chapter with this name."""
        return next((chapter for chapter in self.chapters if chapter.name == name), None)

    def rule(self, name: str) -> Rule | None:
        """The rule with this name or alias."""
        return self.rules.by_name.get(self.aliases.get(name, name))

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names of a rule, the present one first; only this one where there is no such rule any more."""
        present = self.aliases.get(name, name)
        return (present, *(alias for alias, rule in self.aliases.items() if rule == present))

    @property
    def default_rules(self) -> RuleSet:
        """The rules that are on by default."""
        return self.rules.only(rule.name for rule in self.rules.rules if not rule.opt_in)

    def on_disk(self) -> Links:
        """Links to the pages in the packs' folders, but for those that have an address."""
        files = {chapter.name: chapter.path for pack in self.packs for chapter in pack.chapters}
        files |= {f"{each.chapter}/{each.page.name}": each.path for pack in self.packs for each in pack.pages}
        return Links("", own={**{page: path.as_uri() for page, path in files.items()}, **self.own})

    def words(self, links: Links) -> dict[str, RuleWords]:
        """What comments say about each rule, with its links."""
        links = replace(links, own={**links.own, **self.own}, choice=self.choice)
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

    def of(self, names: Sequence[str] | None) -> "Guideline":
        """What the first pack says with the named ones over it, in their old order; None stands for all.

        What one of these says about rules of a pack that was left out goes with that pack.
        """
        if names is None:
            return self
        first, *others = self.packs
        kept = [pack for pack in others if pack.name in names]
        if len(kept) == len(others):
            return self
        return replace(_lay([first, *kept], []), choice=tuple(pack.name for pack in kept))

    def chosen(self, reading: Reading) -> tuple["Guideline", Reading]:
        """The guideline that a repository chooses by its key `packs`, and the reading with a fault for each wrong name.

        A repository can name only packs that the operator installed; where none of its names is right all packs hold.
        """
        wanted = reading.config.packs
        if wanted is None:
            return self, reading
        known = [pack.name for pack in self.packs[1:]]
        faults = list(reading.faults)
        for index, name in enumerate(wanted):
            if name not in known:
                near = get_close_matches(name, known, 1)
                there_are = f"here are {', '.join(known)}" if known else "only the built-in one is installed"
                cure = f"did you mean `{near[0]}`?" if near else there_are
                faults.append(f"{reading.at('packs', index)}there is no pack `{name}`; {cure}")
        right = tuple(name for name in wanted if name in known)
        kept = right if right or not wanted else None
        config = reading.config.model_copy(update={"packs": kept})
        return self.of(kept), replace(reading, config=config, faults=tuple(faults))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, punctuation dropped, spaces to hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def over_built_in(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The packs to load for these folders: the built-in one, and they over it."""
    over = dict.fromkeys(folder.resolve() for folder in folders)
    return (BUILT_IN, *(folder for folder in over if folder != BUILT_IN.resolve()))


def load(paths: Sequence[Path] = (BUILT_IN,)) -> Guideline:
    """Read packs; a later one wins page by page and setting by setting.

    Raises:
        PackError: with every fault of every pack.
    """
    faults: list[str] = []
    packs = [pack for path in paths if (pack := _Reader(path.resolve(), faults).pack()) is not None]
    for index, pack in enumerate(packs):
        earlier = next((other for other in packs[:index] if other.name == pack.name), None)
        if earlier is not None:
            faults.append(f"{pack.at('name')}: the pack in {earlier.path} has this name already; choose another")
    guideline = _lay(packs, faults)
    if faults:
        raise PackError(list(dict.fromkeys(faults)))
    return guideline


def _lay(packs: Sequence[Pack], faults: list[str]) -> Guideline:
    """Lay packs over one another; what doesn't fit is left out, and among the faults."""
    chapters = {chapter.name: chapter for pack in packs for chapter in pack.chapters}
    rules: dict[str, Rule] = {}
    names: dict[str, str] = {}
    own: dict[str, str] = {}
    for pack in packs:
        for chapter in pack.chapters:
            _give_address(own, chapter.name, pack.url and f"{pack.url}/{chapter.name}/README.md")
        for written in pack.pages:
            rule = _joined(written, chapters, rules.get(written.page.name), faults)
            if rule is not None:
                rules[rule.name] = rule
                page = f"{rule.chapter}/{rule.name}"
                _give_address(own, page, pack.url and f"{pack.url}/{page}.md")
        # What a pack switches off is still a rule, which code may allow.
        names.update({name: rule.name for rule in rules.values() for name in (*rule.page.aliases, rule.name)})
        own |= dict(_linked(pack, rules, faults))
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
    order = list(chapters)
    ordered = sorted(rules.values(), key=lambda rule: (order.index(rule.chapter), rule.name))
    filled = tuple(replace(c, rules=tuple(r.name for r in ordered if r.chapter == c.name)) for c in chapters.values())
    version = next((pack.version for pack in packs if pack.version), "")
    return Guideline(version, RuleSet(ordered, names), filled, aliases, tuple(packs), own)


def _give_address(own: dict[str, str], page: str, address: str) -> None:
    """Note where a page lies; without an address it lies where the built-in ones do."""
    own.pop(page, None)
    if address:
        own[page] = address


def _joined(written: Written, chapters: Mapping[str, Chapter], earlier: Rule | None, faults: list[str]) -> Rule | None:
    """A page with its check, or with that of the rule of this name in an earlier pack."""
    page, chapter = written.page, chapters.get(written.chapter)
    if chapter is None:
        near = get_close_matches(written.chapter, chapters, 1)
        cure = f"did you mean `{near[0]}`?" if near else "a chapter is a folder with a README.md"
        faults.append(f"{written.path.parent}: there is no chapter `{written.chapter}`; {cure}")
        return None
    section = next((each for each in chapter.sections if each.slug == page.section), None)
    if section is None:
        has = ", ".join(each.slug for each in chapter.sections) or "none"
        faults.append(
            f"{written.section_at}: there is no section `{page.section}` in {chapter.path}; name one of its headings "
            f"({has}), or write that one"
        )
        return None
    if written.check is not None:
        check, wanted, mentions = written.check, written.subscription, written.mentions
    elif earlier is not None:
        # Its former names, and what it speaks instead of, are the check's.
        page = replace(
            page,
            aliases=page.aliases or earlier.page.aliases,
            instead_of=page.instead_of or earlier.page.instead_of,
        )
        check, wanted, mentions = earlier.check, earlier.subscription, earlier.mentions
    else:
        faults.append(
            f"{written.path}:1: there is no check for it, and no earlier pack has a rule of this name; `postil "
            "new-rule` writes both, and `checks` in pack.toml names their package"
        )
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


def _linked(pack: Pack, rules: Mapping[str, Rule], faults: list[str]) -> Iterator[tuple[str, str]]:
    """A pack's `[links]`: the addresses of the pages of single rules."""
    for name, address in pack.table("links").items():
        where = f"{pack.at('links', name)}: [links] {name}"
        rule = rules.get(name)
        if rule is None:
            faults.append(f"{where}: there is no such rule; {_nearest(name, rules)}")
        elif not isinstance(address, str) or not re.fullmatch(r"https?://[^\s<>\"']+", address):
            faults.append(f"{where}: write the address of a page, such as https://wiki.example.com/python")
        else:
            yield f"{rule.chapter}/{rule.name}", address


def _weigh(pack: Pack, rules: dict[str, Rule], faults: list[str]) -> None:
    """Carry out a pack's `[rules]`: for each whether it is on and how much it weighs, or a table of options."""
    for name, value in pack.table("rules").items():
        where = f"{pack.at('rules', name)}: [rules] {name}"
        rule = rules.get(name)
        if rule is None:
            faults.append(f"{where}: there is no such rule; {_nearest(name, rules)}")
        elif value == "off":
            del rules[name]
        elif value in ("on", "opt-in"):
            rules[name] = replace(rule, opt_in=value == "opt-in")
        elif isinstance(value, str) and value in set(Severity):
            rules[name] = replace(rule.weighed(Severity(value), {}), opt_in=False)
        elif isinstance(value, dict):
            _, wrong = options_of(rule.check, value)
            faults.extend(
                f"{pack.at('rules', name, option)}: [rules] {name}.{option} {text}" for option, text in wrong.items()
            )
            rules[name] = rule.weighed(None, value)
        else:
            faults.append(f"{where}: write {_WEIGHTS}")


def _nearest(name: str, rules: Mapping[str, Rule]) -> str:
    near = get_close_matches(name, rules, 1)
    return f"did you mean `{near[0]}`?" if near else "`postil rules` lists them"


class _Reader:
    """Reads one pack's folder, and adds what is wrong in it to the faults."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults

    def pack(self) -> Pack | None:
        """The pack; None where its pack.toml can't be read, so that nothing else of it means anything."""
        settings = self._settings()
        if settings is None:
            return None
        empty = Pack(self.path, settings, (), ())
        self._judge(empty)
        package = settings.data.get("checks")
        chapters = tuple(self._chapters(empty))
        pages = tuple(self._pages(empty, package if isinstance(package, str) else None))
        return replace(empty, chapters=chapters, pages=pages)

    def _settings(self) -> TomlFile | None:
        file = self.path / FILE
        try:
            text = file.read_text(encoding=_TEXT)
            return TomlFile(str(file), text, tomllib.loads(text))
        except FileNotFoundError:
            self.faults.append(
                f'{file}: not found; a pack is a folder with a {FILE} (at least: name = "…"), and `postil pack init` '
                "writes one"
            )
        except tomllib.TOMLDecodeError as error:
            line = found[1] if (found := re.search(r"at line (\d+)", str(error))) else "1"
            self.faults.append(f"{file}:{line}: it is no TOML ({error}); mend the file")
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(_unread(file, error))
        return None

    def _text(self, file: Path) -> str | None:
        """What a page or a chapter says; None where it can't be read, which is a fault."""
        try:
            return file.read_text(encoding=_TEXT)
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(_unread(file, error))
            return None

    def _judge(self, pack: Pack) -> None:
        """Look at the keys and their kinds."""
        data = pack.settings.data
        for key in data.keys() - set(_PACK_KEYS):
            near = get_close_matches(key, _PACK_KEYS, 1)
            cure = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(_PACK_KEYS)}"
            self.faults.append(f"{pack.at(key)}: `{key}` is no key of a pack; {cure}")
        if not NAME.fullmatch(pack.name):
            self.faults.append(f'{pack.at("name")}: give the pack a name = "…" of small letters, digits and hyphens')
        kinds = {
            "title": str,
            "version": str,
            "checks": str,
            "url": str,
            "chapters": list,
            "rules": dict,
            "links": dict,
        }
        said = {str: 'a text: "…"', list: "a list of names", dict: "a table"}
        for key, kind in kinds.items():
            if key in data and not isinstance(data[key], kind):
                self.faults.append(f"{pack.at(key)}: `{key}` is {said[kind]}")
        if pack.url and not pack.url.startswith(("https://", "http://")):
            self.faults.append(f"{pack.at('url')}: `url` is an address: https://…")

    def _folders(self, pack: Pack) -> list[Path]:
        listed = pack.settings.data.get("chapters")
        if isinstance(listed, list):
            folders = [self.path / str(name) for name in listed]
            for index, folder in enumerate(folders):
                if not folder.is_dir():
                    at = pack.at("chapters", index)
                    self.faults.append(f"{at}: there is no folder {folder}; make it, or take its name out of the list")
            return [folder for folder in folders if folder.is_dir()]
        return sorted(
            folder for folder in self.path.iterdir() if not folder.name.startswith(".") and any(folder.glob("*.md"))
        )

    def _chapters(self, pack: Pack) -> Iterator[Chapter]:
        for folder in self._folders(pack):
            readme = folder / "README.md"
            if not readme.is_file():
                # Its pages belong to a chapter of an earlier pack.
                continue
            text = self._text(readme)
            if text is None:
                continue
            title, sections = outline(text)
            if not title:
                self.faults.append(f"{readme}:1: begin the chapter with its title: `# …`")
            yield Chapter(folder.name, title, text, sections, readme)

    def _pages(self, pack: Pack, package: str | None) -> Iterator[Written]:
        modules = _Modules(pack, package, self.faults) if package else None
        seen: dict[str, Path] = {}
        for folder in self._folders(pack):
            for path in sorted(page for page in folder.glob("*.md") if page.name != "README.md"):
                name = path.stem
                text = self._text(path)
                page, faults = parse_page(name, text) if text is not None else (None, [])
                self.faults.extend(f"{path}:{fault.line}: {fault.message}" for fault in faults)
                if not NAME.fullmatch(name):
                    self.faults.append(f"{path}:1: name rules in kebab-case, as `bare-except`")
                if name in seen:
                    self.faults.append(f"{path}:1: {seen[name]} has this name already; rules' names are unique")
                seen[name] = path
                written = None if page is None else Written(page, path, folder.name)
                said = len(self.faults)
                module = modules.of(path) if modules else None
                if written is not None and module is not None:
                    written = self._checked(written, module)
                # A module that can't be imported has a fault of its own.
                if written is not None and len(self.faults) == said:
                    yield written
        if modules:
            self.faults.extend(modules.orphans(seen))

    def _checked(self, written: Written, module: ModuleType) -> Written | None:
        """The page with the check of its module; None where there is none that can be one."""
        check = getattr(module, "check", None)
        if not callable(check):
            self.faults.append(f"{module.__file__}:1: write the function `check`, which {written.path} is about")
            return None
        try:
            wanted = subscription(check)
        except (CheckError, NameError) as error:
            code = getattr(check, "__code__", None)
            line = code.co_firstlineno if code else 1
            cure = "; import what the annotations name" if isinstance(error, NameError) else ""
            self.faults.append(f"{module.__file__}:{line}: {error}{cure}")
            return None
        return replace(written, check=check, subscription=wanted, mentions=tuple(getattr(module, "MENTIONS", ())))


class _Modules:
    """The modules of a pack's package of checks, which is installed or stands in the pack's own folder."""

    def __init__(self, pack: Pack, package: str, faults: list[str]) -> None:
        self._pack = pack
        self._package = package
        self._faults = faults
        top = package.partition(".")[0]
        if (pack.path / top).is_dir() and str(pack.path) not in sys.path:
            # At the end, so that nothing in it takes the place of another module.
            sys.path.append(str(pack.path))
            importlib.invalidate_caches()
        self._root = self._import(package)
        if self._root is None:
            self._faults.append(
                f"{pack.at('checks')}: there is no package `{package}`; put it beside {FILE}, or install it"
            )

    def of(self, page: Path) -> ModuleType | None:
        """The module of a page's check; None where there is none."""
        if self._root is None:
            return None
        return self._import(f"{self._package}.{module_name(page.parent.name)}.{module_name(page.stem)}")

    def orphans(self, named: Mapping[str, Path]) -> Iterator[str]:
        """A check without a page never speaks: a fault for each."""
        known = {module_name(name) for name in named}
        for folder in getattr(self._root, "__path__", ()):
            for module in sorted(Path(folder).glob("*/*.py")):
                if module.stem != "__init__" and module.stem not in known:
                    name = module.stem.replace("_", "-")
                    chapter = module.parent.name.replace("_", "-")
                    page = self._pack.path / chapter / name
                    yield f"{module}:1: there is no page for it; write {page}.md, or take the module away"

    def _import(self, dotted: str) -> ModuleType | None:
        try:
            return importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{dotted}.".startswith(f"{error.name}."):
                return None
            self._faults.append(_import_fault(error, dotted))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody else's module does when it is loaded
            self._faults.append(_import_fault(error, dotted))
        return None


def _unread(file: Path, error: OSError | UnicodeDecodeError) -> str:
    """The fault of a file that can't be read."""
    if isinstance(error, OSError):
        return f"{file}: it can't be read ({error.strerror}); let this user read it"
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"{file}:{line}: it is no UTF-8; save it as that"


def _import_fault(error: BaseException, dotted: str) -> str:
    """What kept a module from being imported, where that happened in it."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}; mend the module"
    passed = traceback.extract_tb(error.__traceback__)
    at = next((each for each in reversed(passed) if "importlib" not in each.filename), passed[-1])
    return f"{at.filename}:{at.lineno}: {dotted} can't be imported ({type(error).__name__}: {error}); mend the module"


def module_name(name: str) -> str:
    """What the module or the package of a rule or chapter is called."""
    return name.replace("-", "_")


def outline(markdown: str) -> tuple[str, tuple[Section, ...]]:
    """A text's title and sections, in a chapter with their statements, which stand in a comment under each heading."""
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
