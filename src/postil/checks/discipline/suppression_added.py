"""Finds new comments that silence every rule of a tool at once."""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from postil.lint import ChangeSet, FileChange, Note, Notes, Span
from postil.lint.comments import comments_of

# A quotation mark behind it says that the comment speaks of one.
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), says)
    for pattern, says in (
        (r"#\s*(?:ruff|flake8)\s*:\s*noqa(?!\s*:|[\w`'\"])", "silences every rule of the linter in this whole file"),
        (r"#\s*mypy:\s*ignore-errors\b", "silences every error of mypy in this whole file"),
        (r"#\s*pylint:\s*(?:disable=all\b|skip-file\b)", "silences every rule of pylint"),
        (r"#\s*noqa(?!\s*:|[\w`'\"])", "silences every rule of the linter on this line"),
        (r"#\s*(?:type|pyright|ty):\s*ignore(?![\[\w`'\"-])", "silences every error of the type checker here"),
    )
)
_UNTESTED = re.compile(r"#\s*pragma:\s*no cover\b", re.IGNORECASE)
# Any of them, in a comment or not: telling comments from the rest takes Python's tokenizer, which is slow.
_ANY = re.compile("|".join(pattern.pattern for pattern in (*(each for each, _ in _KINDS), _UNTESTED)), re.IGNORECASE)
_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s")
_WORDS = ("noqa", "ignore", "pylint:", "no cover")
_GENERATED = re.compile(r"\bgenerated\b|\bdo not edit\b", re.IGNORECASE)
_VENDORED = re.compile(r"(?:^|/)(?:_?vendor(?:ed)?|third_party|_?generated)/|_pb2(?:_grpc)?\.pyi?$")


def check(change_set: ChangeSet) -> Notes:
    added = [(file, lines) for file in change_set.files if (lines := _silencing(file))]
    if not added:
        return
    moved = Counter(line.code for file in change_set.files if file.mentions(*_WORDS) for line in file.removed)
    for file, lines in added:
        yield from _new_in(file, lines, moved)


def _silencing(file: FileChange) -> dict[int, Span]:
    """The added lines that may hold a suppression, by number."""
    text = file.head_text or ""
    if not any(word in text for word in _WORDS) or _ANY.search(text) is None or _is_generated(file):
        return {}
    return {line.line: line for line in file.added if _ANY.search(line.code)}


def _is_generated(file: FileChange) -> bool:
    head = "\n".join((file.head_text or "").split("\n", 6)[:6])
    return _VENDORED.search(file.path) is not None or _GENERATED.search(head) is not None


def _new_in(file: FileChange, added: dict[int, Span], moved: Counter[str]) -> Notes:
    """The suppressions on added lines; as many of one kind as the file has more of than it had."""
    before = Counter(says for _, _, says in _suppressions(file.base_text))
    now = list(_suppressions(file.head_text))
    more = Counter(says for _, _, says in now) - before
    known = {line.code for line in file.removed}
    silenced = [line.code.partition("#")[0] for line in file.removed if _ANY.search(line.code)]

    def doubt(suppression: tuple[int, Span, str]) -> tuple[bool, bool]:
        """What was hung on an existing line is surely new, and what resembles a silenced line is that one, edited."""
        number, comment, _ = suppression
        code = _code_before(number, added, comment)
        return code not in known, bool(get_close_matches(code, silenced, n=1))

    for line, comment, says in sorted(now, key=doubt):
        if line not in added or not more[says]:
            continue
        if moved[added[line].code]:
            moved[added[line].code] -= 1
            continue
        more[says] -= 1
        place = Span(file.path, line, comment.column, line, comment.end_column, added[line].code)
        yield Note(place, f"`{comment.code}` {says}", severity="hint" if says == _NOT_MEASURED else None)


_NOT_MEASURED = "takes this whole definition out of the measured coverage"


def _code_before(line: int, added: dict[int, Span], comment: Span) -> str:
    return added[line].code.removesuffix(comment.code).rstrip() if line in added else ""


def _suppressions(text: str | None) -> Iterator[tuple[int, Span, str]]:
    """The blanket suppressions of a file: line, the suppressing part of the comment, and what it does."""
    for token in comments_of(text):
        line, column = token.start
        for pattern, says in _KINDS:
            if found := pattern.search(token.string):
                yield line, _part(line, column, found), says
                break
        else:
            found = _UNTESTED.search(token.string)
            if found is not None and _DEFINITION.match(token.line.lstrip()):
                yield line, _part(line, column, found), _NOT_MEASURED


def _part(line: int, column: int, found: re.Match[str]) -> Span:
    return Span("", line, column + found.start() + 1, line, column + found.end() + 1, found[0].strip())
