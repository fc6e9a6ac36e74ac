"""Each demand of the guideline has an answer: the rules that enforce it, or why none does."""

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from postil import packs
from test_chapters import IMPLIED, STATEMENTS

ROOT = Path(__file__).parents[1]
ASKED = tomllib.loads((ROOT / "rules/coverage.toml").read_text(encoding="utf-8"))
LEFT_OUT = ASKED.pop("left-out", {})
ENTRIES = {f"{part}:{number}": entry for part, entries in ASKED.items() for number, entry in entries.items()}


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    """The script, which stands outside of every package."""
    spec = importlib.util.spec_from_file_location("generated", ROOT / "scripts/generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_demand_is_described_and_nothing_else() -> None:
    """A demand that nobody describes drops out of the table, and out of mind."""
    assert set(ENTRIES) == STATEMENTS | IMPLIED


def test_a_demand_is_described_in_a_few_words_and_a_reason_is_more_than_a_word() -> None:
    """The table is read as a whole; a reason is there to be argued with."""
    strange = [
        number
        for number, entry in ENTRIES.items()
        if set(entry) - {"asks", "none"}
        or not 10 < len(entry["asks"]) < 100
        or not 15 < len(entry.get("none", "a reason is not needed")) < 120
    ]

    assert strange == []


def test_every_demand_has_an_answer_in_the_table(generated: ModuleType) -> None:
    """Its rules, why there can be none, or that there is none yet."""
    found = generated.demands(packs.load())

    assert set(found) == STATEMENTS | IMPLIED
    assert [number for number, demand in found.items() if not demand.answer or not demand.sections] == []


def test_every_rule_is_an_answer_to_a_demand(generated: ModuleType) -> None:
    """A rule that enforces nothing of the guideline has no place to send its reader to."""
    guideline = packs.load()
    answers = {link for demand in generated.demands(guideline).values() for link in demand.rules}

    assert {f"[{rule.name}]({rule.chapter}/{rule.name}.md)" for rule in guideline.rules.rules} == answers


def test_what_no_rule_can_see_has_none(generated: ModuleType) -> None:
    """A reason is out of date once a rule links to a section that is about this demand alone."""
    guideline = packs.load()
    alone = {
        section.statements[0]
        for chapter in guideline.chapters
        for section in chapter.sections
        if len(section.statements) == 1
        and any(guideline.rules.by_name[name].section == section.slug for name in chapter.rules)
    }
    unseen = {number for number, demand in generated.demands(guideline).items() if demand.none}

    assert alone & unseen == set()


def test_every_rule_that_was_weighed_is_one_or_is_left_out_with_a_reason() -> None:
    """`weighed_rules.txt` lists what the guideline was taken apart into; a former name leads to the rule of today."""
    weighed = (ROOT / "tests/weighed_rules.txt").read_text(encoding="utf-8").split()
    rules = packs.load().rules
    known = {name for rule in rules.rules for name in (rule.name, *rule.page.aliases)}

    assert sorted(set(weighed) - known - LEFT_OUT.keys()) == []


def test_a_rule_that_was_left_out_is_none_and_says_why() -> None:
    """Whoever thinks of it again begins with what was found."""
    names = {rule.name for rule in packs.load().rules.rules}

    assert names & LEFT_OUT.keys() == set()
    assert [name for name, why in LEFT_OUT.items() if len(why) < 30] == []


def test_the_table_is_fresh(generated: ModuleType) -> None:
    """It is read on the hosting site, where nobody runs the script; `make generated` writes it."""
    expected = "\n".join(generated.coverage(packs.load()))

    assert (ROOT / "rules/coverage.md").read_text(encoding="utf-8") == expected
