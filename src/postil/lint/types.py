"""Local types: which class a value has, as far as one file shows it.

May not guess. Two assignments that disagree, a value from elsewhere, a parameter without annotation: None.
"""

from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.factories import CALL_RESULTS, FACTORIES, METHOD_RESULTS
from postil.lint.names import Bindings, attribute_assignments
from postil.lint.tree import FUNCTIONS, is_generator

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_DEPTH = 8  # how far a chain of names, aliases and factories is followed before it counts as unknown
_BARE = frozenset({"typing.Final", "typing_extensions.Final", "typing.ClassVar", "typing_extensions.ClassVar"})
_WRAPPERS = frozenset({"typing.Annotated", "typing_extensions.Annotated", "typing.Optional"}) | _BARE
_UNIONS = frozenset({"typing.Union"})
# Awaiting one of these gives what it stands for.
_GIVE_RESULTS = frozenset({"asyncio.Task", "asyncio.Future"})
_PATH = "pathlib.Path"
_WRITTEN_OUT: dict[type, str] = {
    **dict.fromkeys((cst.SimpleString, cst.ConcatenatedString, cst.FormattedString), "str"),
    **dict.fromkeys((cst.List, cst.ListComp), "list"),
    **dict.fromkeys((cst.Dict, cst.DictComp), "dict"),
    **dict.fromkeys((cst.Set, cst.SetComp), "set"),
    cst.Tuple: "tuple",
    cst.Integer: "int",
}
# Classes whose `with … as` gives something else than themselves.
_ENTERED: dict[str, str] = {"tempfile.TemporaryDirectory": "str", "threading.Lock": "bool", "threading.RLock": "bool"}


