"""Every rule's page is the test of its check: what is marked is found, and nothing else is."""

from collections import Counter

import pytest

from postil import packs
from postil.lint.examples import example_failures, fix_failures, neighbour_failures
from postil.lint.rule import Rule

GUIDELINE = packs.load()
RULES = GUIDELINE.rules


def page_of(rule: Rule) -> str:
    return f"{rule.chapter}/{rule.name}.md"


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_the_page_and_the_check_say_the_same(rule: Rule) -> None:
    """People read the page, so what it shows must be what happens."""
    assert list(example_failures(RULES, rule, page_of(rule))) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_a_fix_cures_its_finding_and_adds_none(rule: Rule) -> None:
    """A suggestion that breaks the code, or moves the complaint elsewhere, costs more trust than it saves work."""
    assert list(fix_failures(RULES, rule, page_of(rule))) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_examples_for_other_rules_are_not_shown_as_good(rule: Rule) -> None:
    """A Good block that another rule complains about teaches the reader a second mistake."""
    assert list(neighbour_failures(RULES, rule, page_of(rule))) == []


def test_titles_and_names_are_unique() -> None:
    """Two rules that read alike can't be told apart in a comment."""
    titles = Counter(rule.title for rule in RULES.rules)

    assert [title for title, count in titles.items() if count > 1] == []
