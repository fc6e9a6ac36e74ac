"""Pydantic models as their users see them: the fields on the wire, with inheritance flattened.

Sees the files at hand. A base class from elsewhere is named, and what it brings is unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from postil.lint.modules import Modules
from postil.lint.names import bare, dotted
from postil.lint.normal import LIMITED, Form, type_form
from postil.lint.source import SourceFile, argument, has_unpacking, string_value

_NO_FIELDS = frozenset({"object", "abc.ABC", "typing.Generic", "enum.Enum", "pydantic.BaseModel", "sqlmodel.SQLModel"})
_NOT_FIELDS = frozenset({"typing.ClassVar", "typing_extensions.ClassVar"})
_FIELD_CALLS = ("Field", "Column", "field", "mapped_column", "StringConstraints")
# What else sets limits: `constr(max_length=8)` as the type itself, and the marks of annotated_types beside it.
_LIMITING = ("Gt", "Ge", "Lt", "Le", "MinLen", "MaxLen", *LIMITED)


@dataclass(frozen=True)
class Field:
    """One field of the class `owner` in `file`, with its statement.

    `name` is what a response calls it, `asked` what a request does, `attribute` what Python does. `required` when a
    request must hold it, `optional` when a response may hold null there.
    """

    name: str
    asked: str
    attribute: str
    type: Form
    node: cst.CSTNode
    file: SourceFile
    owner: str
    position: int
    required: bool = False
    optional: bool = False
    deprecated: bool = False
    excluded: bool = False

    @property
    def annotation(self) -> cst.BaseExpression | None:
        """Its type, as written."""
        if isinstance(self.node, cst.AnnAssign):
            return self.node.annotation.annotation
        returns = self.node.returns if isinstance(self.node, cst.FunctionDef) else None
        return returns.annotation if returns is not None else None

    @property
    def written(self) -> str:
        """Its type's code."""
        return self.file.code(self.annotation) if self.annotation is not None else ""

    @property
    def options(self) -> list[cst.Call]:
        """The calls that say more of it: `Field(…)`, as its value or within `Annotated[…]`."""
        return list(_options(self.node)) if isinstance(self.node, cst.AnnAssign) else []

    @property
    def typed_in(self) -> SourceFile:
        """The file in which its type is written."""
        return self.file


@dataclass(frozen=True)
class Model:
    """A class with its own fields and those of its bases at hand, by their names in a response.

    `foreign` names the bases from elsewhere; `extra` says what becomes of unknown fields in a request ("allow",
    "ignore", "forbid"), None where that isn't said; `generator` is what makes the names on the wire of those in Python,
    with the file that says so.
    """

    file: SourceFile
    node: cst.ClassDef
    fields: Mapping[str, Field]
    foreign: frozenset[str]
    extra: str | None = None
    generator: tuple[SourceFile, cst.BaseExpression] | None = None

    @property
    def is_table(self) -> bool:
        """Whether it is a table of SQLModel, which takes a request without validation and refuses nothing.

        Source: https://sqlmodel.tiangolo.com/tutorial/fastapi/multiple-models/; FastAPI answers `{}` with 200.
        """
        return any(arg.keyword is not None and arg.keyword.value == "table" for arg in self.node.keywords)


def model_of(file: SourceFile, node: cst.ClassDef, modules: Modules | None = None) -> Model:
    """A class's fields by their names on the wire, later classes winning, as inheritance has it."""
    fields: dict[str, Field] = {}
    foreign: set[str] = set()
    extra = None
    generator = None
    for where, owner in reversed(lineage(file, node, modules, foreign)):
        fields = {**fields, **{field.attribute: field for field in _own(where, owner)}}
        extra = _word(_configured(owner, "extra")) or extra
        made = _configured(owner, "alias_generator")
        generator = (where, made) if made is not None else generator
    return Model(file, node, {field.name: field for field in fields.values()}, frozenset(foreign), extra, generator)


def is_model(file: SourceFile, node: cst.ClassDef, modules: Modules | None = None) -> bool:
    """Whether a class is a Pydantic model, as far as the files at hand show."""
    return any(
        (where.name_of(bare(arg.value)) or "").rpartition(".")[2] in ("BaseModel", "SQLModel")
        for where, owner in lineage(file, node, modules)
        for arg in owner.bases
    )


def lineage(
    file: SourceFile, node: cst.ClassDef, modules: Modules | None = None, foreign: set[str] | None = None
) -> list[tuple[SourceFile, cst.ClassDef]]:
    """A class and its bases at hand, the closest first; the names of other bases go into `foreign`."""
    found: list[tuple[SourceFile, cst.ClassDef]] = []
    queue = [(file, node)]
    while queue:
        where, current = queue.pop(0)
        if any(current is each for _, each in found):
            continue
        found.append((where, current))
        for arg in current.bases:
            base = bare(arg.value)
            local = where.definition_of(base)
            known = (where, local) if local is not None else modules.definition(where, base) if modules else None
            if known is not None and isinstance(known[1], cst.ClassDef):
                queue.append((known[0], known[1]))
            elif foreign is not None and (name := where.name_of(base) or where.code(base)) not in _NO_FIELDS:
                foreign.add(name.rpartition(".")[2])
    return found


