"""Source text as HTML, its tokens in spans with the classes of Pygments; style sheets say what these look like."""

import html

from markupsafe import Markup, escape
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

LARGEST_COLOURED = 400_000
"""Characters; colouring takes a second for some millions."""


def coloured(text: str, *, path: str = "", language: str = "") -> list[Markup]:
    """The lines of a source text as HTML, its tokens in spans with a class each; plain in unknown languages."""
    plain = [Markup(escape(line)) for line in text.split("\n")]  # noqa: S704 - escaped
    if len(text) > LARGEST_COLOURED:
        return plain
    try:
        options = {"stripnl": False, "ensurenl": False}
        lexer = get_lexer_for_filename(path, **options) if path else get_lexer_by_name(language, **options)
    except ClassNotFound:
        return plain
    lines: list[list[str]] = [[]]
    for kind, part in lexer.get_tokens(text):
        while kind not in STANDARD_TYPES and kind.parent is not None:
            kind = kind.parent  # noqa: PLW2901 - the nearest kind that has a class
        name = STANDARD_TYPES.get(kind, "")
        for number, piece in enumerate(part.split("\n")):
            if number:
                lines.append([])
            if piece:
                shown = html.escape(piece)
                lines[-1].append(f'<span class="{name}">{shown}</span>' if name else shown)
    if len(lines) != len(plain):
        return plain
    return [Markup("".join(pieces)) for pieces in lines]  # noqa: S704 - escaped piece by piece
