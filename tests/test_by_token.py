"""One pull request reviewed with a given token: printed, posted once, and as far as the token may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from postil.by_token import PullNameError, pull_named
from postil.demo.state import FakePull
from postil.github.tokens import LEAST
from postil.settings import Given, SettingsError
from story import PAY, said, verdicts
from validated_github import ValidatedGitHub, served

POSTIL = Path(sys.executable).parent / "postil"
WORKFLOW = {"GITHUB_API_URL": "https://api.github.com", "GITHUB_SERVER_URL": "https://github.com"}
SAID = ("shop/pay.py", 5, "**Chain the new exception to its cause**")


@pytest.fixture
def pull(github: ValidatedGitHub) -> FakePull:
    """A draft with one finding."""
    return github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"shop/pay.py": PAY}, draft=True)


def run(github: ValidatedGitHub, pull: FakePull, *options: str, **rights: str) -> subprocess.CompletedProcess[str]:
    """`postil review --pr` with a token that has these rights besides those to read."""
    reading = {name: "read" for name, _ in LEAST}
    token = github.mint(github.installation, reading | rights, None).value
    name = f"{pull.repository.full_name}#{pull.number}"
    return subprocess.run(
        [POSTIL, "review", "--pr", name, *options],
        env={**os.environ, "GITHUB_TOKEN": token, "POSTIL_GITHUB_API_URL": github.url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_post_nothing_is_written(github: ValidatedGitHub, github_url: str, pull: FakePull) -> None:
    """Whoever looks first is sure to change nothing; a draft is no reason to refuse, since somebody asked."""
    done = run(github, pull)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("── shop/pay.py:5  raise-without-from")
    assert {call.method for call in github.calls if call.path != "/graphql"} == {"GET"}
    assert (said(pull), verdicts(pull)) == ([], [])


def test_what_was_posted_is_not_posted_again(github: ValidatedGitHub, github_url: str, pull: FakePull) -> None:
    """Every push runs it again, and the author reads each finding once."""
    rights = {"checks": "write", "pull_requests": "write"}
    first = run(github, pull, "--post", **rights)
    second = run(github, pull, "--post", **rights)

    assert (first.returncode, second.returncode, second.stderr) == (1, 1, "")
    assert said(pull) == [SAID]
    assert verdicts(pull)[-1] == ("completed", "failure", "1 finding: 1 warning")


def test_a_token_that_may_write_no_check_run_posts_the_review(
    github: ValidatedGitHub, github_url: str, pull: FakePull
) -> None:
    """A person's token can't create one."""
    done = run(github, pull, "--post", pull_requests="write")

    assert done.returncode == 1
    assert done.stderr.startswith("postil: GitHub takes no check run of this token: ")
    assert (said(pull), verdicts(pull)) == ([SAID], [])


@pytest.mark.parametrize(
    "addresses",
    [
        {"GITHUB_API_URL": "{}/api/v3", "GITHUB_SERVER_URL": "{}"},
        {"POSTIL_GITHUB_API_URL": "{}/api/v3"},
        {"POSTIL_GITHUB_WEB_URL": "{}", "GITHUB_API_URL": "https://api.github.com"},
    ],
    ids=["workflow", "api", "web"],
)
def test_an_enterprise_server_is_known_by_one_of_its_addresses(
    git_folder: Path, app_key: tuple[str, str], addresses: dict[str, str]
) -> None:
    """Those of a workflow, or those that the service would take; the page's address names the pull request."""
    server = ValidatedGitHub(git_folder, public_key=app_key[1], enterprise="3.14.2")
    with served(server) as url:
        server.url = url
        pull = server.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"shop/pay.py": PAY})
        token = server.mint(server.installation, dict(LEAST), None).value
        variables = {name: address.format(url) for name, address in addresses.items()}
        done = subprocess.run(
            [POSTIL, "review", "--pr", f"{url}/{pull.repository.full_name}/pull/{pull.number}", "--post"],
            env={**os.environ, "GITHUB_TOKEN": token, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, "")
    assert said(pull) == [SAID]
    assert server.complaints == []


def test_a_closed_pull_request_is_not_reviewed(github: ValidatedGitHub, github_url: str, pull: FakePull) -> None:
    """An empty review would look like a clean one."""
    pull.close()
    done = run(github, pull)

    assert (done.returncode, done.stdout) == (2, "")
    assert "was not reviewed: the pull request is closed" in done.stderr


@pytest.mark.parametrize(
    "name",
    ["acme/shop#7", "https://github.com/acme/shop/pull/7", "https://github.com/acme/shop/pull/7/files"],
)
def test_a_pull_request_has_a_name_and_a_page(name: str) -> None:
    """People copy what their browser shows."""
    assert pull_named(name, "https://github.com").key == "acme/shop#7"


@pytest.mark.parametrize(
    "name",
    ["acme/shop", "acme/shop#0", "../shop#7/x", "https://github.com/acme/shop", "https://evil.example/a/b/pull/7"],
)
def test_what_names_no_pull_request_here_is_refused(name: str) -> None:
    """Above all another host, which the token isn't for."""
    with pytest.raises(PullNameError):
        pull_named(name, "https://github.com")


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """And without one it is said which variable is meant, with every other fault."""
    file = tmp_path / "token"
    file.write_text("from-file\n")

    assert Given.load(file, env={"POSTIL_TOKEN": "other"}).token == "from-file"
    assert Given.load(env={"POSTIL_TOKEN": "ours", "GITHUB_TOKEN": "other"}).token == "ours"
    assert "ours" not in repr(Given.load(env={"POSTIL_TOKEN": "ours"}))
    assert Given.load(api_url="https://a.example/api/v3", env={"GITHUB_TOKEN": "x", **WORKFLOW}).site.web_url == (
        "https://a.example"
    )
    for text in ("", "two words", "schlüssel"):
        file.write_text(text)
        with pytest.raises(SettingsError, match="token holds no token"):
            Given.load(file, env={})
    with pytest.raises(SettingsError) as raised:
        Given.load(api_url="ftp://github.example.com", env={})
    assert [fault.name for fault in raised.value.faults] == ["POSTIL_TOKEN", "POSTIL_GITHUB_API_URL"]
    assert "--token-file" in str(raised.value)
