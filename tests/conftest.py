"""Fixtures that many tests share."""

import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from story import Postil, running
from validated_github import ValidatedGitHub, served


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests check is kept in a folder of their own, and goes with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Where a command logs to ends with its test, and the engine of the next one flushes every handler it finds."""
    loggers = [logging.getLogger(name) for name in (None, "dbos")]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    yield
    for logger, handlers, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate


@pytest.fixture(scope="session")
def app_key() -> tuple[str, str]:
    """An RSA key pair of the App as PEM: private, public."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), public.decode()


@pytest.fixture
def git_folder(tmp_path: Path) -> Path:
    """The folder in which the stand-in for GitHub keeps its repositories."""
    folder = tmp_path / "git"
    folder.mkdir()
    return folder


@pytest.fixture
def github(git_folder: Path, app_key: tuple[str, str]) -> Iterator[ValidatedGitHub]:
    """A GitHub in this process; the test fails when something was asked or answered that GitHub does not know."""
    fake = ValidatedGitHub(git_folder, public_key=app_key[1])
    yield fake
    assert fake.complaints == []


@pytest.fixture
def github_url(github: ValidatedGitHub) -> Iterator[str]:
    """The same GitHub over real HTTP on loopback."""
    with served(github) as url:
        github.url = url
        yield url


@pytest.fixture
def anyio_backend() -> str:
    """The service runs on asyncio."""
    return "asyncio"


@pytest.fixture
async def postil(github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path) -> AsyncGenerator[Postil]:
    """The service, speaking to `github`."""
    async with running(github, app_key, tmp_path) as service:
        yield service
