"""Where `# postil: allow` holds, and that it comes with a duty."""

import libcst as cst
import pytest
from inline_snapshot import snapshot

from postil import packs
from postil.lint import Change, ChangeSet, Note, Notes, Project, SourceFile
from postil.lint.allowance import allowances
from postil.lint.check import Check
from postil.lint.engine import RuleSet, apply_edits
from postil.lint.finding import Severity
from postil.lint.page import Page
from postil.lint.rule import Rule, subscription
from postil.review.analysis import analyse
from postil.review.model import Analysis

BUILT_IN = packs.load().rules
DUTY = ("allow-unused", "allow-unknown-rule", "allow-without-reason")


def rule(name: str, check: Check) -> Rule:
    page = Page(name, "s", Severity.WARNING, False, (), name, "", (), (), (), (), "")
    return Rule(name, "c", "C", "S", page, check, subscription(check), Severity.WARNING, False)


def bad(call: cst.Call, file: SourceFile) -> Notes:
    """A call of `bad`."""
    if file.code(call.func) == "bad":
        yield Note(call, "`bad` is called")


def definition(found: cst.FunctionDef | cst.ClassDef, file: SourceFile) -> Notes:
    """Every definition."""
    yield Note(found, f"`{found.name.value}` is defined")


def crash(call: cst.Call, file: SourceFile) -> Notes:
    """Nothing: it fails."""
    raise RuntimeError(file.path)
    yield Note(call, "never")


def about_lines(change_set: ChangeSet) -> Notes:
    """Each line of a text file that says bad."""
    for change in change_set.texts:
        for line in change.added:
            if line.code.startswith("bad"):
                yield Note(line, "a bad line")


OWN = (rule("bad", bad), rule("defined", definition), rule("lines", about_lines))
NAMES = {**BUILT_IN.names, **{each.name: each.name for each in OWN}, "awful": "bad", "off": "off"}
RULES = RuleSet((*OWN, *BUILT_IN.only(DUTY).rules), NAMES)


def found(text: str, rules: RuleSet = RULES, path: str = "a.py") -> list[tuple[int, str, str | None]]:
    """Line, rule and reason of what is found."""
    return [(each.line, each.rule, each.allowed) for each in rules.lint(path, text).findings]


def said(text: str, rules: RuleSet = RULES) -> list[str]:
    """What isn't allowed, as messages."""
    return [each.message for each in rules.lint("a.py", text).findings if each.allowed is None]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("bad()  # postil: allow bad -- x\nbad()\n", [1]),
        ("# postil: allow bad -- x\nbad()\nbad()\n", [2]),
        ("# postil: allow bad -- x\n# more about it\nbad()\nbad()\n", [3]),
        ("# postil: allow bad -- x\n\nbad()\n", []),
        ("x = 1  # postil: allow bad -- x\nbad()\n", []),
        ("f(  # postil: allow bad -- x\n    1,\n    bad(),\n)\nbad()\n", [3]),
        ("f(\n    1,\n    bad(),\n)  # postil: allow bad -- x\nbad()\n", [3]),
        ("f(\n    bad(),  # postil: allow bad -- x\n    bad(),\n)\n", [2]),
        ("f(\n    # postil: allow bad -- x\n    bad(),\n    bad(),\n)\n", [3]),
        ("# postil: allow bad -- x\nf(\n    1,\n    bad(),\n)\n", [4]),
        ("f(\n    1, \\\n    bad())  # postil: allow bad -- x\n", [3]),
        ("bad(\n    1,\n    # postil: allow bad -- x\n)\n", [1]),
        ("if bad():  # postil: allow bad -- x\n    bad()\n", [1]),
        ("# postil: allow bad -- x\nif bad():\n    bad()\n", [2]),
        ("if x:\n    # postil: allow bad -- x\n    bad()\nelse:\n    bad()\n", [3]),
        ("try:\n    f()\nexcept bad():  # postil: allow bad -- x\n    bad()\n", [3]),
        ("for x in y:\n\tbad()  # postil: allow bad -- x\n", [2]),
        ("bad(); bad()  # postil: allow bad -- x\n", [1, 1]),
        ("bad()  # noqa: F821  # postil: allow bad -- x\n", [1]),
        ("bad()  # postil: allow bad -- x  # noqa: F821\n", [1]),
        ("bad()  # postil:allow bad--x\n", [1]),
        ("bad()  #postil: allow other,  bad  --  x\n", [1]),
        ("bad()  # postil: allow awful -- x\n", [1]),
        ("bad()  # postil: allow bad", [1]),
        ("bad()  # see `# postil: allow bad -- x`\n", []),
        ("bad('''\n# postil: allow bad -- x\n''')\n", []),
        ("bad(' # postil: allow bad -- x')\n", []),
        ("# postil: allow bad -- x\r\nbad()\r\n", [2]),
    ],
)
def test_an_allowance_holds_for_its_statement_and_no_more(text: str, lines: list[int]) -> None:
    """One that formatters move out of reach is of no use, and one that reaches too far hides the next mistake."""
    assert [line for line, name, allowed in found(text) if name == "bad" and allowed is not None] == lines


