"""Finds new comments that own up to a workaround and link to nothing that will end it."""

import re
from collections import Counter

from postil.lint import ChangeSet, FileChange, Note, Notes, Span
from postil.lint.comments import comments_of

_MARK = re.compile(r"\b(?:HACK|XXX|FIXME|KLUDGE)\b|\b(?:work-?around|temporary fix|kludge)\b", re.IGNORECASE)
# In lower case these are ordinary words, or name other things: `hack`, a mask `xxx`.
_LOUD = frozenset({"hack", "xxx", "fixme"})
_LINK = re.compile(r"https?://|#\d+|\b[A-Z][A-Z0-9]+-\d+\b|\b[\w.-]+/[\w.-]+#\d+|\bgh-\d+", re.IGNORECASE)
_GONE = re.compile(r"\b(?:no longer|removed?|without|instead of|not? an?|used to|was an?)\b", re.IGNORECASE)
_WORDS = ("HACK", "XXX", "FIXME", "KLUDGE", "orkaround", "ORKAROUND", "ork-around", "emporary fix", "ludge")


def check(change_set: ChangeSet) -> Notes:
    concerned = [change for change in change_set.files if change.compared and change.mentions(*_WORDS)]
    moved = Counter(line.code for change in concerned for line in change.removed)
    for change in concerned:
        yield from _new_in(change, moved)


def _new_in(change: FileChange, moved: Counter[str]) -> Notes:
    # Only then is Python's tokenizer asked, which tells comments from the rest and is slow.
    added = {line.line: line for line in change.added if _MARK.search(line.code)}
    comments = list(comments_of(change.head_text)) if added else []
    alone = {token.start[0]: token.string for token in comments if not token.line[: token.start[1]].strip()}
    for token in comments:
        line, column = token.start
        found = next((each for each in _MARK.finditer(token.string) if _is_loud(each[0])), None)
        if found is None or line not in added or _GONE.search(token.string):
            continue
        if moved[added[line].code]:
            moved[added[line].code] -= 1
            continue
        if not _LINK.search(f"{token.string} {_block(line, alone)}"):
            end = column + len(token.string) + 1
            place = Span(change.path, line, column + 1, line, end, token.string)
            yield Note(place, f"`{found[0]}` has no link to what will end it")


def _is_loud(word: str) -> bool:
    return word.lower() not in _LOUD or word.isupper()


def _block(line: int, alone: dict[int, str]) -> str:
    """The comments on the lines around one, without a gap and without code; those above where it has code beside it."""
    first = last = line
    while first - 1 in alone:
        first -= 1
    while line in alone and last + 1 in alone:
        last += 1
    return " ".join(alone.get(each, "") for each in range(first, last + 1))