def _configured(owner: cst.ClassDef, key: str) -> cst.BaseExpression | None:
    """What a class itself sets: in `model_config`, in `class Config`, or as a keyword beside its bases."""
    for keyword in owner.keywords:
        if keyword.keyword is not None and keyword.keyword.value == key:
            return keyword.value
    for line in owner.body.body:
        if isinstance(line, cst.ClassDef) and line.name.value == "Config":
            return next((value for part in _parts(line) if (value := _assigned(part, key)) is not None), None)
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            value = _assigned(part, "model_config")
            if isinstance(value, cst.Call):
                return argument(value, key)
            if isinstance(value, cst.Dict):
                entries = [each for each in value.elements if isinstance(each, cst.DictElement)]
                return next((each.value for each in entries if string_value(each.key) == key), None)
    return None


def _parts(owner: cst.ClassDef) -> Iterator[cst.CSTNode]:
    for line in owner.body.body:
        yield from line.body if isinstance(line, cst.SimpleStatementLine) else (line,)


def _assigned(part: cst.CSTNode, name: str) -> cst.BaseExpression | None:
    """What a statement gives a name."""
    if not isinstance(part, (cst.Assign, cst.AnnAssign)):
        return None
    targets = [part.target] if isinstance(part, cst.AnnAssign) else [each.target for each in part.targets]
    return part.value if any(isinstance(each, cst.Name) and each.value == name for each in targets) else None


def _word(value: cst.BaseExpression | None) -> str | None:
    """The text of an option: `"forbid"`, `Extra.forbid`."""
    return value.attr.value if isinstance(value, cst.Attribute) else string_value(value)


def _own(file: SourceFile, owner: cst.ClassDef) -> Iterator[Field]:
    position = 0
    for part in _parts(owner):
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
        attribute = part.name.value
        return Field(
            name, name, attribute, kind, part, file, owner, position, optional=is_nullable(kind), deprecated=deprecated
        )
    if not isinstance(part, cst.AnnAssign) or not isinstance(part.target, cst.Name):
        return None
    attribute = part.target.value
    annotation = part.annotation.annotation
    is_field = not attribute.startswith("_") and attribute != "model_config"
    if not is_field or file.name_of(bare(annotation)) in _NOT_FIELDS:
        return None
    options = list(_options(part))
    kind = type_form(file, annotation)
    none = isinstance(part.value, cst.Name) and part.value.value == "None"
    return Field(
        _alias(options, "serialization_alias") or attribute,
        _alias(options, "validation_alias") or attribute,
        attribute,
        kind,
        part,
        file,
        owner,
        position,
        required=_required(part, options),
        optional=none or is_nullable(kind),
        deprecated=any(_says(argument(call, "deprecated")) for call in options),
        excluded=any(_says(argument(call, "exclude")) for call in options),
    )


def _alias(options: Sequence[cst.Call], key: str) -> str | None:
    """The name on the wire that a field's options give for one direction, or for both."""
    found = (string_value(argument(call, each)) for each in (key, "alias") for call in options)
    return next((alias for alias in found if alias is not None), None)


def _required(part: cst.AnnAssign, options: Sequence[cst.Call]) -> bool:
    """Whether a request must hold the field: nothing gives it a default."""
    if part.value is not None and part.value not in options:
        return False
    for call in options:
        # `Column(Integer)` and `Annotated[int, Field(…)]` begin with something else.
        first = 0 if call is part.value and (dotted(call.func) or "").endswith("ield") else None
        default = argument(call, "default", first)
        if has_unpacking(call) or argument(call, "default_factory") is not None:
            return False
        if default is not None and not isinstance(default, cst.Ellipsis):
            return False
    return True


def _options(part: cst.AnnAssign) -> Iterator[cst.Call]:
    """The `Field(…)` calls of a field: its value, or within `Annotated[…]`; `constr(…)` where that is its type."""
    found = [part.value, part.annotation.annotation]
    if isinstance(part.annotation.annotation, cst.Subscript):
        found += [e.slice.value for e in part.annotation.annotation.slice if isinstance(e.slice, cst.Index)]
    for value in found:
        if isinstance(value, cst.Call) and isinstance(value.func, (cst.Name, cst.Attribute)):
            name = value.func.value if isinstance(value.func, cst.Name) else value.func.attr.value
            if name in _FIELD_CALLS or name in _LIMITING:
                yield value


def _says(expression: cst.BaseExpression | None) -> bool:
    """Whether an option is on: `True`, or a text (pydantic takes the reason for `deprecated=`)."""
    return (isinstance(expression, cst.Name) and expression.value == "True") or string_value(expression) is not None


def is_nullable(kind: Form) -> bool:
    """Whether a type admits null."""
    return isinstance(kind, tuple) and kind[:1] == ("union",) and "None" in kind
