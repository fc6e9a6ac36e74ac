"""The guideline as pages, so that the links in comments lead somewhere in a private installation too."""

import difflib
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from postil.lint.rule import Rule
from postil.packs import Chapter, Guideline, Links
from postil.web.pages import markdown, page

CACHED = {"cache-control": "public, max-age=300"}
NEAR = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list of pages."""

    href: str
    name: str
    title: str
    kind: str


def links(guideline: Guideline, public_url: str) -> Links:
    """Where comments link to: pages of this service that carry the guideline's version in their address."""
    return Links(f"{public_url}/guide/{guideline.version}")


def router(guideline: Guideline) -> APIRouter:
    """Make the routes below /guide. A link to another version is answered with the current one, and a word on it."""
    routes = APIRouter()
    guide = Guide(guideline)

    # Link checkers ask with HEAD.
    @routes.api_route("/guide", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False)
    @routes.api_route(
        "/guide/{path:path}", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False
    )
    def show(path: str = "", q: str = "") -> HTMLResponse:
        return guide.show(path, q)

    return routes


class Guide:
    """The pages of one loaded guideline."""

    def __init__(self, guideline: Guideline) -> None:
        self._guideline = guideline
        self._root = f"/guide/{guideline.version}"

    def show(self, path: str, query: str = "") -> HTMLResponse:
        """Make the page at `path` below /guide, or a page that helps to find what was meant."""
        parts = [part for part in path.split("/") if part]
        linked = parts.pop(0) if parts and re.fullmatch(r"v?\d+(\.\w+)*", parts[0]) else ""
        other = linked if linked not in ("", self._guideline.version) else ""
        # Links of the repository's kind work as well.
        wanted = [part.removesuffix(".md") for part in parts if part != "README.md"]
        chapter = self._guideline.chapter(wanted[0]) if wanted else None
        rule = self._guideline.rule(wanted[1]) if len(wanted) == 2 else None
        if not wanted:
            return self._index(other, query)
        if chapter is not None and len(wanted) == 1:
            return self._chapter(chapter, other)
        # A rule that has moved to another chapter, or has another name now, is found all the same.
        if rule is not None:
            return self._rule(rule, other)
        return self._missing("/".join(wanted))

    def _index(self, other: str, query: str) -> HTMLResponse:
        found = list(self._search(query)) if query.strip() else []
        chapters = [(chapter, list(self._rules(chapter))) for chapter in self._guideline.chapters]
        return self._page(
            "index.html", "Guideline", "/guide", other, chapters=chapters, root=self._root, query=query, found=found
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
            body=markdown(rule.page.markdown, lambda href: self._link(rule.chapter, href)),
            chapter_href=f"{self._root}/{rule.chapter}",
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
        return Entry(f"{self._root}/{rule.chapter}/{rule.name}", rule.name, rule.title, str(rule.severity))

    def _link(self, chapter: str, href: str) -> str:
        """Turn a link between files of the pack's folder into one between pages."""
        target = posixpath.normpath(posixpath.join(chapter, href)).removesuffix("README.md").removesuffix(".md")
        inside = target.strip("/")
        if inside.startswith(".."):
            return href
        return f"{self._root}/{inside}".rstrip("/.")

    def _search(self, query: str) -> Iterator[Entry]:
        """Find the pages whose name, title or text holds every word."""
        words = query.lower().split()[:10]
        for chapter in self._guideline.chapters:
            if all(word in f"{chapter.name} {chapter.markdown}".lower() for word in words):
                yield Entry(f"{self._root}/{chapter.name}", chapter.name, chapter.title, "chapter")
        for rule in self._guideline.rules.rules:
            if all(word in f"{rule.name} {rule.page.markdown}".lower() for word in words):
                yield self._entry(rule)

    def _near(self, wanted: str) -> Iterator[Entry]:
        """Find the pages whose names are like `wanted`, best first."""
        entries = {rule.name: self._entry(rule) for rule in self._guideline.rules.rules}
        for chapter in self._guideline.chapters:
            entries[chapter.name] = Entry(f"{self._root}/{chapter.name}", chapter.name, chapter.title, "chapter")
        close = difflib.get_close_matches(wanted[:100].lower(), entries, n=NEAR, cutoff=0.6)
        words = {word for word in re.split(r"[^a-z]+", wanted[:100].lower()) if len(word) > 3}
        alike = [name for name in entries if name not in close and words & set(name.split("-"))]
        for name in [*close, *alike][:NEAR]:
            yield entries[name]
