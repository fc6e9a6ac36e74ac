"""The documentation as pages below /docs: what stands in the folder docs/, which travels with the package."""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from postil.packs import Section, outline
from postil.web.pages import CACHED, markdown, page

_HERE = Path(__file__).resolve()
FOLDER = next((p for p in (_HERE.parents[1] / "docs", _HERE.parents[3] / "docs") if p.is_dir()), _HERE.parent / "docs")
"""An installed package carries the pages inside; in a checkout they stand where people read them."""
INDEX = "README"
KINDS = (".png", ".json")
"""Other files that pages show or link to."""


@dataclass(frozen=True, slots=True)
class Document:
    """One page: its name in the address, its title, the headings below it, and its Markdown."""

    name: str
    title: str
    sections: tuple[Section, ...]
    text: str

    @property
    def href(self) -> str:
        """Its address."""
        return "/docs/" if self.name == INDEX else f"/docs/{self.name}"


def read(folder: Path = FOLDER) -> list[Document]:
    """Read all pages: the index first, then the others in the order in which it links to them."""
    pages = {path.stem: _document(path) for path in sorted(folder.glob("*.md"))}
    linked = re.findall(r"\]\(([\w-]+)\.md\)", pages[INDEX].text)
    return [pages[name] for name in dict.fromkeys([INDEX, *linked, *pages]) if name in pages]


def router(folder: Path = FOLDER) -> APIRouter:
    """Make the routes below /docs."""
    routes = APIRouter(include_in_schema=False)
    documents = read(folder)
    by_name = {document.name: document for document in documents}
    files = {path.name: path for path in folder.iterdir() if path.suffix in KINDS}
    link = _links(by_name, files)

    @routes.api_route("/docs", methods=["GET", "HEAD"])
    def front() -> Response:
        return RedirectResponse("/docs/", 307)

    @routes.api_route("/docs/{name:path}", methods=["GET", "HEAD"])
    def show(name: str) -> Response:
        if name in files:
            return FileResponse(files[name], headers=CACHED)
        document = by_name.get(name.removesuffix(".md") or INDEX)
        if document is None:
            raise HTTPException(404)
        return _page(document, documents, link)

    return routes


def _document(path: Path) -> Document:
    text = path.read_text(encoding="utf-8")
    title, sections = outline(text)
    return Document(path.stem, title, sections, text)


def _page(document: Document, documents: list[Document], link: Callable[[str], str]) -> HTMLResponse:
    at = documents.index(document)
    made = page(
        "document.html",
        {
            "title": document.title.replace("`", ""),
            "document": document,
            "documents": documents[1:],
            "following": documents[at + 1] if at + 1 < len(documents) else None,
            # The title stands above the list of sections, which stands above the text.
            "body": markdown(document.text.lstrip().removeprefix(f"# {document.title}"), link, pictures=True),
        },
    )
    made.headers.update(CACHED)
    return made


def _links(documents: dict[str, Document], files: dict[str, Path]) -> Callable[[str], str]:
    """What turns a link between files of the repository into one between pages; "" for what isn't served."""

    def link(href: str) -> str:
        target = posixpath.normpath(posixpath.join("docs", href))
        name, extension = posixpath.splitext(posixpath.relpath(target, "docs"))
        if extension == ".md" and name in documents:
            return documents[name].href
        if name + extension in files:
            return f"/docs/{name}{extension}"
        if target == "rules" or target.startswith("rules/"):
            return f"/guide/{target.removeprefix('rules').strip('/').removesuffix('README.md').removesuffix('.md')}"
        return ""

    return link
