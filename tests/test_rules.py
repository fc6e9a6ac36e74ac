"""Every rule's page is the test of its check: what is marked is found, and nothing else is."""

from collections import Counter

import pytest

from postil import packs
from postil.lint.engine import Report, apply_edits
from postil.lint.page import Example
from postil.lint.project import Project
from postil.lint.rule import Rule, example_failures

GUIDELINE = packs.load()
RULES = GUIDELINE.rules


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_the_page_and_the_check_say_the_same(rule: Rule) -> None:
    """People read the page, so what it shows must be what happens."""
    assert list(example_failures(RULES, rule)) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_a_fix_cures_its_finding_and_adds_none(rule: Rule) -> None:
    """A suggestion that breaks the code, or moves the complaint elsewhere, costs more trust than it saves work."""
    for example in rule.page.bad:
        for path, text in _texts(example):
            project = Project(dict(_texts(example, python=False)))
            before = RULES.lint(path, text, project)
            for finding in before.findings:
                if finding.rule != rule.name or not finding.edits:
                    continue
                cured = apply_edits(text, finding.edits)
                after = RULES.lint(path, cured, project)

                assert not after.problems, cured
                assert _count(after)[rule.name] < _count(before)[rule.name], cured
                assert _count(after) <= _count(before), cured


def _texts(example: Example, *, python: bool = True) -> list[tuple[str, str]]:
    blocks = [block for block in example.blocks if block.side != "before"]
    return [(block.path, block.text) for block in blocks if block.path.endswith(".py") == python]


def _count(report: Report) -> Counter[str]:
    return Counter(finding.rule for finding in report.findings)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_examples_for_other_rules_are_not_shown_as_good(rule: Rule) -> None:
    """A Good block that another rule complains about teaches the reader a second mistake."""
    others = RULES.only(r.name for r in RULES.rules if r.name != rule.name and not r.opt_in)
    for example in rule.page.good:
        for path, text in _texts(example):
            findings = others.lint(path, text).findings
            found = [f"{finding.rule}: {finding.message}" for finding in findings if finding.allowed is None]

            assert found == []


def test_titles_and_names_are_unique() -> None:
    """Two rules that read alike can't be told apart in a comment."""
    titles = Counter(rule.title for rule in RULES.rules)

    assert [title for title, count in titles.items() if count > 1] == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_messages_are_one_sentence_about_this_place(rule: Rule) -> None:
    """The comment puts the message behind the title, so it begins the same way everywhere and ends without a stop."""
    for example in rule.page.bad:
        for _path, _line, message in example.expected:
            assert not message.endswith(".")
