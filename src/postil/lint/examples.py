"""Runs the examples on a rule's page, which are the test of its check. May not read the disk.

What is wrong is said as one line for the rule's author: file, line, and the cure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from postil.lint.allowance import Allowance
from postil.lint.change import Change, ChangeSet, FileChange
from postil.lint.engine import Report, RuleSet, apply_edits
from postil.lint.finding import Finding, Problem
from postil.lint.page import Block, Example
from postil.lint.project import Project, is_project_file
from postil.lint.rule import Rule


class ExampleError(Exception):
    """An example can't be judged: it is no Python, or its check crashes on it. The text says which."""


def run_example(rules: RuleSet, rule: Rule, example: Example) -> list[Finding]:
    """What the one rule finds in an example, on all its files.

    Raises:
        ExampleError: a file of it can't be judged.
    """
    # What an allowance silences is known once the others had their say.
    only = rules if rule.subscription.whole is Allowance else rules.only([rule.name])
    heads = {block.path: block.text for block in example.blocks if block.side != "before"}
    bases = {block.path: block.text for block in example.blocks if block.side != "after"}
    paired = any(block.side for block in example.blocks)
    if not paired:
        bases = {}
    project, base_project = (
        Project({path: text for path, text in texts.items() if not path.endswith(".py") or is_project_file(path)})
        for texts in (heads, bases or heads)
    )
    findings: list[Finding] = []
    if rule.subscription.whole in (FileChange, ChangeSet):
        # A block without a side, beside ones with: a file that is there and isn't changed.
        paths = [path for path in sorted({*heads, *bases}) if heads.get(path) != bases.get(path)]
        changes = [Change(path, heads.get(path), bases.get(path)) for path in paths]
        report = only.lint_change_set(changes, project, base_project)
        _judged(report.problems)
        findings.extend(report.findings)
    else:
        for path, text in heads.items():
            each = only.lint(path, text, project) if path.endswith(".py") else only.lint_text(path, text)
            _judged(each.problems)
            findings.extend(each.findings)
    return [finding for finding in findings if finding.rule == rule.name and finding.allowed is None]


def _judged(problems: Sequence[Problem]) -> None:
    if problems:
        raise ExampleError(problems[0].message)


def example_failures(rules: RuleSet, rule: Rule, page: str) -> Iterator[str]:
    """Every way in which a rule's page, whose file is `page`, and its check disagree."""
    try:
        yield from _of_bad(rules, rule, page)
        for heading, examples in (("Good", rule.page.good), ("When it is fine", rule.page.fine)):
            for example in examples:
                for finding in run_example(rules, rule, example):
                    at = _line(example, finding.path, finding.line)
                    yield f"{page}:{at}: false alarm under {heading}: {finding.message}; mend the check"
        for example in rule.page.misses:
            if run_example(rules, rule, example):
                yield f"{page}:{example.line}: no longer missed; move it to ## Bad"
    except ExampleError as error:
        yield f"{page}:1: an example can't be judged: {error}; mend it, or the check"


def _of_bad(rules: RuleSet, rule: Rule, page: str) -> Iterator[str]:
    for example in rule.page.bad:
        expected = list(example.expected)
        for finding in run_example(rules, rule, example):
            match = next((e for e in expected if e[:2] == (finding.path, finding.line)), None)
            at = f"{page}:{_line(example, finding.path, finding.line)}"
            if match is None:
                yield f"{at}: false alarm under Bad: {finding.message}; mark the line, or mend the check"
            else:
                expected.remove(match)
                if not finding.message.startswith(match[2]):
                    yield f"{at}: says {finding.message!r}, and the mark {match[2]!r}; mend one of them"
                if finding.message.endswith("."):
                    yield f"{at}: its message ends with a full stop; take that away, as it stands behind the title"
        for path, line, message in expected:
            yield f"{page}:{_line(example, path, line)}: missed alarm: {message}; mend the check, or the mark"


def fix_failures(rules: RuleSet, rule: Rule, page: str) -> Iterator[str]:
    """Every fix of the rule under Bad that breaks the code, doesn't cure it, or brings up something else."""
    for example in rule.page.bad:
        project = Project({block.path: block.text for block in _heads(example) if not block.path.endswith(".py")})
        for block in _heads(example):
            if not block.path.endswith(".py"):
                continue
            before = rules.lint(block.path, block.text, project)
            for finding in before.findings:
                if finding.rule == rule.name and finding.edits:
                    after = rules.lint(block.path, apply_edits(block.text, finding.edits), project)
                    wrong = _wrong(rule, before, after)
                    if wrong:
                        yield f"{page}:{block.line + finding.line}: its fix {wrong}; mend it, or offer none"


def _wrong(rule: Rule, before: Report, after: Report) -> str:
    """What a fix does wrong, given what was found before and after it."""
    was, now = (Counter(finding.rule for finding in report.findings) for report in (before, after))
    if after.problems:
        return f"breaks the code ({after.problems[0].message})"
    if now[rule.name] >= was[rule.name]:
        return "cures nothing"
    if not now <= was:
        return f"brings up {', '.join((now - was).keys())}"
    return ""


def neighbour_failures(rules: RuleSet, rule: Rule, page: str) -> Iterator[str]:
    """Everything under Good that another rule, which is on, complains about: readers would learn a second mistake."""
    others = rules.only(other.name for other in rules.rules if other.name != rule.name and not other.opt_in)
    for example in rule.page.good:
        for block in _heads(example):
            if block.path.endswith(".py"):
                for finding in others.lint(block.path, block.text).findings:
                    if finding.allowed is None:
                        at = f"{page}:{block.line + finding.line}"
                        yield f"{at}: `{finding.rule}` complains under Good: {finding.message}; show something better"


def _heads(example: Example) -> list[Block]:
    return [block for block in example.blocks if block.side != "before"]


def _line(example: Example, path: str, line: int) -> int:
    """The line of the page on which a line of an example stands."""
    starts = {block.path: block.line for block in example.blocks}
    return starts.get(path, example.line) + line
