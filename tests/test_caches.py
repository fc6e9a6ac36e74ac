"""Which functions are cached, and by what."""

import pytest

from postil.lint import SourceFile

CACHES = {
    "bare": ("from functools import cache\n@cache\ndef f(a):\n    pass", ("functools.cache", "f", True)),
    "default-size": (
        "import functools\n@functools.lru_cache()\ndef f(a):\n    pass",
        ("functools.lru_cache", "f", False),
    ),
    "no-limit": (
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(a):\n    pass",
        ("functools.lru_cache", "f", True),
    ),
    "no-limit-by-position": (
        "from functools import lru_cache as c\n@c(None)\ndef f(a):\n    pass",
        ("functools.lru_cache", "f", True),
    ),
    "in-a-variable": (
        "from functools import lru_cache\nkeep = lru_cache(8)\n@keep\ndef f(a):\n    pass",
        ("functools.lru_cache", "f", False),
    ),
    "under-staticmethod": (
        "from functools import cache\nclass A:\n    @staticmethod\n    @cache\n    def f(a):\n        pass",
        ("functools.cache", "f", True),
    ),
    "called": (
        "from functools import lru_cache\ndef f(a):\n    pass\ng = lru_cache(maxsize=8)(f)",
        ("functools.lru_cache", "f", False),
    ),
    "over-an-unknown-decorator": ("from functools import cache\n@cache\n@app.task\ndef f(a):\n    pass", None),
    "another-library": ("from aiocache import cached\n@cached(ttl=60)\ndef f(a):\n    pass", None),
}


@pytest.mark.parametrize(("text", "found"), CACHES.values(), ids=CACHES.keys())
def test_a_cache_is_known_by_its_name_whatever_applies_it(text: str, found: tuple[str, str, bool] | None) -> None:
    """Six rules ask for caches, and must agree about which function is kept, and whether anything is ever dropped."""
    caches = SourceFile("a.py", text + "\n").caches

    assert [(each.name, each.function.name.value, each.has_no_limit) for each in caches] == ([found] if found else [])


def test_results_are_told_apart_by_all_parameters_but_the_object() -> None:
    """A method without further parameters has one result for each object."""
    (cache,) = SourceFile(
        "a.py", "from functools import cache\nclass A:\n    @cache\n    def f(self, a, *, b=1):\n        pass\n"
    ).caches

    assert [param.name.value for param in cache.keyed_by()] == ["a", "b"]
