"""When two findings are the same finding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from postil.lint import Change, Finding, Project, Severity
from postil.review.analysis import analyse
from postil.review.identity import fingerprints, folded
from tiny_rules import RULES

CALLS = ["old_a()", "old_b(1, 2)", "old_c('x', key = [1,2])", "y == None", "old_d(old_a())"]
SCOPES = ["def f():", "def g():", "class A:", "async def h():"]

Block = tuple[str, tuple[str, ...]]
BLOCKS = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.lists(st.sampled_from(CALLS), min_size=1, max_size=4).map(tuple)),
    min_size=1,
    max_size=4,
    unique_by=lambda block: block[0],
)


def source(blocks: list[Block], gap: str = "") -> str:
    """A module with these definitions, in this order; `gap` stands before each statement."""
    return "".join(f"{scope}\n" + "".join(f"{gap}    x = {call}\n" for call in calls) + "\n" for scope, calls in blocks)


def prints(head: str, base: str | None = None, path: str = "a.py", previous: str | None = None) -> list[str]:
    """The fingerprints of what `head` introduces."""
    found = analyse(RULES, [Change(path, head, base, previous)], Project(), Project()).introduced
    return [each.fingerprint for each in found]


@settings(max_examples=80, deadline=None)
@given(blocks=BLOCKS, data=st.data())
def test_moved_lines_and_definitions_keep_their_identity(blocks: list[Block], data: st.DataObject) -> None:
    """A comment made on line 10 is not made again on line 20."""
    moved = source(data.draw(st.permutations(blocks)), gap="    # a new line\n\n")

    assert sorted(prints(moved)) == sorted(prints(source(blocks)))
    assert prints(moved, base=source(blocks)) == []


@settings(max_examples=80, deadline=None)
@given(blocks=BLOCKS)
def test_two_findings_never_share_a_fingerprint(blocks: list[Block]) -> None:
    """One of them would count as said with the other."""
    made = prints(source(blocks))

    assert len(set(made)) == len(made)


@settings(max_examples=40, deadline=None)
@given(blocks=BLOCKS)
def test_reformatted_code_keeps_its_identity(blocks: list[Block]) -> None:
    """A formatter's commit is nobody's new finding."""
    text = source(blocks)
    other = text.replace("'", '"').replace(
        "key = [1,2]", "\n        key=[\n            1,\n            2,\n        ],\n    "
    )
    other = other.replace("(1, 2)", "(\n        1,\n        2\n    )").replace("    x =", "    x=")

    assert sorted(prints(other)) == sorted(prints(text))
    assert prints(other, base=text) == []


@settings(max_examples=40, deadline=None)
@given(blocks=BLOCKS)
def test_code_that_moves_into_a_class_keeps_what_is_wrong_with_it(blocks: list[Block]) -> None:
    """Whoever indents somebody else's lines is not asked to mend them."""
    text = source(blocks)
    wrapped = "class Service:\n" + "".join(f"    {line}\n" if line else "\n" for line in text.split("\n"))

    assert prints(wrapped, base=text) == []


@settings(max_examples=40, deadline=None)
@given(blocks=BLOCKS)
def test_a_renamed_file_keeps_its_fingerprints(blocks: list[Block]) -> None:
    """They are made with the name that the file has at base."""
    text = source(blocks)

    assert prints(text, "x = 1\n", "new.py", "old.py") == prints(text, "x = 1\n", "old.py")
    assert prints(text, "x = 1\n", "new.py") != prints(text, "x = 1\n", "old.py")


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ("f( a,b )", "f(a, b)"),
        ("f(\n    a,\n    b,\n)", "f(a, b)"),
        ("f('a')", 'f("a")'),
        ("a and \\\n    b", "a and b"),
        ("x if  y else\tz", "x if y else z"),
    ],
)
def test_formatting_is_folded_away(code: str, same: str) -> None:
    """What a formatter may change is no part of an identity."""
    assert folded(code) == folded(same)


@pytest.mark.parametrize(("code", "other"), [("not a", "nota"), ("f(a)", "f(b)"), ("a in b", "a is b"), ("x-1", "x+1")])
def test_words_are_not_folded_together(code: str, other: str) -> None:
    """Different code is a different finding."""
    assert folded(code) != folded(other)


def test_findings_without_code_are_told_apart_by_their_words() -> None:
    """Findings in settings files may have no code to go by."""
    first, second = (
        Finding("drift", "uv.lock", 1, 1, 1, 1, Severity.WARNING, f"`{name}` is not locked") for name in ("a", "b")
    )

    assert fingerprints([first, second], "uv.lock") == fingerprints([second, first], "uv.lock")[::-1]


def test_a_fingerprint_stays_what_it_was() -> None:
    """Markers on old comments carry it: another release must make the same one."""
    finding = Finding("bare-except", "a.py", 3, 3, 1, 8, Severity.WARNING, "`except:` …", "A.f", "except:")

    assert fingerprints([finding, finding], "a.py") == snapshot(("07f99292e81bf160", "e86d335e641bf160"))
