"""The engine: one walk, notes with their places, crashes as values."""

from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postil.lint import (
    Change,
    Check,
    FileChange,
    Fix,
    FixKind,
    Insert,
    Note,
    Notes,
    Project,
    Secondary,
    Severity,
    SourceFile,
)
from postil.lint.engine import RuleSet, apply_edits
from postil.lint.finding import TextEdit
from postil.lint.page import Page
from postil.lint.positions import Positions
from postil.lint.rule import CheckError, Rule, subscription
from postil.lint.source import Unreadable, decode, nesting, parse
from postil.lint.tree import walk


def rule(name: str, check: Check, mentions: tuple[str, ...] = ()) -> Rule:
    page = Page(name, "s", Severity.WARNING, False, (), "Title", "Why.", (), (), (), (), "")
    return Rule(name, "c", "C", "S", page, check, subscription(check), Severity.WARNING, False, mentions)


def calls(call: cst.Call, file: SourceFile) -> Notes:
    yield Note(call, f"calls `{file.code(call.func)}`")


def crashes(call: cst.Call, file: SourceFile) -> Notes:
    yield Note(call, f"before the crash {file.path}")
    raise ValueError("boom\nsecond line")


def definitions(function: cst.FunctionDef | cst.ClassDef, file: SourceFile) -> Notes:
    yield Note(function, f"`{file.scope_of(function)}`", secondary=(Secondary(function.name, "here"),))


def test_notes_get_their_lines_and_columns() -> None:
    """A check knows no line numbers; the reader needs them."""
    report = RuleSet([rule("calls", calls)]).lint("a.py", "x = 1\n\nif x:\n    y = [\n        f(1),\n    ]\n")

    assert [(f.line, f.column, f.end_line, f.end_column, f.code) for f in report.findings] == [(5, 9, 5, 13, "f(1)")]


def test_a_definition_is_shown_at_its_first_line() -> None:
    """Nobody wants a comment that spans a whole class."""
    text = "import a\n\n\n@a.b(\n    1\n)\nclass C:\n    # note\n    @a.c\n    def m(self):\n        pass\n"
    report = RuleSet([rule("definitions", definitions)]).lint("a.py", text)

    assert [(f.line, f.end_line, f.message, f.related[0].line) for f in report.findings] == [
        (7, 7, "`C`", 7),
        (10, 10, "`C.m`", 10),
    ]


def test_a_crashing_check_costs_itself_on_that_file_only() -> None:
    """One bad rule must not cost the review."""
    report = RuleSet([rule("crashes", crashes), rule("calls", calls)]).lint("a.py", "f()\ng()\n")

    assert [finding.rule for finding in report.findings] == ["calls", "calls", "crashes"] or len(report.findings) == 3
    assert [(p.kind, p.message) for p in report.problems] == [
        ("check-crash", "the check `crashes` crashed (ValueError: boom)")
    ]


@pytest.mark.parametrize(
    ("comment", "allowed"),
    [
        ("f()  # postil: allow calls -- told so", "told so"),
        ("f()  # postil: allow other, calls", ""),
        ("# postil: allow calls -- above\nf()", "above"),
        ("f()  # postil: allow other -- no", None),
        ("x = 1  # postil: allow calls -- not alone on its line\nf()", None),
    ],
    ids=["on-the-line", "several", "above", "another-rule", "behind-code-above"],
)
def test_an_allow_comment_silences_its_rule_with_its_reason(comment: str, allowed: str | None) -> None:
    """A suppression is kept with its reason, never dropped silently."""
    report = RuleSet([rule("calls", calls)]).lint("a.py", comment + "\n")

    assert [finding.allowed for finding in report.findings] == [allowed]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("print 'x'\n", "syntax"),
        ("x = " + "[" * 5000 + "]" * 5000, "too-deep"),
        ("x = (\n", "syntax"),
        ("x = 'a' t'{b}'\n", "syntax"),
    ],
    ids=["python-2", "brackets", "unclosed", "template-beside-a-string"],
)
def test_what_cannot_be_parsed_is_a_named_problem(text: str, kind: str) -> None:
    """The rest of the pull request is reviewed, and the reader learns why this file was not."""
    report = RuleSet([rule("calls", calls)]).lint("a.py", text)

    assert [problem.kind for problem in report.problems] == [kind]


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    """A long string of brackets is no deep code."""
    assert nesting("x = '" + "(" * 500 + "'  # " + "[" * 500) == 0


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (b"x = 1\r\n", "x = 1\r\n"),
        (b"", ""),
    ],
    ids=["bom", "cookie", "crlf", "empty"],
)
def test_bytes_become_text_as_python_reads_them(raw: bytes, text: str) -> None:
    """A file is judged as Python itself would read it."""
    assert decode(raw) == text


