"""Suggestions, as GitHub applies them: whole lines of text are replaced, and nothing else is looked at."""

import inspect
import io
import re
import tokenize
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from postil import packs
from postil.lint import Change, Project
from postil.lint.engine import RuleSet
from postil.lint.page import Example
from postil.lint.rule import Rule
from postil.lint.source import SourceFile
from postil.review.analysis import analyse
from postil.review.compose import compose
from postil.review.model import Analysis, ChangedFile, FileStatus, Occasion, Suggestion

GUIDELINE = packs.load()
RULES = GUIDELINE.rules
ON = RULES.only([rule.name for rule in GUIDELINE.default_rules.rules])


def changes_of(example: Example) -> tuple[list[Change], Project, Project]:
    """The change that an example shows, and its project files after and before."""
    heads = {block.path: block.text for block in example.blocks if block.side != "before"}
    bases = {block.path: block.text for block in example.blocks if block.side != "after"}
    if not any(block.side for block in example.blocks):
        bases = {}
    changes = [
        Change(path, heads.get(path), bases.get(path))
        for path in sorted({*heads, *bases})
        if heads.get(path) != bases.get(path)
    ]
    others = [{p: text for p, text in texts.items() if not p.endswith(".py")} for texts in (heads, bases or heads)]
    return changes, Project(others[0]), Project(others[1])


def rules_for(rule: Rule) -> RuleSet:
    return RULES.only({rule.name, *(each.name for each in ON.rules)})


def applied(text: str, suggestion: Suggestion) -> str:
    """What a click on GitHub does."""
    lines = text.split("\n")
    written = suggestion.text.split("\n") if suggestion.text else []
    return "\n".join([*lines[: suggestion.start_line - 1], *written, *lines[suggestion.end_line :]])


def fixable(rule: Rule) -> list[tuple[list[Change], Project, Project]]:
    """The rule's bad examples for which it suggests something."""
    found = []
    for example in rule.page.bad:
        given_by = changes_of(example)
        analysis = analyse(rules_for(rule), *given_by)
        if any(each.suggestion and each.finding.rule == rule.name for each in analysis.introduced):
            found.append(given_by)
    return found


FIXABLE = {rule.name: examples for rule in RULES.rules if (examples := fixable(rule))}


def wrapped(text: str, frames: Sequence[str], indent: str) -> str:
    """Code inside of other code. What a string holds in its further lines stays where it is."""
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            inside |= set(range(token.start[0] + 1, token.end[0] + 1))
    for frame in reversed(frames):
        shift = frame.count("\n")
        text = frame + "\n".join(
            f"{indent}{line}" if line.strip() and number not in inside else line
            for number, line in enumerate(text.split("\n"), 1)
        )
        inside = {number + shift for number in inside}
    return text


FRAMES = (
    "if ready():\n",
    "class Outer:\n",
    "def outer():\n",
    "@decorated(1)\nclass Outer:\n",
    "with opened() as it:\n",
    "try:\n",
)
ABOVE = (
    "# Grüße, 日本語, \N{SNAKE}\n",
    'EXAMPLE = """\n```suggestion\nx = 1\n```\n"""\n',
    "STATEMENT = (\n    1,\n)  # a comment\n",
    "\n\n",
    "letter = 'é'; other = 2\n",
)


