"""Every page by axe-core in a real browser, in light and dark and on a phone; and what a keyboard alone can do.

axe-core comes inside axe-playwright-python. It is put into the page by the browser's own door for tools, so that the
pages' policy, which lets no script run, holds as it does for everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from browser import browser
from postil.app import create_app
from postil.demo import faults, play
from story import GUIDELINE
from test_operator import SECTIONS, TOKEN, settings
from test_setup import Story, telling

__all__ = ["browser"]

pytestmark = pytest.mark.browser

LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (
    ("light", {"width": 1280, "height": 900}),
    ("dark", {"width": 390, "height": 844}),
)
"""Colours and shape are independent of each other, so that two looks show all there is."""
PAGES = (
    "/guide/",
    "/guide/?q=timeout",
    "/guide/?q=raise-wihtout-form",
    "/guide/migrations",
    "/guide/0.1/error-handling/raise-without-from",
    "/guide/migrations/alembic-drop-column",
    "/guide/parallelism/blocking-fs-in-async",
    "/guide/no-such-rule",
    "/no-such-page",
    "/docs/",
    "/docs/configure",
    "/docs/compare",
    *(f"/operator{section}" for section in SECTIONS),
)


def wrong(page: Page) -> list[str]:
    """What axe-core finds on the page in each look: the look, how bad, the rule, and the first place."""
    found = []
    page.wait_for_load_state()
    for scheme, viewport in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        if page.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
            found.append(f"{scheme}: wider than {viewport['width']} pixels")
        for each in Axe().run(page).response["violations"]:
            found.append(f"{scheme}: {each['impact']} {each['id']} at {each['nodes'][0]['target']}")
    return found


@dataclass
class Site:
    """A service that is set up, and an operator with a browser."""

    address: str
    page: Page


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests here, as none of them changes anything."""
    socket = play.free_socket()
    app = create_app(settings(tmp_path_factory.mktemp("site"), DOCS="everybody"), GUIDELINE)
    with (
        play.serving(app, socket, lifespan=True),
        browser.new_context(http_credentials={"username": "mona", "password": TOKEN}) as context,
    ):
        yield Site(play.address(socket), context.new_page())


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_everybody(site: Site, path: str) -> None:
    """Contrast, names, headings, landmarks, what scrolls; nothing stands off a phone's screen."""
    site.page.goto(f"{site.address}{path}")

    assert wrong(site.page) == []


def test_a_page_that_refuses_can_be_used_by_everybody(site: Site, browser: Browser) -> None:
    """Who forgot the token sees it first."""
    with browser.new_context(http_credentials={"username": "mona", "password": "wrong"}) as context:
        page = context.new_page()
        answer = page.goto(f"{site.address}/operator")
        found = wrong(page)

    assert answer is not None
    assert (answer.status, found) == (401, [])


def test_each_page_of_the_set_up_can_be_used_by_everybody(browser: Browser, tmp_path: Path) -> None:
    """Closed, open, with mistakes, with doubts, before GitHub, failed, done."""
    found: dict[str, list[str]] = {}

    def look(story: Story) -> None:
        found[story.said("h1") + (" !" if story.page.get_by_role("alert").count() else "")] = wrong(story.page)

    with telling(browser, tmp_path) as story:
        story.page.goto(f"{story.service}/setup")
        look(story)
        story.opens()
        look(story)
        story.page.get_by_label("Organisation").fill("acme/shop")
        story.goes_on(anyway=False)
        look(story)
        story.page.get_by_label("Organisation").fill("")
        story.goes_on()
        look(story)
        story.github.misbehave("GET", "/app$", faults.BAD_CREDENTIALS)
        story.agrees()
        look(story)
        story.page.goto(f"{story.service}/setup/callback?code=abc&state=def")
        look(story)
        shown = set(found)

    assert shown == {
        "The log has the link",
        "Make this service a GitHub App",
        "Make this service a GitHub App !",
        "Now GitHub",
        "The App is there !",
        "This isn't the way back that was begun here",
    }
    assert {name: wrongs for name, wrongs in found.items() if wrongs} == {}


def test_what_is_wrong_with_a_page_is_noticed(site: Site) -> None:
    """The tests above would pass for everything if nothing were looked at."""
    site.page.goto(f"{site.address}/guide/no-such-rule")
    site.page.evaluate("document.querySelector('label').remove()")
    site.page.evaluate("document.querySelector('input').removeAttribute('placeholder')")
    site.page.evaluate("document.querySelector('h1').style.color = '#999'")

    assert wrong(site.page) == [
        "light: serious color-contrast at ['h1']",
        "light: critical label at ['#q']",
        "dark: critical label at ['#q']",
    ]


def test_the_keyboard_reaches_the_text_the_search_and_what_scrolls(site: Site) -> None:
    """Some can use nothing else: the first stop leads past the header, and each stop can be seen."""
    page = site.page
    page.set_viewport_size(LOOKS[1][1])
    page.goto(f"{site.address}/guide/error-handling/raise-without-from")
    page.keyboard.press("Tab")
    skip = page.evaluate(
        "[document.activeElement.textContent, document.activeElement.getBoundingClientRect().left >= 0]"
    )
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    past = page.evaluate("document.querySelector('main').contains(document.activeElement)")
    outlined = "getComputedStyle(document.activeElement).outlineStyle"
    seen = page.evaluate(outlined)
    page.reload()
    while page.evaluate("document.activeElement.id") != "q":
        page.keyboard.press("Tab")
    in_search = page.evaluate(outlined)
    page.keyboard.type("drop column")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=drop+column")
    first = page.locator(".rules a").first
    while not first.evaluate("link => link === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/alembic-drop-column")
    unreached = page.evaluate("[...document.querySelectorAll('pre')].filter(each => each.tabIndex != 0).length")

    assert skip == ["Skip to the text", True]
    assert (past, seen, in_search) == (True, "solid", "solid")
    assert unreached == 0
