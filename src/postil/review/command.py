"""What a slash command in a comment means.

Pure: text in, a value out. Who may give a command is asked elsewhere.
"""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

RECHECK = "recheck"
_COMMANDS = frozenset({RECHECK})
_SLASH = re.compile(r"^[ \t]*/([a-z]+)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
# Only the blocks matter: quotes, code and hidden HTML are no commands.
_BLOCKS = MarkdownIt("commonmark").disable("inline")


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a person asks for; `name` is in lower case and without the slash."""

    name: str


def parse(body: str) -> Command | None:
    """The first command in a comment that stands on a line of its own, in plain text; None if there is none."""
    if not _SLASH.search(body):
        return None
    depth = 0
    for token in _BLOCKS.parse(body):
        depth += 0 if token.type in {"paragraph_open", "paragraph_close"} else token.nesting
        if token.type == "inline" and depth == 0:
            for said in _SLASH.finditer(token.content):
                if said[1].lower() in _COMMANDS:
                    return Command(said[1].lower())
    return None
