"""Comments that allow a rule at one place: `# postil: allow RULE -- reason`.

Says where they stand and what they hold for. May not judge them: that do rules, which see each `Allowance`.
"""

import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import tree_sitter
import tree_sitter_toml

from postil.lint.check import Span

WORD = "postil:"
"""What a text with an allowance in it surely holds."""

_TOML = tree_sitter.Language(tree_sitter_toml.language())
_TOML_FILES = (".toml", "uv.lock", "Pipfile")
_NO_COMMENTS = (".md", ".rst", ".json")
_PYTHON_FILES = (".py", ".pyi")
# Each tool reads its own part of a comment; a `#` elsewhere, as in "see #12", belongs to the reason.
_PART = re.compile(
    r"(?:^|(?<=\s))#\s*(?=(?:postil|noqa|type|ty|pyright|pylint|mypy|ruff|flake8|pragma|fmt|isort|nosec)\b)"
)
_ALLOW = re.compile(r"#\s*postil:\s*allow\b")
_NAME = re.compile(r"\w+(?:-\w+)*")
_REASON = re.compile(r"--\s*(\S.*)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_GAP = re.compile(r"\s*")
_COMMA = re.compile(r"\s*,")


@dataclass(frozen=True, slots=True)
class AllowedRule:
    """One rule that an allowance names, as it is written at `place`.

    `rule` is the name of the rule that is meant, None when there is none; then `nearest` is the name most like it, if
    any is. `silences` says whether this silenced a finding; None when that can't be said: the rule did not run on this
    file, or speaks of what a change did.
    """

    place: Span
    rule: str | None
    nearest: str | None = None
    silences: bool | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """One `# postil: allow` comment. Lines are 1-based.

    It holds for findings on the lines `first`..`last`. `place` is its own part of the comment, `whole` what has to go
    for it to be gone: the white space before it, or all of its line. `reason` is "" when it gives none.
    """

    path: str
    place: Span
    whole: Span
    rules: tuple[AllowedRule, ...]
    reason: str
    first: int
    last: int

    def without(self, rule: AllowedRule) -> Span:
        """What has to go for `rule` not to be named any more."""
        names = [each.place for each in self.rules]
        if len(names) == 1:
            return self.whole
        index = names.index(rule.place)
        if index:
            return Span(
                self.path, self.place.line, names[index - 1].end_column, self.place.line, names[index].end_column
            )
        return Span(self.path, self.place.line, names[0].column, self.place.line, names[1].column)


@dataclass(slots=True)
class _Comment:
    """A comment and the lines that it holds for. `alone`: nothing stands before it on its line."""

    line: int
    column: int
    text: str
    alone: bool
    first: int = 0
    last: int = 0


def allowances(path: str, text: str, names: Mapping[str, str]) -> list[Allowance]:
    """The allowances of one file, in order. `names` maps each name that a rule goes by to the rule's own.

    In Python an allowance holds

    - behind code, for the line that it stands on; on the first or last line of a statement, for the whole of it, and on
      the first line of a definition, for its decorators and its header;
    - alone on its line, for the statement below it, other comments between them or not. Of a definition and of a
      compound statement, that is the header, with the decorators.

    In other files it holds for its own line, or for the line below it.
    """
    if WORD not in text or path.endswith(_NO_COMMENTS):
        return []
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    comments = _in_python(text, lines) if path.endswith(_PYTHON_FILES) else _in_text(path, text, lines)
    return [found for comment in comments if WORD in comment.text for found in _read(path, comment, lines, names)]


def _read(path: str, comment: _Comment, lines: list[str], names: Mapping[str, str]) -> Iterator[Allowance]:
    """The allowances in one comment, among what it says to other tools."""
    starts = [found.start() for found in _PART.finditer(comment.text)]
    for start, end in pairwise([*starts, len(comment.text)]):
        part = comment.text[start:end].rstrip()
        if (opening := _ALLOW.match(part)) is None:
            continue
        named = list(_names(part, opening.end()))
        reason = _REASON.search(part, named[-1].end() if named else opening.end())

        def span(begin: int, stop: int, offset: int = start) -> Span:
            column = comment.column + offset
            code = comment.text[offset + begin : offset + stop]
            return Span(path, comment.line, column + begin, comment.line, column + stop, code)

        yield Allowance(
            path=path,
            place=span(0, len(part)),
            whole=_whole(path, comment.line, comment.column + start, comment.column + start + len(part), lines),
            rules=tuple(_allowed(span(*name.span()), names) for name in named),
            reason=reason[1] if reason else "",
            first=comment.first,
            last=comment.last,
        )


def _names(part: str, position: int) -> Iterator[re.Match[str]]:
    """The names in a list with commas between."""
    while gap := _GAP.match(part, position):
        name = _NAME.match(part, gap.end())
        if name is None:
            return
        yield name
        comma = _COMMA.match(part, name.end())
        if comma is None:
            return
        position = comma.end()


def _allowed(place: Span, names: Mapping[str, str]) -> AllowedRule:
    if place.code in names:
        return AllowedRule(place, names[place.code])
    near = get_close_matches(place.code, names, 1)
    return AllowedRule(place, None, names[near[0]] if near else None)


def _whole(path: str, line: int, column: int, end: int, lines: list[str]) -> Span:
    """What goes with a part of a comment: the white space before it, or its line when nothing else is there."""
    text = lines[line - 1]
    before, behind = text[: column - 1].rstrip(), text[end - 1 :].strip()
    if before:
        return Span(path, line, len(before) + 1, line, end)
    if behind:
        return Span(path, line, column, line, text.index(behind, end - 1) + 1)
    return Span(path, line, 1, line + 1, 1)


class _Statements:
    """Gathers the comments of a Python file by the statements that they stand in, on or above."""

    def __init__(self, lines: list[str]) -> None:
        self.done: list[_Comment] = []
        self._lines = lines
        self._above: list[_Comment] = []
        self._inside: list[_Comment] = []
        self._held: list[_Comment] = []
        self._start = 0
        self._group = 0

    def begin(self, line: int) -> None:
        """A token of code: the first one begins a logical line."""
        self._start = self._start or line
        self._group = self._group or line

    def comment(self, comment: _Comment) -> None:
        (self._inside if self._start else self._above).append(comment)

    def blank(self, line: int) -> None:
        """A blank line, outside of statements, parts what is above it from what is below."""
        if not self._start:
            self._close(self._above, line - 1)
            self._above = []

    def end(self, line: int, *, decorator: bool) -> None:
        """The logical line that has begun ends here."""
        for comment in self._inside:
            if comment.alone:
                self._close([comment], self._below(comment.line))
            elif comment.line == self._group and (decorator or self._group != self._start):
                self._held.append(comment)
            elif comment.line in (self._start, line):
                comment.first, comment.last = self._start, line
                self.done.append(comment)
            else:
                self._close([comment], comment.line)
        self._held += self._above
        if not decorator:
            self._close(self._held, line)
            self._held, self._group = [], 0
        self._above, self._inside, self._start = [], [], 0

    def finish(self) -> None:
        """There is no more: what still waits holds for its own line."""
        for comment in [*self._above, *self._inside, *self._held]:
            self._close([comment], comment.line)

    def _close(self, comments: list[_Comment], last: int) -> None:
        for comment in comments:
            comment.first, comment.last = comment.line, last
            self.done.append(comment)

    def _below(self, line: int) -> int:
        """The line of code below a comment that stands alone."""
        while line < len(self._lines) and (not (text := self._lines[line].strip()) or text.startswith("#")):
            line += 1
        return line + 1


def _in_python(text: str, lines: list[str]) -> list[_Comment]:
    statements = _Statements(lines)
    decorator = False
    fresh = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            line = token.start[0]
            match token.type:
                case tokenize.COMMENT:
                    alone = not token.line[: token.start[1]].strip()
                    statements.comment(_Comment(line, token.start[1] + 1, token.string.rstrip("\r"), alone))
                case tokenize.NL if not token.line.strip():
                    statements.blank(line)
                case tokenize.NEWLINE:
                    statements.end(line, decorator=decorator)
                    fresh = True
                case tokenize.NL | tokenize.INDENT | tokenize.DEDENT | tokenize.ENDMARKER:
                    pass
                case _:
                    statements.begin(line)
                    if fresh:
                        decorator, fresh = token.string == "@", False
    except (tokenize.TokenError, SyntaxError):
        # What was read before holds; the parser, which knows newer Pythons, says whether the file can be judged.
        pass
    statements.finish()
    return sorted(statements.done, key=lambda comment: (comment.line, comment.column))


def _in_text(path: str, text: str, lines: list[str]) -> list[_Comment]:
    comments = list(_in_toml(text, lines) if path.endswith(_TOML_FILES) else _in_lines(lines))
    taken = {comment.line for comment in comments if comment.alone}
    for comment in comments:
        comment.first = comment.last = comment.line
        if comment.alone:
            while comment.last in taken:
                comment.last += 1
    return comments


def _in_lines(lines: list[str]) -> Iterator[_Comment]:
    for number, line in enumerate(lines, 1):
        if WORD in line and (found := _COMMENT.search(line)) is not None:
            yield _Comment(number, found.start() + 1, found[0], not line[: found.start()].strip())
        elif line.lstrip().startswith("#"):
            yield _Comment(number, 1, "", alone=True)


def _in_toml(text: str, lines: list[str]) -> Iterator[_Comment]:
    """The comments of a TOML file, whose strings may hold what looks like one."""
    left = [tree_sitter.Parser(_TOML).parse(text.encode("utf-8", "replace")).root_node]
    found = []
    while left:
        node = left.pop()
        if node.type == "comment":
            found.append(node)
        left += node.children
    for node in sorted(found, key=lambda node: node.start_point):
        row, start = node.start_point
        column = len(lines[row].encode("utf-8", "replace")[:start].decode("utf-8", "replace"))
        yield _Comment(row + 1, column + 1, lines[row][column:], not lines[row][:column].strip())
