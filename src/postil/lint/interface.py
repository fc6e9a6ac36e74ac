"""What a FastAPI service promises to its callers: endpoints with their full paths, parameters and models.

Sees the files at hand. A router that is included elsewhere has paths whose beginning is unknown, and a model that no
endpoint at hand reaches has a role only by its name.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

import libcst as cst

from postil.lint.contexts import Route
from postil.lint.models import Field, Model, is_model, lineage, model_of
from postil.lint.modules import Modules
from postil.lint.names import dotted, parameters
from postil.lint.normal import Form, type_form
from postil.lint.source import SourceFile, argument, has_unpacking, string_value
from postil.lint.statuses import status_of
from postil.lint.tree import walk
from postil.lint.values import is_enumeration

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_DEPENDS = frozenset({"Depends", "Security"})
_SOURCES = {"Query": "query", "Header": "header", "Cookie": "cookie", "Path": "path", "Body": "body", "Form": "body",
            "File": "body"}  # fmt: skip
_NO_MODELS = ("typing.", "datetime.", "decimal.", "fastapi.", "pydantic.", "uuid.")
_SINGLE = ("query", "header", "cookie")
# What FastAPI hands over without asking the client.
_GIVEN = frozenset(
    {"Request", "Response", "WebSocket", "HTTPConnection", "BackgroundTasks", "SecurityScopes"}
)  # fmt: skip
_SCALARS = frozenset(
    {"int", "str", "float", "bool", "bytes", "uuid.UUID", "datetime.datetime", "datetime.date", "datetime.time",
     "datetime.timedelta", "decimal.Decimal", "pydantic.EmailStr", "pydantic.HttpUrl", "pydantic.UUID4"}
)  # fmt: skip
_DEPTH = 4  # of dependencies on dependencies, and of routers within routers

# The names that FastAPI's own documentation gives to models, where no endpoint at hand tells their role.
_SENT = re.compile(r"(Response|Read|Out|Public)$")
_ASKED = re.compile(r"(Create|Update|Patch|Request|In|Input|Payload)$")
SCHEMAS = re.compile(
    r"(^|/)(\w*api\w*|schemas?|requests?|responses?|routes|routers|endpoints|dtos?|datamodels)(/|\.py$)"
)
"""Paths whose files hold the models of an interface, by the names that services give them."""


@dataclass(frozen=True)
class View:
    """How one response shows a model: only the fields of `include` if there is one, none of `exclude`."""

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()

    def shows(self, field: Field) -> bool:
        """Whether a field is in the response."""
        names = {field.name, field.attribute}
        return (self.include is None or bool(names & self.include)) and not names & self.exclude


@dataclass(frozen=True)
class Parameter:
    """What an endpoint asks for besides its models: `source` is "path", "query", "header", "cookie" or "body".

    `source` is None where the annotation doesn't tell. `asked_by` is the endpoint or the dependency that has it.
    `options` are the calls that say more of it: `Query(…)`, `Field(…)`. `file` is where it stands, and `typed_in`
    where its type is written. `node` is a field where a model holds several: `Annotated[Filter, Query()]`.
    """

    name: str
    source: str | None
    required: bool
    node: cst.Param | cst.AnnAssign
    file: SourceFile
    asked_by: str
    type: Form
    typed_in: SourceFile
    options: tuple[cst.Call, ...]

    @property
    def attribute(self) -> str:
        """What Python calls it."""
        return (dotted(self.node.name if isinstance(self.node, cst.Param) else self.node.target)) or self.name

    @property
    def written(self) -> str:
        """Its type's code."""
        return self.file.code(self.node.annotation.annotation) if self.node.annotation is not None else ""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One endpoint as its callers see it.

    `shown` is what a message calls it: "GET /users/{user_id}". `methods` are in upper case. `paths` are full, with `{}`
    for each parameter, several where a router is included several times; with `open`, something unknown may stand
    before them. `status` is the one of success, None where it isn't written out. `hidden` endpoints are not in the
    OpenAPI document.
    """

    file: SourceFile
    route: Route
    shown: str
    methods: frozenset[str]
    paths: frozenset[str]
    open: bool
    status: int | None
    hidden: bool
    deprecated: bool

    @property
    def name(self) -> str:
        """The function's name."""
        return self.route.function.name.value

    @property
    def response(self) -> cst.BaseExpression | None:
        """The type that it promises to answer with; None where it promises nothing, or `response_model=None`."""
        declared = argument(self.route.call, "response_model")
        if declared is None and self.route.function.returns is not None:
            declared = self.route.function.returns.annotation
        return None if declared is None or dotted(declared) == "None" else declared