class Types:
    """The types of one file's expressions, each computed once."""

    def __init__(self, file: "SourceFile", bindings: Bindings) -> None:
        self._file = file
        self._bindings = bindings
        self._known: dict[int, str | None] = {}
        self._attributes: dict[int, dict[str, list[cst.CSTNode]]] = {}
        self._parsed: dict[str, cst.BaseExpression | None] = {}  # annotations in strings

    def of(self, expression: cst.CSTNode, depth: int = 0) -> str | None:
        """The class of an expression's value, or None."""
        key = id(expression)
        if key not in self._known:
            if depth > _DEPTH:
                return None
            self._known[key] = None  # a cycle ends here, as unknown
            self._known[key] = self._infer(expression, depth + 1)
        return self._known[key]

    def _infer(self, expression: cst.CSTNode, depth: int) -> str | None:
        match expression:
            case cst.Call():
                return self._of_call(expression, awaited=False, depth=depth)
            case cst.Await(expression=cst.Call() as call):
                return self._of_call(call, awaited=True, depth=depth)
            case cst.Name():
                return self._of_name(expression, depth)
            case cst.Attribute():
                return self._of_attribute(expression, depth)
            case cst.NamedExpr():
                return self.of(expression.value, depth)
            case cst.BooleanOperation(operator=cst.Or()):
                # `client or Client()`: the default tells what the other must be
                left, right = self.of(expression.left, depth), self.of(expression.right, depth)
                return right if left in (None, right) else None
            case cst.BinaryOperation(operator=cst.Divide()):
                return _PATH if self.of(expression.left, depth) == _PATH else None
            case cst.IfExp():
                return self._agreed([expression.body, expression.orelse], depth)
        return _WRITTEN_OUT.get(expression.__class__)

    def _of_call(self, call: cst.Call, *, awaited: bool, depth: int) -> str | None:
        name = self._file.name_of(call.func)
        if name is not None:
            if name in FACTORIES:
                return FACTORIES[name] if not awaited or FACTORIES[name] not in _GIVE_RESULTS else None
            owner, _, last = name.rpartition(".")
            if _looks_like_class(last):
                return name
            # an alternative constructor, as `redis.Redis.from_url` and `psycopg.AsyncConnection.connect`
            if _looks_like_class(owner.rpartition(".")[2]) and (last.startswith("from_") or last == "connect"):
                return owner
            return name if name in _BUILTIN_TYPES else None
        found = self._file.definition_of(call.func)
        if isinstance(found, cst.ClassDef):
            return found.name.value
        if isinstance(found, cst.FunctionDef) and found.returns is not None:
            if (found.asynchronous is not None) == awaited and not is_generator(found):
                return self.annotated(found.returns.annotation, depth)
            return None
        if found is not None:
            return None
        kind = (
            CALL_RESULTS.get(self.of(call.func, depth) or "")
            if isinstance(call.func, (cst.Name, cst.Attribute))
            else None
        )
        if kind is None and isinstance(call.func, cst.Attribute):
            owner_type = self.of(call.func.value, depth)
            kind = METHOD_RESULTS.get((owner_type, call.func.attr.value)) if owner_type else None
        return kind if not awaited or kind not in _GIVE_RESULTS else None

    def _of_name(self, name: cst.Name, depth: int) -> str | None:
        for scope in self._file._scopes(name):  # noqa: SLF001 - the two classes are one thought in two files
            bound = self._bindings.of(scope)
            if name.value in bound.names:
                if isinstance(scope, (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)):
                    return None
                return self._of_binding(bound.assignments.get(name.value, []), scope, depth)
        if name.value in self._bindings.module_imports:
            return None
        return self._of_binding(self._bindings.module_assignments.get(name.value, []), None, depth)

    def _of_binding(self, values: list[cst.CSTNode | None], scope: cst.CSTNode | None, depth: int) -> str | None:
        values = [self._of_final(value) for value in values]
        declared = [value for value in values if isinstance(value, (cst.Param, cst.AnnAssign))]
        for value in declared:
            annotation = value.annotation
            if annotation is None:
                # `self` is the class around; another bare parameter may be anything, but its default may tell.
                if len(values) > 1 or not isinstance(value, cst.Param):
                    return None
                if isinstance(scope, FUNCTIONS) and value.name.value == "self":
                    owner = self._file.enclosing_class(scope)
                    return owner.name.value if owner is not None else None
                return None
            return self.annotated(annotation.annotation, depth)
        if any(value is None for value in values):
            return None
        return self._agreed([value for value in values if value is not None], depth)

    def _of_final(self, value: cst.CSTNode | None) -> cst.CSTNode | None:
        """What a bare `Final` or `ClassVar` is assigned: it declares no type. Everything else as it is."""
        is_bare = isinstance(value, cst.AnnAssign) and self._file.name_of(value.annotation.annotation) in _BARE
        return value.value if is_bare and value.value is not None else value

    def _agreed(self, values: list[cst.CSTNode], depth: int) -> str | None:
        kinds = set()
        for value in values:
            if isinstance(value, cst.Name) and value.value == "None":
                continue
            kinds.add(self._of_value(value, depth))
        return kinds.pop() if len(kinds) == 1 else None

    def _of_value(self, value: cst.CSTNode, depth: int) -> str | None:
        if isinstance(value, cst.WithItem):
            item = value.item
            if isinstance(item, cst.Await):
                item = item.expression
            kind = self.of(item, depth)
            # What `__enter__` gives is known for the libraries' own clients, and not for this file's classes.
            return _ENTERED.get(kind, kind) if kind is not None and "." in kind else None
        if isinstance(value, cst.AnnAssign):
            return self.annotated(value.annotation.annotation, depth)
        if isinstance(value, (cst.ExceptHandler, cst.ExceptStarHandler)):
            return self._file.name_of(value.type) if value.type is not None else None
        return self.of(value, depth)

    def _of_attribute(self, attribute: cst.Attribute, depth: int) -> str | None:
        owner: cst.ClassDef | None = None
        if isinstance(attribute.value, cst.Name) and attribute.value.value in ("self", "cls"):
            owner = self._file.enclosing_class(attribute)
        elif isinstance(found := self._file.definition_of(attribute.value), cst.ClassDef):
            owner = found
        elif (kind := self.of(attribute.value, depth)) is not None and "." not in kind:
            owner = self._file.class_named(kind)
        seen = 0
        while owner is not None and seen < _DEPTH:
            assigned = self._kept_by(owner, attribute.attr.value)
            if assigned:
                return self._of_assigned(assigned, depth)
            bases = [self._file.definition_of(base.value) for base in owner.bases]
            owner = next((base for base in bases if isinstance(base, cst.ClassDef)), None)
            seen += 1
        return self._of_property(attribute, depth)

    def _of_property(self, attribute: cst.Attribute, depth: int) -> str | None:
        found = self._file.definition_of(attribute)
        if not isinstance(found, cst.FunctionDef) or found.returns is None:
            return None
        # On the class itself it is the property, and no value.
        if isinstance(self._file.definition_of(attribute.value), cst.ClassDef):
            return None
        is_property = self._file.decorator(found, "property", "functools.cached_property") is not None
        return self.annotated(found.returns.annotation, depth) if is_property else None

    def _of_assigned(self, assigned: list[cst.CSTNode], depth: int) -> str | None:
        values = [value for each in assigned if (value := self._of_final(each)) is not None]
        for value in values:
            if isinstance(value, cst.AnnAssign):
                return self.annotated(value.annotation.annotation, depth)
        return self._agreed(values, depth)

    def value_of_attribute(self, attribute: cst.Attribute) -> cst.BaseExpression | None:
        """The one expression that a class assigns to an attribute of itself, in its body or to `self.x`."""
        base, owner = attribute.value, None
        if isinstance(base, cst.Name):
            own = base.value in ("self", "cls")
            owner = self._file.enclosing_class(attribute) if own else self._file.definition_of(base)
        if not isinstance(owner, cst.ClassDef):
            return None
        name = attribute.attr.value
        values: list[cst.CSTNode | None] = [*self._attributes_of(owner).get(name, [])]
        values += [v for v in self._bindings.of(owner).assignments.get(name, []) if not isinstance(v, cst.AnnAssign)]
        value = values[0] if len(values) == 1 else None
        value = value.value if isinstance(value, cst.AnnAssign) else value
        return value if isinstance(value, cst.BaseExpression) else None

    def _kept_by(self, owner: cst.ClassDef, name: str) -> list[cst.CSTNode]:
        """What a class assigns to an attribute: to `self.x` in its methods, and to `x` in its body."""
        own = self._attributes_of(owner).get(name, [])
        body = self._bindings.of(owner).assignments.get(name, ())
        return [*own, *(value for value in body if isinstance(value, cst.BaseExpression))]

    def _attributes_of(self, owner: cst.ClassDef) -> dict[str, list[cst.CSTNode]]:
        if id(owner) not in self._attributes:
            self._attributes[id(owner)] = attribute_assignments(owner)
        return self._attributes[id(owner)]

    def annotated(self, annotation: cst.CSTNode, depth: int = 0) -> str | None:
        """The class that an annotation names: `C`, `C | None`, `Optional[C]`, `Annotated[C, …]`, aliases, strings."""
        if depth > _DEPTH:
            return None
        match annotation:
            case cst.Name() | cst.Attribute():
                return self._annotated_name(annotation, depth)
            case cst.BinaryOperation(operator=cst.BitOr()):
                return self._only([annotation.left, annotation.right], depth)
            case cst.Subscript():
                name = self._file.name_of(annotation.value)
                inside = [e.slice.value for e in annotation.slice if isinstance(e.slice, cst.Index)]
                if name in _WRAPPERS and inside:
                    return self.annotated(inside[0], depth + 1)
                if name in _UNIONS:
                    return self._only(inside, depth)
                return self.annotated(annotation.value, depth + 1)
            case cst.SimpleString():
                return self._annotated_string(annotation, depth)
        return None

    def _annotated_name(self, annotation: cst.Name | cst.Attribute, depth: int) -> str | None:
        name = self._file.name_of(annotation)
        if name is not None:
            return name
        if isinstance(annotation, cst.Attribute):
            return None
        if isinstance(self._file.definition_of(annotation), cst.ClassDef):
            return annotation.value
        values = self._bindings.module_assignments.get(annotation.value, [])
        if len(values) == 1 and values[0] is not None:
            alias = values[0]
            if isinstance(alias, cst.AnnAssign):
                return self.annotated(alias.value, depth + 1) if alias.value is not None else None
            return self.annotated(alias, depth + 1)
        return None

    def _annotated_string(self, annotation: cst.SimpleString, depth: int) -> str | None:
        text = annotation.evaluated_value
        if not isinstance(text, str):
            return None
        if text not in self._parsed:
            self._parsed[text] = _expression(text)
        expression = self._parsed[text]
        # The parsed string hangs in no tree: its names are looked up as module-level ones.
        return self.annotated(expression, depth + 1) if expression is not None else None

    def _only(self, parts: list[cst.BaseExpression], depth: int) -> str | None:
        flat: list[cst.BaseExpression] = []
        for part in parts:
            if isinstance(part, cst.BinaryOperation) and isinstance(part.operator, cst.BitOr):
                flat.extend((part.left, part.right))
            else:
                flat.append(part)
        kinds = {self.annotated(part, depth + 1) for part in flat if not _is_none(part)}
        return kinds.pop() if len(kinds) == 1 else None


def _expression(text: str) -> cst.BaseExpression | None:
    try:
        return cst.parse_expression(text)
    except (cst.ParserSyntaxError, RecursionError, ValueError):
        return None


def _is_none(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _looks_like_class(name: str) -> bool:
    bare = name.lstrip("_")
    return bool(bare) and bare[0].isupper() and not (bare.isupper() and len(bare) > 4)


_BUILTIN_TYPES = frozenset({"dict", "list", "set", "tuple", "str", "int", "float", "bool", "bytes", "frozenset"})
