"""What the documentation shows to type can be typed: programs, targets, commands and options of ```sh blocks exist."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.core
import typer.main
import yaml
from inline_snapshot import snapshot
from typer.testing import CliRunner

from postil import cli
from postil.log import configure
from story import PAY

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
OTHERS = {"curl", "docker", "grep", "kubectl", "openssl", "pg_dump", "pg_restore", "pip", "sqlite3", "uvx", "uv"}
"""Programs of others that an operator has, or gets by name from the page."""
SHELL = {"cp", "export", "mv", "rm"}
"""What every shell has."""
COMMIT = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m")


def shown() -> Iterator[tuple[str, list[str]]]:
    """Every command of every page, with its page; continued lines are joined, pipes and comments taken away."""
    for page in PAGES:
        for block in re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            for line in re.sub(r"\\\n *", "", block).splitlines():
                # A shell's comment begins a word; `shop#7` is none.
                words = shlex.split(re.sub(r"(?:^|\s)#.*", "", line))
                for part in _between(words, "|"):
                    yield page.name, part


def _between(words: list[str], mark: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in [*words, mark]:
        if word != mark:
            part.append(word)
        elif part:
            yield part
            part = []


def without_settings(words: list[str]) -> list[str]:
    """A command without the variables that are set for it."""
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words = words[1:]
    return words


COMMANDS = [(page, words) for page, line in shown() if (words := without_settings(line))]


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=[f"{page}: {' '.join(words)}" for page, words in COMMANDS])
def test_a_command_of_the_documentation_can_be_typed(page: str, words: list[str]) -> None:
    """People copy them, and one that fails costs the trust in all others. What can be run is run elsewhere."""
    del page
    program, *arguments = words
    if program == "make":
        targets = [each for each in arguments if "=" not in each]
        given = {each.partition("=")[0] for each in arguments if "=" in each}

        assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
        assert all(f"$({name})" in MAKEFILE or f"({name})," in MAKEFILE for name in given)
    elif Path(program).name == "postil":
        _parse(arguments)
    elif (program == "python" and arguments[0].startswith("scripts/")) or program in ("bash", "sh"):
        assert (ROOT / arguments[0]).is_file()
    else:
        assert program in OTHERS | SHELL


def _parse(arguments: list[str]) -> None:
    """Read arguments as `postil` would, without doing anything. Raises what typer raises for those it doesn't take."""
    command = typer.main.get_command(cli.app)
    while isinstance(command, typer.core.TyperGroup) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        assert name in command.commands, f"there is no `postil {name}`"
        command = command.commands[name]
    command.make_parser(typer.Context(command)).parse_args([*arguments])


def test_what_needs_nothing_but_a_repository_does_what_the_pages_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands for operators and for packs are run with their pages; these are what everybody tries first."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "src/pay.py"
    source.parent.mkdir()
    for branch, text in (("main", "def pay(card):\n    charge(card)\n"), ("change", PAY)):
        source.write_text(text)
        commands = [["init", "-q", "-b", "main"], ["checkout", "-q", "-B", branch], ["add", "."], [*COMMIT, branch]]
        for command in commands:
            subprocess.run(["git", *command], check=True, cwd=tmp_path, capture_output=True)
    done = {}
    for _, (program, *arguments) in COMMANDS:
        is_other = {"--pr", "--packs"} & {*arguments} or shlex.join(arguments) in done
        if program == "postil" and arguments[0] in ("check", "review", "rules") and not is_other:
            result = CliRunner().invoke(cli.app, [*arguments])
            done[shlex.join(arguments)] = (result.exit_code, result.output.strip().splitlines()[0].partition(":")[0])
    configure("error", stream=sys.__stderr__)

    assert done == snapshot(
        {
            "check src": (1, "warning[raise-without-from]"),
            "review main..HEAD": (1, "── src/pay.py"),
            "check --fix src": (0, "0 found"),
            "rules raise-without-from": (0, "raise-without-from · warning · Error handling"),
            "rules": (0, "Modern tooling"),
        }
    )


def test_a_workflow_that_a_page_shows_calls_the_action_and_the_hook_as_they_are() -> None:
    """GitHub takes no notice of an input that doesn't exist, and pre-commit refuses the whole file."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    shown = [
        yaml.safe_load(block)
        for page in PAGES
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    ]
    jobs = [job for each in shown if isinstance(each, dict) for job in each.get("jobs", {}).values()]
    given = {name for job in jobs for step in job["steps"] if "/postil@" in step["uses"] for name in step["with"]}
    named = {
        hook["id"]
        for each in shown
        if isinstance(each, dict)
        for repository in each.get("repos", ())
        for hook in repository["hooks"]
    }

    assert given == {"post"} <= set(action["inputs"])
    assert named == {"postil"} <= hooks


def test_what_postil_does_not_take_is_noticed() -> None:
    """The test above would pass for everything if arguments were not read."""
    with pytest.raises(AssertionError, match="there is no `postil chekc`"):
        _parse(["chekc", "src"])
    with pytest.raises(Exception, match="--fxi"):
        _parse(["check", "--fxi", "src"])


def test_the_documentation_shows_commands_at_all() -> None:
    """A changed fence would let every other test here pass for nothing."""
    pages = {page for page, _ in COMMANDS}

    assert {"README.md", "CONTRIBUTING.md", "install.md", "operate.md", "rules.md", "faq.md"} <= pages
    assert len(COMMANDS) > 15