@dataclass(frozen=True)
class Role:
    """What a model is used for: how responses show it (empty: in none), and whether requests hold it.

    `sure` where an endpoint at hand says so, and not only the model's name.
    """

    views: tuple[View, ...] = ()
    asked: bool = False
    sure: bool = True


class Interface:
    """The interface of one state of a service.

    Args:
        files: the files at hand, without tests.
    """

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self.files = tuple(file for file in files if not file.is_test)
        self.modules = Modules(self.files)

    # Endpoints

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The FastAPI endpoints of all files."""
        return tuple(
            self._endpoint(file, route)
            for file in self.files
            for route in file.routes
            if route.framework == "fastapi" and route.method in (*_METHODS, "api_route")
        )

    def _endpoint(self, file: SourceFile, route: Route) -> Endpoint:
        call = route.call
        router = self.modules.value(file, route.owner)
        made = router[1] if router is not None and isinstance(router[1], cst.Call) else None
        places = list(self._places(router[0], made)) if router is not None and made is not None else [("", True)]
        paths = frozenset(_normal(prefix + (route.path or "")) for prefix, _ in places)
        hidden = _is(call, "include_in_schema", "False") or (
            made is not None and _is(made, "include_in_schema", "False")
        )
        deprecated = _is(call, "deprecated", "True") or (made is not None and _is(made, "deprecated", "True"))
        is_open = route.path is None or any(unknown for _, unknown in places)
        methods = _methods(route)
        shown = f"{'/'.join(sorted(methods))} {places[0][0]}{route.path or ''}"
        return Endpoint(file, route, shown, methods, paths, is_open, success_of(file, call), hidden, deprecated)

    def _places(self, file: SourceFile, made: cst.Call, depth: int = 0) -> Iterator[tuple[str, bool]]:
        """The prefixes under which an app or router stands, each with whether something unknown comes before it."""
        own = argument(made, "prefix")
        prefix = string_value(own) if own is not None else ""
        unknown = prefix is None or has_unpacking(made)
        kind = file.name_of(made.func) or dotted(made.func) or ""
        if kind.rpartition(".")[2] == "FastAPI":
            yield "", False
            return
        found = False
        for where, include in self.includes:
            target = argument(include, "router", 0)
            reached = self.modules.value(where, target) if target is not None else None
            if reached is None or reached[1] is not made:
                continue
            found = True
            extra = argument(include, "prefix")
            added = string_value(extra) if extra is not None else ""
            above = self.modules.value(where, include.func.value) if isinstance(include.func, cst.Attribute) else None
            outer: Iterable[tuple[str, bool]] = [("", True)]
            if above is not None and isinstance(above[1], cst.Call) and depth < _DEPTH:
                outer = self._places(above[0], above[1], depth + 1)
            for before, open_before in outer:
                yield before + (added or "") + (prefix or ""), open_before or unknown or added is None
        if not found:
            yield prefix or "", True

    @cached_property
    def includes(self) -> list[tuple[SourceFile, cst.Call]]:
        """The calls of `include_router`, each with its file."""
        return [
            (file, call)
            for file in self.files
            if file.mentions("include_router")
            for call in file.nodes(cst.Call)
            if isinstance(call.func, cst.Attribute) and call.func.attr.value == "include_router"
        ]

    def parameters(self, endpoint: Endpoint) -> list[Parameter]:
        """What an endpoint and its dependencies at hand ask a client for."""
        placeholders = {name.strip("{}").partition(":")[0] for name in _PLACEHOLDER.findall(endpoint.route.path or "")}
        found: list[Parameter] = []
        self._asked(endpoint.file, endpoint.route.function, placeholders, found, set())
        return found

    def _asked(
        self,
        file: SourceFile,
        function: cst.FunctionDef,
        placeholders: set[str],
        found: list[Parameter],
        seen: set[int],
    ) -> None:
        if id(function) in seen or len(seen) > 40:
            return
        seen.add(id(function))
        owner = file.enclosing_class(function) if function.name.value == "__init__" else None
        asked_by = (owner or function).name.value
        for param in parameters(function):
            if param.star in ("*", "**") or param.name.value in ("self", "cls"):
                continue
            where, annotation, options = self._annotation(file, param)
            marker = next((call for call in options if _last(call) in _DEPENDS), None)
            if marker is not None:
                target = argument(marker, "dependency", 0)
                home = where if target is None or marker is not param.default else file
                # `Depends()` means the parameter's own type.
                given_by = target if target is not None else annotation
                known = self.modules.definition(home, given_by) if given_by is not None else None
                provider = known[1] if known is not None else None
                if known is not None and isinstance(provider, cst.ClassDef):
                    provider = known[0].member_of(provider, "__init__")
                if known is not None and isinstance(provider, cst.FunctionDef):
                    self._asked(known[0], provider, placeholders, found, seen)
                continue
            given = next((call for call in options if _last(call) in _SOURCES), None)
            source = _SOURCES[_last(given)] if given is not None else None
            kind = where.annotated_type(annotation) if annotation is not None else None
            if source is None:
                if param.name.value in placeholders:
                    source = "path"
                elif kind is not None and kind.rpartition(".")[2] in _GIVEN:
                    continue
                elif kind in _SCALARS or annotation is None:
                    source = "query"
                elif self.models_in(where, annotation):
                    source = "body"
            in_form = given is not None and _last(given) == "Form"
            several = self._several(where, annotation, source, asked_by) if source in _SINGLE or in_form else None
            if several is not None:
                found += several
                continue
            found.append(
                Parameter(
                    _wire_name(param, given, source),
                    source,
                    _is_required(param, given),
                    param,
                    file,
                    asked_by,
                    type_form(where, annotation),
                    where,
                    tuple(options),
                )
            )

    def _several(
        self, where: SourceFile, annotation: cst.BaseExpression | None, source: str | None, asked_by: str
    ) -> list[Parameter] | None:
        """The parameters that one of the function stands for; None for one that is itself, none for an unknown class.

        Source: https://fastapi.tiangolo.com/tutorial/query-param-models/
        """
        if not isinstance(annotation, (cst.Name, cst.Attribute)):
            return None
        held = self.modules.definition(where, annotation)
        if held is not None and isinstance(held[1], cst.ClassDef) and self.is_model(held[0], held[1]):
            return list(self._of_model(held[0], held[1], source, asked_by))
        kind = where.annotated_type(annotation) or ""
        is_known = held is not None or "." not in kind or kind.startswith(_NO_MODELS)
        return None if is_known else []

    def _of_model(self, file: SourceFile, node: cst.ClassDef, source: str | None, asked_by: str) -> Iterator[Parameter]:
        for field in self.model(file, node).fields.values():
            if isinstance(field.node, cst.AnnAssign):
                plain = source == "header" and field.asked == field.attribute
                name = field.asked.replace("_", "-") if plain else field.asked
                options = tuple(field.options)
                yield Parameter(
                    name, source, field.required, field.node, field.file, asked_by, field.type, field.file, options
                )

    def _annotation(
        self, file: SourceFile, param: cst.Param
    ) -> tuple[SourceFile, cst.BaseExpression | None, list[cst.Call]]:
        """A parameter's type without `Annotated` and aliases, and the calls that say where it comes from."""
        options = [param.default] if isinstance(param.default, cst.Call) else []
        if param.annotation is None:
            return file, None, options
        where, annotation = file, param.annotation.annotation
        for _ in range(_DEPTH):
            if isinstance(annotation, (cst.Name, cst.Attribute)):
                alias = self.modules.value(where, annotation)
                if alias is None or not isinstance(alias[1], (cst.Subscript, cst.BinaryOperation)):
                    break
                where, annotation = alias
            elif isinstance(annotation, cst.Subscript) and (dotted(annotation.value) or "").endswith("Annotated"):
                parts = [each.slice.value for each in annotation.slice if isinstance(each.slice, cst.Index)]
                options += [part for part in parts[1:] if isinstance(part, cst.Call)]
                annotation = parts[0]
            else:
                break
        return where, annotation, options

    # Models

    def model(self, file: SourceFile, node: cst.ClassDef) -> Model:
        """A class's fields, those of its bases at hand included."""
        key = id(node)
        if key not in self._models:
            self._models[key] = model_of(file, node, self.modules)
        return self._models[key]

    @cached_property
    def _models(self) -> dict[int, Model]:
        return {}

    def models_in(self, file: SourceFile, annotation: cst.CSTNode) -> list[tuple[SourceFile, cst.ClassDef]]:
        """The classes at hand that a type names, in strings and aliases too."""
        found: dict[int, tuple[SourceFile, cst.ClassDef]] = {}
        queue: list[tuple[SourceFile, cst.CSTNode]] = [(file, annotation)]
        for _ in range(200):
            if not queue:
                break
            where, node = queue.pop()
            members: set[int] = set()
            for part in walk(node):
                if isinstance(part, cst.SimpleString):
                    for word in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", part.raw_value)):
                        inner = where.class_named(word)
                        if inner is not None:
                            found.setdefault(id(inner), (where, inner))
                if isinstance(part, cst.Attribute):
                    members.add(id(part.attr))
                if not isinstance(part, (cst.Name, cst.Attribute)) or id(part) in members:
                    continue
                known = self.modules.definition(where, part)
                if known is not None and isinstance(known[1], cst.ClassDef):
                    found.setdefault(id(known[1]), (known[0], known[1]))
                elif known is None and isinstance(part, cst.Name):
                    alias = self.modules.value(where, part)
                    if alias is not None and not isinstance(alias[1], cst.Call):
                        queue.append(alias)
        return list(found.values())

    def held_in(self, file: SourceFile, annotation: cst.CSTNode) -> Iterator[tuple[SourceFile, cst.ClassDef]]:
        """The classes at hand that a type names, then those that their fields hold, however deep."""
        named = self.models_in(file, annotation)
        yield from named
        yield from self._inside(named)

    @cached_property
    def _reached(self) -> tuple[dict[int, list[View]], set[int]]:
        """How responses show the classes that they hold, and which classes requests hold; by the class's id."""
        sent: dict[int, list[View]] = {}
        asked: set[int] = set()
        answers: list[tuple[SourceFile, cst.ClassDef]] = []
        bodies: list[tuple[SourceFile, cst.ClassDef]] = []
        for endpoint in self.endpoints:
            if endpoint.response is not None and (view := view_of(endpoint.route)) is not None:
                for where, node in self.models_in(endpoint.file, endpoint.response):
                    sent.setdefault(id(node), []).append(view)
                    answers.append((where, node))
            for param in parameters(endpoint.route.function):
                where, annotation, options = self._annotation(endpoint.file, param)
                if annotation is None or any(_last(call) in _DEPENDS for call in options):
                    continue
                bodies += self.models_in(where, annotation)
        for _, node in self._inside(answers):
            sent.setdefault(id(node), []).append(View())
        asked.update(id(node) for _, node in (*bodies, *self._inside(bodies)))
        return sent, asked

    def _inside(self, found: Sequence[tuple[SourceFile, cst.ClassDef]]) -> Iterator[tuple[SourceFile, cst.ClassDef]]:
        """The classes that fields of the given ones hold, however deep."""
        queue = list(found)
        entered: set[int] = set()
        while queue:
            where, node = queue.pop()
            if id(node) in entered:
                continue
            entered.add(id(node))
            for inner in self._fields_of(where, node):
                queue.append(inner)
                yield inner

    def _fields_of(self, file: SourceFile, node: cst.ClassDef) -> Sequence[tuple[SourceFile, cst.ClassDef]]:
        """The classes that the fields of one name."""
        key = id(node)
        if key not in self._held:
            fields = self.model(file, node).fields.values()
            self._held[key] = [
                inner
                for field in fields
                if field.annotation is not None
                for inner in self.models_in(field.file, field.annotation)
            ]
        return self._held[key]

    @cached_property
    def _held(self) -> dict[int, Sequence[tuple[SourceFile, cst.ClassDef]]]:
        return {}

    def role(self, file: SourceFile, node: cst.ClassDef) -> Role:
        """What a model is used for. By its name where no endpoint at hand reaches it, in a file without endpoints."""
        sent, asked = self._reached
        if id(node) in sent or id(node) in asked:
            return Role(tuple(sent.get(id(node), ())), id(node) in asked)
        supposed = self._supposed(file, node)
        if not supposed.views and not supposed.asked and is_enumeration(file, node, self.modules):
            return self._of_enumerations.get(id(node), supposed)
        return supposed

    def _supposed(self, file: SourceFile, node: cst.ClassDef) -> Role:
        """What a model is used for, by its name."""
        name = node.name.value
        if not node.bases or not SCHEMAS.search(file.path) or file.routes:
            return Role()
        return Role((View(),) if _SENT.search(name) else (), bool(_ASKED.search(name)), sure=False)

    @cached_property
    def _of_enumerations(self) -> dict[int, Role]:
        """What the classes are used for that models hold whose role is known by their names alone."""
        roles: dict[int, Role] = {}
        for file in self.files:
            for node in file.nodes(cst.ClassDef) if SCHEMAS.search(file.path) else ():
                role = self._supposed(file, node)
                for _, inner in self._inside([(file, node)]) if role.views or role.asked else ():
                    known = roles.get(id(inner), Role())
                    roles[id(inner)] = Role(known.views or role.views, known.asked or role.asked, sure=False)
        return roles

    def is_model(self, file: SourceFile, node: cst.ClassDef) -> bool:
        """Whether a class is a Pydantic model, as far as the files at hand show."""
        return is_model(file, node, self.modules)

    def lineage(self, file: SourceFile, node: cst.ClassDef) -> list[tuple[SourceFile, cst.ClassDef]]:
        """A class and its bases at hand."""
        return lineage(file, node, self.modules)


