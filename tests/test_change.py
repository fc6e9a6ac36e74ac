"""What a change set tells checks: which lines are new, in files of every kind, and when nothing counts as new."""

import subprocess
from pathlib import Path

import pytest

from postil.files import read_trees
from postil.lint.change import Change, ChangeSet, TextChange
from postil.lint.check import Note, Notes, Span
from postil.lint.engine import RuleSet
from postil.lint.finding import Severity
from postil.lint.page import Page
from postil.lint.project import Project, is_project_file
from postil.lint.rule import Rule, subscription
from postil.lint.source import Parsed
from postil.repository import local_pull


def added(before: str | None, after: str | None) -> list[tuple[int, str]]:
    change = TextChange("Dockerfile", None, before, after)
    return [(line.line, line.code) for line in change.added]


@pytest.mark.parametrize(
    "path",
    [
        "pyproject.toml",
        "services/orders/uv.lock",
        "requirements-dev.txt",
        "requirements/base.txt",
        "docker/Dockerfile.worker",
        ".github/workflows/ci.yml",
        "fork/.github/workflows/ci.yaml",
        "deploy/k8s/orders.yaml",
        "charts/orders/templates/deployment.yml",
        "scripts/deploy.sh",
        ".gitignore",
        "tests/conftest.py",
    ],
)
def test_what_builds_installs_or_checks_is_a_project_file(path: str) -> None:
    """Rules about tooling see nothing else than what is let through here."""
    assert is_project_file(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/app.py",
        "workflows/ci.yml",
        ".github/dependabot.yml",
        "notes.txt",
        "docs/uv.lock.md",
        "Dockerfiles/x",
        "k8s.yaml",
    ],
)
def test_other_files_are_no_project_files(path: str) -> None:
    """Each costs a download and a place in the request to the child process."""
    assert not is_project_file(path)


def test_added_lines_are_those_that_base_has_not() -> None:
    """A comment stands on the very line that came."""
    assert added("FROM python\nRUN make\n", "FROM python\nRUN pip install x\n\nRUN make\n") == [
        (2, "RUN pip install x")
    ]


def test_a_line_that_moved_or_was_indented_is_not_added() -> None:
    """Who moves an old line has not written it."""
    assert added("a\nb\nc\n", "b\nc\n    a\n") == []
    assert added("a\n", "a\na\n") == [(2, "a")]


def test_every_line_of_a_new_file_is_added_and_none_of_a_removed_one() -> None:
    """There is nothing to compare with."""
    assert added(None, "a\n\nb\n") == [(1, "a"), (3, "b")]
    assert added("a\n", None) == []
    assert [line.code for line in TextChange("Makefile", None, "a\nb\n", "b\n").removed] == ["a"]


def test_columns_begin_where_the_text_begins() -> None:
    """What is underlined is the text, not the white space around it."""
    (line,) = TextChange("Makefile", None, "", "all:\n\tpip install x \r\n").added[1:]

    assert line == Span("Makefile", 2, 2, 2, 15, "pip install x")


def test_nothing_is_new_where_no_base_was_looked_at() -> None:
    """`postil check` sees a folder as it is; most of it is old."""
    change = TextChange("Dockerfile", None, None, "RUN pip install x\n", compared=False)

    assert not change.is_added
    assert change.added == ()
    assert TextChange("Dockerfile", None, None, "RUN pip install x\n").is_added


def test_toml_is_read_on_both_sides() -> None:
    """A rule about an entry compares values, not lines."""
    change = TextChange("pyproject.toml", "old.toml", "a = 1\n", "a = [\n")

    assert change.base_toml is not None
    assert change.base_toml.data == {"a": 1}
    assert change.base_toml.path == "old.toml"
    assert change.head_toml is None


def test_toml_files_come_with_what_they_were_before() -> None:
    """Where no base was looked at there is nothing before, so rules about the state of things speak."""
    compared = TextChange("pyproject.toml", None, "a = 1\n", "a = 2\n")
    alone = TextChange("pyproject.toml", None, None, "a = 2\n", compared=False)

    ((after, before),) = ChangeSet((), texts=(compared,)).tomls("pyproject.toml")
    ((state, nothing),) = ChangeSet((), texts=(alone,), compared=False).tomls("pyproject.toml")

    assert (after.get("a"), before and before.get("a")) == (2, 1)
    assert (state.get("a"), nothing) == (2, None)


