"""The command line, as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from postil import packs
from postil.checking import Checker, Typed

GOOD = "def f(x):\n    return x\n"
BAD = "def f():\n    try:\n        g()\n    except KeyError as error:\n        raise ValueError('x')\n"


def postil(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "postil.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=240,
        check=False,
    )


def checked(cwd: Path, *arguments: str) -> tuple[int, dict]:
    done = postil("check", "--format", "json", *arguments, cwd=cwd)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def test_findings_come_as_json_with_places_and_links(tmp_path: Path) -> None:
    """Other programs read this shape, so it is fixed."""
    (tmp_path / "a.py").write_text(BAD)
    code, said = checked(tmp_path, "a.py")
    (finding,) = said["findings"]

    assert code == 1
    assert set(finding) == {
        "rule",
        "path",
        "line",
        "end_line",
        "column",
        "end_column",
        "severity",
        "message",
        "section",
        "url",
        "fixable",
    }
    assert (finding["rule"], finding["path"], finding["line"], finding["column"]) == (
        "raise-without-from",
        "a.py",
        5,
        9,
    )
    assert finding["fixable"] is True
    assert finding["section"] == "keep-the-cause"
    assert said["problems"] == []
    assert said["accounting"]["found"] == 1


def test_a_folder_of_mixed_files_is_checked_to_its_end(tmp_path: Path) -> None:
    """One file that nobody can parse must not cost the others, and each is named with its reason."""
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "python2.py").write_text("print 'hello'\n")
    (tmp_path / "crlf.py").write_bytes(BAD.replace("\n", "\r\n").encode())
    (tmp_path / "bom.py").write_bytes(b"\xef\xbb\xbf" + BAD.encode())
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\nname = 'é'\n".encode("latin-1"))
    (tmp_path / "nulls.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "large.py").write_bytes(b"x = 1\n" * 1_700_000)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "deep.py").write_text("x = " + "[" * 5000 + "]" * 5000 + "\n")
    (tmp_path / "x.py").mkdir()
    (tmp_path / "x.py" / "inside.py").write_text(BAD)
    (tmp_path / "broken.py").symlink_to("nowhere.py")
    code, said = checked(tmp_path, ".")

    assert code == 1
    assert sorted(finding["path"] for finding in said["findings"]) == ["bad.py", "bom.py", "crlf.py", "x.py/inside.py"]
    assert {problem["path"]: problem["kind"] for problem in said["problems"]} == {
        "broken.py": "unreadable",
        "deep.py": "too-deep",
        "large.py": "too-large",
        "nulls.py": "encoding",
        "python2.py": "syntax",
    }
    assert all(problem["message"] for problem in said["problems"])


def test_where_the_system_tells_no_processors_of_a_process_all_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of macOS doesn't, and files must be checked there all the same."""
    monkeypatch.delattr(os, "sched_getaffinity")

    assert Checker(Typed(), packs.load(), (packs.BUILT_IN,)).works()


