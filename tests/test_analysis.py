"""What a change introduced, and which fixes are offered for it."""

import ast
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postil.lint import Change, Project
from postil.review.analysis import PROOFS, analyse
from postil.review.model import Analysis, Suggestion
from tiny_rules import RULES

SLEEPS = """\
import time

async def wait():
    time.sleep(1)
"""


def analysed(*changes: Change) -> Analysis:
    """The tiny rules on `changes`, in a project without settings."""
    return analyse(RULES, changes, Project(), Project())


def changed(base: str | None, head: str, path: str = "a.py", previous: str | None = None) -> Analysis:
    """The tiny rules on one file."""
    return analysed(Change(path, head, base, previous))


def places(analysis: Analysis) -> list[tuple[str, str, int]]:
    """What was introduced, in short."""
    return [(each.finding.rule, each.finding.path, each.finding.line) for each in analysis.introduced]


def suggestions(head: str) -> Sequence[Suggestion | None]:
    """The suggestions for a new file, in order of line."""
    return [each.suggestion for each in changed(None, head).introduced]


def applied(text: str, suggestion: Suggestion) -> str:
    """What GitHub does with a suggestion: whole lines are replaced."""
    lines = text.split("\n")
    written = suggestion.text.split("\n") if suggestion.text else []
    return "\n".join([*lines[: suggestion.start_line - 1], *written, *lines[suggestion.end_line :]])


def test_all_findings_of_a_new_file_are_introduced() -> None:
    """Nothing of it was there before."""
    assert places(changed(None, SLEEPS)) == [("sleep-in-async", "a.py", 4)]


def test_what_base_has_is_not_this_authors() -> None:
    """Old faults in code that merely moved chase contributors away."""
    assert not changed(SLEEPS, f"# moved\n\n\n{SLEEPS}").introduced


def test_a_cause_elsewhere_introduces_a_finding_on_an_untouched_line() -> None:
    """The `def` that became `async def` makes the sleep wrong."""
    assert places(changed(SLEEPS.replace("async ", ""), SLEEPS)) == [("sleep-in-async", "a.py", 4)]


def test_of_equal_findings_the_new_line_is_reported() -> None:
    """A comment on the old line would blame the wrong one, and may stand outside the diff."""
    above = SLEEPS.replace("    time.sleep(1)\n", "    time.sleep(1)\n    work()\n    time.sleep(1)\n")
    base = SLEEPS.replace("    time.sleep(1)\n", "    work()\n    time.sleep(1)\n")

    assert places(changed(base, above)) == [("sleep-in-async", "a.py", 4)]


def test_a_renamed_function_does_not_make_its_body_new() -> None:
    """Its lines are untouched."""
    assert not changed(SLEEPS, SLEEPS.replace("wait", "pause")).introduced


def test_the_same_code_in_another_function_is_new() -> None:
    """Curing one place and copying the fault to another is no cure."""
    base = f"{SLEEPS}\nasync def other():\n    work()\n"
    head = "import time\n\nasync def wait():\n    pass\n\nasync def other():\n    work()\n    time.sleep(1)\n"

    assert places(changed(base, head)) == [("sleep-in-async", "a.py", 8)]


def test_a_renamed_file_brings_nothing_new() -> None:
    """Its findings are looked for under the name it had."""
    moved = analysed(Change("b.py", f"\n{SLEEPS}", SLEEPS, "a.py"))

    assert not moved.introduced


def test_a_rename_keeps_the_fingerprint() -> None:
    """What was said before a rename is not said again after it."""
    base = SLEEPS.replace("async ", "")
    first = changed(base, SLEEPS)
    second = changed(base, f"# now here\n{SLEEPS}", path="b.py", previous="a.py")

    assert [each.fingerprint for each in first.introduced] == [each.fingerprint for each in second.introduced]


def test_a_copy_does_not_share_its_originals_fingerprints() -> None:
    """Two findings with one fingerprint would be one comment."""
    base = SLEEPS.replace("async ", "")
    both = analysed(Change("a.py", SLEEPS, base), Change("b.py", SLEEPS, base, "a.py"))

    assert places(both) == [("sleep-in-async", "a.py", 4), ("sleep-in-async", "b.py", 4)]
    assert len({each.fingerprint for each in both.introduced}) == 2