def test_a_folder_on_disk_is_old(tmp_path: Path) -> None:
    """`postil check` hands over project files and code alike, and none of it counts as new."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "Dockerfile").write_text("RUN b\n")
    (tmp_path / "app.py").write_text("x = 1\n")

    (tree,) = read_trees([tmp_path])

    assert sorted(change.path for change in tree.changes) == ["Dockerfile", "app.py", "pyproject.toml"]
    assert not any(change.compared for change in tree.changes)


def test_a_value_that_is_not_there_is_none_whatever_stands_above_it() -> None:
    """Checks ask for deep keys of files that strangers wrote."""
    toml = Project({"x.toml": "a = [{b = 1}]\nc = 3\n"}).toml("x.toml")

    assert toml is not None
    assert toml.get("a", 0, "b") == 1
    assert [toml.get("a", 1), toml.get("a", "b"), toml.get("c", "d"), toml.get("e", "f")] == [None] * 4


def _tell(change_set: ChangeSet) -> Notes:
    """Speaks of every added line, and of new Python files."""
    for change in change_set.texts:
        for line in change.added:
            yield Note(line, f"{line.code!r} is new")
    for file in change_set.files:
        if file.is_added and file.head is not None:
            yield Note(file.head.at(file.head.module), "this file is new")


def _rules() -> RuleSet:
    page = Page("tell", "section", Severity.HINT, False, (), "Tell", "", (), (), (), (), "")
    return RuleSet([Rule("tell", "c", "C", "S", page, _tell, subscription(_tell), Severity.HINT, False)])


def test_a_check_of_the_change_set_sees_added_lines_of_other_files() -> None:
    """Dockerfiles and workflows are reviewed like code."""
    changes = [
        Change("Dockerfile", "FROM a\nRUN b\n", "FROM a\n"),
        Change("new.py", "x = 1\n", None),
        Change("old.py", "x = 1\n", "x = 2\n"),
    ]

    report = _rules().lint_change_set(changes, Project(), Project())

    assert [(f.path, f.line, f.message) for f in report.findings] == [
        ("Dockerfile", 2, "'RUN b' is new"),
        ("new.py", 1, "this file is new"),
    ]
    assert not report.problems


def test_without_a_base_a_check_of_the_change_set_sees_nothing_new() -> None:
    """The flag comes through from each change to the check."""
    changes = [
        Change("Dockerfile", "RUN b\n", None, compared=False),
        Change("new.py", "x = 1\n", None, compared=False),
    ]

    assert _rules().lint_change_set(changes, Project(), Project()).findings == ()


def test_a_local_range_brings_the_project_files_that_changed(tmp_path: Path) -> None:
    """What `is_project_file` lets through must reach the rules from a real repository, with both sides."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True, timeout=60)

    git("init", "-q", "-b", "main")
    (tmp_path / "Dockerfile").write_text("FROM python\n")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "notes.txt").write_text("old\n")
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN b\n")
    (tmp_path / "notes.txt").write_text("new\n")
    git("commit", "-qam", "two")

    pull = local_pull(tmp_path, "HEAD~1..HEAD")
    report = _rules().lint_change_set(pull.changes, Project(pull.project), Project(pull.base_project))

    assert [change.path for change in pull.changes] == ["Dockerfile"]
    assert set(pull.project) == {"Dockerfile", "uv.lock"}
    assert [(f.path, f.line, f.message) for f in report.findings] == [("Dockerfile", 2, "'RUN b' is new")]


def test_a_file_that_was_parsed_is_not_parsed_again() -> None:
    """The parse is what costs, and rules about files and about changes ask for the same ones."""
    parsed = Parsed(room=20)
    first = parsed.file("a.py", "x = 1\n")

    assert parsed.file("a.py", "x = 1\n") is first
    assert parsed.file("a.py", "x = 2\n") is not first


def test_no_more_parsed_files_are_kept_than_there_is_room_for() -> None:
    """A pull request may be large, and syntax trees are."""
    parsed = Parsed(room=20)
    first = parsed.file("a.py", "x = 1\n")
    for number in range(9):
        parsed.file("b.py", f"y = {number}\n")

    assert parsed.file("a.py", "x = 1\n") is not first


def test_the_nearest_project_file_is_looked_for_up_to_the_root() -> None:
    """Above the root is the root again, whether a path begins with a slash or not."""
    project = Project({"orders/pyproject.toml": "", "pyproject.toml": ""})

    assert project.nearest("orders/app/api.py", "pyproject.toml") == "orders/pyproject.toml"
    assert project.nearest("billing/api.py", "pyproject.toml") == "pyproject.toml"
    assert project.nearest("/elsewhere/api.py", "pyproject.toml") is None
