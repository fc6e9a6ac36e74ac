"""What a pull request changed, fetched by git over real HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot

from postil.demo.state import FakePull
from postil.github.fetch import Clone, Fetched, FetchError
from story import CLEAN
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The service runs on asyncio."""
    return "asyncio"


def token_of(github: ValidatedGitHub, **permissions: str) -> str:
    """A token for the repository."""
    return github.mint(github.installation, permissions, (github.repository.id,)).value


def clone(github: ValidatedGitHub, url: str, token: str, **options: Any) -> Clone:
    """The repository as git sees it."""

    async def give() -> str:
        return token

    return Clone(f"{url}/{github.repository.full_name}.git", give, **options)


async def fetched(
    github: ValidatedGitHub, url: str, pull: FakePull, changed: Callable[[str], bool] = lambda path: True
) -> Fetched:
    """What git tells of a pull request."""
    there = clone(github, url, token_of(github, contents="read"))
    return await there.fetched(pull.merge_base, pull.head_sha, changed, lambda path: path == "uv.lock", 100)


async def test_git_tells_the_files_and_their_contents(github: ValidatedGitHub, github_url: str) -> None:
    """Added, changed, removed and renamed ones, and the unchanged ones that are wanted."""
    base = {"a.py": CLEAN, "b.py": CLEAN * 2, "old.py": "x = 1\n" * 20, "uv.lock": "version = 1\n", "n.bin": b"\0"}
    head = {
        "a.py": CLEAN + "\n",
        "b.py": None,
        "old.py": None,
        "new.py": "x = 1\n" * 20 + "y = 2\n",
        "é/c.py": "c = 1\n",
    }
    pull = github.open_pull(base_files=base, head_files=head)
    found = await fetched(github, github_url, pull)

    assert sorted((file.path, str(file.status), file.previous_path) for file in found.files) == snapshot(
        [
            ("a.py", "modified", None),
            ("b.py", "removed", None),
            ("new.py", "renamed", "old.py"),
            ("é/c.py", "added", None),
        ]
    )
    assert {path: len(text) for path, text in found.heads.texts.items()} == snapshot(
        {"a.py": 43, "new.py": 126, "é/c.py": 6, "uv.lock": 12}
    )
    assert {path: len(text) for path, text in found.bases.texts.items()} == snapshot(
        {"a.py": 42, "b.py": 84, "new.py": 120}
    )
    assert {**found.heads.missing, **found.bases.missing} == {}


async def test_the_contents_of_other_files_are_not_fetched(github: ValidatedGitHub, github_url: str) -> None:
    """A video in the repository costs nothing."""
    pull = github.open_pull(base_files={"a.py": CLEAN, "b.bin": b"1"}, head_files={"a.py": "", "b.bin": b"2" * 300_000})
    there = clone(github, github_url, token_of(github, contents="read"), size=100_000)
    found = await there.fetched(pull.merge_base, pull.head_sha, lambda path: path == "a.py", lambda path: False, 100)

    assert [file.path for file in found.files] == ["a.py", "b.bin"]
    assert found.bases.texts == {"a.py": CLEAN}


async def test_a_fetch_has_its_limits(github: ValidatedGitHub, github_url: str) -> None:
    """A repository can't fill the disk, nor keep a worker for ever."""
    noise = bytes(range(256)) * 40 + "".join(str(number * 7919) for number in range(200_000)).encode()
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"a.py": noise})
    token = token_of(github, contents="read")
    for limits, why in (({"size": 10_000}, "larger than"), ({"seconds": 0.001}, "took longer")):
        with pytest.raises(FetchError, match=why):
            await clone(github, github_url, token, **limits).fetched(
                pull.merge_base, pull.head_sha, lambda path: True, lambda path: False, 100
            )


@pytest.mark.parametrize("permissions", [{}, {"metadata": "read"}], ids=["none", "metadata"])
async def test_a_refusal_is_said_without_the_token(
    github: ValidatedGitHub, github_url: str, permissions: dict[str, str]
) -> None:
    """What git says of it goes into the log."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"a.py": ""})
    token = token_of(github, **permissions)
    with pytest.raises(FetchError) as refused:
        await clone(github, github_url, token).fetched(
            pull.merge_base, pull.head_sha, lambda p: True, lambda p: False, 1
        )

    assert token not in str(refused.value)
    assert str(refused.value).replace(github_url, "URL") == snapshot(
        "git fetch: repository 'URL/acme/shop.git/' not found"
    )


@pytest.mark.parametrize("url", ["http://example.com/a/b.git", "file:///etc", "ext::sh -c id", "ssh://h/a/b"])
async def test_only_https_is_spoken(url: str) -> None:
    """Plain HTTP would show the token to everybody on the way."""

    async def give() -> str:
        raise AssertionError("no token is asked for")

    with pytest.raises(FetchError, match="only https"):
        await Clone(url, give).fetched("a" * 40, "b" * 40, lambda path: True, lambda path: False, 1)


async def test_the_token_is_on_no_command_line_and_in_no_file(
    github: ValidatedGitHub, github_url: str, tmp_path: Path
) -> None:
    """A git that writes down how it was called, and what lies around it, stands in front of the real one."""
    spy = tmp_path / "spy"
    seen = f"{tmp_path}/seen"
    spy.write_text(f'#!/bin/sh\necho "$@" >> {seen}\ngit "$@"\nstatus=$?\ngrep -r . . >> {seen}\nexit $status\n')
    spy.chmod(0o755)
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"a.py": ""})
    token = token_of(github, contents="read")
    there = clone(github, github_url, token, program=str(spy))
    await there.fetched(pull.merge_base, pull.head_sha, lambda path: True, lambda path: False, 1)
    written = await anyio.Path(seen).read_text(errors="replace")

    assert "fetch --quiet" in written
    assert "partialclone = origin" in written.lower()
    assert token not in written
    assert "Authorization" not in written
