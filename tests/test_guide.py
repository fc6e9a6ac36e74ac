"""The pages of the guideline: what stands on a rule's page, and what the search finds."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
from fastapi import FastAPI
from inline_snapshot import snapshot

from postil import packs
from postil.lint.page import HEADINGS, parse_page
from postil.web import guide
from story import GUIDELINE
from test_packs import ACME

WITH_ACME = packs.load(packs.over_built_in([ACME]))
GUIDE = guide.Guide(GUIDELINE)
ROOT = f"/guide/{GUIDELINE.version}"


class Seen(HTMLParser):
    """The headings of a page, its ids, and the text of its body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html.partition("<main")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        if tag[0] == "h" and tag[1:].isdecimal():
            self.levels.append(int(tag[1:]))
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def shown(path: str, query: str = "") -> str:
    """The page at a path below /guide."""
    return bytes(GUIDE.show(path, query).body).decode()


def found(query: str) -> list[str]:
    """What the search finds, best first: the last part of each address."""
    results = shown("", query).partition("<h1>")[2].partition("All chapters and rules")[0]
    return [part.partition('"')[0].rpartition("/")[2] for part in results.split(f'href="{ROOT}')[1:]]


def test_every_page_has_one_title_and_no_gap_between_its_headings() -> None:
    """Whoever has a page read aloud goes from heading to heading, and a link to a part leads to one place."""
    paths = [rule.chapter + "/" + rule.name for rule in GUIDELINE.rules.rules]
    paths += [chapter.name for chapter in GUIDELINE.chapters]
    wrong = []
    for path in ["", *paths]:
        page = Seen(shown(path))
        steps = [after - before for before, after in zip(page.levels, page.levels[1:], strict=False)]
        if page.levels[0] != 1 or page.levels.count(1) != 1 or max(steps) > 1 or len(set(page.ids)) < len(page.ids):
            wrong.append(path)

    assert wrong == []


def test_a_rules_page_says_what_it_catches_and_leaves_how_it_is_mended_and_how_it_is_allowed() -> None:
    """It is read by somebody who has just got a comment, and wants to go on."""
    html = shown("error-handling/raise-without-from")
    page = Seen(html)
    parts = [line.strip() for line in page.text.splitlines() if line.strip()]

    assert [name for name in page.ids if name not in ("content", "q")][1:] == snapshot(
        ["bad", "good", "known-misses", "when-it-is-fine", "fix", "allow", "settings", "history"]
    )
    assert list(guide.HEADINGS) == list(HEADINGS)
    assert all(words in page.text for words in guide.HEADINGS.values())
    assert '<span class="k">raise</span>' in html
    assert parts[parts.index("The fix") + 2 :] == snapshot(
        [
            "def load(path):",
            "try:",
            "return parse(path)",
            "except ValueError as error:",
            "raise ConfigError(path) from error",
            "Where it doesn't apply",
            "Say so on the line, with the reason, and Postil counts it as allowed:",
            "# postil: allow raise-without-from -- the reason",
            "For a whole repository",
            "In pyproject.toml:",
            "[tool.postil]",
            'ignore = ["raise-without-from"]',
            "# or another weight:",
            "[tool.postil.severities]",
            'raise-without-from = "error"',
            "History",
            "Since the first version of the guideline.",
        ]
    )


def test_a_rule_that_is_off_or_has_options_says_how_to_set_them() -> None:
    """Nobody finds a switch that is only in the code."""
    off = Seen(shown("x/blocking-fs-in-async")).text.partition("For a whole repository")[2]

    assert [line.strip() for line in off.splitlines() if line.strip()] == snapshot(
        [
            "In pyproject.toml; it says nothing unless somebody asks for it:",
            "[tool.postil.severities]",
            'blocking-fs-in-async = "hint"  # switches it on',
            "[tool.postil.options.blocking-fs-in-async]",
            "small = false",
            "History",
            "Since the first version of the guideline.",
        ]
    )


