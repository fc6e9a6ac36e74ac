"""Pydantic models as their users see them: the fields on the wire, inheritance flattened, and who sends them.

Sees one file. A base class from elsewhere is named, and what it brings is unknown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

from postil.lint.contexts import Route
from postil.lint.normal import Form, type_form
from postil.lint.source import SourceFile, argument, string_value

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_NO_FIELDS = frozenset({"object", "abc.ABC", "typing.Generic", "enum.Enum", "pydantic.BaseModel", "sqlmodel.SQLModel"})
_NOT_FIELDS = frozenset({"typing.ClassVar", "typing_extensions.ClassVar"})
_FIELD_CALLS = ("Field", "Column", "field", "mapped_column")


@dataclass(frozen=True)
class Field:
    """One field: `name` on the wire, `attribute` in Python, its type's form, and its statement in the class `owner`."""

    name: str
    attribute: str
    type: Form
    node: cst.CSTNode
    owner: str
    position: int
    optional: bool = False
    deprecated: bool = False
    excluded: bool = False


@dataclass(frozen=True)
class Model:
    """A class with its own fields and those of its bases in this file; `foreign` names the bases from elsewhere."""

    node: cst.ClassDef
    fields: Mapping[str, Field]
    foreign: frozenset[str]


def model_of(file: SourceFile, node: cst.ClassDef) -> Model:
    """A class's fields by their names on the wire, later classes winning, as inheritance has it."""
    fields: dict[str, Field] = {}
    foreign: set[str] = set()
    for owner in reversed(_lineage(file, node, foreign)):
        fields = {**fields, **{field.attribute: field for field in _own(file, owner)}}
    return Model(node, {field.name: field for field in fields.values()}, frozenset(foreign))


def _lineage(file: SourceFile, node: cst.ClassDef, foreign: set[str]) -> list[cst.ClassDef]:
    """A class and its bases in this file, the closest first; the names of other bases go into `foreign`."""
    found: list[cst.ClassDef] = []
    queue = [node]
    while queue:
        current = queue.pop(0)
        if any(current is each for each in found):
            continue
        found.append(current)
        for arg in current.bases:
            base = arg.value.value if isinstance(arg.value, cst.Subscript) else arg.value
            definition = file.definition_of(base)
            if isinstance(definition, cst.ClassDef):
                queue.append(definition)
            elif (name := file.name_of(base) or file.code(base)) not in _NO_FIELDS:
                foreign.add(name.rpartition(".")[2])
    return found


def _own(file: SourceFile, owner: cst.ClassDef) -> Iterator[Field]:
    position = 0
    for line in owner.body.body:
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else (line,):
            field = _field(file, part, owner.name.value, position)
            if field is not None:
                position += 1
                yield field


def _field(file: SourceFile, part: cst.CSTNode, owner: str, position: int) -> Field | None:
    if isinstance(part, cst.FunctionDef):
        decorator = file.decorator(part, "pydantic.computed_field")
        if decorator is None:
            return None
        call = decorator.decorator if isinstance(decorator.decorator, cst.Call) else None
        name = (string_value(argument(call, "alias")) if call else None) or part.name.value
        kind = type_form(file, part.returns)
        deprecated = call is not None and _says(argument(call, "deprecated"))
        return Field(name, part.name.value, kind, part, owner, position, _nullable(kind), deprecated)
    if not isinstance(part, cst.AnnAssign) or not isinstance(part.target, cst.Name):
        return None
    attribute = part.target.value
    annotation = part.annotation.annotation
    bare = annotation.value if isinstance(annotation, cst.Subscript) else annotation
    if attribute.startswith("_") or attribute == "model_config" or file.name_of(bare) in _NOT_FIELDS:
        return None
    options = list(_options(part))
    aliases = (string_value(argument(call, key)) for key in ("serialization_alias", "alias") for call in options)
    kind = type_form(file, annotation)
    none = isinstance(part.value, cst.Name) and part.value.value == "None"
    return Field(
        next((alias for alias in aliases if alias is not None), attribute),
        attribute,
        kind,
        part,
        owner,
        position,
        optional=none or _nullable(kind),
        deprecated=any(_says(argument(call, "deprecated")) for call in options),
        excluded=any(_says(argument(call, "exclude")) for call in options),
    )


def _options(part: cst.AnnAssign) -> Iterator[cst.Call]:
    """The `Field(…)` calls of a field: its value, or within `Annotated[…]`."""
    found = [part.value]
    if isinstance(part.annotation.annotation, cst.Subscript):
        found += [e.slice.value for e in part.annotation.annotation.slice if isinstance(e.slice, cst.Index)]
    for value in found:
        if isinstance(value, cst.Call) and isinstance(value.func, (cst.Name, cst.Attribute)):
            name = value.func.value if isinstance(value.func, cst.Name) else value.func.attr.value
            if name in _FIELD_CALLS:
                yield value


def _says(expression: cst.BaseExpression | None) -> bool:
    """Whether an option is on: `True`, or a text (pydantic takes the reason for `deprecated=`)."""
    return (isinstance(expression, cst.Name) and expression.value == "True") or string_value(expression) is not None


def _nullable(kind: Form) -> bool:
    return isinstance(kind, tuple) and kind[:1] == ("union",) and "None" in kind


@dataclass(frozen=True)
class View:
    """How one response shows a model: only the fields of `include` if there is one, none of `exclude`."""

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()

    def shows(self, field: Field) -> bool:
        """Whether a field is in the response."""
        names = {field.name, field.attribute}
        return (self.include is None or bool(names & self.include)) and not names & self.exclude


def responses(file: SourceFile) -> dict[str, list[View]]:
    """The classes of this file that its FastAPI endpoints send, directly or inside others, with how they show them."""
    views: dict[str, list[View]] = {}
    queue: list[str] = []
    for route in file.routes:
        if route.framework not in ("fastapi", None):
            continue
        view = _view(route)
        declared = argument(route.call, "response_model")
        if declared is None and route.function.returns is not None:
            declared = route.function.returns.annotation
        if declared is None or view is None:
            continue
        for name in _classes(file, declared):
            views.setdefault(name, []).append(view)
            queue.append(name)
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        node = file.class_named(name)
        if name in seen or node is None:
            continue
        seen.add(name)
        for owner in _lineage(file, node, set()):
            for field in _own(file, owner):
                annotation = field.node.annotation if isinstance(field.node, cst.AnnAssign) else None
                if isinstance(field.node, cst.FunctionDef):
                    annotation = field.node.returns
                for inner in _classes(file, annotation) if annotation is not None else ():
                    views.setdefault(inner, []).append(View())
                    queue.append(inner)
    return views


def _classes(file: SourceFile, annotation: cst.CSTNode) -> list[str]:
    """The classes of this file that an annotation names, in strings too."""
    if isinstance(annotation, cst.Annotation):
        annotation = annotation.annotation
    words = dict.fromkeys(_IDENTIFIER.findall(file.code(annotation)))
    return [word for word in words if file.class_named(word) is not None]


def _view(route: Route) -> View | None:
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
                if isinstance(element, cst.DictElement) and (option.endswith("include") or _says(element.value))
            ]
        literal = frozenset(name for name in found if name is not None)
        if len(literal) != len(found):
            return None
        names[option] = literal
    return View(names["response_model_include"], names["response_model_exclude"] or frozenset())
