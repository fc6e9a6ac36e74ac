"""Database tables as SQLAlchemy and SQLModel classes and `Table(…)` map them, inheritance flattened.

Sees the files at hand. What a base class or mixin from elsewhere brings is unknown, and its name is kept.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from postil.lint.alembic import assigned
from postil.lint.change import ChangeSet
from postil.lint.models import lineage
from postil.lint.modules import Modules
from postil.lint.names import bare, dotted
from postil.lint.normal import Form, Forms, type_form
from postil.lint.source import SourceFile, argument, string_value
from postil.lint.tree import walk

WORDS = ("__tablename__", "table=True", "Table(", "Column(", "mapped_column", "Mapped[")
"""One of these stands in each file that maps tables, or columns of mixins."""

# How Flask-SQLAlchemy makes a table's name of a class's (`camel_to_snake_case` of its 3.1).
_SNAKE = re.compile(r"((?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z]))")
_COLUMNS = frozenset({"Column", "mapped_column"})
_NO_COLUMNS = frozenset(
    {"relationship", "Relationship", "column_property", "synonym", "association_proxy", "composite", "hybrid_property",
     "query_expression", "deferred", "backref", "PrivateAttr"}
)  # fmt: skip
_MAPPED = frozenset({"Mapped", "MappedColumn"})
# What the database knows of a column; the rest is Python's.
_KNOWN = ("unique", "index", "primary_key")


@dataclass(frozen=True)
class Column:
    """One column of a table: `name` is the database's, `attribute` is Python's.

    `type` is None where it isn't written at the column; `nullable` where it can't be told. `rest` is all else that the
    database knows: keys, indexes, server default, foreign keys.
    """

    name: str
    attribute: str
    file: SourceFile
    node: cst.CSTNode
    type: Form = None
    nullable: bool | None = None
    rest: Form = None
    references: tuple[str, ...] = ()
    deferred: bool = False

    def differs(self, other: "Column") -> bool:
        """Whether the database would tell the two apart for sure."""
        if self.rest != other.rest:
            return True
        if isinstance(self.type, tuple) and isinstance(other.type, tuple):
            # One that is written and one that follows from an annotation may be the same, as may two of one's own.
            comparable = self.type[0] == other.type[0]
            if comparable and self.type != other.type:
                return True
        return None not in (self.nullable, other.nullable) and self.nullable != other.nullable


@dataclass(frozen=True)
class Table:
    """A table: `name` in the database, and the class or call that maps it; `foreign` names bases from elsewhere.

    `constraints` are what `__table_args__` of the class adds besides, indexes among them, each by its form; None where
    they aren't written out.
    """

    name: str
    file: SourceFile
    node: cst.ClassDef | cst.Call
    columns: Mapping[str, Column]
    foreign: frozenset[str] = frozenset()
    constraints: Mapping[Form, cst.Call] | None = None


class Tables:
    """The tables that some files map, by name. A name that two of them map is unknown."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._files = tuple(file for file in files if not file.is_test and any(file.mentions(word) for word in WORDS))
        self._modules = Modules(self._files)

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """The tables by their names in the database."""
        found: dict[str, Table] = {}
        twice: set[str] = set()
        for file in self._files:
            if file.mentions("down_revision"):
                continue
            for table in self._of(file):
                if table.name in found:
                    twice.add(table.name)
                found[table.name] = table
        return {name: table for name, table in found.items() if name not in twice}

    def _of(self, file: SourceFile) -> Iterator[Table]:
        for line in file.module.body:
            if isinstance(line, cst.ClassDef):
                table = self._class(file, line)
                if table is not None:
                    yield table
        for _, value in assigned(file.module):
            if isinstance(value, cst.Call) and (file.name_of(value.func) or dotted(value.func) or "").endswith("Table"):
                name = string_value(value.args[0].value) if value.args else None
                if name is not None:
                    yield Table(name, file, value, _by_name(_of_call(file, value)))

    def _class(self, file: SourceFile, node: cst.ClassDef) -> Table | None:
        values = dict(assigned(node.body))
        name = string_value(values.get("__tablename__"))
        is_sqlmodel = any(
            keyword.keyword is not None
            and keyword.keyword.value == "table"
            and isinstance(keyword.value, cst.Name)
            and keyword.value.value == "True"
            for keyword in node.keywords
        )
        if name is None and is_sqlmodel and "__tablename__" not in values:
            name = node.name.value.lower()
        elif name is None and "__tablename__" not in values and _is_flask(node):
            name = _SNAKE.sub(r"_\1", node.name.value).lower().lstrip("_")
        if name is None:
            return None
        foreign: set[str] = set()
        columns: dict[str, Column] = {}
        for where, owner in reversed(lineage(file, node, self._modules, foreign)):
            for column in _of_class(where, owner, is_sqlmodel):
                columns = {key: value for key, value in columns.items() if value.attribute != column.attribute}
                columns[column.name] = column
        return Table(name, file, node, columns, frozenset(foreign), _constraints(file, values.get("__table_args__")))