def test_a_former_name_is_said_and_leads_to_the_rule() -> None:
    """Old comments and allowances carry it."""
    page = Seen(shown("x/required-setting-has-default"))
    instead = Seen(shown("migrations/alembic-drop-still-referenced"))

    assert " ".join(page.text.partition("History")[2].split()) == snapshot(
        "Since the first version of the guideline. "
        "It was called required-setting-has-default, and is still found by that name."
    )
    assert " ".join(instead.text.partition("Other rules")[2].split()) == snapshot(
        "Where it speaks, alembic-drop-column is silent, which says less about the same."
    )


def test_the_search_puts_names_before_titles_and_titles_before_text() -> None:
    """With hundreds of pages a word is in many of them."""
    assert found("raise-without-from")[0] == "raise-without-from"
    assert found("required setting has default")[0] == "secret-setting-with-default"
    assert {"transitive-blocking-call", "blocking-call-in-async"} <= set(found("blocking calls")[:3])
    assert found("Timeouts")[:4] == snapshot(
        [
            "network-call-without-timeout",
            "async-timeout-disabled",
            "stream-open-without-timeout",
            "client-without-timeout",
        ]
    )


def test_a_search_that_finds_nothing_shows_what_is_like_it() -> None:
    """A slip of the finger is no dead end."""
    assert found("raise-wihtout-form") == snapshot(
        ["raise-without-from", "retry-without-filter", "raise-broad-exception"]
    )
    assert found("xyzzy") == []
    assert "There is none." in shown("", "xyzzy")


def test_a_rule_that_came_later_says_since_when() -> None:
    """Who updates Postil wants to know what is new, and who reads an old comment what has changed."""
    text = (packs.BUILT_IN / "error-handling/raise-without-from.md").read_text(encoding="utf-8")
    later, _ = parse_page("raise-without-from", text.replace("severity:", "since: 1.2\nseverity:", 1))
    _, faults = parse_page("raise-without-from", text.replace("severity:", "since: soon\nseverity:", 1))

    assert later is not None
    assert later.since == "1.2"
    assert [fault.message for fault in faults] == snapshot(
        ["`since` is a version of the pack, such as 1.2, not `soon`"]
    )


# Packs


def opened(address: str) -> str:
    """A page of the guide with the example pack over the built-in one, by its address."""
    app = FastAPI()
    app.include_router(guide.router(WITH_ACME))

    async def send() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://postil.test") as http:
            return (await http.get(address)).text

    return asyncio.run(send())


def test_a_comment_leads_to_the_page_of_the_packs_that_its_repository_chose() -> None:
    """Two repositories of one service may read different words about the same rule."""
    links = guide.links(WITH_ACME, "")
    theirs, ours = WITH_ACME.words(links), WITH_ACME.of([]).words(links)
    pages = [opened(words["raise-without-from"].rule_url) for words in (theirs, ours)]

    assert [words["raise-without-from"].rule_url for words in (theirs, ours)] == [
        f"{ROOT}/error-handling/raise-without-from",
        f"{ROOT}/error-handling/raise-without-from?packs=",
    ]
    assert ours["raise-without-from"].section_url == f"{ROOT}/error-handling?packs=#keep-the-cause"
    assert [re.findall(r"<h1[^>]*>(.*?)</h1>", page) for page in pages] == [
        [words["raise-without-from"].title] for words in (theirs, ours)
    ]
    assert "words of the pack" in pages[0]
    assert "chose none of the packs over the built-in one" in pages[1]
    assert f'href="{ROOT}/error-handling?packs=#keep-the-cause"' in pages[1]
    assert "There is no page" in opened(f"{ROOT}/house-rules/stripe-outside-payments?packs=nothing,at,all")


def test_the_index_shows_what_one_pack_is_about() -> None:
    """An organisation's own rules are few among hundreds."""
    whole, own = opened("/guide/"), Seen(opened("/guide/?pack=acme"))

    assert "acme · <code>raise-without-from</code>" in whole
    assert [line.strip() for line in own.text.partition("Error handling")[2].splitlines() if line.strip()] == snapshot(
        [
            "1",
            "Payments 1",
            "Error handling",
            "Say what the error came from acme · raise-without-from error",
            "Payments",
            "Ask the payments package acme · stripe-outside-payments error",
        ]
    )
    assert 'aria-label="Packs"' not in shown("")