@st.composite
def surroundings(draw: st.DrawFn) -> tuple[list[str], str, str, str, bool, bool]:
    """Frames, indentation, what stands above and below, line ends, and whether the last line has one."""
    return (
        draw(st.lists(st.sampled_from(FRAMES), max_size=2)),
        draw(st.sampled_from(["    ", "\t", "  "])),
        "".join(draw(st.lists(st.sampled_from(ABOVE), max_size=3))),
        "".join(draw(st.lists(st.sampled_from(ABOVE), max_size=2))),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def embedded(text: str, around: tuple[list[str], str, str, str, bool, bool]) -> str:
    """An example in its surroundings; by itself where it can't stand there."""
    frames, indent, above, below, crlf, ended = around
    ends = "".join("except Exception:\n    pass\n" for frame in frames[:1] if frame == "try:\n")
    frames = [frame for position, frame in enumerate(frames) if frame != "try:\n" or position == 0]
    if re.search(r"^from __future__|^# ///|^import \*|^global ", text, re.MULTILINE):
        frames, ends = [], ""
    body = f"{above}{wrapped(text, frames, indent)}{ends}{below}" if "# ///" not in text else text
    body = body if ended else body.rstrip("\n")
    return body.replace("\n", "\r\n") if crlf else body


def assert_holds(analysis: Analysis, changes: Sequence[Change], project: Project, base: Project, rules: RuleSet) -> int:
    """Each suggestion, carried out on its own, cures its finding and brings none; gives how many there were."""
    heads = {change.path: change.head or "" for change in changes}
    before = Counter((each.finding.rule, each.finding.path) for each in analysis.introduced)
    offered = [each for each in analysis.introduced if each.suggestion is not None]
    for each in offered:
        assert each.suggestion is not None
        path, text = each.finding.path, heads[each.finding.path]
        cured = applied(text, each.suggestion)
        after_changes = [replace(one, head=cured) if one.path == path else one for one in changes]
        files = {**project.files, path: cured} if path in project.files else project.files
        after = analyse(rules, after_changes, Project(files), base)
        counts = Counter((one.finding.rule, one.finding.path) for one in after.introduced)

        assert not [problem for problem in after.problems if problem.path == path], cured
        assert counts[each.finding.rule, path] < before[each.finding.rule, path], cured
        assert counts <= before, cured
        assert text.split("\n")[each.suggestion.start_line - 1 : each.suggestion.end_line] == (
            each.suggestion.replaced.split("\n")
        )
        if "\r\n" in text:
            assert not re.search(r"(?<!\r)\n", cured), repr(cured)
    return len(offered)


@pytest.mark.parametrize("name", FIXABLE)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(around=surroundings())
def test_a_suggestion_holds_in_any_surroundings(name: str, around: tuple[list[str], str, str, str, bool, bool]) -> None:
    """GitHub replaces lines, so indentation, line ends and neighbours are where suggestions go wrong."""
    # The rule itself and those about allowances: that no other complains is tested on the page's own example.
    rules = RULES.only({name, "raise-without-from", "blocking-call-in-async", "allow-unused"})
    for changes, project, base in FIXABLE[name]:
        moved = [
            replace(each, head=embedded(each.head, around)) if each.is_python and each.head and not each.base else each
            for each in changes
        ]
        for each in moved:
            if each.is_python and each.head:
                SourceFile(each.path, each.head)

        assert_holds(analyse(rules, moved, project, base), moved, project, base, rules)


@pytest.mark.parametrize("name", FIXABLE)
def test_a_suggestion_holds_on_its_rules_page(name: str) -> None:
    """With all rules that a reader has on, none may find anything new in what is suggested."""
    rules = rules_for(RULES.by_name[name])
    counts = [
        assert_holds(analyse(rules, changes, project, base), changes, project, base, rules)
        for changes, project, base in FIXABLE[name]
    ]

    assert all(counts)


def patch_of(lines: Sequence[str], first: int, last: int) -> str:
    """One hunk that adds these lines, 1-based and inclusive."""
    return f"@@ -{first - 1},0 +{first},{last - first + 1} @@\n" + "\n".join(f"+{x}" for x in lines[first - 1 : last])


@pytest.mark.parametrize("name", FIXABLE)
def test_suggestions_stay_in_one_hunk_and_never_share_a_line(name: str) -> None:
    """GitHub refuses the whole review for one range that leaves its hunk, and takes one suggestion a line."""
    for changes, project, base in FIXABLE[name]:
        analysis = analyse(ON, changes, project, base)
        for each in analysis.introduced:
            if each.suggestion is None:
                continue
            text = next(change.head or "" for change in changes if change.path == each.finding.path)
            lines = text.split("\n")
            start, end = each.suggestion.start_line, each.suggestion.end_line
            windows = {(start, end), (start + 1, len(lines)), (1, end - 1), (1, len(lines))}
            for first, last in windows:
                if not 1 <= first <= last:
                    continue
                patch = patch_of(lines, first, last)
                file = ChangedFile(each.finding.path, FileStatus.MODIFIED, patch=patch)
                review = compose(analysis, [file], Occasion("a" * 40, "r", {}, "1", inline=50, per_rule=50))
                taken: Counter[int] = Counter()
                for comment in review.comments:
                    if comment.suggestion is not None:
                        taken.update(range(comment.start_line or comment.line, comment.line + 1))

                assert all(first <= line <= last for line in taken), (first, last, taken)
                assert all(count == 1 for count in taken.values())


def test_every_rule_with_a_fix_is_covered() -> None:
    """The tests above say nothing of a rule that never suggests anything on its own page."""
    fix = re.compile(r"\bfix=|\bFix(?:Kind)?\b")
    with_a_fix = {rule.name for rule in RULES.rules if fix.search(Path(inspect.getfile(rule.check)).read_text())}

    assert len(with_a_fix) > 100
    assert with_a_fix - FIXABLE.keys() == set()
