"""When two findings are the same finding. Line numbers have no part in it.

Pure: takes findings and texts, gives values.
"""

import difflib
import hashlib
import itertools
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from postil.lint.finding import Finding

_SPACE = re.compile(r"(?:\s|\\(?=\s))+")
_LOOSE_SPACE = re.compile(r"(?<!\w) | (?!\w)")
_TRACE = 10
_PATH = 6
"""Digits of a fingerprint for what was found, and for the file that it was found in."""
_LAST_COMMA = re.compile(r",(?=[)\]}])")


def folded(code: str) -> str:
    """`code` as any formatter would leave it: one kind of quotes, no last comma, white space only between words."""
    code = _LOOSE_SPACE.sub("", _SPACE.sub(" ", code).strip())
    return _LAST_COMMA.sub("", code.replace("'", '"'))


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a finding the one it is, but for its place among equal ones. `path` is the file's name at base."""

    rule: str
    path: str
    scope: str
    code: str

    @classmethod
    def of(cls, finding: Finding, path: str) -> "Identity":
        """The identity of `finding` in the file that is called `path` at base. Without code its message stands in."""
        return cls(finding.rule, path, finding.scope, folded(finding.code) or finding.message)


def fingerprints(findings: Sequence[Finding], path: str) -> tuple[str, ...]:
    """A digest of 16 hexadecimal digits for each of one file's findings, in their order; no two are equal.

    `path` is the file's name at base, so that a rename changes nothing; the last six digits stand for it. Equal
    findings are told apart by their order.
    """
    seen: Counter[Identity] = Counter()
    digests = []
    for finding in findings:
        identity = Identity.of(finding, path)
        parts = [identity.rule, identity.scope, identity.code, seen[identity]]
        seen[identity] += 1
        digests.append(_digest(json.dumps(parts), _TRACE) + _digest(path, _PATH))
    return tuple(digests)


def _digest(text: str, digits: int) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=digits // 2).hexdigest()


def carried_over(found: Iterable[str], said: Collection[str], paths: Iterable[str]) -> dict[str, str]:
    """The fingerprints among `found` that were `said` of a file which is no more, each with the one that was said.

    `paths` are the changed files that head has, by their names at base. A file that a pull request adds has no name
    there: when it is renamed, or what it holds is moved to another file, only this tells that its findings are known.
    """
    found = set(found)
    here = {_digest(path, _PATH) for path in paths}
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for each in sorted(set(said) - found):
        if each[_TRACE:] not in here:
            gone[each[:_TRACE]].append(each)
    return {each: gone[each[:_TRACE]].pop() for each in sorted(found - set(said)) if gone[each[:_TRACE]]}


class Kept:
    """Which lines of head stood in base already, however they were indented. Compared only when somebody asks."""

    def __init__(self, base: str, head: str) -> None:
        self._base = base
        self._head = head

    @cached_property
    def _from_base(self) -> dict[int, int]:
        base, head = ([line.strip() for line in text.split("\n")] for text in (self._base, self._head))
        matcher = difflib.SequenceMatcher(None, base, head)
        return {
            block.b + offset + 1: block.a + offset + 1
            for block in matcher.get_matching_blocks()
            for offset in range(block.size)
        }

    def base_line(self, line: int) -> int | None:
        """The line of base that became this line of head, unchanged but for its indentation."""
        return self._from_base.get(line)

    def whole(self, finding: Finding) -> bool:
        """Whether every line of a finding of head stood in base."""
        return all(line in self._from_base for line in range(finding.line, finding.end_line + 1))


_RUN = 4
"""So many equal lines in a row, blank ones left out, are code that was moved; fewer are alike by chance."""
_PLACES = 20
"""At so many places a line is looked for: one that stands at more of them tells nothing, and takes time."""


class Numbered:
    """The lines of a text that aren't blank, without their indentation, and their numbers."""

    def __init__(self, text: str) -> None:
        numbered = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        self.numbers = [number for number, _ in numbered]
        self.lines = [line for _, line in numbered]


class Gone:
    """The lines that a file lost, with the code around them: where what another file gained may come from.

    Compared only when somebody asks.
    """

    def __init__(self, base: str, head: str) -> None:
        self._texts = base, head

    @cached_property
    def _base(self) -> Numbered:
        return Numbered(self._texts[0])

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        lost = Counter(self._base.lines) - Counter(Numbered(self._texts[1]).lines)
        places: defaultdict[str, list[int]] = defaultdict(list)
        for index, line in enumerate(self._base.lines):
            if lost[line]:
                places[line].append(index)
        return places

    def base_lines(self, head: Numbered, finding: Finding) -> Iterator[int]:
        """The lines of base at which a finding of another file's `head` may have stood, with the same code around."""
        first, end = bisect_left(head.numbers, finding.line), bisect_right(head.numbers, finding.end_line)
        own, lines = head.lines[first:end], self._base.lines
        if not own or any(line not in self._places for line in own):
            return
        for start in self._places[own[0]][:_PLACES]:
            behind = start + len(own)
            if lines[start:behind] == own:
                before = _alike(
                    lines[max(0, start - _RUN) : start][::-1], head.lines[max(0, first - _RUN) : first][::-1]
                )
                if before + len(own) + _alike(lines[behind : behind + _RUN], head.lines[end : end + _RUN]) >= _RUN:
                    yield self._base.numbers[start]


def _alike(these: Sequence[str], those: Sequence[str]) -> int:
    """How many lines are equal from the first one on."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(these, those, strict=False)))


def introduced(head: Iterable[Finding], base: Iterable[Finding], path: str, kept: Kept) -> list[Finding]:
    """The findings of head that base has not, in order.

    Equal findings are told apart by their lines: those on lines that stood in base are the old ones. A finding on
    untouched lines whose enclosing definition was renamed, or moved into a class, is old, too.
    """
    old: defaultdict[Identity, list[Finding]] = defaultdict(list)
    for finding in base:
        old[Identity.of(finding, path)].append(finding)
    groups: defaultdict[Identity, list[Finding]] = defaultdict(list)
    for finding in head:
        groups[Identity.of(finding, path)].append(finding)
    new: list[Finding] = []
    left: list[Finding] = []
    for identity, findings in groups.items():
        before = old.pop(identity, [])
        if len(before) >= len(findings):
            left += before[len(findings) :]
            continue
        if before:
            lines = {finding.line for finding in before}
            findings.sort(key=lambda finding: kept.base_line(finding.line) not in lines)
        new += findings[len(before) :]
    left += [finding for findings in old.values() for finding in findings]
    elsewhere = Counter((finding.rule, folded(finding.code)) for finding in left)
    result = []
    for finding in sorted(new, key=lambda finding: (finding.line, finding.column, finding.rule)):
        moved = (finding.rule, folded(finding.code))
        if elsewhere[moved] and kept.whole(finding):
            elsewhere[moved] -= 1
        else:
            result.append(finding)
    return result
