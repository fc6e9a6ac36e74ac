"""Markdown and source text as HTML that cannot do harm: everything is escaped, nothing is fetched from elsewhere."""

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from postil.web.colour import coloured

# The few tags without attributes that comments are written with; GitHub lets them pass too. Comments disappear.
PLAIN_TAG = re.compile(r"</?(?:details|summary|sub|sup|kbd|br)\s*/?>", re.IGNORECASE)
TAG_OR_COMMENT = re.compile(rf"(<!--.*?(?:-->|$)|{PLAIN_TAG.pattern})", re.IGNORECASE | re.DOTALL)


def markdown(text: str, replaced: Sequence[str] = ()) -> Markup:
    """Markdown as HTML. `replaced` are the lines that a suggestion in it would replace, shown as a small diff."""
    return Markup(_parser().render(text, {"replaced": list(replaced)}))  # noqa: S704 - made of escaped text below


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.add_render_rule("html_block", _html)
    parser.add_render_rule("html_inline", _html)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("link_open", _link)
    return parser


def _html(_self: RendererHTML, tokens: Sequence[Token], number: int, *_: Any) -> str:
    """Raw HTML: a few plain tags pass, comments vanish, and the rest is text."""
    parts = TAG_OR_COMMENT.split(tokens[number].content)
    shown = ["" if part.startswith("<!--") else part if PLAIN_TAG.fullmatch(part) else escape(part) for part in parts]
    return "".join(shown)


def _image(_self: RendererHTML, tokens: Sequence[Token], number: int, *_: Any) -> str:
    """An image would be fetched from elsewhere: its text is a link instead."""
    token = tokens[number]
    return (
        f'<a href="{escape(token.attrGet("src") or "")}" rel="nofollow noopener">{escape(token.content or "image")}</a>'
    )


def _link(self: RendererHTML, tokens: Sequence[Token], number: int, options: Any, env: Any) -> str:
    tokens[number].attrSet("rel", "nofollow noopener")
    return self.renderToken(tokens, number, options, env)


def _fence(
    _self: RendererHTML, tokens: Sequence[Token], number: int, _options: Any, env: MutableMapping[str, Any]
) -> str:
    """A block of code, coloured; a suggestion becomes what it would change."""
    token = tokens[number]
    language = (token.info.split() or [""])[0].lower()
    text = token.content.removesuffix("\n")
    if language == "suggestion":
        new = text.split("\n") if token.content else []
        return str(_suggestion(env.get("replaced", []), new))
    lines = coloured(text, language=language)
    return f'<pre class="code"><code>{Markup("<br>").join(lines)}</code></pre>\n'


def _suggestion(old: Sequence[str], new: Sequence[str]) -> Markup:
    """A suggested change: equal lines at both ends are left out."""
    start = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))))
    rest = min(len(old), len(new)) - start
    end = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old[::-1][:rest], new[::-1][:rest], strict=False))))
    rows = Markup()
    for sign, kind, lines in (("-", "del", old[start : len(old) - end]), ("+", "add", new[start : len(new) - end])):
        for line in coloured("\n".join(lines), language="python") if lines else ():
            rows += Markup('<tr class="{}"><td class="sign">{}</td><td class="text">{}</td></tr>').format(
                kind, sign, line
            )
    head = Markup('<div class="suggestion"><div class="suggestion-head">Suggested change</div>')
    return head + Markup('<table class="small-diff"><tbody>{}</tbody></table></div>').format(rows)
