"""What a repository may decide, and what its mistakes cost."""

from dataclasses import replace

import libcst as cst
import pytest
from inline_snapshot import snapshot

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.finding import Severity
from postil.lint.project import Project
from postil.review.analysis import analyse
from postil.review.config import Config, Reading, matches, parse, read
from postil.review.model import ChangedFile, Conclusion, FileStatus, Occasion, Review
from postil.review.plan import Plan, plan
from postil.review.standing import Scope, Standing, Step
from tiny_rules import RULES, rule

SLEEPS = "import time\n\nasync def f():\n    time.sleep(1)\n"


def agreed(text: str) -> Plan:
    """What .github/postil.toml with this text comes to."""
    return plan(read({".github/postil.toml": text}), RULES, {"old-name": "sleep-in-async"})


def reviewed(text: str, files: dict[str, str]) -> Review:
    """The review of new files under a configuration."""
    found = agreed(text)
    changes, skipped = found.sifted([Change(path, code, None) for path, code in files.items()])
    analysis = analyse(found.choice.of(RULES), changes, Project(), Project())
    patched = [
        ChangedFile(
            path, FileStatus.ADDED, patch=f"@@ -0,0 +1,{code.count(chr(10))} @@\n+" + code.rstrip().replace("\n", "\n+")
        )
        for path, code in files.items()
    ]
    occasion = Occasion("a" * 40, "run", {}, "1.0", config="main@abc1234")
    return found.review(found.settled(analysis, skipped=skipped), patched, occasion)


def test_a_fault_costs_only_its_value_and_names_the_nearest_right_one() -> None:
    """A typing error must neither switch anything else off nor pass unseen."""
    plan = agreed("""\
exlude = ["old/"]
select = ["sleep-in-async", "none-comparision", 7]
threshold = "hint"
drafts = "yes"
ignore = "old-call"
bots = "skip"

[severities]
old-name = "hint"
none-comparison = "fatal"
nonsense = "off"

[caps]
in-line = 3
per-rule = 0
inline = 5

[options.sleep-in-async]
seconds = 3

[per-path-ignores]
"tests/" = ["olt-call"]
""")

    assert plan.faults == snapshot(
        (
            "line 1: `exlude` is no key of `[tool.postil]`; did you mean `exclude`?",
            "line 2: `select` should be a valid string; it is left out",
            "line 2: there is no rule `none-comparision`; did you mean `none-comparison`?",
            "line 3: `threshold` should be 'warning' or 'error'; it is left out",
            "line 4: `drafts` should be a valid boolean; it is left out",
            "line 5: `ignore` should be a valid array; it is left out",
            "line 10: `severities.none-comparison` should be 'hint', 'warning', 'error' or 'off'; it is left out",
            "line 11: there is no rule `nonsense`; `postil rules` lists them",
            "line 14: `caps.in-line` is no key of `[tool.postil.caps]`; did you mean `inline`?",
            "line 15: `caps.per-rule` should be greater than or equal to 1; it is left out",
            "line 19: `options.sleep-in-async.seconds` is no option; the rule has none",
            "line 22: there is no rule `olt-call`; did you mean `old-call`?",
        )
    )
    assert plan.config == Config.model_validate_json(
        '{"select": ["sleep-in-async", "none-comparision"], "bots": "skip", "caps": {"inline": 5},'
        '"severities": {"old-name": "hint", "nonsense": "off"}, "options": {"sleep-in-async": {"seconds": 3}},'
        '"per-path-ignores": {"tests/": ["olt-call"]}}'
    )
    assert plan.choice.rules == ("sleep-in-async",)
    assert plan.choice.severities == {"sleep-in-async": Severity.HINT}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("select = [", "it is no TOML"),
        ("x = " + "[" * 9000, "it is no TOML"),
        ("x = " + "9" * 9000, "it is no TOML"),
        ("caps = 3", "`caps`"),
        ("threshold = 1979-05-27", "`threshold`"),
        ("[per-path-ignores]\n'' = []", "line 2: `per-path-ignores.`"),
        (f"options = {'[' * 300}{']' * 300}", "line 1: `options` nests deeper than any value does"),
        (f"options{'.a' * 3000} = 1", "`options` nests deeper than any value does"),
        (f"#{'-' * 250_000}\n", "it is longer than 250,000 characters"),
        (f"exclude = {['a'] * 300}", "line 1: `exclude` should have at most 200 items, not 300"),
        ("[tool.postil]\ndrafts = true\n", "in this file the keys stand alone, without `[tool.postil]`"),
    ],
)
def test_whatever_is_in_the_file_the_defaults_hold(text: str, fault: str) -> None:
    """A repository's mistake must not end the service."""
    plan = agreed(text)

    assert plan.config == Config()
    assert len(plan.faults) == 1
    assert fault in plan.faults[0]