def test_clean_code_exits_with_0(tmp_path: Path) -> None:
    """A script can rely on the exit code alone."""
    (tmp_path / "a.py").write_text(GOOD)

    assert postil("check", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("check", "nowhere"), "nowhere does not exist"),
        (("check", "--select", "raise-without-form"), "did you mean `raise-without-from`?"),
        (("check", "--config", "nowhere.toml"), "nowhere.toml can't be read: No such file or directory"),
        (("review", "main"), "write BASE..HEAD"),
        (("review", "main..HEAD", "--token-file", "token"), "--token-file is about a pull request"),
        (("review", "main..HEAD", "--guide-url", "wiki"), "POSTIL_GUIDE_URL is no address"),
        (("review", "--pr", "o/r#1", "--format", "sarif"), "review its commits by BASE..HEAD"),
        (("rules", "raise-without-form"), "did you mean raise-without-from"),
        (("rules", "--repository", "acme/shop"), "give --figures or --restore RULE with it"),
    ],
    ids=["path", "rule", "configuration", "range", "token", "guide", "format", "page", "repository"],
)
def test_what_cannot_run_says_why_and_exits_with_2(tmp_path: Path, arguments: tuple[str, ...], cure: str) -> None:
    """A mistyped name must not read as clean code."""
    done = postil(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert cure in done.stderr


def test_fixes_are_written_in_the_files_own_encoding(tmp_path: Path) -> None:
    """A fix changes what it must, and neither line ends nor encoding."""
    text = "# coding: latin-1\r\n" + BAD.replace("'x'", "'é'").replace("\n", "\r\n")
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    done = postil("check", "--fix", "a.py", cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert (tmp_path / "a.py").read_bytes().decode("latin-1") == text.replace("('é')", "('é') from error")


TWICE = "def g(x):\n    try:\n        h()\n    except KeyError as error:\n        raise ValueError(x)"


@pytest.mark.parametrize(
    "raw",
    [
        f"{BAD}\n\n{TWICE}".encode(),
        f"{BAD}\n\n{TWICE}\n".replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + BAD.encode(),
        f"# coding: latin-1\n{BAD}{TWICE}".replace("'x'", "'é'").encode("latin-1"),
        f"{BAD}x = '\x0c\x85\u2028'\n{TWICE}".encode(),
    ],
    ids=["no-last-line-end", "crlf", "bom", "latin-1", "odd-line-ends"],
)
def test_the_diff_is_what_fix_writes(tmp_path: Path, raw: bytes) -> None:
    """Who looks first sees each byte that would change, and can apply it later."""
    file = tmp_path / "a.py"
    file.write_bytes(raw)
    git(tmp_path, "init", "-q")
    shown = subprocess.run(
        [sys.executable, "-m", "postil.cli", "check", "--diff", "a.py"], cwd=tmp_path, capture_output=True, check=False
    )
    untouched = file.read_bytes()
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=shown.stdout, check=True)
    applied = file.read_bytes()
    file.write_bytes(raw)
    written = postil("check", "--fix", "a.py", cwd=tmp_path)

    assert (shown.returncode, untouched) == (1, raw)
    assert written.returncode == 0, written.stdout
    assert applied == file.read_bytes() != raw
    assert applied.count(b" from error") == raw.count(b"raise")


def test_a_diff_stands_alone_on_standard_output(tmp_path: Path) -> None:
    """It can be piped; what is left goes beside it."""
    (tmp_path / "a.py").write_text(BAD)
    done = postil("check", "--fix", "--diff", "a.py", cwd=tmp_path)

    assert done.stdout == snapshot(
        """\
--- a/a.py
+++ b/a.py
@@ -2,4 +2,4 @@
     try:
         g()
     except KeyError as error:
-        raise ValueError('x')
+        raise ValueError('x') from error
"""
    )
    assert done.stderr == snapshot(
        "then 0 found: 0 errors, 0 warnings, 0 hints, 0 suppressed · 1 file · 0 problems · config defaults\n"
    )
    assert (tmp_path / "a.py").read_text() == BAD


def test_without_anything_to_fix_a_diff_is_empty_and_exits_with_0(tmp_path: Path) -> None:
    """A job can ask whether all fixes were taken, whatever else is found."""
    (tmp_path / "a.py").write_text("import subprocess\n\nsubprocess.run(['pip', 'install', 'rich'])\n")
    done = postil("check", "--diff", "a.py", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "")
    assert "1 warning" in done.stderr


def test_a_diff_in_another_format_is_refused(tmp_path: Path) -> None:
    """A reader of JSON would choke on it."""
    done = postil("check", "--diff", "--format", "json", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "give one of them" in done.stderr


def test_a_fix_of_a_linked_file_keeps_the_link(tmp_path: Path) -> None:
    """Else the next one to edit the original edits something else."""
    (tmp_path / "real.py").write_text(BAD)
    (tmp_path / "a.py").symlink_to("real.py")
    shown = postil("check", "--diff", ".", cwd=tmp_path)
    done = postil("check", "--fix", "a.py", cwd=tmp_path)

    # git refuses to change a link, or to change a file twice.
    assert [line for line in shown.stdout.split("\n") if line.startswith("+++")] == ["+++ b/real.py"]
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "a.py").is_symlink()
    assert "from error" in (tmp_path / "real.py").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "real.py"]


