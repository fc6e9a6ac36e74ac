"""What a slash command in a comment means.

Pure: text in, values out. Who may give a command is asked elsewhere, and what is answered stands in `reply`.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from markdown_it import MarkdownIt

from postil.review.markup import plain

RECHECK = "recheck"
UNKNOWN = "unknown"
COMMANDS = {
    "/recheck": "reviews the pull request once more, also a draft or while reviews are paused",
    "/postil help": "lists these commands",
    "/postil explain RULE": "says what a rule looks for and why, with a link to its page",
    "/postil ignore RULE [reason]": "leaves a rule's findings out of this pull request; they are counted and listed",
    "/postil unignore RULE": "takes that back",
    "/postil pause": "stops reviews of this pull request",
    "/postil resume": "takes that back, and reviews it",
    "/postil config": "tells which configuration holds, where it is from, and what is wrong in it",
}
"""Every command as it is written, and what it does."""

MOST = 10
"""Commands of one comment that are obeyed; nobody needs more, and each may be answered."""
LONGEST = 150
"""Characters of a reason, or of a word that is no rule, that are kept."""

_NAMES = (*(written.split(" ")[1] for written in COMMANDS if written.startswith("/postil ")), RECHECK)
_OURS = re.compile(r"[ \t]*/postil(?:[ \t]+(.*))?", re.IGNORECASE)
_ALONE = re.compile(r"[ \t]*/([a-z]+)[ \t]*", re.IGNORECASE)
_MAYBE = re.compile(r"^[ \t]*/(?:postil|re)", re.IGNORECASE | re.MULTILINE)
_RULE = re.compile(r"[`'\"]*([A-Za-z0-9_-]+)[`'\",:;.]*(?=\s|$)")
_BEFORE_REASON = re.compile(r"^(?:[-:\u2013\u2014,;\s]|because\s+(?=\S))+", re.IGNORECASE)
# Only the blocks matter: quotes, code and hidden HTML are no commands.
_BLOCKS = MarkdownIt("commonmark").disable("inline")


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a person asks for.

    `name` is in lower case; "unknown" for what can only be meant for us and means nothing. `rule` is the rule that it
    names, as a rule is spelled, and `reason` the words behind it. `written` is the line that was read, cut to a
    length: reading it once more gives the same command.
    """

    name: str
    written: str
    rule: str = ""
    reason: str = ""


def parse(body: str) -> tuple[Command, ...]:
    """The commands in a comment, in order: each stands on a line of its own, in plain text."""
    if not _MAYBE.search(body):
        return ()
    found: list[Command] = []
    depth = 0
    for token in _BLOCKS.parse(body):
        depth += 0 if token.type in {"paragraph_open", "paragraph_close"} else token.nesting
        if token.type == "inline" and depth == 0:
            found += [command for line in token.content.splitlines() if (command := read_line(line))]
    return tuple(found[:MOST])


def read_line(line: str) -> Command | None:
    """The command in one line of text; None for everything that doesn't clearly mean us.

    Other slash words are other bots' business, but for a slip in `/recheck` itself.
    """
    # It is stored, and a column of text takes neither control characters nor half of a character.
    line = plain(line, 1000)
    if ours := _OURS.fullmatch(line):
        return _ours((ours[1] or "help").strip())
    alone = _ALONE.fullmatch(line)
    if alone is None:
        return None
    word = alone[1].lower()
    if word == RECHECK:
        return Command(RECHECK, "/recheck")
    slip = word.startswith("re") and get_close_matches(word, [RECHECK], 1, 0.85)
    return Command(UNKNOWN, f"/{word[:LONGEST]}") if slip else None


def nearest(written: str) -> str:
    """The command that a wrong one is most like, as it is written; help where there is none."""
    word = written.removeprefix("/").removeprefix("postil ").split(" ")[0]
    near = get_close_matches(word, _NAMES, 1)
    name = near[0] if near else "help"
    return next(known for known in COMMANDS if name in known.removeprefix("/").split(" "))


def _ours(said: str) -> Command:
    """The command behind `/postil`."""
    word, _, rest = said.partition(" ")
    name, rest = word.lower(), " ".join(rest.split())
    if name == RECHECK:
        return Command(RECHECK, "/recheck")
    if name not in _NAMES:
        return Command(UNKNOWN, f"/postil {said}"[:LONGEST].strip())
    if name not in {"explain", "ignore", "unignore"}:
        return Command(name, f"/postil {name}")
    named = _RULE.match(rest)
    rule = named[1].lower().replace("_", "-") if named else rest.split(" ")[0]
    reason = _BEFORE_REASON.sub("", rest[named.end() if named else len(rule) :].strip()) if name == "ignore" else ""
    rule, reason = rule[:LONGEST], reason[:LONGEST].strip()
    return Command(name, " ".join(part for part in ("/postil", name, rule, reason) if part), rule, reason)
