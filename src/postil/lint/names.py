"""Which names a file binds, and where: its own import table and scopes.

A fraction of the cost of LibCST's ScopeProvider, and enough: what can't be told apart here is treated as unknown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import libcst as cst

from postil.lint.tree import COMPREHENSIONS, FUNCTIONS, children

Definition = cst.FunctionDef | cst.ClassDef


def dotted(expression: cst.CSTNode | None) -> str | None:
    """`a.b.c` as written, for plain chains of names; None for everything else."""
    if isinstance(expression, cst.Name):
        return expression.value
    if isinstance(expression, cst.Attribute):
        base = dotted(expression.value)
        return f"{base}.{expression.attr.value}" if base is not None else None
    return None


def last_name(expression: cst.CSTNode | None) -> str:
    """What an expression ends in: "c" of `a.b.c`, of `f().c` and of `c`; empty where that is no name."""
    if isinstance(expression, cst.Attribute):
        return expression.attr.value
    return expression.value if isinstance(expression, cst.Name) else ""


def bare(kind: cst.BaseExpression) -> cst.BaseExpression:
    """A type without its arguments: `Page` of `Page[T]`."""
    return kind.value if isinstance(kind, cst.Subscript) else kind


@dataclass
class Bound:
    """The names that one scope binds: all of them, those that are imports, and those that are definitions."""

    names: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    assignments: dict[str, list[cst.CSTNode | None]] = field(default_factory=dict)


def imported(statement: cst.Import | cst.ImportFrom) -> Iterator[tuple[str, str]]:
    """The (local name, dotted origin) pairs that an import statement binds."""
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            origin = dotted(alias.name)
            if origin is None:
                continue
            if alias.asname is not None:
                local = dotted(alias.asname.name)
                if local is not None:
                    yield local, origin
            else:
                root = origin.split(".", 1)[0]
                yield root, root
        return
    if isinstance(statement.names, cst.ImportStar):
        return
    prefix = "." * len(statement.relative) + (dotted(statement.module) or "")
    for alias in statement.names:
        origin = dotted(alias.name)
        local = dotted(alias.asname.name) if alias.asname is not None else origin
        if origin is not None and local is not None:
            yield local, f"{prefix}{'' if prefix.endswith('.') or not prefix else '.'}{origin}"


def targets(expression: cst.CSTNode) -> Iterator[cst.Name]:
    """The plain names that an assignment target binds, through tuples, lists and stars."""
    if isinstance(expression, cst.Name):
        yield expression
    elif isinstance(expression, (cst.Tuple, cst.List)):
        for element in expression.elements:
            yield from targets(element.value)
    elif isinstance(expression, cst.StarredElement):
        yield from targets(expression.value)


def parameters(function: cst.FunctionDef | cst.Lambda) -> Iterator[cst.Param]:
    """All parameters of a function, in order, `*args` and `**kwargs` included."""
    params = function.params
    yield from params.posonly_params
    yield from params.params
    if isinstance(params.star_arg, cst.Param):
        yield params.star_arg
    yield from params.kwonly_params
    if params.star_kwarg is not None:
        yield params.star_kwarg


class Bindings:
    """The names of a module and of each scope in it, computed when asked."""

    def __init__(self, module: cst.Module, binding: Iterable[cst.CSTNode], parents: Mapping[int, cst.CSTNode]) -> None:
        self._scopes: dict[int, Bound] = {}
        self._nodes: dict[int, list[cst.CSTNode]] = {}
        self._never_run: set[int] = set()
        for node in binding:
            self._nodes.setdefault(id(self._scope_of(node, parents)), []).append(node)
        bound = self.of(module)
        # A fallback for a missing package (`requests = None` beside the import) doesn't hide the import.
        self.module_imports = bound.imports
        self.module_names = bound.names
        self.module_definitions = bound.definitions
        self.module_assignments = bound.assignments

    def of(self, scope: cst.CSTNode) -> Bound:
        """The names bound in `scope`: a module, class, function, lambda or comprehension."""
        key = id(scope)
        if key not in self._scopes:
            self._scopes[key] = _bound(scope, self._nodes.get(key, ()), self._never_run)
        return self._scopes[key]

    def _scope_of(self, node: cst.CSTNode, parents: Mapping[int, cst.CSTNode]) -> cst.CSTNode:
        """The function, class or module in whose body a node runs; imports for types alone are noted on the way."""
        child, above = node, parents.get(id(node))
        while above is not None:
            kind = above.__class__
            if kind in _SCOPES:
                if child is above.body:  # ty: ignore[missing-attribute]
                    return above
            elif isinstance(above, cst.If) and child is above.body and dotted(above.test) in CHECKED_ONLY:
                self._never_run.add(id(node))
            child, above = above, parents.get(id(above))
        return child


def _bound(scope: cst.CSTNode, nodes: Sequence[cst.CSTNode], never_run: AbstractSet[int]) -> Bound:
    bound = Bound()
    outer: set[str] = set()
    if isinstance(scope, COMPREHENSIONS):
        clause: cst.CompFor | None = scope.for_in
        while clause is not None:
            bound.names.update(name.value for name in targets(clause.target))
            clause = clause.inner_for_in
        return bound
    if isinstance(scope, FUNCTIONS):
        for param in parameters(scope):
            bound.names.add(param.name.value)
            bound.assignments.setdefault(param.name.value, []).append(param)
    # A name that is imported under `if TYPE_CHECKING:` and otherwise as well has the origin that it has at run time.
    for node in sorted(nodes, key=lambda node: id(node) in never_run):
        _record(node, bound, outer)
    if isinstance(scope, cst.ClassDef):
        outer.clear()
    bound.names -= outer
    for name in outer:
        bound.imports.pop(name, None)
        bound.definitions.pop(name, None)
    return bound


CHECKED_ONLY = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"})

_SCOPES = frozenset({cst.FunctionDef, cst.Lambda, cst.ClassDef})

BINDING = frozenset(
    {
        cst.Import,
        cst.ImportFrom,
        cst.FunctionDef,
        cst.ClassDef,
        cst.Assign,
        cst.AnnAssign,
        cst.AugAssign,
        cst.NamedExpr,
        cst.For,
        cst.WithItem,
        cst.ExceptHandler,
        cst.ExceptStarHandler,
        cst.Global,
        cst.Nonlocal,
        cst.MatchAs,
        cst.MatchStar,
    }
)


def _record(node: cst.CSTNode, bound: Bound, outer: set[str]) -> None:
    match node:
        case cst.Import() | cst.ImportFrom():
            for local, origin in imported(node):
                bound.imports.setdefault(local, origin)
        case cst.FunctionDef() | cst.ClassDef():
            _define(node, bound)
        case cst.Assign():
            for target in node.targets:
                _assign(target.target, node.value, bound)
        case cst.AnnAssign():
            _assign(node.target, node, bound)
        case cst.AugAssign() | cst.NamedExpr():
            _assign(node.target, node.value if isinstance(node, cst.NamedExpr) else None, bound)
        case cst.For():
            _assign(node.target, None, bound)
        case cst.WithItem(asname=cst.AsName()):
            _assign(cst.ensure_type(node.asname, cst.AsName).name, node, bound)
        case cst.ExceptHandler(name=cst.AsName()) | cst.ExceptStarHandler(name=cst.AsName()):
            _assign(cst.ensure_type(node.name, cst.AsName).name, node, bound)
        case cst.Global() | cst.Nonlocal():
            outer.update(item.name.value for item in node.names)
        case cst.MatchAs(name=cst.Name(value=name)) | cst.MatchStar(name=cst.Name(value=name)):
            bound.names.add(name)
            bound.assignments.setdefault(name, []).append(None)


def _define(node: Definition, bound: Bound) -> None:
    name = node.name.value
    if name in bound.names and name in bound.definitions and not _is_overload(bound.definitions[name]):
        # Defined twice, in branches perhaps: which one counts is not known.
        bound.definitions.pop(name)
    elif name not in bound.names or name in bound.definitions:
        bound.definitions[name] = node
    bound.names.add(name)
    bound.assignments.setdefault(name, []).append(None)


def _is_overload(node: Definition) -> bool:
    return any((dotted(decorator.decorator) or "").endswith("overload") for decorator in node.decorators)


def _assign(target: cst.CSTNode, value: cst.CSTNode | None, bound: Bound) -> None:
    plain = isinstance(target, cst.Name)
    for name in targets(target):
        bound.names.add(name.value)
        bound.definitions.pop(name.value, None)
        bound.assignments.setdefault(name.value, []).append(value if plain else None)


_BLOCKS = frozenset(
    {
        *(cst.IndentedBlock, cst.SimpleStatementLine, cst.SimpleStatementSuite, cst.FunctionDef, cst.ClassDef),
        *(cst.If, cst.Else, cst.For, cst.While, cst.With, cst.Match, cst.MatchCase),
        *(cst.Try, cst.TryStar, cst.ExceptHandler, cst.ExceptStarHandler, cst.Finally),
    }
)
"""What statements stand in."""


def attribute_assignments(owner: cst.ClassDef) -> dict[str, list[cst.CSTNode]]:
    """What the methods of a class assign to `self.x` and what its body annotates, as name → values or AnnAssigns."""
    found: dict[str, list[cst.CSTNode]] = {}
    # Statements alone: most of a class is expressions, in which nothing is assigned to an attribute.
    left: list[cst.CSTNode] = [owner.body]
    while left:
        node = left.pop()
        if isinstance(node, cst.Assign):
            for target in node.targets:
                if (name := _self_attribute(target.target)) is not None:
                    found.setdefault(name, []).append(node.value)
        elif isinstance(node, cst.AnnAssign):
            name = _self_attribute(node.target)
            if name is None and isinstance(node.target, cst.Name):
                name = node.target.value
            if name is not None:
                found.setdefault(name, []).append(node)
        elif isinstance(node, cst.WithItem) and node.asname is not None:
            name = _self_attribute(node.asname.name)
            if name is not None:
                found.setdefault(name, []).append(node)
        elif node.__class__ in _BLOCKS:
            left += reversed([*children(node)])
    return found


def _self_attribute(target: cst.CSTNode) -> str | None:
    if isinstance(target, cst.Attribute) and isinstance(target.value, cst.Name) and target.value.value == "self":
        return target.attr.value
    return None
