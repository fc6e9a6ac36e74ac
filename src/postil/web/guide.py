"""The guideline as pages, so that the links in comments lead somewhere in a private installation too."""

import difflib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from postil.lint.engine import apply_edits
from postil.lint.examples import ExampleError, run_example
from postil.lint.finding import Severity
from postil.lint.rule import Rule, option_names
from postil.packs import Chapter, Guideline, Links, chosen
from postil.web.colour import coloured
from postil.web.pages import CACHED, markdown, page

NEAR = 8
MOST_OFTEN = 4
"""Mentions in a text that count: what is said often there is what it is about, and a chapter is long."""
HEADINGS = {
    "Bad": "What it catches",
    "Good": "What to write instead",
    "Known misses": "What it doesn't find as yet",
    "When it is fine": "What it leaves alone",
}
"""The headings of a rule's page in the words of somebody who has just read a comment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list of pages; `pack` is named where it isn't the built-in one."""

    href: str
    name: str
    title: str
    kind: str
    pack: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """What the search looks through for one page, in small letters."""

    entry: Entry
    names: tuple[str, ...]
    title: str
    body: str

    def rank(self, words: list[str]) -> int:
        """How well the page answers; 0 where a word is nowhere in it."""
        found = [self._weight(word) for word in words]
        return sum(found) if all(found) else 0

    def _weight(self, word: str) -> int:
        """Names count more than titles, these more than text, and the beginning of a word more than its middle."""
        names, begins = " ".join(self.names), re.compile(rf"\b{re.escape(word)}")
        in_name = 12 if begins.search(names) else 4 * (word in names)
        in_title = 6 if begins.search(self.title) else 2 * (word in self.title)
        return in_name + in_title + min(self.body.count(word), MOST_OFTEN)


def links(guideline: Guideline, public_url: str) -> Links:
    """Where comments link to: pages of this service that carry the guideline's version in their address."""
    return Links(f"{public_url}/guide/{guideline.version}")


def router(guideline: Guideline) -> APIRouter:
    """Make the routes below /guide. A link to another version is answered with the current one, and a word on it."""
    routes = APIRouter()
    installed = [pack.name for pack in guideline.packs[1:]]

    # As many choices as a few packs allow; more would only be somebody's play with addresses.
    @lru_cache(maxsize=16)
    def guide(names: tuple[str, ...] | None) -> Guide:
        return Guide(guideline.of(names))

    # Link checkers ask with HEAD.
    @routes.api_route("/guide", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False)
    @routes.api_route(
        "/guide/{path:path}", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False
    )
    def show(path: str = "", q: str = "", pack: str = "", packs: str | None = None) -> HTMLResponse:
        names = None if packs is None else tuple(name for name in installed if name in packs.split(","))
        return guide(names).show(path, q, pack)

    return routes