@pytest.mark.parametrize("raw", [b"a\0b", b"x = '\xe9'\n", b"# coding: nonsense\n"], ids=["null", "not-utf-8", "codec"])
def test_bytes_that_are_no_text_are_refused_with_a_reason(raw: bytes) -> None:
    """The reason stands in the check run."""
    with pytest.raises(Unreadable, match=r"null bytes|line 1 is not valid utf-8|unknown encoding 'nonsense'"):
        decode(raw)


@pytest.mark.parametrize("path", ["engine.py", "contexts.py", "page.py"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_positions_agree_with_libcst(path: str, ends: str) -> None:
    """Ours are computed another way for speed, so they are held to LibCST's own provider."""
    from libcst.metadata import MetadataWrapper, PositionProvider  # noqa: PLC0415 - slow to load, needed here only

    text = (Path(__file__).parents[1] / "src/postil/lint" / path).read_text(encoding="utf-8").replace("\n", ends)
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    expected = wrapper.resolve(PositionProvider)
    file = SourceFile(path, text)
    positions = Positions(file)
    wrong = []
    for theirs, ours in zip(walk(wrapper.module), walk(file.module), strict=True):
        if isinstance(ours, (cst.BaseExpression, cst.BaseSmallStatement, cst.Arg, cst.Param)) and theirs in expected:
            place, found = expected[theirs], positions.exact(ours)
            if (place.start.line, place.start.column + 1, place.end.line, place.end.column + 1) != (
                found.line,
                found.column,
                found.end_line,
                found.end_column,
            ):
                wrong.append((type(ours).__name__, place, found))

    assert wrong == []


def test_edits_of_one_fix_are_carried_out_together() -> None:
    """A fix may touch several places; their order in the note doesn't matter."""
    edits = [TextEdit(2, 1, 2, 4, "new"), TextEdit(1, 3, 1, 3, "!"), TextEdit(3, 2, 3, 2, "?")]

    assert apply_edits("ab\nold line\nc\n", edits) == "ab!\nnew line\nc?\n"


def test_overlapping_edits_are_refused() -> None:
    """Half an edit would be worse than none."""
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abcdef\n", [TextEdit(1, 1, 1, 4, ""), TextEdit(1, 3, 1, 5, "")])


def test_a_word_that_a_file_must_mention_is_looked_for_first() -> None:
    """Most files concern few rules, and a search for a word is far cheaper than a visit."""
    rules = RuleSet([rule("calls", calls, mentions=("celery",))])

    assert rules.lint("a.py", "f()\n").findings == ()
    assert len(rules.lint("a.py", "celery()\n").findings) == 1


def test_a_comparison_that_finds_nothing_parses_nothing() -> None:
    """Most files concern few rules, and a parse is what everything else is small against."""
    seen: list[FileChange] = []

    def looks_at_texts(change: FileChange) -> Notes:
        seen.append(change)
        yield from ()

    change = Change("a.py", "b = 2\n", "a = 1\n")
    report = RuleSet([rule("texts", looks_at_texts)]).lint_change_set([change], Project(), Project())

    assert (report.findings, report.problems) == ((), ())
    assert [{"base", "head"} & vars(pair).keys() for pair in seen] == [set()]


def no_annotation(call, file: SourceFile) -> Notes:
    yield Note(call, file.path)


def no_file(call: cst.Call) -> Notes:
    yield Note(call, "")


@pytest.mark.parametrize("check", [no_annotation, no_file], ids=["no-annotation", "no-file"])
def test_a_check_that_subscribes_to_nothing_is_refused(check: Check) -> None:
    """A check that never runs would look like a rule that never finds anything."""
    with pytest.raises(CheckError):
        subscription(check)


def fixes(call: cst.Call, file: SourceFile) -> Notes:
    fix = Fix((Insert(call, "await "), Insert(call.func, "_async", after=True)), FixKind.SUGGESTION)
    yield Note(call, file.path, fix=fix)


def test_an_edit_stands_where_its_node_does() -> None:
    """Multi-byte characters and tabs in front of a node don't shift its fix."""
    text = "async def f():\n\tx = 'é😀', go(1)\n"
    (finding,) = RuleSet([rule("fixes", fixes)]).lint("a.py", text).findings

    assert apply_edits(text, finding.edits) == "async def f():\n\tx = 'é😀', await go_async(1)\n"


@given(st.text(alphabet="ab()[]{}:=,'\"\n\t #\\é\r\x0c0.@*", max_size=60))
def test_no_text_makes_the_engine_raise(text: str) -> None:
    """Pull request content is hostile: every outcome is a value."""
    report = RuleSet([rule("calls", calls), rule("definitions", definitions)]).lint("a.py", text, Project())

    assert report.problems or report.file is not None


def test_the_collector_runs_again_after_a_parse() -> None:
    """Holding the garbage collector is for the parse alone."""
    import gc  # noqa: PLC0415 - the subject of this test

    with pytest.raises(Unreadable):
        parse("x = (")

    assert gc.isenabled()