WAITS = "import time\n\n\nasync def wait(order):\n    order.begin()\n    time.sleep(1)\n    order.end()\n"


def test_code_that_moves_to_another_file_is_not_new() -> None:
    """Who splits a module is not told of all that was wrong with it."""
    split = analysed(
        Change("a.py", "def stay(): ...\n", f"{WAITS}\n\ndef stay(): ...\n"),
        Change("b.py", f"import os\n{WAITS}", None),
    )
    into_a_class = WAITS.replace("\n    ", "\n        ").replace("async def", "class B:\n    async def")
    moved = analysed(Change("a.py", None, WAITS), Change("b.py", into_a_class, "import time\n"))

    assert places(split) == []
    assert places(moved) == []


def test_code_that_is_copied_to_another_file_is_new() -> None:
    """The fault is there once more."""
    copied = analysed(Change("a.py", f"# here\n{WAITS}", WAITS), Change("b.py", WAITS, None))
    twice = analysed(Change("a.py", None, WAITS), Change("b.py", WAITS, None), Change("c.py", WAITS, None))

    assert places(copied) == [("sleep-in-async", "b.py", 6)]
    assert places(twice) == [("sleep-in-async", "c.py", 6)]


def test_code_that_was_no_fault_where_it_came_from_is_new() -> None:
    """It is the move that makes it one."""
    plain = WAITS.replace("async def", "def").replace("order.begin()", "order.begin()\n    order.go()")
    moved = analysed(Change("a.py", None, plain), Change("b.py", plain.replace("def", "async def"), None))

    assert places(moved) == [("sleep-in-async", "b.py", 7)]


def test_a_line_that_is_alike_by_chance_is_new() -> None:
    """The same call alone says nothing of where it came from."""
    other = "import time\n\n\nasync def rest():\n    time.sleep(1)\n"

    assert places(analysed(Change("a.py", None, WAITS), Change("b.py", other, None))) == [("sleep-in-async", "b.py", 5)]


def test_an_allowed_finding_is_suppressed_and_counted() -> None:
    """The review's sum names it; nobody is told twice."""
    analysis = changed(None, SLEEPS.replace("(1)", "(1)  # postil: allow sleep-in-async -- a test of the loop"))

    assert not analysis.introduced
    assert [each.finding.allowed for each in analysis.suppressed] == ["a test of the loop"]


def test_an_allowance_taken_away_brings_the_finding_back() -> None:
    """Base showed nothing, so to the reader it is new."""
    allowed = SLEEPS.replace("(1)", "(1)  # postil: allow sleep-in-async")

    assert places(changed(allowed, SLEEPS)) == [("sleep-in-async", "a.py", 4)]
    assert changed(SLEEPS, allowed) == Analysis(files=1)


def test_files_that_cannot_be_judged_are_named_and_the_rest_is_analysed() -> None:
    """One file's fault costs that file."""
    analysis = analysed(
        Change("bad.py", "def (:\n", None),
        Change("crash.py", f"{SLEEPS}crash_here\n", None),
        Change("gone.py", None, SLEEPS),
        Change("read.me", "text", None),
    )

    assert places(analysis) == [("sleep-in-async", "crash.py", 4)]
    assert [(problem.path, problem.kind) for problem in analysis.problems] == [
        ("bad.py", "syntax"),
        ("crash.py", "check-crash"),
    ]
    assert analysis.files == 2


def test_where_base_does_not_parse_only_touched_lines_count() -> None:
    """A file ported from Python 2 is no reason to blame the author for all of it."""
    base = f"{SLEEPS}    print 'done'\n"
    head = f"{SLEEPS}    print('done')\n    time.sleep(2)\n"

    assert places(changed(base, head)) == [("sleep-in-async", "a.py", 6)]


def test_rules_about_the_change_itself_speak_of_what_it_did() -> None:
    """They compare already."""
    assert places(changed("def f():\n    pass\n", "x = 1\n")) == [("function-removed", "a.py", 1)]