class Guide:
    """The pages of one loaded guideline, or of what a repository chose of it."""

    def __init__(self, guideline: Guideline) -> None:
        self._guideline = guideline
        self._root = f"/guide/{guideline.version}"
        self._chosen = chosen(guideline.choice)
        self._fixes: dict[str, Markup | None] = {}

    def show(self, path: str, query: str = "", pack: str = "") -> HTMLResponse:
        """Make the page at `path` below /guide, or a page that helps to find what was meant.

        The index shows what `query` finds, and of one pack only what that is about.
        """
        parts = [part for part in path.split("/") if part]
        linked = parts.pop(0) if parts and re.fullmatch(r"v?\d+(\.\w+)*", parts[0]) else ""
        other = linked if linked not in ("", self._guideline.version) else ""
        # Links of the repository's kind work as well.
        wanted = [part.removesuffix(".md") for part in parts if part != "README.md"]
        chapter = self._guideline.chapter(wanted[0]) if wanted else None
        rule = self._guideline.rule(wanted[1]) if len(wanted) == 2 else None
        if not wanted:
            return self._index(other, query, pack)
        if chapter is not None and len(wanted) == 1:
            return self._chapter(chapter, other)
        # A rule that has moved to another chapter, or has another name now, is found all the same.
        if rule is not None:
            return self._rule(rule, other)
        return self._missing("/".join(wanted))

    def _index(self, other: str, query: str, pack: str) -> HTMLResponse:
        packs = [each.name for each in self._guideline.packs]
        pack = pack if pack in packs else ""
        chapters = [
            (self._chapter_entry(chapter), [entry for entry in self._rules(chapter) if self._is_about(entry, pack)])
            for chapter in self._guideline.chapters
        ]
        found = self._search(query)
        near = list(self._near(query)) if query.strip() and not found else []
        return self._page(
            "index.html",
            f"“{query.strip()[:60]}”" if query.strip() else "Guideline",
            "/guide",
            other,
            chapters=[(chapter, rules) for chapter, rules in chapters if rules or not pack],
            packs=packs if len(packs) > 1 else [],
            pack=pack,
            query=query,
            found=found,
            near=near,
        )

    def _chapter(self, chapter: Chapter, other: str) -> HTMLResponse:
        return self._page(
            "chapter.html",
            chapter.title,
            f"/guide/{chapter.name}",
            other,
            chapter=chapter,
            # The title stands above the list of sections, which stands above the text.
            body=markdown(
                chapter.markdown.lstrip().removeprefix(f"# {chapter.title}"),
                lambda href: self._link(chapter.name, href),
            ),
            rules=list(self._rules(chapter)),
        )

    def _rule(self, rule: Rule, other: str) -> HTMLResponse:
        return self._page(
            "rule.html",
            rule.title,
            f"/guide/{rule.chapter}/{rule.name}",
            other,
            rule=rule,
            body=markdown(rule.page.markdown, lambda href: self._link(rule.chapter, href), HEADINGS),
            chapter_href=self._href(rule.chapter),
            packs=self._packs_about[rule.name] if len(self._guideline.packs) > 1 else [],
            instead_of=[self._entry(other) for name in rule.page.instead_of if (other := self._guideline.rule(name))],
            fixed=self._fixed(rule),
            configuration=_configuration(rule),
        )

    def _missing(self, wanted: str) -> HTMLResponse:
        near = list(self._near(wanted.rpartition("/")[2]))
        return page("missing.html", {"title": "No such page", "looked_for": wanted, "near": near}, 404)

    def _page(self, template: str, title: str, canonical: str, other: str, **values: object) -> HTMLResponse:
        common = {
            "title": title,
            "canonical": canonical,
            "version": self._guideline.version,
            "other_version": other,
            "choice": self._guideline.choice,
        }
        made = page(template, common | values)
        made.headers.update(CACHED)
        return made

    def _rules(self, chapter: Chapter) -> Iterator[Entry]:
        for name in chapter.rules:
            rule = self._guideline.rule(name)
            if rule is not None:
                yield self._entry(rule)

    def _entry(self, rule: Rule) -> Entry:
        last = self._packs_about[rule.name][-1]
        return Entry(
            self._href(f"{rule.chapter}/{rule.name}"),
            rule.name,
            rule.title,
            str(rule.severity),
            last if last != self._guideline.packs[0].name else "",
        )

    def _is_about(self, entry: Entry, pack: str) -> bool:
        return not pack or pack in self._packs_about[entry.name]

    def _href(self, page: str) -> str:
        return f"{self._root}/{page}{self._chosen}"

    def _link(self, chapter: str, href: str) -> str:
        """Turn a link between files of the pack's folder into one between pages."""
        target = posixpath.normpath(posixpath.join(chapter, href)).removesuffix("README.md").removesuffix(".md")
        inside = target.strip("/")
        if inside.startswith(".."):
            return href
        return self._href(inside.rstrip("/."))

    def _fixed(self, rule: Rule) -> Markup | None:
        """What the rule's own fix makes of the first example that it can mend; None where it offers none."""
        if rule.name not in self._fixes:
            self._fixes[rule.name] = self._mend(rule)
        return self._fixes[rule.name]

    def _mend(self, rule: Rule) -> Markup | None:
        for example in rule.page.bad:
            if len(example.blocks) > 1:
                continue
            (block,) = example.blocks
            try:
                found = run_example(self._guideline.rules, rule, example)
            except ExampleError:
                continue
            if edits := next((finding.edits for finding in found if finding.edits), ()):
                mended = apply_edits(block.text, edits).rstrip("\n")
                return Markup("\n").join(coloured(mended, language=block.language))
        return None

    @cached_property
    def _packs_about(self) -> Mapping[str, list[str]]:
        """The packs with a page of each rule: the first one's check, and the last one's words, are the rule."""
        about: dict[str, list[str]] = {}
        for pack in self._guideline.packs:
            for written in pack.pages:
                about.setdefault(written.page.name, []).append(pack.name)
        return about

    @cached_property
    def _texts(self) -> list[Text]:
        texts = []
        for chapter in self._guideline.chapters:
            entry = self._chapter_entry(chapter)
            texts.append(Text(entry, (entry.name,), entry.title.lower(), chapter.markdown.lower()))
        for rule in self._guideline.rules.rules:
            names = (rule.name, *rule.page.aliases)
            texts.append(Text(self._entry(rule), names, rule.title.lower(), rule.page.markdown.lower()))
        return texts

    def _search(self, query: str) -> list[Entry]:
        """Find the pages whose names, title or text holds every word, those first that have them in their names."""
        words = _words(query)[:10]
        ranked = [(text.rank(words), text.entry) for text in self._texts]
        return [entry for rank, entry in sorted(ranked, key=lambda each: -each[0]) if rank]

    def _near(self, wanted: str) -> Iterator[Entry]:
        """Find the pages whose names are like `wanted`, best first."""
        entries = {name: text.entry for text in self._texts for name in text.names}
        wanted = "-".join(wanted[:100].lower().split())
        close = difflib.get_close_matches(wanted, entries, n=NEAR, cutoff=0.6)
        words = {word for word in re.split(r"[^a-z]+", wanted) if len(word) > 3}
        alike = [name for name in entries if name not in close and words & set(name.split("-"))]
        yield from list(dict.fromkeys(entries[name] for name in [*close, *alike]))[:NEAR]

    def _chapter_entry(self, chapter: Chapter) -> Entry:
        return Entry(self._href(chapter.name), chapter.name, chapter.title, "chapter")


def _words(query: str) -> list[str]:
    """The words of a query, as parts of which they are looked for: `calls` finds `blocking-call` as well."""
    words = re.split(r"[\s_-]+", query.lower().strip())
    return [word.removesuffix("s") if len(word) > 3 else word for word in words if word]


def _configuration(rule: Rule) -> Markup:
    """The lines of `[tool.postil]` that switch the rule on or off, and set its options."""
    severities = "[tool.postil.severities]"
    if rule.opt_in:
        lines = [severities, f'{rule.name} = "{rule.severity}"  # switches it on']
    else:
        other = Severity.WARNING if rule.severity is Severity.ERROR else Severity.ERROR
        lines = ["[tool.postil]", f'ignore = ["{rule.name}"]', "", "# or another weight:", severities]
        lines += [f'{rule.name} = "{other}"']
    if options := option_names(rule.check):
        lines += ["", f"[tool.postil.options.{rule.name}]"]
        # JSON's plain values and lists are TOML's too.
        lines += [f"{name} = {json.dumps(rule.options.get(name, default))}" for name, default in options.items()]
    return Markup("\n").join(coloured("\n".join(lines), language="toml"))