def test_of_thousands_of_mistakes_some_are_told() -> None:
    """Nobody reads more, and to find the nearest right name for each would hold up all other reviews."""
    keys, names = (agreed(text) for text in ("\n".join(f"k{n} = 1" for n in range(3000)), f"ignore = {['x'] * 3000}"))

    assert [len(each.faults) for each in (keys, names)] == [51, 51]
    assert keys.faults[-1] == names.faults[-1] == "of the mistakes no more than 50 are listed"


def test_a_file_that_can_not_be_read_is_said() -> None:
    """Otherwise the defaults would hold as if nobody had written anything."""
    reading = read({"pyproject.toml": "[tool.postil]\ndrafts = true\n"}, {".github/postil.toml": "it holds null bytes"})

    assert reading.config == Config()
    assert reading.faults == ("can't be read: it holds null bytes; the defaults hold",)


def test_the_line_of_a_fault_is_that_of_the_whole_file() -> None:
    """`[tool.postil]` stands among the tables of others."""
    reading = parse('[tool.ruff]\nselect = []\n\n[tool.postil]\nselect = ["a"]\nbots = 1\n', "pyproject.toml")

    assert reading is not None
    assert [fault.split("`")[0] for fault in reading.faults] == ["line 6: "]


def test_the_file_of_its_own_goes_first() -> None:
    """Two places that are added up would be understood by nobody."""
    both = {"pyproject.toml": '[tool.postil]\nignore = ["a"]\n', ".github/postil.toml": "drafts = true\n"}

    assert read(both).config == Config(drafts=True)
    assert read({"pyproject.toml": "[tool.ruff]\n"}) == Reading()
    assert read({"pyproject.toml": "tool = 1\n"}) == Reading()


@pytest.mark.parametrize(
    ("path", "pattern", "match"),
    [
        ("a/b.py", "b.py", True),
        ("a/b.py", "/b.py", False),
        ("a/b.py", "*.py", True),
        ("a/b/c.py", "a/*.py", False),
        ("a/b/c.py", "a/*", True),
        ("a/b/c.py", "a/**/c.py", True),
        ("a/c.py", "a/**/c.py", True),
        ("x/a/b/c.py", "a/b/", False),
        ("x/a/b/c.py", "b/", True),
        ("x/b", "b/", False),
        ("x/a/b/c.py", "**/b", True),
        ("tests/a.py", "tests/**", True),
        ("a" * 300 + "/b.py", "*a" * 200 + "/**" * 30 + "/c", False),
    ],
)
def test_patterns_are_those_of_gitignore(path: str, pattern: str, match: bool) -> None:
    """People know these already. None of them is slow."""
    assert matches(path, pattern) is match


def test_a_severity_of_the_repository_decides_the_verdict() -> None:
    """What is said stays; only how much it weighs is the repository's business."""
    before = reviewed("", {"a.py": SLEEPS})
    after = reviewed('severities.sleep-in-async = "hint"', {"a.py": SLEEPS})
    off = reviewed('severities.sleep-in-async = "off"', {"a.py": SLEEPS})

    assert (before.check.title, before.check.conclusion) == ("1 finding: 1 error", Conclusion.FAILURE)
    assert (after.check.title, after.check.conclusion) == ("1 finding: 1 hint", Conclusion.NEUTRAL)
    assert (off.check.title, off.check.conclusion) == ("No findings", Conclusion.SUCCESS)
    assert len(after.comments) == 1


def test_hints_never_fail_the_check() -> None:
    """A hint is an opinion; a red check for one teaches people to ignore red checks."""
    review = reviewed('threshold = "warning"', {"a.py": "old_f()\nold_g()\n"})

    assert review.check.title == "2 findings: 2 hints"
    assert review.check.conclusion is Conclusion.NEUTRAL


def test_a_severity_of_the_repository_is_stronger_than_that_of_a_note() -> None:
    """A check weighs its own notes; whoever says that all of them are hints means all."""

    def loud(call: cst.Call, file: SourceFile) -> Notes:
        yield Note(call, "is loud", severity="error")

    rules = RuleSet([rule("loud", loud)])
    chosen = plan(read({".github/postil.toml": 'severities.loud = "hint"'}), rules, {}).choice

    assert [each.severity for each in rules.lint("a.py", "f()\n").findings] == [Severity.ERROR]
    assert [each.severity for each in chosen.of(rules).lint("a.py", "f()\n").findings] == [Severity.HINT]