def test_a_file_that_can_not_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    """And it is left as it was."""
    (tmp_path / "a.py").write_text(BAD)
    (tmp_path / ".a.py.postil").mkdir()
    done = postil("check", "--fix", "a.py", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (2, "postil: a.py can't be written: Is a directory\n")
    assert (tmp_path / "a.py").read_text() == BAD


def test_an_allow_comment_is_counted_not_shown(tmp_path: Path) -> None:
    """What is silenced still adds up."""
    (tmp_path / "a.py").write_text(BAD.replace("('x')", "('x')  # postil: allow raise-without-from -- told the user"))
    code, said = checked(tmp_path, ".")

    assert code == 0
    assert (said["accounting"]["found"], said["accounting"]["suppressed"]) == (1, 1)


@pytest.mark.parametrize(("file", "head"), [("pyproject.toml", "[tool.postil]\n"), (".github/postil.toml", "")])
def test_a_projects_configuration_holds(tmp_path: Path, file: str, head: str) -> None:
    """The command line and the App read the same files."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f'{head}exclude = ["old/*"]\nthreshold = "error"\n')
    (tmp_path / ".git").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.py").write_text(BAD)
    (tmp_path / "b.py").write_text(BAD)
    code, said = checked(tmp_path)

    assert code == 0
    assert [finding["path"] for finding in said["findings"]] == ["b.py"]
    assert said["accounting"]["config"] == file


def test_a_wrong_key_in_the_configuration_is_named_and_the_rest_holds(tmp_path: Path) -> None:
    """A typing error in one key must not switch the rest off."""
    (tmp_path / "pyproject.toml").write_text('[tool.postil]\nexlude = ["old/*"]\nignore = ["raise-without-from"]\n')
    (tmp_path / "b.py").write_text(BAD)
    code, said = checked(tmp_path)

    assert code == 0
    assert [problem["message"] for problem in said["problems"]] == [
        "line 2: `exlude` is no key of `[tool.postil]`; did you mean `exclude`?"
    ]


def test_sarif_names_rules_and_places(tmp_path: Path) -> None:
    """Code scanning and editors read SARIF."""
    (tmp_path / "a.py").write_text(BAD)
    log = json.loads(postil("check", "--format", "sarif", cwd=tmp_path).stdout)
    (run,) = log["runs"]

    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "raise-without-from"
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 5


def test_workflow_commands_escape_what_they_quote(tmp_path: Path) -> None:
    """A file's name must not become a command."""
    (tmp_path / "a%0A::error::b.py").write_text(BAD)
    done = postil("check", "--format", "github", cwd=tmp_path)

    assert done.stdout.startswith("::warning file=a%250A%3A%3Aerror%3A%3Ab.py,line=5,")


def test_review_prints_what_the_app_would_post(tmp_path: Path) -> None:
    """The author sees the review before the push."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n" + BAD)
    (tmp_path / "old.py").write_text(BAD)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    (tmp_path / "old.py").write_text("# moved\n\n" + BAD)
    (tmp_path / "new.py").write_text(BAD)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "two")
    done = postil("review", "HEAD~1..HEAD", "--format", "json", cwd=tmp_path)
    said = json.loads(done.stdout)

    assert done.returncode == 1
    assert [(c["path"], c["line"], c["side"], c["rule"]) for c in said["comments"]] == [
        ("new.py", 5, "RIGHT", "raise-without-from")
    ]
    assert said["comments"][0]["suggestion"] == "        raise ValueError('x') from error"
    assert said["accounting"]["found"] == 1
    assert said["conclusion"] == "failure"
    assert {"beside", "folded", "suppressed", "problems"} <= set(said)


@pytest.mark.parametrize("output", ["sarif", "junit"])
def test_a_review_tells_other_programs_what_is_new(repository: Path, output: str) -> None:
    """Code scanning shall hear of what a branch brings, in the very form in which it hears of a whole tree."""
    commit(repository, old=BAD)
    commit(repository, new=BAD)
    new = postil("review", "HEAD~1..HEAD", "--format", output, cwd=repository)
    alone = postil("check", "new.py", "--format", output, cwd=repository)

    assert new.returncode == alone.returncode == 1
    assert "raise-without-from" in new.stdout
    assert new.stdout == alone.stdout


def commit(folder: Path, **texts: str) -> None:
    """A commit with files of this text."""
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "more")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, pay="x = 1\n")
    return folder


def test_what_a_review_can_not_compare_is_said_with_the_cure(repository: Path, tmp_path: Path) -> None:
    """Workflows fetch one commit unless told otherwise, and then nothing can be compared."""
    git(repository, "checkout", "-q", "--orphan", "other")
    commit(repository, pay=BAD)
    commit(repository, pay=BAD + "\n")
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", repository.as_uri(), "shallow")
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    asked = [
        ("main..other", repository),
        ("origin/main..origin/other", tmp_path / "shallow"),
        ("HEAD~1..HEAD", tmp_path / "shallow"),
        ("main..HEAD", tmp_path / "empty"),
        ("main..HEAD", tmp_path),
    ]
    answers = [postil("review", revisions, cwd=folder) for revisions, folder in asked]
    said = "".join(answer.stderr for answer in answers).replace("; ", ";\n  ")

    assert {answer.returncode for answer in answers} == {2}
    assert said == snapshot("""\
postil: `main` and `other` have no commit in common to compare with
postil: `origin/main` and `origin/other` have no commit in common to compare with;
  this clone has only the newest commits: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow
postil: there is no commit `HEAD~1` in .;
  this clone has only the newest commits: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow
postil: there is no commit `HEAD` in .
postil: git says of .: not a git repository (or any of the parent directories): .git
""")


def test_a_review_links_to_the_guideline_where_that_is_said(repository: Path) -> None:
    """A path on the machine that ran it leads nobody anywhere."""
    commit(repository, pay=BAD)
    address = "https://github.com/acme/postil/blob/v1/rules"
    said = postil("review", "HEAD~1..HEAD", "--guide-url", address, cwd=repository).stdout

    assert f"{address}/error-handling/raise-without-from.md" in said
    assert "file://" not in said


def test_rules_lists_every_rule_by_chapter(tmp_path: Path) -> None:
    """A reader finds a rule by its chapter, its name or its title."""
    said = postil("rules", cwd=tmp_path).stdout

    assert "raise-without-from" in said
    assert "Chain the new exception to its cause" in said


def test_rules_lists_them_for_programs(tmp_path: Path) -> None:
    """Dashboards and scripts of others want names and weights, and no layout."""
    listed = {each["rule"]: each for each in json.loads(postil("rules", "--format", "json", cwd=tmp_path).stdout)}
    url = listed["raise-without-from"].pop("url")

    assert len(listed) > 200
    assert url.endswith("/rules/error-handling/raise-without-from.md")
    assert listed["raise-without-from"] == snapshot(
        {
            "rule": "raise-without-from",
            "title": "Chain the new exception to its cause",
            "chapter": "error-handling",
            "section": "keep-the-cause",
            "severity": "warning",
            "opt_in": False,
            "aliases": [],
        }
    )


def test_a_rules_page_can_be_printed(tmp_path: Path) -> None:
    """The page is the same that comments link to."""
    said = postil("rules", "raise-without-from", cwd=tmp_path).stdout

    assert "# Chain the new exception to its cause" in said


def test_the_environment_of_the_user_does_not_reach_the_child(tmp_path: Path) -> None:
    """What analyses strangers' code holds no secrets; PATH and HOME included."""
    (tmp_path / "a.py").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, "-m", "postil.cli", "check"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=240,
        check=False,
        env={**os.environ, "POSTIL_GITHUB_WEBHOOK_SECRET": "short"},
    )

    assert done.returncode == 0


def test_a_generated_file_is_left_out_of_a_folder_and_checked_by_its_name(tmp_path: Path) -> None:
    """Whoever names a file means it; and a folder's count says what was not looked at."""
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "bad.py").write_text(BAD)
    (tmp_path / "bad_pb2.py").write_text(BAD)
    (tmp_path / "good.py").write_text("x = 1\n")
    _, folder = checked(tmp_path, ".")
    _, named = checked(tmp_path, "bad_pb2.py")

    assert (folder["findings"], folder["accounting"]["files"], folder["accounting"]["files_left_out"]) == ([], 1, 2)
    assert [finding["path"] for finding in named["findings"]] == ["bad_pb2.py"]