def test_each_file_is_announced_before_it_is_looked_at() -> None:
    """When the process dies, the last one named is the reason."""
    said: list[str] = []
    changes = [Change("a.py", "x = y == None", None), Change("b.py", "y", None)]
    analyse(RULES, changes, Project(), Project(), said.append)

    assert said == ["a.py", "b.py", "", "a.py"]


def test_a_fix_that_cures_is_offered_as_whole_lines() -> None:
    """GitHub replaces whole lines: what stands beside the edit on its line is kept."""
    head = "def f(x):\n    return x == None  # why not\n"

    assert suggestions(head) == [Suggestion(2, 2, "    return x is None  # why not", "    return x == None  # why not")]


@pytest.mark.parametrize("call", ["wrong()", "broken()", "stubborn()"])
def test_a_fix_that_does_harm_or_no_good_is_not_offered(call: str) -> None:
    """It would bring a new finding, not parse, or leave the finding where it is."""
    assert suggestions(f"x = {call}\n") == [None]


def test_a_fix_may_change_the_code_of_a_finding_around_it() -> None:
    """The outer finding stays the same finding, though its code reads differently now."""
    assert [each and each.text for each in suggestions("x = old_f(y == None)\n")] == [
        "x = f(y == None)",
        "x = old_f(y is None)",
    ]


def test_a_fix_of_more_than_ten_lines_is_not_offered() -> None:
    """Nobody can judge it at a glance."""
    assert suggestions("old_long(\n" + "    1,\n" * 8 + ")\n") == [
        Suggestion(1, 10, "short()", "old_long(\n" + "    1,\n" * 8 + ")")
    ]
    assert suggestions("old_long(\n" + "    1,\n" * 9 + ")\n") == [None]


def test_a_suggestion_keeps_line_ends_and_a_missing_one() -> None:
    """Carriage returns belong to the lines; a file without a last line break keeps that."""
    head = "a = b == None\r\nc = d == None"
    first, second = suggestions(head)
    assert first
    assert second

    assert first.text == "a = b is None\r"
    assert applied(head, second) == "a = b == None\r\nc = d is None"


def test_proofs_are_limited_in_number() -> None:
    """Each costs a parse, and a review shows twenty comments."""
    made = suggestions("".join(f"x{number} = y == None\n" for number in range(PROOFS + 5)))

    assert [bool(suggestion) for suggestion in made] == [True] * PROOFS + [False] * 5


AROUND = ["", "import os\n", "# é 🙂\n", "@decorated\n", "if x == None:\n    pass\n", "class A:\n    a = b == None\n\n"]
STATEMENTS = [
    "x = y == None",
    "return_value(old_f(\n    a,\n    b == None))",
    "if (a\n        == None):\n    old_g('```')",
    "x = {\n\t'k': v == None,\n}",
]


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.sampled_from([a for a in AROUND if a != "@decorated\n"]), max_size=3),
    decorator=st.booleans(),
    statements=st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3),
    crlf=st.booleans(),
    ended=st.booleans(),
)
def test_a_suggestion_applied_as_plain_lines_cures_and_adds_nothing(
    before: list[str], decorator: bool, statements: list[str], crlf: bool, ended: bool
) -> None:
    """What the author gets by pressing "Commit suggestion" is what was proved."""
    body = "\n".join("    " + statement.replace("\n", "\n    ") for statement in statements)
    head = "".join(before) + ("@decorated\n" if decorator else "") + f"def f():\n{body}" + ("\n" if ended else "")
    head = head.replace("\n", "\r\n") if crlf else head
    introduced = changed(None, head).introduced

    assert introduced
    for each in introduced:
        assert each.suggestion is not None
        lines = head.split("\n")[each.suggestion.start_line - 1 : each.suggestion.end_line]
        cured = applied(head, each.suggestion)
        ast.parse(cured)

        assert "\n".join(lines) == each.suggestion.replaced
        assert len(changed(None, cured).introduced) == len(introduced) - 1
