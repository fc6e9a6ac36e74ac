"""Finds cached functions whose result depends on more than their arguments: the clock, chance, the network."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.answers import is_session
from postil.lint.blocking import blocks, may_block
from postil.lint.caches import Cache
from postil.lint.catalogue.caches import FUNCTOOLS_CACHES
from postil.lint.names import dotted
from postil.lint.tree import walk_scope

MENTIONS = ("functools",)

_CLOCK = frozenset(
    {
        "time.time",
        "time.time_ns",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "django.utils.timezone.now",
        "django.utils.timezone.localdate",
        "django.utils.timezone.localtime",
    }
)
_CHANCE = frozenset(
    {
        "uuid.uuid1",
        "uuid.uuid4",
        "os.urandom",
        "secrets.choice",
        "secrets.randbelow",
        "secrets.token_bytes",
        "secrets.token_hex",
        "secrets.token_urlsafe",
        *(
            f"random.{name}"
            for name in (
                "choice",
                "choices",
                "getrandbits",
                "randbytes",
                "randint",
                "random",
                "randrange",
                "sample",
                "uniform",
            )
        ),
    }
)
_QUERIES = frozenset({"execute", "scalars", "scalar", "query", "get", "get_one"})
_LAST = frozenset(name.rpartition(".")[2] for name in _CLOCK | _CHANCE)
# What is made once and kept on purpose. The name says it, as do those of keys that change with time.
_MADE_ONCE = re.compile(
    r"(^|_)(load|settings|config|client|session|engine|connection|conn|pool|instance|singleton|factory|nonce|salt|seed"
    r"|once|jwks?|jwk_set|schema|manifest|boot|start(ed|up)?|process|version|metadata)(_|$|s$)"
)
_CHANGES_WITH_TIME = re.compile(
    r"ttl|_hash$|^hash|bucket|epoch|cache_key|cachebuster|today|now|^_?(day|hour|minute)s?$"
)
_NOT_A_QUESTION = ("subprocess.", "os.", "time.sleep", "queue.", "threading.", "input", "socket.get")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for cache in file.caches:
        name = cache.function.name.value
        if cache.name not in FUNCTOOLS_CACHES or cache.function.asynchronous is not None or _MADE_ONCE.search(name):
            continue
        # The cache of a function within another one is gone with its call.
        if file.enclosing_def(cache.function) is not None:
            continue
        keys = [param.name.value for param in cache.keyed_by()]
        # Without a result there is nothing that could be old.
        if not any(isinstance(n, cst.Return) and n.value is not None for n in walk_scope(cache.function.body)):
            continue
        if any(_CHANGES_WITH_TIME.search(key) for key in keys):
            continue
        found = next(_reasons(cache, bool(keys), file), None)
        if found is not None:
            what, place = found
            yield Note(
                cache.place,
                f"`{cache.word}` answers `{name}` with what {what} said the first time",
                secondary=(Secondary(place, "depends on more than the arguments"),),
            )


def _reasons(cache: Cache, has_keys: bool, file: SourceFile) -> Iterator[tuple[str, cst.CSTNode]]:
    for function in file.calls.reached(cache.function):
        for node in walk_scope(function.body):
            if node.__class__ is not cst.Call:
                continue
            call = cst.ensure_type(node, cst.Call)
            last = file.called(call)
            if last in _LAST:
                name = file.name_of(call.func)
                if name in _CHANCE or (name in _CLOCK and not _measures(call, file)):
                    yield f"`{name}`", call
            if (
                has_keys
                and last in _QUERIES
                and isinstance(call.func, cst.Attribute)
                and is_session(call.func.value, file)
            ):
                yield f"`{dotted(call.func) or last}`", call
            if has_keys and may_block(call, file):
                asked = blocks(call, file)
                if asked is not None and not asked.startswith(_NOT_A_QUESTION):
                    yield f"`{asked}`", call


def _measures(call: cst.Call, file: SourceFile) -> bool:
    """Whether a clock is read to tell how long something took."""
    above = file.parent(call)
    if isinstance(above, cst.BinaryOperation) and isinstance(above.operator, cst.Subtract):
        return True
    if not isinstance(above, cst.Assign) or not isinstance(above.targets[0].target, cst.Name):
        return False
    return re.search(r"start|begin|t0|tic|before", above.targets[0].target.value) is not None
