"""What runs the command line: a shell with completion, pre-commit, and a workflow's action, as they stand here."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from postil.demo.state import FakePull
from postil.github.tokens import LEAST
from story import said, verdicts
from validated_github import ValidatedGitHub

ROOT = Path(__file__).parents[1]
BAD = "def f():\n    try:\n        g()\n    except KeyError as e:\n        raise F()\n"
BIN = Path(sys.executable).parent


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A repository with a clean commit, and one that brings findings in a service's and in a generated file."""
    folder = tmp_path / "service"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    (folder / "a.py").write_text(BAD)
    (folder / "a_pb2.py").write_text(BAD)
    (folder / "notes.txt").write_text("print 'hello'\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "two")
    return folder


# The shell


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("postil che", ["check"]),
        ("postil check --stat", ["--statistics"]),
        ("postil rules raise-without-f", ["raise-without-from"]),
        ("postil check --select uv-lock-drift,raise-without-f", ["uv-lock-drift,raise-without-from"]),
    ],
    ids=["command", "option", "rule", "list"],
)
def test_the_shell_completes_what_is_typed(typed: str, offered: list[str]) -> None:
    """Names of rules above all, which nobody remembers; asked as bash asks."""
    environment = {
        **os.environ,
        "_POSTIL_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    done = subprocess.run([BIN / "postil"], env=environment, capture_output=True, text=True, check=False)

    assert done.stdout.split() == offered


# pre-commit


def test_pre_commit_takes_the_hook(tmp_path: Path) -> None:
    """What it refuses, nobody can install."""
    manifest = ROOT / ".pre-commit-hooks.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", manifest], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_pre_commit_runs_the_hook_on_python_files(service: Path, tmp_path: Path) -> None:
    """With the entry and the filters of the manifest; installed is what stands here, as a build takes minutes."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    config = {"repos": [{"repo": "local", "hooks": [hook | {"language": "system"}]}]}
    (service / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(service, "add", "-A")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
    first = subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)
    (service / "a.py").write_text(BAD.replace("F()", "F() from e"))
    git(service, "add", "-A")
    second = subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)

    assert first.returncode == 1, first.stderr
    assert "warning[raise-without-from]" in first.stdout
    assert "--> a.py:5:9" in first.stdout
    assert "a_pb2.py" not in first.stdout
    assert (second.returncode, second.stdout.splitlines()[-1].endswith("Passed")) == (0, True), second.stdout


# The action


ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def run_action(service: Path, tmp_path: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The action's last step as a runner runs it, with the installation that the step before would have made."""
    installed = tmp_path / "temp" / "postil" / "bin"
    installed.mkdir(parents=True)
    (installed / "postil").symlink_to(BIN / "postil")
    script = tmp_path / "step.sh"
    script.write_text(ACTION["runs"]["steps"][-1]["run"])
    # How a runner calls bash: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "FOLDER": str(service),
            "PACKS": "",
            "POST": "false",
            **given,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_annotates_what_a_pull_request_brings(service: Path, tmp_path: Path) -> None:
    """And fails the workflow as the check run of the App would fail."""
    base, head = git(service, "rev-parse", "HEAD~1", "HEAD").split()
    done = run_action(service, tmp_path, BASE=base, HEAD=head)
    commands = [line for line in done.stdout.splitlines() if line.startswith("::")]

    assert done.returncode == 1, done.stderr
    assert len(commands) == 1
    assert commands[0].startswith("::warning file=a.py,line=5,endLine=5,title=Chain the new exception to its cause::")


def run_on_github(
    service: Path, tmp_path: Path, pull: FakePull, url: str, token: str
) -> subprocess.CompletedProcess[str]:
    """The action with `post`, on a pull request of the stand-in for GitHub."""
    return run_action(
        service, tmp_path, BASE="a", HEAD="b", POST="true", PULL=f"{pull.repository.full_name}#{pull.number}",
        POSTIL_TOKEN=token, GITHUB_API_URL=url,
    )  # fmt: skip


def test_the_action_posts_with_the_token_of_the_workflow(
    github: ValidatedGitHub, github_url: str, service: Path, tmp_path: Path
) -> None:
    """The review that the App would have posted, for those who can't host it."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": BAD})
    token = github.mint(github.installation, dict(LEAST), None).value
    done = run_on_github(service, tmp_path, pull, github_url, token)

    assert (done.returncode, done.stderr) == (1, "")
    assert said(pull) == [("a.py", 5, "**Chain the new exception to its cause**")]
    assert verdicts(pull) == [("completed", "failure", "1 finding: 1 warning")]


def test_the_action_annotates_a_fork_whose_token_may_only_read(
    github: ValidatedGitHub, github_url: str, service: Path, tmp_path: Path
) -> None:
    """GitHub gives no other there; that is no fault of the author's."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": BAD})
    token = github.mint(github.installation, {name: "read" for name, _ in LEAST}, None).value
    done = run_on_github(service, tmp_path, pull, github_url, token)

    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=a.py,line=5")
    assert [line.partition(":")[2].partition(":")[0] for line in done.stderr.splitlines()] == [
        " GitHub takes no check run of this token",
        " GitHub takes no review of this token",
    ]
    assert (said(pull), verdicts(pull)) == ([], [])


def test_the_action_says_what_it_lacks(service: Path, tmp_path: Path) -> None:
    """A push has no pull request, and must not look reviewed."""
    done = run_action(service, tmp_path, BASE="", HEAD="")

    assert done.returncode == 2
    assert done.stdout.startswith("::error::")


def test_no_step_of_the_action_has_a_value_in_its_text() -> None:
    """The name of a branch could be a command."""
    steps = ACTION["runs"]["steps"]

    assert [step["name"] for step in steps if "${{" in step["run"]] == []
    assert {name for step in steps for name in step.get("env", {})} == {
        "BASE", "HEAD", "FOLDER", "PACKS", "POST", "PULL", "POSTIL_TOKEN", "POSTIL_GUIDE_URL",
    }  # fmt: skip