def success_of(file: SourceFile, call: cst.Call) -> int | None:
    """The status of success that a route declares, 200 where it declares none; None where it can't be told."""
    value = argument(call, "status_code")
    if value is None:
        return None if has_unpacking(call) else HTTPStatus.OK.value
    return status_of(value, file)


def _methods(route: Route) -> frozenset[str]:
    if route.method != "api_route":
        return frozenset({route.method.upper()})
    listed = argument(route.call, "methods")
    if isinstance(listed, (cst.List, cst.Tuple, cst.Set)):
        names = [string_value(element.value) for element in listed.elements]
        return frozenset(name.upper() for name in names if name is not None)
    return frozenset({"GET"})


def _normal(path: str) -> str:
    """A path with its parameters' names taken out: callers don't see them."""
    return _PLACEHOLDER.sub("{}", path)


def _is(call: cst.Call, keyword: str, word: str) -> bool:
    value = argument(call, keyword)
    return isinstance(value, cst.Name) and value.value == word


def _last(call: cst.Call) -> str:
    return (dotted(call.func) or "").rpartition(".")[2]


def _is_required(param: cst.Param, given: cst.Call | None) -> bool:
    if given is None or given is not param.default:
        return param.default is None
    default = argument(given, "default", 0)
    if has_unpacking(given) or argument(given, "default_factory") is not None:
        return False
    return default is None or isinstance(default, cst.Ellipsis)


def _wire_name(param: cst.Param, given: cst.Call | None, source: str | None) -> str:
    alias = string_value(argument(given, "alias")) if given is not None else None
    name = param.name.value
    return alias or (name.replace("_", "-") if source == "header" else name)


def view_of(route: Route) -> View | None:
    """How an endpoint shows its model; None where that isn't written out."""
    names: dict[str, frozenset[str] | None] = {}
    for option in ("response_model_include", "response_model_exclude"):
        value = argument(route.call, option)
        if value is None:
            names[option] = None
            continue
        found: list[str | None] = [None]
        if isinstance(value, (cst.Set, cst.List, cst.Tuple)):
            found = [string_value(element.value) for element in value.elements]
        elif isinstance(value, cst.Dict):
            # {"items": {…}} shows or hides parts of `items`, {"items": True} the whole.
            found = [
                string_value(element.key)
                for element in value.elements
                if isinstance(element, cst.DictElement)
                and (option.endswith("include") or dotted(element.value) == "True")
            ]
        literal = frozenset(name for name in found if name is not None)
        if len(literal) != len(found):
            return None
        names[option] = literal
    return View(names["response_model_include"], names["response_model_exclude"] or frozenset())
