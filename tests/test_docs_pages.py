"""The documentation at /docs: who sees it, that every page is there, and that every link leads somewhere."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from inline_snapshot import snapshot

from postil.app import create_app
from postil.settings import Settings
from postil.web import docs
from story import GUIDELINE
from test_settings import GOOD

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[1]
TOKEN = "only operators know this"


@asynccontextmanager
async def opened(folder: Path, readers: str, **headers: str) -> AsyncGenerator[httpx.AsyncClient]:
    """The service's pages, as somebody sees them."""
    env = {"POSTIL_OPERATOR_TOKEN": TOKEN, "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db", "POSTIL_ROLE": "web"}
    app = create_app(Settings.load(GOOD | env | {"POSTIL_DOCS": readers}), GUIDELINE)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://postil.example.com", headers=headers) as http:
        yield http


@pytest.mark.parametrize(
    ("readers", "strangers", "operators"), [("nobody", 404, 404), ("operators", 401, 200), ("everybody", 200, 200)]
)
async def test_the_documentation_is_for_those_whom_the_setting_names(
    tmp_path: Path, readers: str, strangers: int, operators: int
) -> None:
    """Nothing is open before somebody wants it."""
    async with opened(tmp_path, readers) as http:
        stranger = await http.get("/docs/install")
    async with opened(tmp_path, readers, authorization=f"Bearer {TOKEN}") as http:
        operator = await http.get("/docs/install")

    assert (stranger.status_code, operator.status_code) == (strangers, operators)


async def test_every_page_is_shown_and_every_link_on_it_leads_somewhere(tmp_path: Path) -> None:
    """The same text is read on GitHub, where links go between files."""
    dead, ids = [], {}

    async def leads(http: httpx.AsyncClient, address: str) -> bool:
        path, _, anchor = address.partition("#")
        if path not in ids:
            answer = await http.get(path)
            ids[path] = set(re.findall(r' id="([^"]+)"', answer.text)) if answer.status_code == 200 else None
        return ids[path] is not None and (not anchor or anchor in ids[path])

    async with opened(tmp_path, "everybody") as http:
        pages = {document.href: await http.get(document.href) for document in docs.read()}
        for name, page in pages.items():
            links = re.findall(r'(?:href|src|srcset)="([/#][^"]*)"', page.text.partition("<main")[2])
            dead += [(name, link) for link in links if not await leads(http, name + link if link[0] == "#" else link)]

    assert dead == []
    assert {page.status_code for page in pages.values()} == {200}
    assert len(pages) == len(list((ROOT / "docs").glob("*.md")))
    assert all(page.headers["content-security-policy"].startswith("default-src 'none'") for page in pages.values())
    assert '<span class="k">' in pages["/docs/packs"].text


async def test_the_index_links_to_every_page() -> None:
    """What it leaves out nobody finds."""
    index = docs.read()[0]
    linked = set(re.findall(r"\]\(([\w-]+)\.md\)", index.text))

    assert linked == {document.name for document in docs.read()[1:]}


async def test_what_is_not_served_is_named_and_not_linked(tmp_path: Path) -> None:
    """A page about the repository names files that an installed service doesn't have."""
    async with opened(tmp_path, "everybody") as http:
        install = (await http.get("/docs/install")).text
        schema = await http.get("/docs/postil.schema.json")
        moved = await http.get("/docs")
        unknown = [(await http.get(f"/docs/{name}")).status_code for name in ("nope", "../app.yml", "%2e%2e/app.yml")]

    assert "of <a>app.yml</a>" in install
    assert schema.json()["title"] == snapshot("Postil in a repository")
    assert (moved.status_code, moved.headers["location"]) == (307, "/docs/")
    assert unknown == [404, 404, 404]


async def test_a_picture_has_a_twin_for_dark_screens(tmp_path: Path) -> None:
    """A white picture on a dark page hurts at night."""
    async with opened(tmp_path, "everybody") as http:
        operate = (await http.get("/docs/operate")).text
        picture = await http.get("/docs/operator-dark.png")

    assert (
        '<source media="(prefers-color-scheme: dark)" srcset="/docs/operator-dark.png"><img src="/docs/operator.png"'
        in operate
    )
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