class TableChange:
    """The tables before and after a change set; a fact of it: `changes.fact(TableChange)`."""

    def __init__(self, changes: ChangeSet) -> None:
        concerned = [change for change in changes.files if change.mentions(*WORDS)]
        self._changes = concerned
        self.compared = changes.compared

    @cached_property
    def base(self) -> Mapping[str, Table]:
        """The tables before; none where no base was looked at."""
        if not self.compared:
            return {}
        return Tables(file for change in self._changes if (file := change.base) is not None).by_name

    @cached_property
    def head(self) -> Mapping[str, Table]:
        """The tables after."""
        return Tables(file for change in self._changes if (file := change.head) is not None).by_name


def _is_flask(node: cst.ClassDef) -> bool:
    """Whether a class is a model of Flask-SQLAlchemy that maps a table of its own: `db.Model`, and a primary key."""
    return any(dotted(base.value) == "db.Model" for base in node.bases) and any(
        argument(call, "primary_key") is not None for call in walk(node.body) if isinstance(call, cst.Call)
    )


def _constraints(file: SourceFile, arguments: cst.BaseExpression | None) -> Mapping[Form, cst.Call] | None:
    """The constraints and indexes that `__table_args__` holds; None where it holds something else than calls."""
    forms = Forms(file, deep=False)
    if arguments is None or isinstance(arguments, cst.Dict):
        return {}
    if not isinstance(arguments, cst.Tuple):
        return None
    found: dict[Form, cst.Call] = {}
    for element in arguments.elements:
        if isinstance(element.value, cst.Call):
            found[forms.of(element.value)] = element.value
        elif not isinstance(element.value, cst.Dict):
            return None
    return found


def _by_name(columns: Iterable[Column]) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _of_call(file: SourceFile, call: cst.Call) -> Iterator[Column]:
    for arg in call.args[1:]:
        if isinstance(arg.value, cst.Call) and _last(arg.value) in _COLUMNS and arg.value.args:
            name = string_value(arg.value.args[0].value)
            if name is not None:
                yield _column(file, arg.value, name, arg.value, None)


def _of_class(file: SourceFile, owner: cst.ClassDef, is_sqlmodel: bool) -> Iterator[Column]:
    for line in owner.body.body:
        if isinstance(line, cst.FunctionDef):
            if any(_last_name(each.decorator) == "declared_attr" for each in line.decorators):
                made = next((n for n in walk(line.body) if isinstance(n, cst.Call) and _last(n) in _COLUMNS), None)
                if made is not None:
                    yield _column(file, line, line.name.value, made, None)
            continue
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name):
                name, value, annotation = part.target.value, part.value, part.annotation.annotation
            elif isinstance(part, cst.Assign) and isinstance(part.targets[0].target, cst.Name):
                name, value, annotation = part.targets[0].target.value, part.value, None
            else:
                continue
            call = value if isinstance(value, cst.Call) else None
            if call is not None and _last(call) in _COLUMNS:
                yield _column(file, part, name, call, _mapped(annotation))
            elif call is not None and (_last(call) in _NO_COLUMNS or not is_sqlmodel):
                continue
            elif (inner := _mapped(annotation)) is not None and value is None:
                yield _column(file, part, name, None, inner)
            elif is_sqlmodel and annotation is not None and _is_field(name, annotation):
                yield _field(file, part, name, call, annotation)


def _is_field(name: str, annotation: cst.BaseExpression) -> bool:
    return not name.startswith("_") and name != "model_config" and _last_name(bare(annotation)) != "ClassVar"


def _field(
    file: SourceFile, node: cst.CSTNode, name: str, call: cst.Call | None, annotation: cst.BaseExpression
) -> Column:
    """A field of an SQLModel; what `sa_column` says comes first."""
    own = argument(call, "sa_column") if call is not None else None
    if isinstance(own, cst.Call):
        return _column(file, node, name, own, None)
    return _column(file, node, name, call, annotation, is_field=True)


