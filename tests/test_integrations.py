"""What runs the command line: a shell with completion, pre-commit, and a workflow's action, as they stand here."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
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
# What pip has already is taken from there; for the tests XDG_CACHE_HOME is another folder.
PIP_CACHE = Path.home() / ".cache" / "pip"


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


@pytest.mark.registry
def test_pre_commit_builds_and_installs_the_hook(service: Path, tmp_path: Path) -> None:
    """As a user would get it, from a clone: with all that Postil depends on, from the package registry."""
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PIP_CACHE_DIR": str(PIP_CACHE)}
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "try-repo", ROOT, "postil", "--all-files", "--color", "never"],
        cwd=service,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "warning[raise-without-from]" in done.stdout, done.stdout + done.stderr
    assert "--> a.py:5:9" in done.stdout
    assert "a_pb2.py" not in done.stdout


def test_pre_commit_runs_the_hook_on_python_files(service: Path, tmp_path: Path) -> None:
    """With the entry and the filters of the manifest, on what is installed here."""
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


WORKFLOW: dict[str, Any] = {
    "server_url": "https://github.com",
    "repository": "acme/shop",
    "sha": "f" * 40,
    "token": "",
    "action_repository": "acme/postil",
    "action_ref": "v1",
    "event": {},
}
"""What the contexts of a workflow hold that uses the action by a tag."""


def evaluated(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of action.yml as a runner reads it: dotted names of contexts, and the first that isn't empty.

    https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
    """

    def value(name: str) -> str:
        found: Any = contexts
        for part in name.strip().split("."):
            found = found.get(part) or {}
        return str(found or "")

    def first(expression: re.Match[str]) -> str:
        return next(filter(None, map(value, expression[1].split("||"))), "")

    return re.sub(r"\$\{\{(.*?)\}\}", first, text)


