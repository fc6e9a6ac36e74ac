"""What remembers the result of a function.

Tried with Python 3.11, cachetools 8.0.2 and Django 5.2. Not joblib's `Memory.cache`: it awaits coroutines itself.
"""

FUNCTOOLS_CACHES = frozenset({"functools.cache", "functools.lru_cache"})
CACHED_PROPERTIES = frozenset(
    {
        "functools.cached_property",
        "django.utils.functional.cached_property",
        "propcache.api.cached_property",
        "propcache.cached_property",
        "werkzeug.utils.cached_property",
    }
)
CACHES = (
    FUNCTOOLS_CACHES
    | CACHED_PROPERTIES
    | {
        "cachetools.cached",
        "cachetools.cachedmethod",
        *(f"cachetools.func.{name}_cache" for name in ("fifo", "lfu", "lru", "rr", "ttl")),
    }
)
# Decorators that give the same function back, or one that calls it each time.
KEEP_FUNCTIONS = frozenset(
    {"staticmethod", "classmethod", "abc.abstractmethod", "functools.wraps", "typing_extensions.override"}
)