def test_options_reach_the_check_with_their_types() -> None:
    """A value of the wrong type would be the check's crash, on every file."""

    def named(call: cst.Call, file: SourceFile, *, names: tuple[str, ...] = (), most: int = 0) -> Notes:
        if file.code(call.func) in names:
            yield Note(call, f"{names} {most}")

    rules = RuleSet([rule("named", named)])
    found = plan(read({".github/postil.toml": '[options.named]\nnames = ["f"]\nmost = "3"\nmots = 1\n'}), rules, {})

    assert found.faults == snapshot(
        (
            "line 3: `options.named.most` should be a valid integer; it is left out",
            "line 4: `options.named.mots` is no option; did you mean `most`?",
        )
    )
    assert [each.message for each in found.choice.of(rules).lint("a.py", "f()\ng()\n").findings] == ["('f',) 0"]


def test_what_is_left_out_by_path_is_counted() -> None:
    """The sum stays whole, so that nobody wonders where a finding went."""
    review = reviewed(
        'per-path-ignores = {"tests/" = ["old-name"]}\nexclude = ["old/"]',
        {"a.py": SLEEPS, "tests/a.py": SLEEPS, "old/a.py": SLEEPS},
    )

    assert [comment.path for comment in review.comments] == ["a.py"]
    assert "2 found: 1 inline, 0 beside the diff, 0 folded, 0 suppressed, 1 left out · config main@abc1234" in (
        review.check.summary
    )


def test_the_caps_of_the_repository_hold() -> None:
    """The rest is listed, never lost."""
    files = {f"{name}.py": SLEEPS for name in "abcdef"}
    few, none = reviewed("caps.per-rule = 2", files), reviewed("caps.inline = 0", files)

    assert (len(few.comments), len(few.folded)) == (2, 4)
    assert (len(none.comments), len(none.folded)) == (0, 6)


def test_faults_are_said_in_the_review_and_the_check_run() -> None:
    """By name, line and cure; the author of the configuration is seldom the reader of a log."""
    review = reviewed("\nthreshold = 'eror'\n", {"a.py": SLEEPS})

    assert review.check.title == "1 finding: 1 error; 1 fault in the configuration"
    assert review.body is not None
    for text in (review.body, review.check.summary):
        assert "**Configuration**\n\n- `.github/postil.toml` line 2: " in text


def test_of_two_rules_that_mean_the_same_the_one_that_knows_more_speaks() -> None:
    """Two comments on one line about one thing are noise; about a line that it doesn't speak of, the other is heard."""

    def drops(call: cst.Call, file: SourceFile) -> Notes:
        if file.code(call.func) == "drop":
            yield Note(call, "drops", secondary=tuple(Secondary(arg, "too") for arg in call.args))

    def drops_what_is_used(name: cst.Name, file: SourceFile) -> Notes:
        if name.value in ("drop", "used"):
            yield Note(name, "drops what is used")

    more = rule("drops-what-is-used", drops_what_is_used)
    rules = RuleSet([rule("drops", drops), replace(more, page=replace(more.page, instead_of=("drops",)))])

    def said(code: str, config: str = "", *steps: Step) -> list[tuple[str, int]]:
        found = plan(read({".github/postil.toml": config}), rules, {}).stepped_back({each.rule: each for each in steps})
        analysis = analyse(found.choice.of(rules), [Change("a.py", code, None)], Project(), Project())
        return [(each.finding.rule, each.finding.line) for each in found.settled(analysis).introduced]

    assert said("drop()\n") == [("drops-what-is-used", 1)]
    assert said("drop(\n    other,\n)\n") == [("drops", 1), ("drops-what-is-used", 1)]
    assert said("drop(\n    used,\n)\n") == [("drops-what-is-used", 1), ("drops-what-is-used", 2)]
    # Who allowed the one with a reason has answered the other.
    assert said("drop()  # postil: allow drops-what-is-used -- the table is empty\n") == []
    # What isn't wanted replaces nothing.
    assert said("drop()\n", 'ignore = ["drops-what-is-used"]') == [("drops", 1)]
    assert said("drop()\n", 'per-path-ignores = {"*.py" = ["drops-what-is-used"]}') == [("drops", 1)]
    step = Step(Scope.REPOSITORY, 1, "drops-what-is-used", Standing.OFF)
    probation = replace(step, standing=Standing.PROBATION)
    assert said("drop()\n", "", step) == [("drops", 1)]
    assert said("drop()\n", "", probation) == [("drops", 1), ("drops-what-is-used", 1)]
    wanted = 'severities = {"drops-what-is-used" = "hint"}'
    assert said("drop()\n", wanted, step) == [("drops-what-is-used", 1)]
