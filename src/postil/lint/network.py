"""Which libraries' calls a piece of code makes over the network, as far as everything that it calls is known.

May not guess: one call that could do anything makes the answer None ("unknown").
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.families import CLIENTS, LIBRARIES, REQUESTS, STANDARD_MODULES
from postil.lint.names import dotted, targets
from postil.lint.tree import walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_DEPTH = 6
# Builtins that run code which isn't seen.
_OPEN_ENDED = frozenset({"exec", "eval", "compile", "__import__", "next", "map", "filter", "iter", "getattr", "super"})
# Modules whose functions never use the network. (Their errors are of other families.)
_HARMLESS_MODULES = frozenset(
    {"base64", "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "enum", "gzip", "hashlib", "hmac",
     "html", "io", "itertools", "json", "logging", "math", "operator", "orjson", "os", "pathlib", "pprint", "random",
     "re", "secrets", "shutil", "statistics", "string", "struct", "structlog", "loguru", "sys", "tempfile",
     "textwrap", "time", "traceback", "typing", "uuid", "warnings", "zlib"}
)  # fmt: skip
_HARMLESS = frozenset({"asyncio.sleep", "urllib.parse.urlparse", "urllib.parse.urljoin", "urllib.parse.quote",
                       "urllib.parse.urlencode", "urllib.parse.urlsplit", "urllib.parse.quote_plus"})  # fmt: skip
# Methods of texts, numbers, containers, models and responses, whatever they are called on.
_HARMLESS_METHODS = frozenset(
    {"append", "copy", "decode", "encode", "endswith", "extend", "format", "group", "groups", "hexdigest", "isoformat",
     "items", "join", "keys", "lower", "lstrip", "model_dump", "model_dump_json", "model_validate",
     "model_validate_json", "parse_obj", "raise_for_status", "replace", "rsplit", "rstrip", "setdefault", "sort",
     "split", "splitlines", "startswith", "strftime", "strip", "title", "total_seconds", "upper", "values"}
)  # fmt: skip
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace"})
_LOGGERS = frozenset({"logger", "log", "_logger", "_log", "logging", "_LOGGER", "LOGGER", "LOG"})
_PLAIN_TYPES = frozenset({"str", "dict", "list", "set", "tuple", "int", "float", "bytes"})


@dataclass
class Calls:
    """What code calls and raises: libraries of the network, and the classes of its own `raise` statements."""

    libraries: set[str] = field(default_factory=set)
    raised: list[cst.BaseExpression] = field(default_factory=list)


def library_of(name: str) -> str | None:
    """The library that a dotted name belongs to, if it is one that speaks over the network."""
    return LIBRARIES.get(name.split(".", 1)[0]) or STANDARD_MODULES.get(name.rpartition(".")[0])


def calls_of(body: cst.CSTNode, file: "SourceFile") -> Calls | None:
    """All that `body` calls over the network, through functions of this file too; None if any call isn't known."""
    found = Calls()
    loop = file.parent(body)
    # `with attempt:` in `for attempt in Retrying(…):`
    own = {name.value for name in targets(loop.target)} if isinstance(loop, cst.For) else set()
    return found if _Reader(file, found).read(body, _DEPTH, own) else None