DEFINITION = "@a(bad())\n@b(\n    bad(),\n)\ndef f(\n    x=bad(),\n):\n    bad()\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"# postil: allow bad -- x\n{DEFINITION}", [2, 4, 7]),
        (DEFINITION.replace("@b", "# postil: allow bad -- x\n@b", 1), [4, 7]),
        (DEFINITION.replace("@a(bad())", "@a(bad())  # postil: allow bad -- x"), [1, 3, 6]),
        (DEFINITION.replace("):\n", "):  # postil: allow bad -- x\n"), [6]),
        (DEFINITION.replace("@b(", "@b(  # postil: allow bad -- x"), [3]),
        (f"class C:\n    # postil: allow bad -- x\n    def f(self, x=bad()):\n        bad()\n{DEFINITION}", [3]),
    ],
    ids=["above", "between-decorators", "first-line", "last-line-of-the-header", "second-decorator", "method"],
)
def test_above_a_definition_it_holds_for_decorators_and_header(text: str, lines: list[int]) -> None:
    """The header is what such a comment is about; a whole body would be a blanket."""
    assert [line for line, name, allowed in found(text) if name == "bad" and allowed is not None] == lines


def test_a_finding_about_a_definition_is_allowed_above_its_decorators() -> None:
    """It is shown at the `def`, below the line on which a reader expects the comment."""
    text = "# postil: allow defined -- x\n@a\n@b\nclass C:\n    def f(self): ...\n"

    assert [(line, allowed) for line, name, allowed in found(text) if name == "defined"] == [(4, "x"), (5, None)]


def test_reasons_end_where_another_tool_is_told_something() -> None:
    """A number of an issue is part of the reason."""
    text = "bad()  # postil: allow bad -- see #12, and -- well # 13  # noqa: F821 # type: ignore\n"

    assert found(text) == [(1, "bad", "see #12, and -- well # 13")]


def test_each_duty_is_said_in_words_with_a_cure() -> None:
    """An allowance is a decision: for a rule that exists, where it is needed, for a reason."""
    text = "bad()  # postil: allow bad\nbad()  # postil: allow bat -- x\n"
    text += "f()  # postil: allow bad -- x\ng()  # postil: allow\n"

    assert said(text) == snapshot(
        [
            "nothing behind `--` says why `bad` may stand here",
            "`bad` is called",
            "there is no rule `bat`; did you mean `bad`?",
            "`bad` finds nothing here that would need an allowance",
            "this names no rule, so it allows nothing",
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        "f()  # postil: allow off -- another rule, which did not run\n",
        "f()  # postil: allow lines -- it speaks of changes alone\n",
        "f()  # postil: allow allow-unused -- a rule about allowances\n",
        "bad()  # postil: allow bad -- x\n# postil: allow bad -- y\nbad()  # postil: allow bad -- z\n",
    ],
    ids=["not-run", "of-changes", "of-allowances", "twice"],
)
def test_nothing_is_unused_that_may_be_needed(text: str) -> None:
    """A false alarm here makes people take away what they need in the next run."""
    assert said(text) == []


def test_an_allowance_of_a_rule_that_crashed_is_not_unused() -> None:
    """Nobody knows what the rule would have said."""
    rules = RuleSet((rule("bad", crash), *BUILT_IN.only(DUTY).rules), NAMES)

    assert said("f()  # postil: allow bad -- x\n", rules) == []


def test_a_rule_of_allowances_is_allowed_only_with_a_reason() -> None:
    """Else a comment could excuse itself from saying why."""
    assert said("bad()  # postil: allow bad, allow-without-reason\n") != []
    assert said("f()  # postil: allow bad, allow-unused -- only called on Windows\n") == []


