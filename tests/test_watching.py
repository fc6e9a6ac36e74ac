"""`postil check --watch` and the progress of long runs, in a terminal."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postil import packs
from postil.checking import Checker, Typed
from postil.cli import MANY_FILES
from postil.watching import watched
from terminal import Terminal

GOOD = "def f(x):\n    return x\n"
BAD = "def f():\n    try:\n        g()\n    except KeyError as error:\n        raise ValueError('x')\n"
GUIDELINE = packs.load()
CLEAR = "\x1b[2J\x1b[H"
ROUND = r"\d\d:\d\d:\d\d · (\d+ findings?)\S* · watching for changes, Ctrl-C ends it\r\n"


def put(file: Path, text: str) -> None:
    """Write a file at once: between opening and writing, a round could see an empty one."""
    draft = file.with_name(".draft")
    draft.write_text(text)
    draft.replace(file)


def test_what_changes_is_checked_again_until_ctrl_c(tmp_path: Path) -> None:
    """A terminal beside the editor always shows what holds now, whatever happens to files and configuration."""
    put(tmp_path / "pyproject.toml", '[tool.postil]\nselect = ["raise-without-from"]\n')
    (tmp_path / "app").mkdir()
    put(tmp_path / "app" / "a.py", BAD)
    with Terminal(tmp_path, "check", "--watch", "--format", "concise") as terminal:
        first = terminal.until(ROUND)
        put(tmp_path / "app" / "a.py", GOOD)
        mended = terminal.until(ROUND)
        put(tmp_path / "pyproject.toml", '[tool.postil]\nselect = ["raise-without-form"]\n')
        wrong = terminal.until(ROUND)
        put(tmp_path / "pyproject.toml", "[tool.postil\n")
        broken = terminal.until(ROUND)
        (tmp_path / "pyproject.toml").unlink()
        terminal.until(ROUND)
        shutil.rmtree(tmp_path / "app")
        gone = terminal.until(ROUND)
        (tmp_path / "new").mkdir()
        put(tmp_path / "new" / "b.py", BAD)
        back = terminal.until(r"1 finding\S* · watching")
        terminal.press(b"\x03")
        code = terminal.ended()

    assert "app/a.py" in first
    assert "1 finding" in first.splitlines()[-1]
    assert mended.startswith(CLEAR)
    assert "0 findings" in mended
    assert "did you mean `raise-without-from`?" in wrong
    assert "pyproject.toml" in broken
    assert "0 files" in gone
    assert "new/b.py" in back
    assert code == 130
    assert "Traceback" not in terminal.said


def test_fixes_are_written_in_each_round(tmp_path: Path) -> None:
    """And what it writes itself is no change to check again."""
    put(tmp_path / "a.py", GOOD)
    with Terminal(tmp_path, "check", "--watch", "--fix", "--quiet", "a.py") as terminal:
        terminal.until(ROUND)
        put(tmp_path / "a.py", BAD)
        terminal.until(ROUND)
        fixed = (tmp_path / "a.py").read_text()
        (tmp_path / "a.py").unlink()
        gone = terminal.until("does not exist")
        put(tmp_path / "a.py", GOOD)
        terminal.until(ROUND)
        terminal.press(b"\x03")
        code = terminal.ended()

    assert fixed == BAD.replace("('x')", "('x') from error")
    assert gone == f"{CLEAR}postil: a.py does not exist"
    assert code == 130


def test_a_name_that_is_no_text_is_a_change_like_others(tmp_path: Path) -> None:
    """What watches can't say it, and must not end for it."""
    (tmp_path / "a.py").write_text(GOOD)
    with Terminal(tmp_path, "check", "--watch", "--format", "concise") as terminal:
        terminal.until(ROUND)
        put(tmp_path / os.fsdecode(b"caf\xe9.py"), BAD)
        found = terminal.until(ROUND)
        put(tmp_path / "a.py", BAD)
        both = terminal.until(ROUND)

    assert "1 finding" in found
    assert "2 findings" in both


