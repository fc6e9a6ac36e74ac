"""One parsed Python file, and the questions that checks ask it.

May not guess: a question whose answer the file doesn't show is answered None ("unknown"), and the check stays silent.
"""

import builtins
import codecs
import gc
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar, overload

import libcst as cst

from postil.lint import contexts
from postil.lint.caches import Cache, find_caches
from postil.lint.calls import Calls
from postil.lint.check import Located
from postil.lint.contexts import Handover, Route, Task
from postil.lint.names import BINDING, CHECKED_ONLY, Bindings, dotted
from postil.lint.project import Project
from postil.lint.retries import Retry, find_retries
from postil.lint.tree import COMPREHENSIONS, FUNCTIONS, READERS, SCOPES
from postil.lint.types import Types

MAX_NESTING = 200  # CPython's own tokenizer refuses deeper brackets (Parser/tokenizer.h, MAXLEVEL)

N = TypeVar("N", bound=cst.CSTNode)
F = TypeVar("F")
Definition = cst.FunctionDef | cst.ClassDef

_HOLDS_NULLS = "it holds null bytes, as UTF-16 and binary files do"
_BUILTINS = frozenset(dir(builtins))
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_WORDS = re.compile(r"\w+")
_GAPS = bytes(byte if byte >= 128 or _WORDS.match(chr(byte)) else ord(" ") for byte in range(256))
_BRACKETS = re.compile(r"[\[({\])}]")
_NO_CODE = re.compile(
    r"(?s:\"\"\".*?\"\"\"|'''.*?''')|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*",
)


def word_in(phrase: str) -> str:
    """The longest word of a phrase; the phrase itself where that is all of it."""
    word = max(_WORDS.findall(phrase), key=len, default="")
    return phrase if word == phrase else word


class Unreadable(Exception):
    """A file that can't be linted. `kind` is a `Problem` kind, the text one sentence without the path."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def encoding_of(raw: bytes) -> str:
    """The codec of a Python file's bytes: by BOM or PEP 263 cookie, else UTF-8; perhaps one that doesn't exist."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    for line in raw.split(b"\n", 2)[:2]:
        if found := _COOKIE.match(line):
            return found[1].decode("ascii", "replace")
    return "utf-8"


def decode(raw: bytes) -> str:
    """The text of a Python file from its bytes; line ends are kept, a byte order mark is not.

    Raises:
        Unreadable: not text, an unknown codec, or bytes that the declared codec doesn't know.
    """
    if b"\0" in raw:
        raise Unreadable("encoding", _HOLDS_NULLS)
    encoding = encoding_of(raw)
    try:
        return raw.decode(encoding)
    except LookupError as error:
        raise Unreadable("encoding", f"it declares the unknown encoding {encoding!r}") from error
    except UnicodeDecodeError as error:
        line_number = raw.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig")
        raise Unreadable("encoding", f"line {line_number} is not valid {name}") from error


def nesting(text: str) -> int:
    """How deep brackets nest in `text`, strings and comments left out."""
    deepest = depth = 0
    for bracket in _BRACKETS.finditer(_NO_CODE.sub("", text)):
        depth += 1 if bracket[0] in "[({" else -1
        deepest = max(deepest, depth)
    return deepest


def parse(text: str) -> cst.Module:
    """The syntax tree of `text`.

    Raises:
        Unreadable: for what isn't Python 3, and for what nests deeper than Python itself allows.
    """
    # LibCST takes them within strings, whose values then are none for Python.
    if "\0" in text:
        raise Unreadable("encoding", _HOLDS_NULLS)
    if text.count("(") + text.count("[") + text.count("{") > MAX_NESTING and nesting(text) > MAX_NESTING:
        raise Unreadable("too-deep", f"brackets nest deeper than {MAX_NESTING} levels, which Python refuses as well")
    try:
        with collector_held():
            return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        what = error.message.split("\n", 1)[0].strip()
        raise Unreadable("syntax", f"line {error.raw_line}: {what[:200]}") from error
    except RecursionError as error:
        raise Unreadable("too-deep", "its code nests deeper than the parser bears") from error
    except (cst.CSTValidationError, cst.CSTLogicError, ValueError, IndexError, AssertionError) as error:
        raise Unreadable("syntax", f"it could not be parsed ({type(error).__name__})") from error


@contextmanager
def collector_held() -> Generator[None]:
    """Keep the garbage collector from running meanwhile: it finds nothing in a growing tree, and costs half a parse."""
    held = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if held:
            gc.enable()


