"""The page of a pull request shows what a reviewer would see, and lets nothing of it become markup."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
import pytest

from postil.demo import reviews
from postil.demo.fake_github import FakeGitHub
from postil.demo.markup import markdown
from postil.demo.state import FakePull, Review
from postil.web.colour import coloured
from validated_github import ValidatedGitHub

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&lt;"
SOURCE = 'def pay(amount):\n    """Pay."""\n    print("paid", amount)\n'


class Seen(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def read(html: str) -> Seen:
    """What a browser would make of it."""
    seen = Seen()
    seen.feed(str(html))
    return seen


def page(fake: FakeGitHub, path: str = "/acme/shop/pull/1") -> httpx.Response:
    """Open a page."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=fake), base_url="http://github.test") as client:
            return await client.get(path)

    return asyncio.run(send())


@pytest.fixture
def pull(github: ValidatedGitHub) -> FakePull:
    """A pull request that changes a line."""
    return github.open_pull(
        base_files={"pay.py": SOURCE}, head_files={"pay.py": SOURCE.replace("paid", "PAID")}, title="Shout"
    )


def comment(fake: FakeGitHub, pull: FakePull, body: str, **place: object) -> Review:
    """The App's review with one comment on the changed line."""
    one = {"path": "pay.py", "line": 3, "side": "RIGHT", "body": body, **place}
    return reviews.create_review(fake, pull, fake.bot, {"event": "COMMENT", "body": "Seen.", "comments": [one]})


def test_comments_stand_below_their_line(github: ValidatedGitHub, pull: FakePull) -> None:
    """After the added line, before what follows."""
    comment(github, pull, "Why so **loud**?")
    html = page(github).text
    text = read(html).text

    assert text.index("PAID") < text.index("Why so loud?")
    assert "Why so <strong>loud</strong>?" in html
    assert '<td class="number">3</td><td class="text" data-sign="+">' in html


def test_the_tab_of_the_files_shows_them_alone_and_the_verdict_above(github: ValidatedGitHub, pull: FakePull) -> None:
    """Who reads the diff sees what the check says without leaving it."""
    comment(github, pull, "Why so loud?")
    whole = read(page(github).text)
    files_only = read(page(github, "/acme/shop/pull/1/files").text)
    ids = {attributes.get("id") for _, attributes in files_only.tags}

    assert "Seen." in whole.text
    assert "Seen." not in files_only.text
    assert "Why so loud?" in files_only.text
    assert "files" in ids
    assert not {"conversation", "checks"} & ids


def test_a_comment_on_the_old_side_stands_below_the_removed_line(github: ValidatedGitHub, pull: FakePull) -> None:
    """Line 3 is on both sides; LEFT is the removed one."""
    comment(github, pull, "It was fine.", side="LEFT")
    text = read(page(github).text).text

    assert text.index("paid") < text.index("It was fine.") < text.index("PAID")


def test_nothing_from_a_pull_request_becomes_markup(github: ValidatedGitHub) -> None:
    """Titles, bodies, names of files and branches, code, comments, check runs: all of it is a stranger's text."""
    pull = github.open_pull(
        base_files={"a.py": "a = 1\n"},
        head_files={"a.py": f"a = 2\n# {HOSTILE}\n", f"{HOSTILE.replace('/', '')}.py": "b = 1\n"},
        title=HOSTILE,
        body=HOSTILE,
        author="eve",
    )
    pull.comment(HOSTILE)
    body = {"event": "COMMENT", "body": HOSTILE, "comments": [{"path": "a.py", "line": 2, "body": HOSTILE}]}
    reviews.create_review(github, pull, github.bot, body)
    pull.push({"a.py": f"# {HOSTILE}?\n"})
    reviews.create_review(
        github, pull, github.bot, {**body, "comments": [{"path": "a.py", "line": 1, "body": HOSTILE}]}
    )
    seen = read(page(github).text)

    assert {tag for tag, _ in seen.tags} & {"script", "img", "iframe", "form", "style", "object", "base"} == set()
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    assert seen.text.count("<script>alert(1)</script>") >= 8


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>)",
        "<a href='javascript:alert(1)'>x</a>",
        "<details onclick=alert(1)>x</details>",
        "<summary style='position:fixed'>x</summary>",
        "<svg/onload=alert(1)>",
        "```html\n</code></pre><script>alert(1)</script>\n```",
        "```suggestion\n</td></tr></table><script>alert(1)</script>\n```",
        "<!-- --!><script>alert(1)</script> -->",
    ],
)
def test_markdown_has_no_way_out(text: str) -> None:
    """Neither by links, attributes, code nor comments."""
    seen = read(markdown(text, ["<b>"]))

    assert not any(tag in ("script", "svg") for tag, _ in seen.tags)
    assert not any(
        name.startswith("on") or name == "style" or (value or "").startswith(("javascript:", "data:"))
        for _, attributes in seen.tags
        for name, value in attributes.items()
    )


