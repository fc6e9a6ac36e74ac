"""A folder is analysed in parts, on several processors and from a cache; nobody may see that from what is found."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from postil import packs
from postil.cache import Cache, digest
from postil.lint.change import Change
from postil.lint.finding import Problem, Severity
from postil.review.config import Choice
from postil.review.model import Analysis
from postil.sandbox import Analyst, Limits
from postil.scan import CHUNK_FILES, makers_of, scan

BAD = "def f():\n    try:\n        g()\n    except KeyError as error:\n        raise ValueError('x')\n"
GUIDELINE = packs.load()
CHOICE = Choice(tuple(rule.name for rule in GUIDELINE.default_rules.rules))
PYPROJECT = """\
[project]
name = "shop"
version = "1"
dependencies = ["requests"]

[tool.uv]
dev-dependencies = ["pytest"]
"""
PROJECT = {"pyproject.toml": PYPROJECT}


def folder(files: int) -> list[Change]:
    """A project of Python files, each with a finding, and a pyproject.toml with one of all together."""
    python = [Change(f"shop/part{n}.py", f"# {n}\n{BAD}", None, compared=False) for n in range(files)]
    return [*python, Change("pyproject.toml", PYPROJECT, None, compared=False)]


def scanned(
    changes: Sequence[Change],
    cache: Cache,
    project: Mapping[str, str] = PROJECT,
    choice: Choice = CHOICE,
    limits: Limits | None = None,
    makers: str = "these",
) -> Analysis:
    """What one run says."""

    async def story() -> Analysis:
        async with Analyst(limits=limits) as analyst:
            return await scan(changes, project, choice, analyst, cache, makers)

    return asyncio.run(story())


def places(analysis: Analysis) -> list[tuple[str, int, str, str, bool]]:
    """What was found, and whether it has a fix."""
    return sorted(
        (each.finding.path, each.finding.line, each.finding.rule, each.fingerprint, each.suggestion is not None)
        for each in analysis.introduced
    )


def test_a_folder_in_parts_is_the_folder_at_once(tmp_path: Path) -> None:
    """Where the borders of chunks are, how many children there are and what is known must not show."""
    changes = folder(CHUNK_FILES + 15)

    async def at_once() -> Analysis:
        async with Analyst() as analyst:
            return await analyst.analyse(changes, PROJECT, PROJECT, CHOICE)

    whole = asyncio.run(at_once())
    cold = scanned(changes, Cache(tmp_path), limits=Limits(children=3))
    again = Cache(tmp_path)
    warm = scanned(changes, again)

    assert places(cold) == places(whole)
    assert {each.finding.rule for each in cold.introduced} >= {"raise-without-from", "tool-uv-dev-dependencies"}
    assert warm == cold
    assert warm.files == whole.files == CHUNK_FILES + 15
    assert again.hits == len(changes) + 1


def test_every_fix_of_a_folder_is_proved(tmp_path: Path) -> None:
    """A review proves as many as it can show; `--fix` is asked for all of them."""
    cold = scanned(folder(80), Cache())

    assert len(places(cold)) > 80
    assert all(fixable for _, _, rule, _, fixable in places(cold) if rule != "uv-lock-missing")


@pytest.mark.parametrize(
    ("other", "known"),
    [
        ({}, True),
        ({"project": {**PROJECT, "conftest.py": "x = 1\n"}}, False),
        ({"project": {**PROJECT, "pyproject.toml": PYPROJECT.replace("requests", "httpx")}}, False),
        ({"choice": replace(CHOICE, severities={"raise-without-from": Severity.ERROR})}, False),
        ({"choice": replace(CHOICE, rules=CHOICE.rules[:-1])}, False),
        ({"makers": "others"}, False),
    ],
    ids=["same", "a project file more", "other dependencies", "another severity", "a rule less", "another Postil"],
)
def test_nothing_is_known_of_a_file_in_other_circumstances(tmp_path: Path, other: dict, *, known: bool) -> None:
    """What is found in a file depends on more than the file."""
    scanned(folder(1), Cache(tmp_path))
    cache = Cache(tmp_path)
    scanned(folder(1), cache, **other)

    assert (cache.hits > 0) is known


def test_of_all_files_together_nothing_is_known_once_one_has_changed(tmp_path: Path) -> None:
    """What is found in them together is looked for again; each other file on its own is known."""
    scanned(folder(3), Cache(tmp_path))
    cache = Cache(tmp_path)
    changed = [replace(each, head="x = 1\n") if each.path.endswith("part1.py") else each for each in folder(3)]
    analysis = scanned(changed, cache)

    assert cache.hits == 3
    assert [place[0] for place in places(analysis) if place[2] == "raise-without-from"] == [
        "shop/part0.py",
        "shop/part2.py",
    ]


def test_the_same_text_elsewhere_is_another_file(tmp_path: Path) -> None:
    """Rules look at paths: what is a fault in a service is none in its tests."""
    change = Change("shop/a.py", BAD, None, compared=False)
    scanned([change], Cache(tmp_path))
    cache = Cache(tmp_path)
    analysis = scanned([replace(change, path="tests/test_a.py")], cache)

    assert cache.hits == 0
    assert {each.finding.path for each in analysis.introduced} <= {"tests/test_a.py"}


def test_a_file_that_brought_a_child_down_is_tried_again(tmp_path: Path) -> None:
    """It may have been the machine's fault; that of a file's syntax is none."""
    deep = Change("deep.py", "x = " + "[" * 5000 + "]" * 5000 + "\n", None, compared=False)
    wrong = Change("wrong.py", "print 'hello'\n", None, compared=False)
    first = scanned([deep, wrong], Cache(tmp_path))
    cache = Cache(tmp_path)
    second = scanned([deep, wrong], cache)

    assert [(each.path, each.kind) for each in sorted(first.problems, key=lambda each: each.path)] == [
        ("deep.py", "too-deep"),
        ("wrong.py", "syntax"),
    ]
    assert set(second.problems) == set(first.problems)
    assert cache.hits < 3


# The folder on disk


def test_a_broken_entry_is_no_entry(tmp_path: Path) -> None:
    """A full disk, a crash or an older Postil may have left anything there, and the next run mends it."""
    scanned(folder(1), Cache(tmp_path))
    entries = sorted(tmp_path.glob("*/*.json"))
    for entry, rubbish in zip(entries, [b"", b"{}x", b'{"introduced": 3}', b"\xff"], strict=False):
        entry.write_bytes(rubbish)
    cache = Cache(tmp_path)
    analysis = scanned(folder(1), cache)

    assert len(entries) == 3
    assert cache.hits == 0
    assert "raise-without-from" in {each.finding.rule for each in analysis.introduced}
    assert all(json.loads(entry.read_bytes()) for entry in entries)


def test_where_nothing_can_be_kept_nothing_is_missed(tmp_path: Path) -> None:
    """A home without a cache folder, or a read-only one, costs time and nothing else."""
    (tmp_path / "taken").write_text("a file")
    cache = Cache(tmp_path / "taken" / "postil")
    analysis = scanned(folder(1), cache)
    cache.trim()

    assert "raise-without-from" in {each.finding.rule for each in analysis.introduced}


def test_the_folder_stays_within_its_limit(tmp_path: Path) -> None:
    """What was used last stays."""
    entry = Analysis(problems=(Problem("a.py", "syntax", "x" * 1000),))
    cache = Cache(tmp_path, max_bytes=6000)
    for number in range(20):
        cache.put(digest([str(number)]), entry)
    left = [tmp_path / digest([str(number)])[:2] / f"{digest([str(number)])[2:]}.json" for number in range(20)]
    for number, file in enumerate(left):
        subprocess.run(["touch", "-d", f"@{1_700_000_000 + number}", file], check=True)
    cache.trim()

    kept = [file.exists() for file in left]
    assert sum(file.stat().st_size for file in tmp_path.glob("*/*")) <= 6000
    assert kept == sorted(kept)
    assert 3 <= sum(kept) < 20


def test_nobody_else_reads_what_is_kept(tmp_path: Path) -> None:
    """Findings quote the code."""
    cache = Cache(tmp_path / "postil")
    cache.put(digest(["a"]), Analysis())

    assert (tmp_path / "postil").stat().st_mode & 0o077 == 0


def test_parts_of_a_name_are_not_just_joined() -> None:
    """Else a path and a text could pass for another path and another text."""
    assert len({digest(["ab", "c"]), digest(["a", "bc"]), digest(["abc"]), digest(["ab", "c", ""])}) == 4


def test_with_code_of_ones_own_nothing_is_kept(tmp_path: Path) -> None:
    """A check may import anything, of which no digest knows."""
    own = replace(GUIDELINE.rules.rules[0])
    assert makers_of(GUIDELINE, (packs.BUILT_IN,)) is not None

    def check() -> None: ...

    strange = replace(own, check=check)
    guideline = replace(GUIDELINE, rules=type(GUIDELINE.rules)([strange], GUIDELINE.rules.names))

    assert makers_of(guideline, (packs.BUILT_IN,)) is None


def test_the_command_keeps_what_it_found_unless_told_not_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder where the user's caches are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    (tmp_path / "a.py").write_text(BAD)
    runs = [
        subprocess.run(
            [sys.executable, "-m", "postil.cli", "check", "--verbose", *options, "a.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        for options in (["--no-cache"], [], [])
    ]

    assert [run.stderr.split("; ")[1].split(" ")[0] for run in runs] == ["0", "0", "2"]
    assert len({run.stdout for run in runs}) == 1
    assert len(list((tmp_path / "caches" / "postil").glob("*/*"))) == 2