class SourceFile:
    """One Python file as checks see it.

    Args:
        path: its path in the repository, with forward slashes.
        text: its source, without a byte order mark.
        project: the project files around it, as far as they are known.

    Raises:
        Unreadable: `text` can't be parsed.
    """

    def __init__(self, path: str, text: str, project: Project | None = None) -> None:
        self.path = path
        self.text = text.removeprefix("\ufeff")
        self.project = project or Project()
        self.module = parse(self.text)
        self._names: dict[int, str | None] = {}
        self._mentioned: dict[str, bool] = {}
        self._facts: dict[Any, Any] = {}

    # What kind of file

    @cached_property
    def is_test(self) -> bool:
        """Whether this is test code, by its path."""
        return contexts.is_test_path(self.path)

    @cached_property
    def is_script(self) -> bool:
        """Whether this is a script, an example, a build file or a migration: not part of the running service."""
        return not self.is_test and contexts.is_script(self)

    @cached_property
    def is_command(self) -> bool:
        """Whether this is code of a command line, by its path: it runs for one person, and ends."""
        return contexts.is_command_path(self.path)

    @cached_property
    def is_service(self) -> bool:
        """Whether this may be part of the running service: neither test nor script."""
        return not self.is_test and not self.is_script

    def in_test(self, node: cst.CSTNode) -> bool:
        """Whether `node` is test code: in a test file, or in a function with a decorator of pytest's."""
        if self.is_test:
            return True
        return any(
            isinstance(above, cst.FunctionDef)
            and any((dotted(_called(each.decorator)) or "").startswith("pytest.") for each in above.decorators)
            for above in (node, *self.ancestors(node))
        )

    def mentions(self, word: str) -> bool:
        """Whether the text holds `word` anywhere: a quick test before a dear question."""
        if word not in self._mentioned:
            self._mentioned[word] = word in (self._vocabulary if word.isidentifier() else self.text)
        return self._mentioned[word]

    def mentioned(self, phrases: Mapping[str, str]) -> set[str]:
        """Those of the `phrases` that the text holds; much faster than to ask for one after the other.

        Each comes with a word in it, as `word_in` finds it: most texts don't even hold that.
        """
        vocabulary, text = self._vocabulary, self.text
        return {each for each, word in phrases.items() if word in vocabulary and (each is word or each in text)}

    @cached_property
    def _vocabulary(self) -> str:
        """Each word of the text once, which is a fifth of it: rules ask for hundreds, and a word never leaves one."""
        # As bytes, in which all that isn't ASCII counts as letters: it is twice as fast as a pattern is.
        return b" ".join(set(self.text.encode().translate(_GAPS).split())).decode()

    # The tree

    @cached_property
    def _walked(self) -> tuple[dict[type[cst.CSTNode], list[cst.CSTNode]], dict[int, cst.CSTNode], list[cst.CSTNode]]:
        """The nodes by class, each node's parent by the node's id, and the nodes that bind names.

        One walk gives them all, as most checks ask for all of them.
        """
        binding: list[cst.CSTNode] = []
        index: dict[type[cst.CSTNode], list[cst.CSTNode]] = {}
        parents: dict[int, cst.CSTNode] = {}
        readers, binds = READERS, BINDING
        stack: list[cst.CSTNode] = [self.module]
        pop, push = stack.pop, stack.append
        while stack:
            node = pop()
            kind = node.__class__
            if kind in index:
                index[kind].append(node)
            else:
                index[kind] = [node]
            if kind in binds:
                binding.append(node)
            read = readers[kind]
            if read is None:
                continue
            for value in read(node):
                if value.__class__ in readers:
                    parents[id(value)] = node
                    push(value)
                elif value.__class__ is list or value.__class__ is tuple:
                    for child in reversed(value):
                        parents[id(child)] = node
                        push(child)
        return index, parents, binding

    @property
    def _index(self) -> dict[type[cst.CSTNode], list[cst.CSTNode]]:
        return self._walked[0]

    @property
    def _parents(self) -> dict[int, cst.CSTNode]:
        return self._walked[1]

    @overload
    def nodes(self, kind: type[N], /) -> list[N]: ...
    @overload
    def nodes(self, kind: type[cst.CSTNode], /, *kinds: type[cst.CSTNode]) -> list[cst.CSTNode]: ...
    def nodes(self, *kinds: type[cst.CSTNode]) -> list[cst.CSTNode]:
        """All nodes of exactly these classes, class by class, each in source order."""
        if len(kinds) == 1:
            return self._index.get(kinds[0], [])
        return [node for kind in kinds for node in self._index.get(kind, [])]

    @cached_property
    def depth(self) -> int:
        """How many nodes stand above the one that stands deepest."""
        depths = {id(self.module): 0}
        for node, parent in self._parents.items():
            depths[node] = depths[id(parent)] + 1
        return max(depths.values())

    def kinds(self) -> Iterable[type[cst.CSTNode]]:
        """The node classes that occur in this file."""
        return self._index.keys()

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node directly above `node`; None for the module."""
        return self._parents.get(id(node))

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes above `node`, from the closest to the module."""
        above = self._parents.get(id(node))
        while above is not None:
            yield above
            above = self._parents.get(id(above))

    def enclosing_statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """The innermost statement (line or compound) that `node` is, or stands in."""
        current: cst.CSTNode | None = node
        while current is not None:
            if isinstance(current, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                return current
            current = self.parent(current)
        return self.module

    def enclosing_function(self, node: cst.CSTNode) -> cst.FunctionDef | cst.Lambda | None:
        """The function or lambda in whose body `node` runs. Decorators, defaults and annotations run outside."""
        child = node
        for above in self.ancestors(node):
            if isinstance(above, FUNCTIONS) and child is above.body:
                return above
            child = above
        return None

    def enclosing_def(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """As `enclosing_function`, looking through lambdas to the `def` around them."""
        function = self.enclosing_function(node)
        while isinstance(function, cst.Lambda):
            function = self.enclosing_function(function)
        return function

    def enclosing_class(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """The class in whose body `node` stands, directly or in one of its methods."""
        child = node
        for above in self.ancestors(node):
            if isinstance(above, cst.ClassDef) and child is above.body:
                return above
            child = above
        return None

    def known_as(self, function: cst.FunctionDef) -> str:
        """The name by which others call a function: that of its class for a constructor."""
        owner = self.enclosing_class(function) if function.name.value == "__init__" else None
        return (owner or function).name.value

    def scope_of(self, node: cst.CSTNode) -> str:
        """The dotted name of the definition around `node` (itself included): "Service.charge", "" at module level."""
        names = []
        chain = [node, *self.ancestors(node)]
        for position, current in enumerate(chain):
            if isinstance(current, (cst.FunctionDef, cst.ClassDef)) and (
                position == 0 or chain[position - 1] is current.body or chain[position - 1] is current.name
            ):
                names.append(current.name.value)
        return ".".join(reversed(names))

    def code(self, node: cst.CSTNode) -> str:
        """The source text of `node`."""
        return self.module.code_for_node(node)

    def indentation(self, node: cst.CSTNode) -> str:
        """The white space in front of the line on which the statement that `node` is, or stands in, begins."""
        blocks = [above for above in self.ancestors(node) if isinstance(above, cst.IndentedBlock)]
        return "".join(
            self.module.default_indent if block.indent is None else block.indent for block in reversed(blocks)
        )

    def laid_out(self, statement: cst.CSTNode, place: cst.CSTNode, *, deeper: bool = False) -> str | None:
        """The text of a statement for the place where another stands, or for one level deeper below a new header.

        The first line is not indented, as edits begin behind the indentation. None where a string spans lines, which
        a shift would change.
        """
        text = self.code(statement.with_changes(leading_lines=())).rstrip()
        if '"""' in text or "'''" in text or "\\\n" in text:
            return None
        indent = self.indentation(place) + (self.module.default_indent if deeper else "")
        first, *rest = text.split("\n")
        return "\n".join((first, *(f"{indent}{line}" if line.strip() else line for line in rest)))

    def at(self, node: cst.CSTNode) -> Located:
        """`node` as a place in this file, for checks that see several files."""
        return Located(self.path, node)

    def fact(self, kind: Callable[["SourceFile"], F]) -> F:
        """What a class or function makes of this file, made once for all checks that ask: `file.fact(revision)`."""
        if kind not in self._facts:
            self._facts[kind] = kind(self)
        return self._facts[kind]

    # Names

    @cached_property
    def _bindings(self) -> Bindings:
        _, parents, binding = self._walked
        return Bindings(self.module, binding, parents)

    @property
    def imports(self) -> Mapping[str, str]:
        """The names that this module's top level imports: local name → dotted origin ("." before a relative one)."""
        return self._bindings.module_imports

    def binds(self, name: str) -> bool:
        """Whether this module's top level assigns, defines or imports `name`, in a branch perhaps."""
        return name in self._bindings.module_names or name in self._bindings.module_imports

    def spelling_of(self, name: str) -> str | None:
        """How this module's top level spells a dotted name by its imports: "sleep", "aio.sleep", or None."""
        for local, origin in self.imports.items():
            if origin == name:
                return local
        owner, _, last = name.rpartition(".")
        found = self.spelling_of(owner) if owner else None
        return f"{found}.{last}" if found is not None else None

    def called(self, call: cst.Call) -> str | None:
        """The last part of the name of what is called, an alias of the module's imports undone: a first cheap look.

        "Client" for `httpx.Client()`, and for `C()` behind `from httpx import Client as C`.
        """
        func = call.func
        if func.__class__ is cst.Attribute:
            return cst.ensure_type(func, cst.Attribute).attr.value
        if func.__class__ is not cst.Name:
            return None
        name = cst.ensure_type(func, cst.Name).value
        origin = self.imports.get(name)
        return origin.rpartition(".")[2] if origin is not None else name

    def name_of(self, expression: cst.CSTNode) -> str | None:
        """The dotted name that an expression stands for, whatever the style of its import.

        `requests.get`, `from requests import get` and `import requests as r` all give "requests.get"; an unshadowed
        builtin gives its plain name. None for everything else: local variables, this module's own definitions, calls.
        """
        key = id(expression)
        if key in self._names:
            return self._names[key]
        name: str | None = None
        if isinstance(expression, cst.Name):
            name = self._resolve(expression)
        elif isinstance(expression, cst.Attribute):
            base = self.name_of(expression.value)
            name = f"{base}.{expression.attr.value}" if base is not None else None
        # A node that hangs in no tree, such as a parsed annotation, hands its identity to the next once it is freed.
        if key in self._parents:
            self._names[key] = name
        return name

    def _resolve(self, name: cst.Name) -> str | None:
        value = name.value
        for scope in self._scopes(name):
            bound = self._bindings.of(scope)
            if value in bound.imports:
                return bound.imports[value]
            if value in bound.names:
                return None
        if value in self._bindings.module_imports:
            return self._bindings.module_imports[value]
        if value in self._bindings.module_names:
            return None
        return value if value in _BUILTINS else None

    def _scopes(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The functions, lambdas, comprehensions and the directly enclosing class whose names `node` sees."""
        parents = self._parents
        child, above = node, parents.get(id(node))
        in_function = False
        while above is not None:
            kind = above.__class__
            if kind in SCOPES:
                if kind in COMPREHENSIONS:
                    yield above
                elif child is above.body and not (in_function and kind is cst.ClassDef):  # ty: ignore[missing-attribute]
                    in_function = in_function or kind is not cst.ClassDef
                    yield above
            child, above = above, parents.get(id(above))

    def is_local(self, name: cst.Name) -> bool:
        """Whether `name` is bound in a function, lambda or comprehension around it (parameters included)."""
        return any(name.value in self._bindings.of(scope).names for scope in self._scopes(name))

    def definition_of(self, expression: cst.CSTNode) -> Definition | None:
        """The `def` or `class` of this file that an expression names.

        Sees nested functions, module-level definitions, and `self.method` / `cls.method` of the enclosing class and its
        bases in this file, and `Class[T]` as `Class`. None where the name is rebound, defined twice in different
        branches, or from elsewhere.
        """
        if isinstance(expression, cst.Name):
            for scope in self._scopes(expression):
                bound = self._bindings.of(scope)
                if expression.value in bound.names or expression.value in bound.imports:
                    return bound.definitions.get(expression.value)
            if expression.value in self._bindings.module_imports:
                return None
            return self._bindings.module_definitions.get(expression.value)
        if isinstance(expression, cst.Attribute):
            return self._member(expression)
        if isinstance(expression, cst.Subscript):
            # `Repository[Order]` is the class; an item of anything else isn't known.
            found = self.definition_of(expression.value)
            return found if isinstance(found, cst.ClassDef) else None
        return None

    def _member(self, expression: cst.Attribute) -> Definition | None:
        owner: cst.CSTNode | None = None
        if isinstance(expression.value, cst.Name) and expression.value.value in ("self", "cls"):
            owner = self.enclosing_class(expression)
        elif isinstance(expression.value, (cst.Name, cst.Attribute)):
            owner = self.definition_of(expression.value)
            if owner is None and (kind := self.type_of(expression.value)) and "." not in kind:
                owner = self._bindings.module_definitions.get(kind)
        if not isinstance(owner, cst.ClassDef):
            return None
        return self.member_of(owner, expression.attr.value)

    def member_of(self, owner: cst.ClassDef, name: str) -> Definition | None:
        """The method or inner class `name` of a class, looked up through its bases in this file."""
        seen: set[int] = set()
        queue = [owner]
        while queue:
            current = queue.pop(0)
            if id(current) in seen:
                continue
            seen.add(id(current))
            bound = self._bindings.of(current)
            if name in bound.names:
                return bound.definitions.get(name)
            for base in current.bases:
                found = self.definition_of(base.value)
                if isinstance(found, cst.ClassDef):
                    queue.append(found)
        return None

    def value_of(self, name: cst.CSTNode) -> cst.BaseExpression | None:
        """The one expression that a plain name is assigned where it is bound; None when there are several or none.

        An attribute of `self`, `cls` or a class of this file has a value where its class assigns it once.
        """
        if isinstance(name, cst.Attribute):
            return self._types.value_of_attribute(name)
        if not isinstance(name, cst.Name):
            return None
        bound = next(
            (b for b in map(self._bindings.of, self._scopes(name)) if name.value in b.names or name.value in b.imports),
            self._bindings.of(self.module),
        )
        values = bound.assignments.get(name.value, [])
        if len(values) != 1 or name.value in bound.imports:
            return None
        value = values[0].value if isinstance(values[0], cst.AnnAssign) else values[0]
        return value if isinstance(value, cst.BaseExpression) else None

    def definition_named(self, name: str) -> Definition | None:
        """The class or function that this module defines at its top level under `name`."""
        return self._bindings.module_definitions.get(name)

    def class_named(self, name: str) -> cst.ClassDef | None:
        """The class that this module defines at its top level under `name`."""
        found = self._bindings.module_definitions.get(name)
        return found if isinstance(found, cst.ClassDef) else None

    def global_value(self, name: str) -> cst.BaseExpression | None:
        """The one expression that this module's top level assigns to `name`; None when there are several or none."""
        values = self._bindings.module_assignments.get(name, [])
        value = values[0] if len(values) == 1 else None
        value = value.value if isinstance(value, cst.AnnAssign) else value
        return value if isinstance(value, cst.BaseExpression) else None

    # Types

    @cached_property
    def _types(self) -> Types:
        return Types(self, self._bindings)

    def type_of(self, expression: cst.CSTNode) -> str | None:
        """The class of an expression's value as far as this file shows it: "httpx.AsyncClient", or None.

        Follows constructors, `with … as`, annotations (Optional, unions with None, Annotated, aliases), `self.x` of the
        class, module globals and factory functions with a declared result.
        A class of this file gives its bare name.
        """
        return self._types.of(expression)

    def annotated_type(self, annotation: cst.CSTNode) -> str | None:
        """The class that an annotation names, Optional, Annotated and aliases taken off."""
        return self._types.annotated(annotation)

    # Calls

    @cached_property
    def calls(self) -> Calls:
        """Who calls whom among the functions of this file."""
        return Calls(self)

    def served_by(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The request handler or task for which `node` runs, directly or through calls in this file; else None."""
        function = self.enclosing_def(node)
        return self.calls.served_by(function) if function is not None else None

    # Contexts

    @cached_property
    def _contexts(self) -> contexts.Contexts:
        return contexts.Contexts(self)

    def runs_on_loop(self, node: cst.CSTNode) -> bool:
        """Whether `node` runs on the event loop: in an `async def`, or in a sync function that the loop calls itself.

        Sync endpoints, dependencies and background tasks run in a thread pool, and references handed to `to_thread` and
        its like run elsewhere. The table of which is which was taken from the fixtures of hydroid 0.5.
        """
        return self._contexts.runs_on_loop(node)

    def is_offloaded(self, node: cst.CSTNode) -> bool:
        """Whether `node` stands in something that is handed to a thread or process (`asyncio.to_thread(…)`)."""
        return self._contexts.is_offloaded(node)

    def is_startup(self, node: cst.CSTNode) -> bool:
        """Whether `node` runs once at start-up: module level, lifespan, constructor, cached argument-less factory."""
        return self._contexts.is_startup(node)

    def is_lifespan(self, function: cst.FunctionDef) -> bool:
        """Whether `function` is the lifespan of an ASGI app: what stands after its `yield` runs at shutdown."""
        return self._contexts.is_lifespan(function)

    def is_broad(self, handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
        """Whether a handler catches `Exception` or wider: it names no type, or one of these alone or in a tuple."""
        if handler.type is None:
            return True
        caught = handler.type
        types = [element.value for element in caught.elements] if isinstance(caught, cst.Tuple) else [caught]
        return any(self.name_of(each) in ("Exception", "BaseException") for each in types)

    def is_request_handler(self, function: cst.FunctionDef) -> bool:
        """Whether a web framework calls `function` for a request: route, dependency, middleware, view method."""
        return self._contexts.is_request_handler(function)

    def is_task(self, function: cst.FunctionDef) -> bool:
        """Whether a job queue calls `function` (Celery, Dramatiq, RQ, taskiq, Huey, arq)."""
        return any(task.function is function for task in self.tasks) or (
            function.name.value in self._arq_functions
            and self._bindings.module_definitions.get(function.name.value) is function
        )

    @cached_property
    def _arq_functions(self) -> set[str]:
        return contexts.arq_functions(self)

    def is_cleanup(self, node: cst.CSTNode) -> bool:
        """Whether `node` stands in code that ends things: `finally`, `close`, `stop`, after a `.cancel()`."""
        return self._contexts.is_cleanup(node)

    def in_type_checking(self, node: cst.CSTNode) -> bool:
        """Whether `node` stands under `if TYPE_CHECKING:`."""
        return any(isinstance(above, cst.If) and dotted(above.test) in CHECKED_ONLY for above in self.ancestors(node))

    @cached_property
    def routes(self) -> list[Route]:
        """The endpoints that this file declares by decorators, in source order."""
        return list(contexts.find_routes(self))

    @cached_property
    def handovers(self) -> list[Handover]:
        """What this file hands to threads and processes to be called there, in source order."""
        return list(contexts.find_handovers(self))

    @cached_property
    def retries(self) -> list[Retry]:
        """What this file tries again by a retry library."""
        return list(find_retries(self))

    @cached_property
    def caches(self) -> list[Cache]:
        """The cached functions of this file, and what caches them."""
        return list(find_caches(self))

    @cached_property
    def tasks(self) -> list[Task]:
        """The background tasks that this file declares by decorators, in source order."""
        return list(contexts.find_tasks(self))

    def decorator(self, function: cst.FunctionDef | cst.ClassDef, *names: str) -> cst.Decorator | None:
        """The first decorator of a definition whose dotted name is one of `names`, called or not."""
        for decorator in function.decorators:
            if self.name_of(_called(decorator.decorator)) in names:
                return decorator
        return None


def _called(expression: cst.BaseExpression) -> cst.BaseExpression:
    """`f` of `f(…)`, and everything else as it is."""
    return expression.func if isinstance(expression, cst.Call) else expression


ROOM = 1_000_000
"""Characters of text whose syntax trees are held at a time, which is 100 MB."""


class Parsed:
    """Files that were parsed, so that whoever asks next needn't parse them again.

    Holds the last ones, up to `room` characters of text.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._files: dict[tuple[str, str, int], SourceFile] = {}

    def file(self, path: str, text: str, project: Project | None = None) -> SourceFile:
        """The file.

        Raises:
            Unreadable: `text` can't be parsed.
        """
        key = (path, text, id(project))
        if key not in self._files:
            self._files[key] = SourceFile(path, text, project)
            self._room -= len(text)
            while self._room < 0 and len(self._files) > 1:
                oldest = next(iter(self._files))
                del self._files[oldest]
                self._room += len(oldest[1])
        return self._files[key]


def argument(call: cst.Call, keyword: str, position: int | None = None) -> cst.BaseExpression | None:
    """The value of an argument, by keyword or else by position; None when absent or hidden in `*args` / `**kwargs`."""
    for index, arg in enumerate(call.args):
        if arg.keyword is not None:
            if arg.keyword.value == keyword:
                return arg.value
        elif arg.star:
            position = None
        elif index == position:
            return arg.value
    return None


def has_unpacking(call: cst.Call) -> bool:
    """Whether a call passes `*args` or `**kwargs`, so that its arguments aren't all known."""
    return any(arg.star for arg in call.args)


def string_value(expression: cst.CSTNode | None) -> str | None:
    """The value of a plain string literal (concatenated ones too); None for bytes, f-strings and everything else."""
    if isinstance(expression, (cst.SimpleString, cst.ConcatenatedString)):
        value = expression.evaluated_value
        return value if isinstance(value, str) else None
    return None