def _column(
    file: SourceFile,
    node: cst.CSTNode,
    attribute: str,
    call: cst.Call | None,
    annotation: cst.BaseExpression | None,
    *,
    is_field: bool = False,
) -> Column:
    forms = Forms(file, deep=False)
    name, kind, whose, others = attribute, None, "", []
    references: list[str] = []
    positional = [arg.value for arg in call.args if arg.keyword is None] if call is not None and not is_field else []
    if positional and (written := string_value(positional[0])) is not None:
        name = written
        positional = positional[1:]
    for value in positional:
        if isinstance(value, cst.Call) and _last(value) == "ForeignKey":
            target = value.args[0].value if value.args else None
            references.append(string_value(target) or "?")
            others.append(_plain(forms, value))
        elif isinstance(value, cst.Call) and _last(value) in ("Computed", "Identity", "Sequence"):
            others.append(_plain(forms, value))
        elif kind is None:
            kind, whose = _plain(forms, value), _whose(file, value)
    options = {key: argument(call, key) for key in (*_KNOWN, "server_default")} if call is not None else {}
    if is_field and call is not None and (target := string_value(argument(call, "foreign_key"))) is not None:
        references.append(target)
    if (
        call is not None
        and kind is None
        and (given := argument(call, "type_") or argument(call, "sa_type")) is not None
    ):
        kind, whose = _plain(forms, given), _whose(file, given)
    form, optional = type_form(file, annotation), None
    if annotation is not None:
        optional = _admits_none(form)
    nullable = argument(call, "nullable") if call is not None else None
    is_key = _said(options.get("primary_key")) == "True"
    can_be_null = optional if annotation is not None else True
    if is_key:
        can_be_null = False
    if nullable is not None:
        can_be_null = {"True": True, "False": False}.get(_said(nullable))
    rest = (
        tuple(_said(options.get(key)) if _said(options.get(key)) not in ("False", "None") else "" for key in _KNOWN),
        _plain(forms, default) if (default := options.get("server_default")) is not None else None,
        tuple(others),
        tuple(references),
    )
    shown: Form = (whose, kind) if kind is not None else None
    if shown is None and annotation is not None:
        shown = ("annotated", _without_none(form))
    deferred = call is not None and _said(argument(call, "deferred")) == "True"
    return Column(name, attribute, file, node, shown, can_be_null, rest, tuple(references), deferred)


def _whose(file: SourceFile, value: cst.BaseExpression) -> str:
    """Which types one may be compared with: those of SQLAlchemy among each other, any other with itself."""
    func = value.func if isinstance(value, cst.Call) else value
    name = file.name_of(func) or ""
    if name.startswith(("sqlalchemy.", "sqlmodel.")) or (dotted(func) or "").startswith("db."):
        return "sqlalchemy"
    return f"own {_last_name(func)}"


def _plain(forms: Forms, value: cst.BaseExpression) -> Form:
    """The form of a type or option: `String()` is `String`, `sa.String` too, and keywords don't matter."""
    if isinstance(value, cst.Call):
        arguments = tuple(
            _plain(forms, arg.value) for arg in value.args if arg.keyword is None or arg.keyword.value != "use_alter"
        )
        return (_last(value), arguments) if arguments else _last(value)
    if isinstance(value, cst.Attribute):
        return value.attr.value
    return value.value if isinstance(value, cst.Name) else forms.of(value)


def _mapped(annotation: cst.BaseExpression | None) -> cst.BaseExpression | None:
    """`X` of `Mapped[X]`."""
    if isinstance(annotation, cst.Subscript) and _last_name(annotation.value) in _MAPPED:
        inner = annotation.slice[0].slice
        return inner.value if isinstance(inner, cst.Index) else None
    return None


def _admits_none(form: Form) -> bool:
    return form == "None" or (isinstance(form, tuple) and form[:1] == ("union",) and "None" in form)


def _without_none(form: Form) -> Form:
    if not isinstance(form, tuple) or form[:1] != ("union",):
        return form
    kept = tuple(part for part in form[1:] if part != "None")
    return kept[0] if len(kept) == 1 else ("union", *kept)


def _said(expression: cst.BaseExpression | None) -> str:
    """A plain name as written, "" for nothing, "?" for anything else."""
    return "" if expression is None else expression.value if isinstance(expression, cst.Name) else "?"


def _last(call: cst.Call) -> str:
    return _last_name(call.func)


def _last_name(expression: cst.BaseExpression) -> str:
    expression = expression.func if isinstance(expression, cst.Call) else expression
    return (dotted(expression) or "").rpartition(".")[2]
