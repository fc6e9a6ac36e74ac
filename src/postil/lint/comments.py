"""The comments of a Python text, without parsing it."""

import io
import tokenize
from collections.abc import Iterator


def comments_of(text: str | None) -> Iterator[tokenize.TokenInfo]:
    """The comments of a file in order, as far as it can be taken apart."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text or "").readline):
            if token.type == tokenize.COMMENT:
                yield token
    except (tokenize.TokenError, SyntaxError):
        return