class _Reader:
    def __init__(self, file: "SourceFile", found: Calls) -> None:
        self._file = file
        self._found = found
        self._read: set[int] = set()

    def read(self, body: cst.CSTNode, depth: int, known: Iterable[str] = ()) -> bool:
        """Whether everything in `body` is known; what it calls is noted."""
        if id(body) in self._read:
            return True
        self._read.add(id(body))
        answers = set(known)
        for node in walk_scope(body):
            if isinstance(node, cst.Call):
                if not self._call(node, answers, depth):
                    return False
            elif isinstance(node, cst.Await):
                if not isinstance(node.expression, cst.Call):
                    return False
            elif isinstance(node, cst.Yield):
                return False  # whoever runs the generator may throw anything in here
            elif isinstance(node, cst.With):
                if not all(self._enters(item, answers) for item in node.items):
                    return False
            elif isinstance(node, (cst.For, cst.CompFor)) and node.asynchronous is not None:
                if not self._is_answer(node.iter, answers):
                    return False
            elif isinstance(node, cst.Raise) and node.exc is not None:
                self._found.raised.append(node.exc)
            self._learn(node, answers)
        return True

    def _learn(self, node: cst.CSTNode, answers: set[str]) -> None:
        """Remembers the names that hold what the network answered."""
        if isinstance(node, cst.Assign) and self._is_answer(node.value, answers):
            answers.update(name.value for target in node.targets for name in targets(target.target))
        elif isinstance(node, (cst.AnnAssign, cst.NamedExpr)):
            if node.value is not None and self._is_answer(node.value, answers):
                answers.update(name.value for name in targets(node.target))
        elif isinstance(node, (cst.For, cst.CompFor)) and self._is_answer(node.iter, answers):
            answers.update(name.value for name in targets(node.target))
        elif isinstance(node, cst.WithItem) and node.asname is not None and self._is_answer(node.item, answers):
            answers.update(name.value for name in targets(node.asname.name))

    def _is_answer(self, expression: cst.CSTNode, answers: set[str]) -> bool:
        """Whether a value is what a library gave, or a part of that."""
        while True:
            match expression:
                case cst.Name():
                    return expression.value in answers or self._client(expression) is not None
                case cst.Await():
                    expression = expression.expression
                case cst.Attribute() | cst.Subscript():
                    if self._client(expression) is not None:
                        return True
                    expression = expression.value
                case cst.Call():
                    name = self._file.name_of(expression.func)
                    if name is not None:
                        return library_of(name) is not None or name in ("json.loads", "orjson.loads")
                    if not isinstance(expression.func, cst.Attribute):
                        return False
                    expression = expression.func.value
                case _:
                    return isinstance(expression, (cst.Dict, cst.List, cst.DictComp, cst.ListComp, cst.BaseString))

    def _client(self, expression: cst.CSTNode) -> str | None:
        """The library of a client, connection or session, by its type."""
        kind = self._file.type_of(expression)
        return library_of(kind) if kind in CLIENTS else None

    def _enters(self, item: cst.WithItem, answers: set[str]) -> bool:
        """Whether what a `with` enters is known; a call there is looked at as every call."""
        return isinstance(item.item, cst.Call) or self._is_answer(item.item, answers)

    def _call(self, call: cst.Call, answers: set[str], depth: int) -> bool:
        file = self._file
        if isinstance(file.parent(call), cst.Raise):
            return True
        name = file.name_of(call.func)
        if name is not None:
            return self._named(call, name)
        found = file.definition_of(call.func)
        if isinstance(found, cst.FunctionDef):
            return depth > 0 and not found.decorators and self.read(found.body, depth - 1)
        if isinstance(found, cst.ClassDef):
            made = file.member_of(found, "__init__")
            return made is None or (isinstance(made, cst.FunctionDef) and depth > 0 and self.read(made.body, depth - 1))
        if not isinstance(call.func, cst.Attribute):
            return False
        return self._method(call.func, answers)

    def _named(self, call: cst.Call, name: str) -> bool:
        root, _, rest = name.partition(".")
        if not rest:
            return name not in _OPEN_ENDED
        library = library_of(name)
        if library is not None:
            makes_client = root in LIBRARIES and name.rpartition(".")[2][:1].isupper()
            if not makes_client:
                self._found.libraries.add(library)
            return makes_client or name in REQUESTS or root not in LIBRARIES
        handed = next((each for each in self._file.handovers if each.call is call), None)
        if handed is not None:
            inner = self._file.name_of(handed.value)
            library = library_of(inner) if inner in REQUESTS else None
            if library is not None:
                self._found.libraries.add(library)
            return library is not None
        return name in _HARMLESS or root in _HARMLESS_MODULES

    def _method(self, func: cst.Attribute, answers: set[str]) -> bool:
        library = self._client(func.value)
        if library is not None:
            self._found.libraries.add(library)
            return True
        method = func.attr.value
        if method in _HARMLESS_METHODS or self._file.type_of(func.value) in _PLAIN_TYPES:
            return True
        owner = dotted(func.value)
        if owner is not None and method in _LEVELS and owner.rpartition(".")[2] in _LOGGERS:
            return True
        return self._is_answer(func.value, answers)


def all_known(expressions: Iterable[cst.BaseExpression], file: "SourceFile") -> list[str] | None:
    """The dotted names of the classes in `expressions`; None if any of them isn't known."""
    names = []
    for expression in expressions:
        name = file.name_of(expression.func if isinstance(expression, cst.Call) else expression)
        if name is None:
            return None
        names.append(name)
    return names
