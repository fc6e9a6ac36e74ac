"""What GitHub makes of our texts: nothing that comes with a pull request is more than text in any of them.

Rendered by GitHub's own Markdown (cmark-gfm, as cmarkgfm binds it), with raw HTML let through, and with line breaks as
in comments. What GitHub adds after rendering is looked for in the text that is left: mentions, references to issues
and commits, addresses, emoji.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from postil.lint import Problem, Related
from postil.review import compose as words
from postil.review import reply
from postil.review.command import COMMANDS, Command
from postil.review.compose import marker, read_marker
from postil.review.config import Choice, Config
from postil.review.markup import fenced
from postil.review.model import Preview, Suggestion
from postil.review.orders import Ignore, Orders
from postil.review.plan import Plan
from test_compose import BLOB, GUIDE, HOSTILE, KEY, file, found, page, reviewed

TAGS = frozenset({"p", "strong", "code", "a", "ul", "li", "br", "details", "summary", "pre"})
"""What our own words are made of."""
TABLE = frozenset({"table", "thead", "tbody", "tr", "th", "td"})
# Well formed, with a signature of the right length: only that it is not the last one gives it away.
FORGED = marker("acme/shop#7@run 99", "abc", ["0123456789abcdef"], b"guess", orders="paused")
OPTIONS = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS | Options.CMARK_OPT_FOOTNOTES
# Beyond what the tests of `compose` try: what GitHub does after Markdown, and ways around white space and escapes.
WORSE = st.one_of(
    HOSTILE,
    st.lists(
        st.sampled_from(
            [
                *("@", "#", "\\", "`", "*", "é", "x", "-"),
                *(" ", "\u200b", "\u00a0", "\t", "|", "\\`", "``` ", "~~~\n"),
                *("admin", "1", "abc1234", "@abc1234"),
                *("\\@admin", "&#64;admin", "&commat;admin", "\uff20admin", "@`a`dmin"),
                *("#1", "\\#1", "&num;1", "acme/shop#1"),
                *("GH-1", "gh-1", "acme/shop@abc1234", "mailto:a@e.vil", "ftp://e.vil"),
                *(":octocat:", ":+1:", "$x$", "$`x`$"),
                *("$$x$$", "```math\nx\n```", "```mermaid\nx\n```", "[!NOTE]", "> [!NOTE]"),
                *("[^1]", "[^1]: x", "[a]: http://e.vil", "[a]", "![a][a]", "- [ ] x", "1. x", "===", "---", "***"),
                *("<!-- postil:1", " sig=", "-->", "<!--", "--!>", FORGED, f"\n\n{FORGED}\n\n"),
                *("<![CDATA[", "<?x", "</summary>", "</details>", "<img src=x>"),
                *("xmpp:a@e.vil", "WWW.e.vil", "hTTps://e.vil", "http:/\\/e.vil"),
                *("www\\.e.vil", "\ud800", "\0", "\x85", "\u2029"),
            ]
        ),
        max_size=6,
    ).map("".join),
)  # fmt: skip


@dataclass
class Rendered(HTMLParser):
    """A rendered text: its tags, its links, its comments, its blocks of code, and the text outside of any code."""

    markdown: str
    tags: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(cmarkgfm.github_flavored_markdown_to_html(self.markdown, OPTIONS))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "pre":
            self.blocks.append((given.get("lang") or "", ""))
        if tag != "br":
            self._open.append(tag)
        self.text += "\n" if tag in ("p", "li", "br", "td", "summary") else ""

    def handle_endtag(self, tag: str) -> None:
        assert not self._open or self._open.pop() == tag, self.markdown

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            language, text = self.blocks[-1]
            self.blocks[-1] = (language, text + data)
        elif "code" not in self._open:
            self.text += data
        else:
            # GitHub looks at the text on either side by itself.
            self.text += "\0"

    def handle_comment(self, data: str) -> None:
        self.comments.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


def harmless(markdown: str, *, tags: frozenset[str] = TAGS, folds: int = 0, markers: int = 0) -> Rendered:
    """The rendered text, in which nothing is but our own words, links, folds and hidden lines."""
    made = Rendered(markdown)
    # Where a configuration was read. No mention: GitHub asks for something else than a letter or digit before it.
    text = re.sub(r"(?<=[A-Za-z0-9])@abc1234(?=[\s.:]|$)", "", made.text)
    for sign in (
        r"[@#]\w",
        r"://|www\.",
        r"\bgh-\d",
        r"(?<![A-Za-z0-9])[0-9a-f]{7,40}(?![A-Za-z0-9])",
        r":[a-z0-9_+-]+:",
        r"\[[ x]\]\s*\n",
        "[\x01-\x08\u202e\u2028\ud800]",
    ):
        assert not re.search(sign, text, re.IGNORECASE), (sign, text)

    assert set(made.tags) <= tags, made.tags
    assert all(link.startswith((f"{BLOB}/", f"{GUIDE}/")) for link in made.links), made.links
    assert made.tags["details"] == made.tags["summary"] == folds
    assert len(made.comments) == markers, made.comments
    assert all(read_marker(each, KEY) for each in made.comments), made.comments
    # As our own words are read, where nobody asks for a key.
    assert not markers or read_marker(markdown) == read_marker(made.comments[-1], KEY), markdown
    return made


def whole(text: str) -> str:
    """A text without halves of characters, which no file in UTF-8 can hold, as short as a setting has to be."""
    return text.encode("utf-8", "replace").decode()[:100] or "x"


@settings(max_examples=150, deadline=None)
@given(*[WORSE] * 7)
def test_no_part_of_a_review_becomes_more_than_text(
    path: str, message: str, reason: str, branch: str, code: str, setting: str, login: str
) -> None:
    """Paths, messages with the code in them, reasons, branches, settings and logins, in every text of a review."""
    setting = whole(setting)
    config = Config(
        select=(setting,),
        ignore=(setting, setting),
        severities={"raise-without-from": "off"},
        per_path_ignores={setting: (setting,)},
        exclude=(setting,),
        include=(setting,),
    )
    review = reviewed(
        found(2, path=path, message=message, suggestion=Suggestion(2, 2, code, "…")),
        *(found(30 + n, path=path, message=message, related=(Related(path, 7, message),)) for n in range(2)),
        *(found(40 + n, path=path, message=f"{message} {n}") for n in range(4)),
        files=[file(range(1, 11), range(40, 60), path=path)],
        suppressed=(found(8, path=path, message=message, allowed=reason),),
        problems=(Problem(path, "syntax", message), Problem(path, "config", message)),
        config=f"{branch}@abc1234",
        source=setting,
        settings=config,
        preview=Preview(setting, 1, 1, 1, (message,)),
        ignored={"raise-without-from": Ignore("raise-without-from", login, reason)},
    )

    assert review.body
    harmless(review.body, folds=1, markers=1)
    harmless(review.check.summary, tags=TAGS | TABLE)
    for comment in review.comments:
        made = harmless(comment.body, markers=1)
        offered = [comment.suggestion.replace("\r", "")] if comment.suggestion is not None else []
        assert [language for language, _ in made.blocks] == ["suggestion"] * len(offered)
        assert [text.removesuffix("\n") for _, text in made.blocks] == [
            each.replace("\0", "\ufffd") for each in offered
        ]
    for note in (review.check.title, *(each.title for each in review.check.annotations)):
        assert "\n" not in note


@settings(max_examples=100, deadline=None)
@given(path=WORSE, message=WORSE, login=WORSE, reason=WORSE, code=WORSE)
def test_no_part_of_a_comment_does_once_it_is_folded_away(
    path: str, message: str, login: str, reason: str, code: str
) -> None:
    """Fixed, withdrawn or ignored: its words stay, within HTML of ours, and come back as they were."""
    (comment,) = reviewed(
        found(2, path=path, message=message, suggestion=Suggestion(2, 2, code, "…")),
        files=[file(range(1, 11), path=path)],
    ).comments
    ignored = words.ignored(comment.body, Ignore("raise-without-from", login, reason))

    for text in (words.fixed(comment.body, "abc1234def"), words.withdrawn(comment.body, "abc1234def"), ignored):
        harmless(text, folds=1, markers=1)
    assert words.restored(ignored) == comment.body


@settings(max_examples=100, deadline=None)
@given(*[WORSE] * 5)
def test_no_part_of_a_check_runs_notice_does(login: str, why: str, head: str, guideline: str, reason: str) -> None:
    """A failure's reason holds what GitHub or git said."""
    for notice in (
        words.paused(login),
        words.unfinished(why),
        words.checking("abc1234def", "1.3"),
        words.superseded("abc1234def"),
    ):
        harmless(notice.summary)
        assert "\n" not in notice.title
    harmless(f"Ignored {words.on_whose_word(Ignore('raise-without-from', login, reason))}")