def test_the_page_asks_nobody_else() -> None:
    """An image is a link, and the policy of the page forbids the rest."""
    seen = read(markdown("![chart](https://example.org/chart.png) and [more](https://example.org)"))

    assert [(tag, attributes.get("href")) for tag, attributes in seen.tags if tag != "p"] == [
        ("a", "https://example.org/chart.png"),
        ("a", "https://example.org"),
    ]
    assert "chart and more" in seen.text


def test_the_policy_allows_only_the_own_style_sheet(github: ValidatedGitHub, pull: FakePull) -> None:
    """No script, no image, no frame."""
    answer = page(github)
    links = [attributes["href"] for tag, attributes in read(answer.text).tags if tag == "link"]

    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert links == ["/pull.css"]
    assert page(github, "/pull.css").headers["content-type"].startswith("text/css")
    assert "url(" not in page(github, "/pull.css").text


def test_hidden_marks_stay_hidden() -> None:
    """Comments in Markdown are for machines; in code they are code."""
    html = markdown("Text <!-- mark --> more\n\n<!-- postil run=1 -->\n\n```\n<!-- code -->\n```\n")

    assert "mark" not in html
    assert "postil" not in html
    assert "&lt;!-- code --&gt;" in html


def test_folded_lists_fold() -> None:
    """`<details>` without attributes passes."""
    html = markdown("<details><summary>3 more</summary>\n\n- one\n\n</details>")

    assert "<details><summary>3 more</summary>" in html
    assert "<li>one</li>" in html


def test_a_suggestion_is_shown_as_a_change(github: ValidatedGitHub, pull: FakePull) -> None:
    """The replaced lines are those of the commented commit; equal lines around the change are left out."""
    comment(github, pull, '```suggestion\n    """Pay."""\n    log.info("paid")\n```', start_line=2, start_side="RIGHT")
    table = re.search(r'<table class="small-diff">.*?</table>', page(github).text, re.DOTALL)

    assert table is not None
    assert read(table[0]).text.replace("\n", "") == '-    print("PAID", amount)+    log.info("paid")'


def test_a_deletion_is_shown_as_one() -> None:
    """An empty suggestion deletes."""
    assert read(markdown("```suggestion\n```", ["gone = 1"])).text.strip().endswith("-gone = 1")


def test_what_is_over_is_folded(github: ValidatedGitHub, pull: FakePull) -> None:
    """A resolved thread, a minimized comment; an outdated thread leaves the diff for the conversation."""
    first = comment(github, pull, "One.").comments[0]
    second = comment(github, pull, "Two.").comments[0]
    pull.resolve(first)
    second.minimized = "outdated"
    now = page(github).text
    pull.push({"pay.py": SOURCE.replace("paid", "Paid")})
    later = page(github).text

    assert "Resolved by <strong>ada</strong>" in now
    assert "This comment was marked as outdated." in now
    assert '<span class="tag">Outdated</span>' not in now
    assert later.index("Two.") < later.index('id="files"')
    assert later.count('<span class="tag">Outdated</span>') == 2


def test_pages_that_are_not_there_say_so(github: ValidatedGitHub, pull: FakePull) -> None:
    """404 with a way back; the list of pull requests is the way."""
    assert page(github, "/acme/shop/pull/99").status_code == 404
    assert page(github, "/acme/nothing/pull/1").status_code == 404
    assert '<a href="/acme/shop/pull/1">Shout</a>' in page(github, "/").text
    assert github.calls == []


def test_links_to_a_file_at_a_commit_lead_somewhere(github: ValidatedGitHub, pull: FakePull) -> None:
    """With a number on each line to link to."""
    html = page(github, f"/acme/shop/blob/{pull.head_sha}/pay.py").text

    assert '<tr class="same" id="L3">' in html
    assert page(github, f"/acme/shop/blob/{pull.head_sha}/none.py").status_code == 404


@pytest.mark.parametrize("text", ["", "\n", "a\n\n\nb", '"""open\nstring', "x = 1\r\ny = 2", "\tif:\n  <b>"])
def test_colours_keep_the_text(text: str) -> None:
    """Line by line."""
    lines = [read(line).text for line in coloured(text, path="a.py")]

    assert [line.rstrip("\r") for line in lines] == [line.rstrip("\r") for line in text.split("\n")]
