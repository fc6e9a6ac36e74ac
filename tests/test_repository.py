"""What a range of a local repository holds: the same for everybody, and as a pull request on GitHub would show it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from postil.checking import agreed
from postil.packs import load
from postil.repository import GitError, local_pull

Git = Callable[..., None]
OLD = "def pay(card):\n    charge(card)\n\n    return card\n"
NEW = OLD.replace("charge(card)", "charge(card, now=True)")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Runs git in an empty repository."""

    def run(*arguments: str) -> None:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git) -> None:
    """Commit all there is."""
    git("add", ".")
    git("commit", "-qm", "more")


def patches(folder: Path) -> dict[str, str | None]:
    """The patches between the first commit and the last, by path."""
    return {file.path: file.patch for file in local_pull(folder, "HEAD~1..HEAD").files}


def test_a_link_that_became_a_file_moves_no_patch_to_another_file(tmp_path: Path, git: Git) -> None:
    """Such a file git shows twice, as one that goes and one that comes."""
    (tmp_path / "a.py").symlink_to("pay.py")
    (tmp_path / "pay.py").write_text(OLD)
    commit(git)
    (tmp_path / "a.py").unlink()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "pay.py").write_text(NEW)
    commit(git)
    found = patches(tmp_path)

    assert found["a.py"] == "@@ -0,0 +1 @@\n+x = 1"
    assert "now=True" in (found["pay.py"] or "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("diff.context", "0"),
        ("diff.interHunkContext", "9"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("diff.algorithm", "histogram"),
        ("diff.renames", "copies"),
    ],
)
def test_a_users_settings_of_git_change_nothing(tmp_path: Path, git: Git, key: str, value: str) -> None:
    """Where a comment may stand is decided by the diff that GitHub shows, and not by how somebody likes to read it."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pay.py").write_text(OLD)
    commit(git)
    (tmp_path / "shop" / "pay.py").write_text(NEW)
    (tmp_path / "a.py").write_text(OLD)
    commit(git)
    before = patches(tmp_path)
    git("config", key, value)

    assert patches(tmp_path / "shop") == patches(tmp_path) == before
    assert (before["shop/pay.py"] or "").startswith("@@ -1,4 +1,4 @@")


def test_histories_without_a_common_commit_are_told(tmp_path: Path, git: Git) -> None:
    """For these git itself says nothing, as in the shallow clones that CI services make."""
    (tmp_path / "a.py").write_text(OLD)
    commit(git)
    git("checkout", "-q", "--orphan", "other")
    (tmp_path / "a.py").write_text(NEW)
    commit(git)
    with pytest.raises(GitError) as error:
        local_pull(tmp_path, "main..other")

    assert str(error.value) == snapshot("`main` and `other` have no commit in common to compare with")


def test_a_name_that_git_can_not_be_asked_for_is_a_problem(tmp_path: Path, git: Git) -> None:
    """It has a line break in it, and names go to git one on a line; it must not vanish."""
    (tmp_path / "a.py").write_text(OLD)
    commit(git)
    (tmp_path / "b\nc.py").write_text(OLD)
    commit(git)

    assert [problem.path for problem in local_pull(tmp_path, "HEAD~1..HEAD").problems] == ["b\nc.py"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_configuration_is_read_as_the_app_reads_it(tmp_path: Path, git: Git, encoding: str) -> None:
    """Windows writes byte order marks. What can't be read is said, as nobody would look for it in an encoding."""
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "postil.toml").write_text("drafts = true\r\n", encoding=encoding, newline="")
    commit(git)
    (tmp_path / "a.py").write_text(OLD)
    commit(git)
    config = local_pull(tmp_path, "HEAD~1..HEAD").config
    _, plan = agreed(config.texts, load(), unread=config.unread)

    assert (plan.config.drafts, plan.faults) == (
        (True, ())
        if encoding == "utf-8-sig"
        else (False, ("can't be read: it holds null bytes, as UTF-16 and binary files do; the defaults hold",))
    )
