"""What code says apart from how it is written: two pieces with one form do the same.

Layout, comments, docstrings, annotations, quotes, parentheses and the style of imports don't show in a form. The
definitions and constants of the module that a piece uses do, so a renamed helper is no change and an edited one is.
"""

import hashlib
from collections.abc import Callable, Collection
from functools import cached_property
from typing import TypeAlias

import libcst as cst

from postil.lint.names import dotted
from postil.lint.source import SourceFile, string_value
from postil.lint.tree import CODE_FIELDS, walk

Form: TypeAlias = "tuple[Form, ...] | str | bytes | int | float | complex | None"

_DROPPED = frozenset({"annotation", "returns", "type_parameters", "whitespace_before_args"})
_PLAIN = (str, bytes, int, float, complex)


class Forms:
    """The forms of one file's code.

    Args:
        file: the file.
        deep: names of the module's own definitions count as what they stand for.
        like: an earlier state of the file. A name that both import counts as what it was there, wherever it is imported
            from now: a module that moved is no change of the code that uses it.
        idle: statements that do nothing of interest.
        marking: full names of functions that hand on their one argument, marked as something: a call counts as that.
    """

    def __init__(
        self,
        file: SourceFile,
        *,
        deep: bool = True,
        like: SourceFile | None = None,
        idle: Callable[[cst.CSTNode], bool] | None = None,
        marking: Collection[str] = (),
    ) -> None:
        self._file = file
        self._deep = deep
        self._like = {} if like is None else {k: v for k, v in like.imports.items() if k in file.imports}
        self._idle = idle or is_idle
        self._marking = marking
        self._digests: dict[int, str] = {}
        self._open: set[int] = set()

    @cached_property
    def _constants(self) -> dict[str, list[cst.CSTNode]]:
        """The module's top-level assignments by name, with all their values."""
        found: dict[str, list[cst.CSTNode]] = {}
        for line in self._file.module.body:
            for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                targets = [part.target] if isinstance(part, (cst.AnnAssign, cst.AugAssign)) else []
                if isinstance(part, cst.Assign):
                    targets = [target.target for target in part.targets]
                for target in targets:
                    if isinstance(target, cst.Name):
                        found.setdefault(target.value, []).append(part)
        return found

    def used(self, name: cst.Name) -> list[cst.CSTNode]:
        """What this module itself defines under `name` as seen where it stands: a definition, or assignments."""
        if self._file.is_local(name):
            return []
        definition = self._file.definition_of(name)
        return [definition] if definition is not None else self._constants.get(name.value, [])

    def of(self, node: cst.CSTNode | None) -> Form:
        """The form of `node`."""
        match node:
            case None:
                return None
            case cst.SimpleString() | cst.ConcatenatedString() | cst.FormattedString():
                return ("string", *_merged(self._pieces(node)))
            case cst.Integer() | cst.Float() | cst.Imaginary():
                return ("number", node.evaluated_value)
            case cst.Name() | cst.Attribute():
                return self._name(node)
            case cst.Module() | cst.IndentedBlock() | cst.SimpleStatementSuite():
                return self._suite(node)
            case cst.AnnAssign():
                return ("Assign", self.of(node.target), self.of(node.value))
            case cst.Assign(targets=[only]):
                return ("Assign", self.of(only.target), self.of(node.value))
            case cst.BinaryOperation():
                return self._sum(node)
            case cst.If():
                return ("If", self.of(node.test), self.of(node.body), self._otherwise(node.orelse))
            case cst.Arg(keyword=keyword):
                return ("Arg", node.star, keyword.value if keyword is not None else None, self.of(node.value))
            case cst.Call(args=[cst.Arg(keyword=None, star="", value=value)]) if self._marks(node.func):
                return self.of(value)
            case cst.Lambda(body=body) if self._idle(cst.Expr(body)):
                return ("Lambda",)
            case cst.Param():
                return ("Param", str(node.star), node.name.value, self.of(node.default))
        return self._fields(node)

    def _marks(self, function: cst.BaseExpression) -> bool:
        return bool(self._marking) and self._file.name_of(function) in self._marking

    def _fields(self, node: cst.CSTNode) -> Form:
        parts: list[Form] = [type(node).__name__]
        for field in CODE_FIELDS[type(node)]:
            if field not in _DROPPED:
                value = getattr(node, field)
                parts.append(self._sequence(value) if isinstance(value, (list, tuple)) else self._field(value))
        operator = getattr(node, "operator", None)
        if isinstance(operator, cst.CSTNode):
            parts.append(type(operator).__name__)
        return tuple(parts)

    def _sum(self, node: cst.BinaryOperation) -> Form:
        """`a + b + c` side by side: texts are put together from more pieces than Python may nest calls."""
        parts: list[Form] = []
        left: cst.BaseExpression = node
        while isinstance(left, cst.BinaryOperation):
            parts += [self.of(left.right), type(left.operator).__name__]
            left = left.left
        return ("BinaryOperation", self.of(left), *reversed(parts))

    def _field(self, value: object) -> Form:
        if isinstance(value, cst.CSTNode):
            return self.of(value)
        return value if isinstance(value, _PLAIN) else None

    def _sequence(self, values: list[cst.CSTNode] | tuple[cst.CSTNode, ...]) -> Form:
        return tuple(self.of(value) for value in values)

    def _suite(self, node: cst.Module | cst.BaseSuite) -> Form:
        """The statements that do something, lines taken apart; what only documents or types isn't one."""
        parts = [
            part
            for line in node.body
            for part in (line.body if isinstance(line, cst.SimpleStatementLine) else (line,))
            if not self._nothing(part)
        ]
        match parts:
            case [
                *rest,
                cst.Assign(targets=[cst.AssignTarget(cst.Name(name))]) as kept,
                cst.Return(cst.Name(returned)),
            ]:
                if name == returned:
                    return ("suite", *map(self.of, rest), ("Return", self.of(kept.value)))
        return ("suite", *map(self.of, parts))

    def _nothing(self, part: cst.CSTNode | None) -> bool:
        """Whether a statement does nothing of interest; an `if` neither, when its condition and branches don't."""
        if isinstance(part, cst.If):
            quiet = not any(isinstance(node, (cst.Call, cst.NamedExpr, cst.Await)) for node in walk(part.test))
            return quiet and self._nothing(part.body) and self._nothing(part.orelse)
        if isinstance(part, cst.Else):
            return self._nothing(part.body)
        if isinstance(part, (cst.IndentedBlock, cst.SimpleStatementSuite, cst.SimpleStatementLine)):
            return all(self._nothing(inner) for inner in part.body)
        return part is None or self._idle(part)

    def _otherwise(self, orelse: cst.If | cst.Else | None) -> Form:
        """What is done otherwise, `else: if` as `elif`."""
        if self._nothing(orelse):
            return None
        if isinstance(orelse, cst.Else) and len(orelse.body.body) == 1 and isinstance(orelse.body.body[0], cst.If):
            return self.of(orelse.body.body[0])
        return self.of(orelse)

    def _name(self, node: cst.Name | cst.Attribute) -> Form:
        origin = self._file.name_of(node)
        if origin is not None:
            local = (dotted(node) or "").partition(".")[0]
            if local in self._like:
                origin = self._like[local] + origin.removeprefix(self._file.imports[local])
            return ("origin", origin)
        if isinstance(node, cst.Attribute):
            return ("Attribute", self.of(node.value), node.attr.value)
        if self._deep:
            used = self.used(node)
            if used:
                return ("own", *(self.digest(each) for each in used))
        return ("Name", node.value)

    def digest(self, definition: cst.CSTNode) -> str:
        """A definition's form in short, its own name left out; recursion ends where it began."""
        key = id(definition)
        if key in self._digests:
            return self._digests[key]
        if key in self._open:
            return "recursion"
        self._open.add(key)
        if isinstance(definition, (cst.FunctionDef, cst.ClassDef)):
            form = self._fields(definition.with_changes(name=cst.Name("_")))
        else:
            form = self.of(getattr(definition, "value", None))
        self._open.discard(key)
        text = hashlib.sha256(repr(form).encode("utf-8", "surrogatepass")).hexdigest()
        self._digests[key] = text
        return text

    def _pieces(self, node: cst.CSTNode) -> list[Form]:
        if (value := string_value(node)) is not None:
            # Longer texts, mostly SQL, are indented anew whenever the code around them is.
            return [" ".join(value.split()) if "\n" in value else value]
        if isinstance(node, cst.ConcatenatedString):
            found = []
            while isinstance(node, cst.ConcatenatedString):
                found += self._pieces(node.left)
                node = node.right
            return found + self._pieces(node)
        if isinstance(node, cst.FormattedString):
            return [part.value if isinstance(part, cst.FormattedStringText) else self.of(part) for part in node.parts]
        return [getattr(node, "evaluated_value", None)]