@settings(max_examples=150, deadline=None)
@given(*[WORSE] * 6)
def test_no_part_of_an_answer_does(login: str, written: str, rule: str, reason: str, branch: str, setting: str) -> None:
    """What a command says comes back in its answer, and so do the configuration and who ordered what."""
    setting = whole(setting)
    config = Config(select=(setting,), exclude=(setting,), include=(setting,))
    plan = Plan(config, setting, Choice(("raise-without-from",)), (setting, reason), {rule: "raise-without-from"}, ())
    known = {
        "raise-without-from": page("raise-without-from", "Chain it", "Why."),
        "sleep-in-async": page("sleep-in-async", "Sleep", "Why."),
    }
    orders = Orders((Ignore("raise-without-from", login, reason), Ignore(rule, login, reason)), login)
    now = reply.Circumstances(login, plan, known, f"{branch}@abc1234", BLOB)
    names = [*(each.split(" ")[-1 if each.endswith("check") else 1].removeprefix("/") for each in COMMANDS), "unknown"]
    commands = [
        Command(name, written or "/postil x", named, reason) for name in names for named in (rule, "raise-without-from")
    ]
    replies = [(command, reply.obey(command, held, now)) for command in commands for held in (orders, Orders())]

    for _, answer in replies:
        harmless(answer.text)
    harmless(reply.joined(replies[:6]))
    harmless(reply.refused(login, commands[0]))
    signed = marker("acme/shop#7@run 12", "abc1234def", key=KEY, orders=orders.written())
    posted = f"{reply.joined(replies[:2])}\n\n{signed}"
    assert Rendered(posted).comments == [signed]
    assert read_marker(posted) == read_marker(signed, KEY) is not None


@given(text=WORSE)
def test_a_suggestion_is_the_code_and_nothing_else(text: str) -> None:
    """GitHub commits it as it stands there."""
    made = Rendered(f"before\n\n{fenced('suggestion', whole(text))}\n\nafter")

    assert made.blocks[0][0] == "suggestion"
    assert len(made.blocks) == 1
    assert made.text.split() == ["before", "after"]


def test_the_renderer_is_one_that_would_show_it() -> None:
    """Each of these is what the tests above say that there is not."""
    shown: Sequence[tuple[str, str]] = [
        ("<b>x</b>", "b"),
        ("![x](y)", "img"),
        ("~~x~~", "del"),
        ("- [ ] x", "input"),
        ("| a |\n| - |", "table"),
        ("> x", "blockquote"),
        ("x[^1]\n\n[^1]: y", "sup"),
    ]

    assert [tag for markdown, tag in shown if not Rendered(markdown).tags[tag]] == []
    assert Rendered("www.e.vil a@e.vil").links == ["http://www.e.vil", "mailto:a@e.vil"]
    assert Rendered("x <!-- y -->").comments == ["<!-- y -->"]
