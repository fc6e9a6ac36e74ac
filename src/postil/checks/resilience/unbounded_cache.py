"""Finds caches without limit that are keyed by values without limit."""

import re

import libcst as cst

from postil.lint import Fix, Note, Notes, Replace, SourceFile
from postil.lint.caches import Cache
from postil.lint.names import dotted

MENTIONS = ("functools",)

# Types of which there are as many values as somebody cares to send. No annotation says as little.
_OPEN_TYPES = frozenset(
    {"str", "int", "float", "bytes", "tuple", "object", "typing.Any", "typing.Hashable", "collections.abc.Hashable",
     "datetime.datetime", "datetime.date", "decimal.Decimal", "uuid.UUID"}
)  # fmt: skip
# What users, clients and time choose. A cache keyed by the name of a class, a setting or a file of the program is
# bounded by the program, so other names say nothing.
_OPEN_NAMES = re.compile(
    r"(^|_)(text|string|content|contents|body|payload|data|raw|message|msg|prompt|question|query|search|term|sql|line"
    r"|sentence|html|markdown|url|uri|href|link|arn|token|jwt|key|cookie|header|email|phone|address|ip|host|hostname"
    r"|domain_name|user|username|customer|tenant|account|session|request|order|invoice|sku|id|ids|uuid|guid|hash|digest"
    r"|date|day|datetime|timestamp|time|now|amount|price|value|number|latitude|longitude|lat|lon|lng|coordinates)$"
)
_MADE_ONCE = re.compile(r"(^|_)(client|session|engine|pool|connection|settings|config|v?env)(_|$)")


def check(file: SourceFile) -> Notes:
    if not file.is_service or file.is_command:
        return
    for cache in file.caches:
        # On a method the objects are the larger leak, and another rule's.
        if not cache.has_no_limit or any(param.name.value == "self" for param in cache.function.params.params):
            continue
        # What is cached inside of a function goes with it, and some things are made to last.
        if file.enclosing_def(cache.place) is not None or _MADE_ONCE.search(cache.function.name.value):
            continue
        keys = [param.name.value for param in cache.keyed_by() if _is_open(param, file)]
        if not keys or _is_called_with_constants(cache.function, file):
            continue
        named = " and ".join(f"`{key}`" for key in keys[:2])
        yield Note(
            cache.place,
            f"`{cache.word}` keeps a result of `{cache.function.name.value}` for every {named} that there ever was",
            fix=_bounded(cache, file),
        )


def _is_open(param: cst.Param, file: SourceFile) -> bool:
    if not _OPEN_NAMES.search(param.name.value):
        return False
    return param.annotation is None or file.annotated_type(param.annotation.annotation) in _OPEN_TYPES


def _is_called_with_constants(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a private function is called in its file alone, and each time with values that stand there."""
    if not function.name.value.startswith("_"):
        return False
    calls = [call for call in file.nodes(cst.Call) if file.definition_of(call.func) is function]
    constants = (cst.SimpleString, cst.Integer, cst.Float, cst.ConcatenatedString)
    return bool(calls) and all(isinstance(arg.value, constants) for call in calls for arg in call.args)


def _bounded(cache: Cache, file: SourceFile) -> Fix | None:
    """`lru_cache` with the size that it has by itself."""
    if cache.call is not None:
        size = next((arg for arg in cache.call.args if dotted(arg.value) == "None"), None)
        return Fix.replace(size.value, "128") if size is not None else None
    if not isinstance(cache.place, cst.Decorator) or file.name_of(cache.place.decorator) != cache.name:
        return None
    spelled = file.spelling_of("functools.lru_cache")
    return Fix((Replace(cache.place.decorator, f"{spelled}(maxsize=128)"),)) if spelled is not None else None