@pytest.mark.parametrize(
    ("text", "cured"),
    [
        ("f()  # postil: allow bad -- x\n", "f()\n"),
        ("f()  # postil: allow bad -- x  # noqa: F821\n", "f()  # noqa: F821\n"),
        ("f()  # noqa: F821  # postil: allow bad -- x\n", "f()  # noqa: F821\n"),
        ("if x:\n    # postil: allow bad -- x\n    f()\n", "if x:\n    f()\n"),
        ("f()\n# postil: allow bad -- x", "f()\n"),
        ("# postil: allow bad -- x  # noqa: F821\nf()\n", "# noqa: F821\nf()\n"),
        ("# postil: allow off, bad, defined -- x\nf()\n", "# postil: allow off -- x\nf()\n"),
        ("# postil: allow bad, off -- x\nf()\n", "# postil: allow off -- x\nf()\n"),
        ("f()  # postil: allow bad -- x\r\n", "f()\r\n"),
        ("f('é', '🐍')  # postil: allow bad -- é\n", "f('é', '🐍')\n"),
    ],
)
def test_an_unused_allowance_goes_without_a_trace(text: str, cured: str) -> None:
    """White space at the end of a line, or an empty comment, would be the next complaint."""
    while unused := [each for each in RULES.lint("a.py", text).findings if each.rule == "allow-unused"]:
        text = apply_edits(text, unused[0].edits)

    assert text == cured


TOML = """\
# postil: allow lines -- above
a = ["x"]  # postil: allow lines -- behind
b = "# postil: allow lines -- in a string"
c = '''
# postil: allow lines -- in a string
''' # postil: allow lines -- é, and behind
"""


def test_in_toml_a_string_is_no_comment() -> None:
    """What a project says about itself may be about Postil."""
    read = allowances("pyproject.toml", TOML, NAMES)

    assert [(each.reason, each.first, each.last) for each in read] == [
        ("above", 1, 2),
        ("behind", 2, 2),
        ("é, and behind", 6, 6),
    ]


@pytest.mark.parametrize("path", ["Makefile", ".github/workflows/ci.yml", "requirements.txt", ".gitignore"])
def test_in_other_files_it_holds_for_its_line_or_the_one_below(path: str) -> None:
    """They have no statements that all of them share."""
    behind, above = "bad 1  # postil: allow lines -- x\nbad 2\n", "# postil: allow lines -- y\n# and so on\nbad 3\n"
    text = f"{behind}{above}\nbad#postil: allow lines\n"
    analysis = analyse(RULES, [Change(path, text, "")], Project(), Project())

    assert [each.finding.line for each in analysis.suppressed] == [1, 5]
    assert [(each.finding.line, each.finding.rule) for each in analysis.introduced] == [(2, "lines"), (7, "lines")]


def test_documentation_has_no_allowances() -> None:
    """It shows how to write them."""
    assert not allowances("README.md", "# postil: allow nothing\n", NAMES)


def changed(base: str, head: str, path: str = "a.py") -> Analysis:
    return analyse(RULES, [Change(path, head, base)], Project(), Project())


def lines_of(analysis: Analysis) -> list[tuple[int, str]]:
    return [(each.finding.line, each.finding.rule) for each in analysis.introduced]


def test_only_allowances_that_the_change_made_wrong_are_reported() -> None:
    """Old ones are not this author's, whether they were unused before or had no reason."""
    base = "f()  # postil: allow bad -- x\nbad()  # postil: allow bad\nbad()  # postil: allow bad -- y\n"

    assert lines_of(changed(base, f"import a\n{base}")) == []
    assert lines_of(
        changed(base, base.replace("bad()  # postil: allow bad -- y", "f()  # postil: allow bad -- y"))
    ) == [(3, "allow-unused")]


@pytest.mark.parametrize("path", ["pyproject.toml", "Makefile"])
def test_duties_hold_in_other_files_and_only_for_what_is_new(path: str) -> None:
    """A misspelt name allows as little there."""
    base = "a = 1  # postil: allow lines\n"
    analysis = changed(base, f"{base}b = 1  # postil: allow linse -- x\n", path)

    assert lines_of(analysis) == [(2, "allow-unknown-rule")]
    assert [each.suggestion.text for each in analysis.introduced if each.suggestion] == [
        "b = 1  # postil: allow lines -- x"
    ]


def test_a_cured_finding_takes_its_allowance_along_in_one_suggestion_each() -> None:
    """The author sees the comment that lost its sense, with the cure."""
    analysis = changed("bad()  # postil: allow bad -- x\n", "f()  # postil: allow bad -- x\n")

    assert [each.suggestion.text for each in analysis.introduced if each.suggestion] == ["f()"]


def test_a_name_that_would_silence_nothing_is_not_suggested() -> None:
    """It would be the next finding."""
    (each,) = changed("", "f()  # postil: allow bat -- x\n").introduced

    assert each.suggestion is None
