"""The pages of the guideline: what stands on a rule's page, and what the search finds."""

from html.parser import HTMLParser

from inline_snapshot import snapshot

from postil.lint.page import HEADINGS
from postil.web import guide
from story import GUIDELINE

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
        ["bad", "good", "known-misses", "when-it-is-fine", "fix", "allow", "settings"]
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
        ]
    )


def test_a_former_name_is_said_and_leads_to_the_rule() -> None:
    """Old comments and allowances carry it."""
    page = Seen(shown("x/required-setting-has-default"))
    instead = Seen(shown("migrations/alembic-drop-still-referenced"))

    assert page.text.partition("Other names and rules")[2].split() == snapshot(
        ["It", "was", "called", "required-setting-has-default,", "and", "is", "still", "found", "by", "that", "name."]
    )
    assert " ".join(instead.text.partition("Other names and rules")[2].split()) == snapshot(
        "Where it speaks, alembic-drop-column is silent, which says less about the same."
    )


def test_the_search_puts_names_before_titles_and_titles_before_text() -> None:
    """With hundreds of pages a word is in many of them."""
    assert found("raise-without-from")[0] == "raise-without-from"
    assert found("required setting has default")[0] == "secret-setting-with-default"
    assert found("blocking calls")[:4] == snapshot(
        ["transitive-blocking-call", "blocking-call-in-async", "blocking-fs-in-async", "parallelism"]
    )
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