def test_a_current_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    """Another branch may not have it; nothing can be waited for any more."""
    folder = tmp_path / "service"
    folder.mkdir()
    with Terminal(folder, "check", "--watch") as terminal:
        terminal.until(ROUND)
        folder.rmdir()
        code = terminal.ended()

    assert terminal.said.endswith("postil: the folder in which this runs is gone\r\n")
    assert code == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("nowhere",), "nowhere does not exist"), (("--format", "json"), "leave away --diff and formats for programs")],
    ids=["path", "format"],
)
def test_what_is_wrong_at_the_beginning_is_not_waited_for(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    """A mistyped path would be watched for ever; and no program reads one document after the other."""
    done = subprocess.run(
        [sys.executable, "-m", "postil.cli", "check", "--watch", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


def test_into_a_file_it_clears_no_screen(tmp_path: Path) -> None:
    """Control characters are noise in a log."""
    (tmp_path / "a.py").write_text(BAD)
    process = subprocess.Popen(
        [sys.executable, "-m", "postil.cli", "check", "--watch"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "watching for changes" in line:
            process.terminate()
    process.wait()

    assert lines[0].startswith("warning[raise-without-from]")
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (lambda folder: (folder / "app" / "a.py").write_text(BAD), True),
        (lambda folder: (folder / "app" / "b.pyi").write_text(GOOD), True),
        (lambda folder: (folder / "pyproject.toml").write_text(""), True),
        (lambda folder: (folder / ".gitattributes").write_text("app/a.py linguist-generated\n"), True),
        (lambda folder: (folder / "app" / "a.py").unlink(), True),
        (lambda folder: (folder / "app" / "old.py").write_text(BAD), False),
        (lambda folder: (folder / "app" / "notes.txt").write_text("x"), False),
        (lambda folder: (folder / ".venv" / "a.py").write_text(BAD), False),
    ],
    ids=["file", "new file", "configuration", "attributes", "deleted", "excluded", "other file", "environment"],
)
def test_a_round_begins_when_something_else_could_be_found(
    tmp_path: Path, change: Callable[[Path], object], *, counts: bool
) -> None:
    """What the configuration leaves out makes no screen flicker."""
    for folder in ("app", ".venv"):
        (tmp_path / folder).mkdir()
    (tmp_path / "app" / "a.py").write_text(GOOD)
    (tmp_path / "app" / "old.py").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_text('[tool.postil]\nexclude = ["app/old.py"]\n')
    checker = Checker(Typed((tmp_path / "app",)), GUIDELINE, (packs.BUILT_IN,))
    before = checker.works()
    change(tmp_path)

    assert (checker.works() != before) is counts


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app" / "deep" / "a.py").write_text(BAD),
        lambda folder: (folder / "pyproject.toml").write_text(""),
        lambda folder: (folder / ".github" / "postil.toml").write_text(""),
        lambda folder: (folder / ".gitattributes").unlink(),
        lambda folder: (folder / "other.toml").write_text(""),
        lambda folder: (folder / "app").rename(folder / "gone"),
        lambda folder: (folder / "came").rename(folder / "app" / "came"),
        lambda folder: (folder / "nowhere").mkdir(),
    ],
    ids=["deep", "top", ".github", "hidden", "besides", "moved away", "moved in", "came back"],
)
def test_no_change_is_missed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """From the moment on at which it is entered; what happens outside of all this goes unheard."""
    for folder in (".git", ".github", "app/deep", "came"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".gitattributes").write_text("")

    async def story() -> None:
        async with (
            asyncio.timeout(120),
            watched([tmp_path / "app", tmp_path / "nowhere"], [tmp_path / "other.toml"]) as changed,
        ):
            change(tmp_path)
            await changed()

    asyncio.run(story())


def many(folder: Path) -> None:
    for number in range(MANY_FILES):
        (folder / f"part{number}.py").write_text(f"x = {number}\n")


def test_a_long_run_shows_how_far_it_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The line is gone when the findings come."""
    many(tmp_path)
    with Terminal(tmp_path, "check", "--no-cache") as terminal:
        shown = terminal.until(rf"{MANY_FILES}/{MANY_FILES}.{{0,10}} files")
        rest = terminal.until(r"0 found: [^\r]*\r\n")
        code = terminal.ended()

    assert "\n" not in shown
    assert "\x1b[2K" in rest
    assert code == 0


@pytest.mark.parametrize("arguments", [("--quiet",), ()], ids=["quiet", "few files"])
def test_a_short_or_a_quiet_run_shows_no_progress(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It would only flicker, or isn't wanted."""
    if arguments:
        many(tmp_path)
    with Terminal(tmp_path, "check", "--no-cache", *arguments) as terminal:
        code = terminal.ended()

    assert "files\x1b" not in terminal.said
    assert "\x1b[2K" not in terminal.said
    assert code == 0


def test_into_a_pipe_there_is_no_progress(tmp_path: Path) -> None:
    """Also where colours are forced, which rich takes for a terminal."""
    many(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "postil.cli", "check", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"FORCE_COLOR": "1", "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)},
        timeout=240,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
