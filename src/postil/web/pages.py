"""How pages are made: templates, Markdown, and the headers that keep a page from doing anything else."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postil.packs import slug
from postil.web.colour import coloured

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
CACHED = {"cache-control": "max-age=300"}
"""For pages that change with a release. Not public: they may be for operators only."""

# How a rule's page marks the lines that its check finds.
_FINDING = re.compile(r"(.*?)[ \t]*(?:#|//)[ \t]*finding:[ \t]*(.*?)[ \t]*")
_templates = Environment(
    loader=PackageLoader("postil.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)

# A new version of the style sheet gets a new address, so that the old one can be kept for long.
_STYLE = "/static/postil.css?" + hashlib.sha256((STATIC / "postil.css").read_bytes()).hexdigest()[:12]


def coded(text: str) -> Markup:
    """A line of plain text with what stands between back-ticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


_templates.filters["coded"] = coded


def page(template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """Fill a template; every value is escaped unless it is `Markup`."""
    return HTMLResponse(_templates.get_template(template).render(values, style=_STYLE), status)


class SecurityHeaders:
    """Adds the headers to every answer: nothing is loaded from elsewhere, no script runs, nobody frames a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request as the wrapped application does, with the headers added."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def markdown(
    text: str,
    link: Callable[[str], str],
    headings: Mapping[str, str] = MappingProxyType({}),
    *,
    pictures: bool = False,
) -> Markup:
    """Render Markdown as HTML. Headings get GitHub's anchors, and `link` rewrites the relative paths of links.

    Where `link` gives "" there is nothing to link to, and the words stand alone. `headings` are what some headings are
    shown as; their anchors stay. With `pictures`, which `link` finds as well, one is shown with its twin for dark
    screens where there is `NAME-dark.png`. Raw HTML is never passed on: it may stand in a pack of somebody else.
    """
    tokens = _markdown.parse(text)
    seen: Counter[str] = Counter()
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            plain = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            base = slug(plain)
            anchor = f"{base}-{seen[base]}" if seen[base] else base
            seen[base] += 1
            token.attrSet("id", anchor)
            if shown := headings.get(plain):
                plain, inline.children = shown, [Token("text", "", 0, content=shown)]
            if token.tag != "h1" and inline.children is not None:
                inline.children.append(_self_link(anchor, plain))
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                _point(child, link)
            elif child.type == "image" and pictures:
                _picture(child, link)
    return Markup(_markdown.renderer.render(tokens, _markdown.options, {}))  # noqa: S704 - the renderer escapes


def _self_link(anchor: str, text: str) -> Token:
    return Token("self_link", "a", 0, content=text, meta={"anchor": anchor})


def _point(token: Token, link: Callable[[str], str]) -> None:
    href = str(token.attrGet("href") or "")
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        token.attrSet("rel", "noopener noreferrer")
    elif parts.path:
        address = link(parts.path)
        if address:
            token.attrSet("href", address + (f"#{parts.fragment}" if parts.fragment else ""))
        else:
            del token.attrs["href"]


def _picture(token: Token, link: Callable[[str], str]) -> None:
    source = str(token.attrGet("src") or "")
    token.attrSet("src", link(source))
    token.attrSet("loading", "lazy")
    token.meta["dark"] = link(source.replace(".png", "-dark.png"))


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    shown = renderer.image(tokens, index, options, env)
    dark = tokens[index].meta.get("dark")
    source = Markup('<source media="(prefers-color-scheme: dark)" srcset="{}">').format(dark)
    return f"<picture>{source}{shown}</picture>" if dark else shown


def _render_self_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    made = Markup(' <a class="anchor" href="#{}" aria-label="Link to “{}”">#</a>')
    return str(made.format(tokens[index].meta["anchor"], tokens[index].content))


def _render_html(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Raw HTML never gets through: a comment is left out, anything else is shown as what it is."""
    content = tokens[index].content.strip()
    is_comment = content.startswith("<!--") and content.find("-->") == len(content) - 3
    return "" if is_comment else str(escape(tokens[index].content))


def _render_fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Render a block of code; a line that the page's own test marks stands out, with what is said of it below.

    The second word behind the fence tells the sides of a change apart: "before" and "after".
    """
    language, side = [*tokens[index].info.split(), "", ""][:2]
    said: dict[int, str] = {}
    lines = []
    for number, line in enumerate(tokens[index].content.splitlines()):
        marked = _FINDING.fullmatch(line)
        lines.append(marked[1] if marked else line)
        if marked:
            said[number] = marked[2]
    shown = []
    for number, line in enumerate(coloured("\n".join(lines), language=language)):
        if number in said:
            words = Markup(_markdown.renderInline(said[number]))  # noqa: S704 - the renderer escapes
            shown.append(Markup('<mark>{}</mark><span class="said">{}</span>').format(line, words))
        else:
            shown.append(Markup("{}\n").format(line))
    head = Markup('<p class="side">{}</p>\n').format(side.capitalize()) if side else ""
    # A block that scrolls sideways must be reachable by keyboard.
    return str(head + Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(Markup().join(shown)))


def _render_table_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A table that is wider than the screen scrolls by itself, and must be reachable by keyboard, as code is."""
    return '<div class="wide" role="group" aria-label="Table" tabindex="0"><table>\n'


def _render_table_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>\n"


_markdown = MarkdownIt("js-default", {"html": True, "linkify": False, "typographer": False})
_markdown.add_render_rule("self_link", _render_self_link)
_markdown.add_render_rule("html_block", _render_html)
_markdown.add_render_rule("html_inline", _render_html)
_markdown.add_render_rule("fence", _render_fence)
_markdown.add_render_rule("image", _render_image)
_markdown.add_render_rule("table_open", _render_table_open)
_markdown.add_render_rule("table_close", _render_table_close)
