"""Which version of a library a project uses, as far as its files tell."""

import pytest

from postil.lint.dependencies import is_older
from postil.lint.project import Project

LOCK = 'version = 1\n\n[[package]]\nname = "redis"\nversion = "{}"\n'
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["{}"]\n'


@pytest.mark.parametrize(
    ("files", "older"),
    [
        ({"uv.lock": LOCK.format("7.1.0")}, True),
        ({"uv.lock": LOCK.format("8.0.1")}, False),
        ({"uv.lock": LOCK.format("8.0.1"), "pyproject.toml": PYPROJECT.format("redis<7")}, False),
        ({"pyproject.toml": PYPROJECT.format("redis>=5,<7")}, True),
        ({"pyproject.toml": PYPROJECT.format("redis[hiredis]~=5.0")}, True),
        ({"pyproject.toml": PYPROJECT.format("redis<8")}, True),
        ({"pyproject.toml": PYPROJECT.format("redis<9")}, False),
        ({"pyproject.toml": PYPROJECT.format("redis>=5")}, False),
        ({"pyproject.toml": PYPROJECT.format("redis")}, False),
        ({"requirements.txt": "httpx\nredis==6.4.0  # the cache\n"}, True),
        ({"requirements.txt": "redis==8.0.1\n"}, False),
        ({"requirements.txt": "redis-om==0.3\n-r other.txt\n"}, False),
        ({}, False),
    ],
    ids=["locked", "locked-later", "lock-counts", "bound", "compatible", "bound-at", "bound-above", "floor", "any",
         "pinned", "pinned-later", "another", "nothing"],
)  # fmt: skip
def test_a_version_is_older_only_where_a_file_says_so(files: dict[str, str], older: bool) -> None:
    """Advice that depends on a version is silent where the version isn't known."""
    assert is_older(Project(files), "src/shop/cache.py", "redis", "8") is older