def run_step(
    step: Mapping[str, Any], tmp_path: Path, github: Mapping[str, Any], inputs: Mapping[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """One step as a runner runs it, with the variables that it gives to every step.

    How it calls bash: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
    """
    assert step["shell"] == "bash"
    contexts: dict[str, dict[str, Any]] = {"github": {**WORKFLOW, **github}}
    defaults = {name: evaluated(each["default"], contexts) for name, each in ACTION["inputs"].items()}
    contexts["inputs"] = {**defaults, **inputs}
    script = tmp_path / "step.sh"
    script.write_text(step["run"])
    (tmp_path / "temp").mkdir(exist_ok=True)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_SERVER_URL": contexts["github"]["server_url"],
            **{name: evaluated(each, contexts) for name, each in step.get("env", {}).items()},
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def run_action(
    tmp_path: Path, github: Mapping[str, Any] | None = None, inputs: Mapping[str, str] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The action's last step, with the installation that the step before would have made."""
    installed = tmp_path / "temp" / "postil" / "bin"
    if not installed.exists():
        installed.mkdir(parents=True)
        (installed / "postil").symlink_to(BIN / "postil")
    return run_step(ACTION["runs"]["steps"][-1], tmp_path, github or {}, inputs or {}, **variables)


def event(service: Path) -> dict[str, Any]:
    """What a workflow knows of a pull request that holds the last commit."""
    base, head = git(service, "rev-parse", "HEAD~1", "HEAD").split()
    return {"event": {"pull_request": {"number": 7, "base": {"sha": base}, "head": {"sha": head}}}}


@pytest.mark.registry
def test_the_action_installs_itself_and_reviews(service: Path, tmp_path: Path) -> None:
    """All of its steps in their order, from nothing but the files of the repository.

    What Postil depends on is taken from here, as the hook of pre-commit proves that it can be had.
    """
    action = tmp_path / "_actions" / "acme" / "postil" / "v1"
    for name in git(ROOT, "ls-files").splitlines():
        if (ROOT / name).is_file():
            (action / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, action / name)
    github = event(service) | {"workspace": str(service)}
    steps = ACTION["runs"]["steps"]
    variables = {
        "GITHUB_ACTION_PATH": str(action),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PIP_CACHE_DIR": str(PIP_CACHE),
        # Files with `.pth` count for nothing there, so Postil itself can't be imported from it.
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    done = [run_step(step, tmp_path, github, {}, **variables) for step in steps]
    installed = next((tmp_path / "temp" / "postil").glob("lib/*/site-packages/postil/rules/pack.toml"), None)

    assert installed is not None, done
    assert [each.returncode for each in done] == [*[0] * (len(steps) - 1), 1], done
    assert done[-1].stdout.startswith("::warning file=a.py,line=5,endLine=5,title=Chain the new exception"), done


def test_the_action_annotates_what_a_pull_request_brings(service: Path, tmp_path: Path) -> None:
    """And fails the workflow as the check run of the App would fail."""
    done = run_action(tmp_path, event(service) | {"workspace": str(service)})
    commands = [line for line in done.stdout.splitlines() if line.startswith("::")]

    assert done.returncode == 1, done.stderr
    assert len(commands) == 1
    assert commands[0].startswith("::warning file=a.py,line=5,endLine=5,title=Chain the new exception to its cause::")
    assert commands[0].endswith(" · https://github.com/acme/postil/blob/v1/rules/error-handling/raise-without-from.md")


def run_on_github(
    tmp_path: Path, pull: FakePull, url: str, token: str, **github: str
) -> subprocess.CompletedProcess[str]:
    """The action with `post`, on a pull request of the stand-in for GitHub at `url`."""
    commits = {"base": {"sha": "a" * 40}, "head": {"sha": pull.head_sha}}
    around: dict[str, Any] = {
        "repository": pull.repository.full_name,
        "token": token,
        "event": {"pull_request": {"number": pull.number, **commits}},
        **github,
    }
    return run_action(tmp_path, around, {"post": "true"}, GITHUB_API_URL=url, GITHUB_SERVER_URL=url)


@pytest.mark.parametrize(
    ("used", "guide"),
    [
        ({}, "https://github.com/acme/postil/blob/v1/rules"),
        ({"action_repository": "", "action_ref": ""}, f"https://github.com/{{}}/blob/{'f' * 40}/rules"),
    ],
    ids=["uses: acme/postil@v1", "uses: ./"],
)
def test_the_action_posts_with_the_token_of_the_workflow(
    github: ValidatedGitHub, github_url: str, tmp_path: Path, used: dict[str, str], guide: str
) -> None:
    """The review that the App would have posted, with links to where the guideline stands."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": BAD})
    token = github.mint(github.installation, dict(LEAST), None).value
    done = run_on_github(tmp_path, pull, github_url, token, **used)
    (comment,) = pull.comments

    assert (done.returncode, done.stderr) == (1, "")
    assert said(pull) == [("a.py", 5, "**Chain the new exception to its cause**")]
    assert verdicts(pull) == [("completed", "failure", "1 finding: 1 warning")]
    assert f"]({guide.format(pull.repository.full_name)}/error-handling/raise-without-from.md)" in comment.body


def test_the_action_annotates_a_fork_whose_token_may_only_read(
    github: ValidatedGitHub, github_url: str, tmp_path: Path
) -> None:
    """GitHub gives no other there; that is no fault of the author's."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": BAD})
    token = github.mint(github.installation, {name: "read" for name, _ in LEAST}, None).value
    done = run_on_github(tmp_path, pull, github_url, token)

    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=a.py,line=5")
    assert [line.partition(":")[2].partition(":")[0] for line in done.stderr.splitlines()] == [
        " GitHub takes no check run of this token",
        " GitHub takes no review of this token",
    ]
    assert (said(pull), verdicts(pull)) == ([], [])


def test_the_action_says_what_it_lacks(tmp_path: Path) -> None:
    """A push has no pull request, and must not look reviewed."""
    done = run_action(tmp_path)

    assert done.returncode == 2
    assert done.stdout.startswith("::error::")


def test_no_step_of_the_action_has_a_value_in_its_text() -> None:
    """The name of a branch could be a command."""
    steps = ACTION["runs"]["steps"]

    assert [step["name"] for step in steps if "${{" in step["run"]] == []
    assert {name for step in steps for name in step.get("env", {})} == {
        "BASE", "HEAD", "FOLDER", "PACKS", "POST", "PULL", "POSTIL_TOKEN", "POSTIL_GUIDE_URL",
    }  # fmt: skip
