"""Text from a pull request, made harmless for GitHub's Markdown.

Pure: text in, text out. Paths, names, code and messages that quote them never become markup: no link, mention,
reference, HTML, comment or fence comes of them. GitHub finds mentions, references and bare addresses after it has
resolved escapes and entities, so those are broken by a character without width instead.
"""

import re
from urllib.parse import quote

_NO_WIDTH = "\u200b"
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_SIGNIFICANT = re.compile(r"[\\`*_{}\[\]<>|~&$]")
_START_OF_BLOCK = re.compile(r"[-+=#]|[0-9]{1,9}(?=[.)](?:\s|$))")
# What GitHub links without being asked: mentions and mail, references, addresses, commits; and names of emoji.
_LINKED = re.compile(r"(?<=[@#])(?=\w)|(?<=:)(?=//|[\w+-])|(?<=www)(?=\.)|(?<=\bgh)(?=-[0-9])", re.IGNORECASE)
_COMMIT = re.compile(r"(?<!\w)[0-9a-f]{7,}(?!\w)", re.IGNORECASE | re.ASCII)
# Control characters, and those that turn the direction of text (they can make code read as what it isn't).
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(text: str, limit: int = 2000) -> str:
    """`text` on one line of at most `limit` characters, for places that show no markup."""
    text = " ".join(text[: limit + 1].split())
    text = _LONE_SURROGATE.sub("\ufffd", _UNSEEN.sub("\ufffd", text))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def quoted(text: str, limit: int = 300) -> str:
    """`text` as a code span that nothing in it can end."""
    text = plain(text, limit)
    if not text:
        return "` `"
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def escaped(text: str, limit: int = 2000) -> str:
    """`text` as a reader sees it, with nothing in it that means something to GitHub."""
    return _at_start(_harmless(plain(text, limit)))


def prose(text: str, limit: int = 2000) -> str:
    """A message: what stands in back-ticks becomes code spans, the rest is escaped."""
    text = plain(text, limit)
    parts = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_harmless(text[end : span.start()]), quoted(span[2], limit)]
        end = span.end()
    return _at_start("".join([*parts, _harmless(text[end:])]))


def _harmless(text: str) -> str:
    text = _COMMIT.sub(lambda found: _NO_WIDTH.join(re.findall(".{1,6}", found[0])), _LINKED.sub(_NO_WIDTH, text))
    return _SIGNIFICANT.sub(r"\\\g<0>", text)


def _at_start(text: str) -> str:
    """`text` so that it begins no list, heading or rule where it begins a line."""
    start = _START_OF_BLOCK.match(text)
    if start is None:
        return text
    place = start.end() if start[0].isdigit() else 0
    return f"{text[:place]}\\{text[place:]}"


def link(text: str, url: str) -> str:
    """`text`, which is Markdown already, as a link; without an address just the text."""
    address = quote(url, safe="/:?#@!$&'*+,;=%~-._")
    return f"[{text}]({address})" if url else text


def fenced(language: str, text: str) -> str:
    """`text` in a fenced block that nothing in it can end; without text an empty block."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return "\n".join([f"{fence}{language}", *([text] if text else []), fence])