def _merged(pieces: list[Form]) -> list[Form]:
    merged: list[Form] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if isinstance(piece, str) and isinstance(last, str):
            merged[-1] = last + piece
        else:
            merged.append(piece)
    return merged


def is_idle(statement: cst.CSTNode) -> bool:
    """Whether a statement does nothing by itself: `pass`, a bare string or `...`, an import, a bare annotation."""
    if isinstance(statement, cst.Expr):
        return isinstance(statement.value, (cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis))
    return isinstance(statement, (cst.Pass, cst.Import, cst.ImportFrom)) or (
        isinstance(statement, cst.AnnAssign) and statement.value is None
    )


def type_form(file: SourceFile, annotation: cst.CSTNode | None) -> Form:
    """The form of a type: `Optional[X]`, `Union[X, None]`, `X | None` and `None | X` are one; so are `List` and `list`.

    Names count as written at their end, since a model that moved to another module is still the same to a reader.
    """
    match annotation:
        case None:
            return None
        case cst.Annotation():
            return type_form(file, annotation.annotation)
        case cst.Name() | cst.Attribute():
            name = (file.name_of(annotation) or file.code(annotation)).rpartition(".")[2]
            return _BUILTIN.get(name, name)
        case cst.BinaryOperation(operator=cst.BitOr()):
            return _union([type_form(file, annotation.left), type_form(file, annotation.right)])
        case cst.Subscript():
            parts = [part.slice.value for part in annotation.slice if isinstance(part.slice, cst.Index)]
            owner = type_form(file, annotation.value)
            if owner in ("Annotated", "Required", "NotRequired", "Final", "ReadOnly"):
                return type_form(file, parts[0])
            if owner == "Literal":
                # What is in quotes is a value here, and in any other type a type.
                return ("of", owner, *sorted({_value(file, part) for part in parts}))
            inside = [type_form(file, part) for part in parts]
            if owner == "Optional":
                return _union([*inside, "None"])
            return _union(inside) if owner == "Union" else ("of", owner, *inside)
        case cst.SimpleString() | cst.ConcatenatedString():
            try:
                return type_form(file, cst.parse_expression(string_value(annotation) or ""))
            except (cst.ParserSyntaxError, RecursionError, ValueError):
                return file.code(annotation)
        case cst.List() | cst.Tuple():
            return ("list", *(type_form(file, element.value) for element in annotation.elements))
        case cst.Call():
            return LIMITED.get((dotted(annotation.func) or "").rpartition(".")[2], file.code(annotation))
    return file.code(annotation)


def _value(file: SourceFile, part: cst.BaseExpression) -> str:
    text = string_value(part)
    return file.code(part) if text is None else repr(text)


def _union(members: list[Form]) -> Form:
    flat: set[Form] = set()
    for member in members:
        if isinstance(member, tuple) and member[:1] == ("union",):
            flat.update(member[1:])
        else:
            flat.add(member)
    return next(iter(flat)) if len(flat) == 1 else ("union", *sorted(flat, key=repr))


LIMITED = {"constr": "str", "conint": "int", "confloat": "float", "condecimal": "Decimal", "conlist": "list",
           "conset": "set", "conbytes": "bytes"}  # fmt: skip
"""Pydantic's functions that make a type with limits, with the type that they limit."""

_BUILTIN = {"List": "list", "Dict": "dict", "Set": "set", "FrozenSet": "frozenset", "Tuple": "tuple", "Type": "type"}
