"""What an Alembic revision does, step by step, and what is known about the tables and the database that it meets.

Facts were checked against Alembic 1.20. May not guess: a table that isn't named counts as new wherever the revision
creates tables at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from postil.lint.alembic import (
    DML,
    Sql,
    assigned,
    batch_names,
    downgrades,
    executed,
    is_revision,
    operation,
    runs,
    table_name,
    upgrades,
)
from postil.lint.dependencies import distribution, distributions
from postil.lint.names import last_name
from postil.lint.source import SourceFile, argument, string_value
from postil.lint.tree import walk

# Where an operation of `op` names its table; those of a batch leave it out, and what follows moves up.
_TABLE_AT = {
    "add_column": ("table_name", 0),
    "alter_column": ("table_name", 0),
    "create_check_constraint": ("table_name", 1),
    "create_exclude_constraint": ("table_name", 1),
    "create_foreign_key": ("source_table", 1),
    "create_index": ("table_name", 1),
    "create_primary_key": ("table_name", 1),
    "create_table": ("table_name", 0),
    "create_unique_constraint": ("table_name", 1),
    "drop_column": ("table_name", 0),
    "drop_constraint": ("table_name", 1),
    "drop_index": ("table_name", 1),
    "drop_table": ("table_name", 0),
    "rename_table": ("old_table_name", 0),
}
_COLUMN_AT = {
    "add_column": ("column", 1),
    "alter_column": ("column_name", 1),
    "drop_column": ("column_name", 1),
}
_POSTGRES = frozenset({"asyncpg", "pg8000", "psycopg", "psycopg-binary", "psycopg2", "psycopg2-binary", "psycopg2cffi"})
_MYSQL = frozenset({"aiomysql", "asyncmy", "mysql-connector-python", "mysqlclient", "pymysql"})
_LINE = re.compile(r"^[ \t]*([^#\s-][^#\n]*)", re.MULTILINE)
_OTHERS = ("sqlite", "mysql", "mariadb", "oracle", "mssql")


@dataclass(frozen=True)
class Step:
    """One thing that an upgrade does.

    `operation` is one of `alembic.op`, or what `alter_column` does ("rename_column", "set_not_null", "change_type"), or
    what SQL does besides (see `Sql.operations`), or "" where `sql` writes rows or does something else. `is_new`: the
    table was created by this revision, or can't be told from one that was. `is_empty`: it is new, or all of its rows
    were deleted before. `committed`: it runs outside of Alembic's transaction. `repeated`: it stands in a loop.
    """

    call: cst.Call
    operation: str
    shown: str
    table: str | None
    column: str | None
    is_new: bool
    is_empty: bool
    in_batch: bool
    committed: bool
    repeated: bool
    sql: Sql | None = None

    def argument(self, keyword: str, position: int | None = None) -> cst.BaseExpression | None:
        """An argument of an operation, by keyword or by its position in the signature of `op`."""
        _, table_at = _TABLE_AT.get(self.operation, ("", -1))
        if self.in_batch and position is not None and position > table_at >= 0:
            position -= 1
        return argument(self.call, keyword, position)

    @property
    def writes(self) -> bool:
        """Whether it writes rows."""
        return self.sql is not None and self.sql.verb in DML


class Revision:
    """An Alembic revision: its place in the history, and the steps of its upgrade in order."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self._batches = batch_names(file)
        self._called_from: dict[int, cst.Call] = {}
        self._values = dict(assigned(file.module))

    # History

    @cached_property
    def name(self) -> str | None:
        """Its id; None where it isn't written out."""
        return string_value(self._values.get("revision"))

    @cached_property
    def parents(self) -> tuple[str, ...] | None:
        """The ids of the revisions that it follows: none for the first, several for a merge; None where unknown."""
        value = self._values.get("down_revision")
        if isinstance(value, cst.Name) and value.value == "None":
            return ()
        if isinstance(value, (cst.Tuple, cst.List, cst.Set)):
            names = [string_value(element.value) for element in value.elements]
            return None if None in names else tuple(name for name in names if name is not None)
        one = string_value(value)
        return None if one is None else (one,)

    @cached_property
    def is_branch(self) -> bool:
        """Whether it says that it belongs to a branch of its own, by `branch_labels` or `depends_on`."""
        return any(
            not (isinstance(value, cst.Name) and value.value == "None")
            for key in ("branch_labels", "depends_on")
            if (value := self._values.get(key)) is not None
        )

    @property
    def replaces(self) -> bool:
        """Whether it says that it stands for others, by `replaces`."""
        return "replaces" in self._values

    @property
    def parent_node(self) -> cst.BaseExpression:
        """The value of `down_revision`."""
        return self._values["down_revision"]

    # Upgrade

    @cached_property
    def upgrades(self) -> list[cst.FunctionDef]:
        """`upgrade()`, and its like where there are several databases."""
        return upgrades(self.file)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What the upgrade does, in order, helpers of this file included."""
        return tuple(self._steps(self.upgrades))

    @cached_property
    def way_back(self) -> tuple[Step, ...]:
        """What the downgrade does, in the same form."""
        return tuple(self._steps(downgrades(self.file)))

    @cached_property
    def rebuilt(self) -> frozenset[str]:
        """The tables that are made anew under another name and renamed, which is how SQLite changes a column."""
        return frozenset(
            name
            for step in self.steps
            if step.operation == "rename_table" and step.is_new and step.sql is None
            if (name := table_name(self.file, step.argument("new_table_name", 1))) is not None
        )

    @property
    def schema_steps(self) -> Iterator[Step]:
        """The steps that change the schema of tables that were there before."""
        return (step for step in self.steps if step.operation and not step.is_new)

    def _steps(self, functions: list[cst.FunctionDef]) -> Iterator[Step]:
        file = self.file
        created: set[str] = set()
        emptied: set[str | None] = set()
        some_created = committed = False
        for node in runs(file, functions):
            if node.__class__ is not cst.Call or not isinstance(node, cst.Call):
                continue
            helper = file.definition_of(node.func)
            if isinstance(helper, cst.FunctionDef):
                self._called_from.setdefault(id(helper), node)
            if last_name(node.func) == "autocommit_block" and not isinstance(file.parent(node), cst.WithItem):
                committed = True  # entered by other means, such as an exit stack
            kind = operation(file, node, self._batches)
            sql = None if kind is not None else executed(file, node)
            made = None if kind is not None else self._creates(node)
            if made is not None:
                some_created = True
                created |= {made} - {""}
            if kind is None and sql is None:
                continue
            if sql is not None and sql.verb in ("COMMIT", "END"):
                committed = committed or sql.code != ""
            above = list(self._surroundings(node))
            outside = committed or any(self._leaves_transaction(each) for each in above)
            repeated = any(each.__class__ in _LOOPS for each in above)
            for each, table, column in self._parts(node, kind, sql):
                is_new = some_created if table is None else table in created
                shown = file.code(node.func) if kind is not None else ""
                in_batch = kind is not None and file.name_of(node.func) is None
                is_empty = is_new or table in emptied
                yield Step(node, each, shown, table, column, is_new, is_empty, in_batch, outside, repeated, sql)
                if sql is not None and not sql.bounded and sql.verb in ("DELETE", "TRUNCATE") and table is not None:
                    emptied.add(table)
                if each == "create_table" and not is_new:
                    some_created = True
                    created |= {table} if table is not None else set()
                elif each == "rename_table" and is_empty:
                    new = table_name(file, argument(node, "new_table_name", 1)) if sql is None else None
                    (created if is_new else emptied).update({new} if new is not None else ())

    def _parts(self, call: cst.Call, kind: str | None, sql: Sql | None) -> Iterator[tuple[str, str | None, str | None]]:
        """The operations that one call is, each with its table and column."""
        if kind is None:
            if sql is not None and not sql.operations:
                yield "", sql.table, None
            elif sql is not None:
                yield from sql.operations
            return
        table, column = self._table(call, kind), self._column(call, kind)
        yield kind, table, column
        if kind == "alter_column":
            if not _is_none(argument(call, "new_column_name")):
                yield "rename_column", table, column
            nullable = argument(call, "nullable")
            if isinstance(nullable, cst.Name) and nullable.value == "False":
                yield "set_not_null", table, column
            if not _is_none(argument(call, "type_")):
                yield "change_type", table, column

    def _table(self, call: cst.Call, kind: str) -> str | None:
        if self.file.name_of(call.func) is not None:
            return table_name(self.file, argument(call, *_TABLE_AT[kind]))
        owner = call.func.value if isinstance(call.func, cst.Attribute) else None
        for above in self._surroundings(call):
            for item in above.items if isinstance(above, cst.With) else ():
                name = item.asname.name if item.asname is not None else None
                if isinstance(name, cst.Name) and isinstance(owner, cst.Name) and name.value == owner.value:
                    return table_name(self.file, item.item)
        return None

    def _column(self, call: cst.Call, kind: str) -> str | None:
        if kind not in _COLUMN_AT:
            return None
        keyword, position = _COLUMN_AT[kind]
        value = argument(call, keyword, position if self.file.name_of(call.func) is not None else position - 1)
        if kind == "add_column":
            column = self.column(value)
            return string_value(column.args[0].value) if column is not None and column.args else None
        if isinstance(value, cst.Name):
            value = self.file.value_of(value)
        return string_value(value)

    def column(self, value: cst.BaseExpression | None) -> cst.Call | None:
        """The `sa.Column(…)` that an expression is or names."""
        if isinstance(value, cst.Name):
            value = self.file.value_of(value)
        if not isinstance(value, cst.Call):
            return None
        name = self.file.name_of(value.func) or ""
        return value if name.startswith(("sqlalchemy.", "sqlmodel.")) and name.endswith(".Column") else None

    def _creates(self, call: cst.Call) -> str | None:
        """The table that a call of something else creates, "" for one without a name; None where it creates none.

        `metadata.create_all(…)`, `table.create(…)`, and `create_table(…)` of another module.
        """
        func = call.func
        last = last_name(func)
        if last == "create_all":
            return ""
        if last == "create" and isinstance(func, cst.Attribute):
            return table_name(self.file, func.value) or ""
        if last.startswith("create_table") and self.file.definition_of(func) is None:
            return table_name(self.file, call.args[0].value if call.args else None) or ""
        return None

    def _surroundings(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What is around a node, and around the call that led to the helper in which it stands."""
        seen: set[int] = set()
        current: cst.CSTNode | None = node
        while current is not None:
            function = None
            for above in self.file.ancestors(current):
                yield above
                if isinstance(above, cst.FunctionDef):
                    function = above
                    break
            if function is None or id(function) in seen:
                return
            seen.add(id(function))
            current = self._called_from.get(id(function))

    def _leaves_transaction(self, block: cst.CSTNode) -> bool:
        """Whether a `with` steps out of the transaction, by itself or by a context manager of this file that does."""
        for item in block.items if isinstance(block, cst.With) else ():
            if not isinstance(item.item, cst.Call):
                continue
            own = self.file.definition_of(item.item.func)
            inside = walk(own.body) if isinstance(own, cst.FunctionDef) else (item.item,)
            if any(isinstance(node, cst.Call) and last_name(node.func) == "autocommit_block" for node in inside):
                return True
        return False

    # Database

    @cached_property
    def on_postgres(self) -> bool:
        """Whether it is known to meet PostgreSQL: by its folder, by what it uses, or by the driver installed."""
        if any(word in folder for folder in self._folders for word in _OTHERS):
            return False
        if any(folder.startswith(("postgres", "pg_")) for folder in self._folders):
            return True
        return self.file.mentions("postgresql") or not _POSTGRES.isdisjoint(self._needed)

    @cached_property
    def on_mysql(self) -> bool:
        """Whether it is known to meet MySQL or MariaDB, and not PostgreSQL too."""
        if any(word in folder for folder in self._folders for word in ("mysql", "mariadb")):
            return True
        return not _MYSQL.isdisjoint(self._needed) and not self.on_postgres

    @cached_property
    def on_sqlite(self) -> bool:
        """Whether its folder says that it is for SQLite."""
        return any("sqlite" in folder for folder in self._folders)

    @cached_property
    def _folders(self) -> list[str]:
        return self.file.path.lower().split("/")[:-1]

    @cached_property
    def _needed(self) -> frozenset[str]:
        """The distributions that the project around needs; an extra isn't needed by everybody."""
        names: set[str | None] = set()
        project, path = self.file.project, self.file.path
        nearest = project.nearest(path, "pyproject.toml")
        toml = project.toml(nearest) if nearest is not None else None
        if toml is not None:
            for keys in (("project", "dependencies"), ("tool", "poetry", "dependencies")):
                names.update(distributions(toml.get(*keys)))
        listed = project.nearest(path, "requirements.txt")
        if listed is not None:
            names.update(map(distribution, _LINE.findall(project.files[listed])))
        return frozenset(name for name in names if name is not None)

    def for_postgres(self, step: Step) -> bool:
        """Whether a step is taken on PostgreSQL: it isn't the branch of a condition on another dialect."""
        below: cst.CSTNode = step.call
        for above in self._surroundings(step.call):
            if isinstance(above, (cst.If, cst.IfExp)) and below is not above.test:
                named = {text for node in walk(above.test) if (text := string_value(node)) is not None}
                negated = any(isinstance(node, (cst.NotEqual, cst.Not, cst.NotIn)) for node in _operators(above.test))
                positive = (below is above.body) != negated
                if positive and named & set(_OTHERS) and not any("postgres" in name for name in named):
                    return False
                if not positive and any("postgres" in name for name in named):
                    return False
            below = above
        return True


_LOOPS = frozenset({cst.For, cst.While, cst.ListComp, cst.GeneratorExp, cst.SetComp, cst.DictComp})


def revision(file: SourceFile) -> Revision | None:
    """The revision that a file is, or None; a fact of a file: `file.fact(revision)`."""
    return Revision(file) if is_revision(file) else None


def _is_none(expression: cst.BaseExpression | None) -> bool:
    return expression is None or (isinstance(expression, cst.Name) and expression.value == "None")


def _operators(test: cst.BaseExpression) -> Iterator[cst.CSTNode]:
    for node in walk(test):
        if isinstance(node, cst.Comparison):
            yield from (target.operator for target in node.comparisons)
        elif isinstance(node, cst.UnaryOperation):
            yield node.operator
