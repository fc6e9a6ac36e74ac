"""Alembic revisions: which file is one, where its `upgrade()` starts, and what SQL a call sends.

Facts were checked against Alembic 1.20 and SQLAlchemy 2.0. May not guess: SQL that isn't written out is unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import libcst as cst

from postil.lint.source import SourceFile, argument, string_value
from postil.lint.tree import walk_scope

OPERATIONS = frozenset(
    {"add_column", "alter_column", "create_check_constraint", "create_exclude_constraint", "create_foreign_key",
     "create_index", "create_primary_key", "create_table", "create_unique_constraint", "drop_column", "drop_constraint",
     "drop_index", "drop_table", "rename_table"}
)  # fmt: skip
"""The operations of `alembic.op` (and, but for the tables' own, of `batch_alter_table`) that change the schema."""

DML = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_UPGRADE = re.compile(r"^(upgrade(_\w+)?|schema_upgrades?)$")
_DOWNGRADE = re.compile(r"^(downgrade(_\w+)?|schema_downgrades?)$")
_EXECUTES = frozenset({"execute", "exec_driver_sql", "scalar", "scalars"})
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_TOKEN = re.compile(r"[()]|\w+")
_NAME = r"((?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])(?:\s*\.\s*(?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\]))*)"
_TARGET = re.compile(
    rf"(?:INSERT\b.*?\bINTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?{_NAME}",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMA = re.compile(
    r"(?:ALTER\s+TABLE|CREATE\s+TABLE|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX)\b", re.IGNORECASE
)
_CREATES = re.compile(
    rf"CREATE\s+(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED)\s+)*TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}", re.IGNORECASE
)
_RENAMES = re.compile(rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s+RENAME\s+TO\b", re.IGNORECASE)
_ALTERS = re.compile(rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s+", re.IGNORECASE)
_DROPS = re.compile(rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_NAME}", re.IGNORECASE)
_INDEXES = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?:{_NAME}\s+)?ON\s+(?:ONLY\s+)?{_NAME}",
    re.IGNORECASE,
)
_COLUMN = (
    r"(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?!(?:CONSTRAINT|PRIMARY|FOREIGN|UNIQUE|CHECK|EXCLUDE|INDEX|KEY)\b){_NAME}\s"
)
_CONSTRAINT = rf"(?:CONSTRAINT\s+{_NAME.replace('(', '(?:', 1)}\s+)?"
# What `ALTER TABLE` does, and the operation of `alembic.op`, or of a part of `alter_column`, that does the same.
_ACTIONS = tuple(
    (operation, re.compile(pattern, re.IGNORECASE))
    for operation, pattern in (
        ("rename_table", r"RENAME\s+TO\b()"),
        ("", r"RENAME\s+CONSTRAINT\b()"),
        ("rename_column", rf"RENAME\s+(?:COLUMN\s+)?{_NAME}\s+TO\b"),
        ("drop_constraint", r"DROP\s+CONSTRAINT\b()"),
        ("drop_column", rf"DROP\s+(?:COLUMN\s+)?(?:IF\s+EXISTS\s+)?{_NAME}"),
        ("set_not_null", rf"ALTER\s+(?:COLUMN\s+)?{_NAME}\s+SET\s+NOT\s+NULL\b"),
        ("change_type", rf"ALTER\s+(?:COLUMN\s+)?{_NAME}\s+(?:SET\s+DATA\s+)?TYPE\b"),
    )
)
# What it adds; one action may be several of these.
_ADDS = tuple(
    (operation, re.compile(rf"ADD\s+{pattern}", re.IGNORECASE | re.DOTALL))
    for operation, pattern in (
        ("add_column", _COLUMN),
        (
            "add_required_column",
            rf"{_COLUMN}(?![^;]*\b(?:DEFAULT|GENERATED|(?:BIG|SMALL)?SERIAL)\b)[^;]*\bNOT\s+NULL\b",
        ),
        ("add_foreign_key", rf"{_CONSTRAINT}FOREIGN\s+KEY\b()(?!.*\bNOT\s+VALID\b)"),
        ("add_check", rf"{_CONSTRAINT}CHECK\b()(?!.*\bNOT\s+VALID\b)"),
        ("add_unique", rf"{_CONSTRAINT}(?:UNIQUE|PRIMARY\s+KEY)\b()(?!\s+USING\b)"),
    )
)
_TOP_COMMA = re.compile(r",(?![^(]*\))")
_BOUNDS = re.compile(r"\b(?:WHERE|LIMIT|JOIN)\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\s*(?:CREATE|DROP|REINDEX)\b[^;]*?\bCONCURRENTLY\b", re.IGNORECASE)
_BOUNDING = frozenset({"where", "filter", "filter_by", "join", "limit"})
_DATA_METHODS = frozenset({"insert", "update", "delete"})
_DEPTH = 8
_FUNCTIONS = 200  # what a helper calls is followed by recursion, and no revision has as many


@dataclass(frozen=True)
class Sql:
    """What a statement does, by its first keyword in upper case.

    `table` is the one whose rows are written; `reads`: they come from other rows; `bounded`: only some are written.
    `schema`: how it changes tables or indexes ("ALTER TABLE"), else ""; `creates` and `renames` name the table.
    `operations` are those of `alembic.op` that would do the same, each with its table and column; "rename_column",
    "set_not_null" and "change_type" are what `alter_column` does, "add_required_column", "add_foreign_key", "add_check"
    and "add_unique" what `ADD` does besides. A name that isn't known is None. `code` is the text without comments and
    strings, "" where a statement is built.
    """

    verb: str
    table: str | None = None
    reads: bool = False
    schema: str = ""
    creates: str | None = None
    renames: str | None = None
    bounded: bool = False
    concurrently: bool = False
    operations: tuple[tuple[str, str | None, str | None], ...] = ()
    code: str = ""


def is_revision(file: SourceFile) -> bool:
    """Whether a file is an Alembic revision: it assigns `revision` and `down_revision` and defines an upgrade."""
    return {"revision", "down_revision"} <= {name for name, _ in assigned(file.module)} and bool(upgrades(file))


def assigned(body: cst.Module | cst.BaseSuite) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The plain names that the statements of a module or class body assign, with their values."""
    for line in body.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.AnnAssign):
                if isinstance(statement.target, cst.Name) and statement.value is not None:
                    yield statement.target.value, statement.value
            elif isinstance(statement, cst.Assign):
                for target in statement.targets:
                    if isinstance(target.target, cst.Name):
                        yield target.target.value, statement.value


def upgrades(file: SourceFile) -> list[cst.FunctionDef]:
    """`upgrade()` and, with several databases, `upgrade_<name>()`; the recipe's `schema_upgrades()` as well."""
    return [
        statement
        for statement in file.module.body
        if isinstance(statement, cst.FunctionDef) and _UPGRADE.match(statement.name.value)
    ]


def downgrades(file: SourceFile) -> list[cst.FunctionDef]:
    """`downgrade()` and, with several databases, `downgrade_<name>()`."""
    return [
        statement
        for statement in file.module.body
        if isinstance(statement, cst.FunctionDef) and _DOWNGRADE.match(statement.name.value)
    ]


def runs(file: SourceFile, functions: list[cst.FunctionDef]) -> Iterator[cst.CSTNode]:
    """The code that runs when these functions do, in order, helpers of this file where they are first called.

    What an x-argument guards isn't part of it.
    """
    seen: set[int] = set()
    for function in functions:
        yield from _runs(file, function, seen)


def _runs(file: SourceFile, function: cst.FunctionDef, seen: set[int]) -> Iterator[cst.CSTNode]:
    if id(function) in seen or len(seen) > _FUNCTIONS:
        return
    seen.add(id(function))
    guarded: set[int] = set()
    for node in walk_scope(function.body):
        if id(node) in guarded:
            continue
        if isinstance(node, cst.If) and _asks_for_x_argument(file, node.test):
            guarded.update(id(below) for below in walk_scope(node.body))
            continue
        yield node
        if isinstance(node, cst.Call):
            helper = file.definition_of(node.func)
            if isinstance(helper, cst.FunctionDef):
                yield from _runs(file, helper, seen)


def _asks_for_x_argument(file: SourceFile, test: cst.BaseExpression) -> bool:
    """Whether a condition reads `-x name=value` of the command line, as Alembic's recipe for data revisions does."""
    for node in walk_scope(test):
        value = file.value_of(node) if isinstance(node, cst.Name) else None
        for inner in walk_scope(value) if value is not None else (node,):
            if isinstance(inner, cst.Attribute) and inner.attr.value == "get_x_argument":
                return True
    return False


def batch_names(file: SourceFile) -> frozenset[str]:
    """The names that `with op.batch_alter_table(…) as name` binds in a file, and the usual one."""
    found = {"batch_op"}
    for item in file.nodes(cst.WithItem):
        if (
            isinstance(item.item, cst.Call)
            and file.name_of(item.item.func) == "alembic.op.batch_alter_table"
            and item.asname is not None
            and isinstance(item.asname.name, cst.Name)
        ):
            found.add(item.asname.name.value)
    return frozenset(found)


def operation(file: SourceFile, call: cst.Call, batches: frozenset[str]) -> str | None:
    """The name of the schema operation that a call is: "add_column" of `op` or of a batch; None for other calls."""
    if not isinstance(call.func, (cst.Attribute, cst.Name)):
        return None
    name = file.name_of(call.func) or ""
    last = name.removeprefix("alembic.op.")
    if last != name:
        return last if last in OPERATIONS else None
    if isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Name):
        last = call.func.attr.value
        return last if call.func.value.value in batches and last in OPERATIONS else None
    return None


def executed(file: SourceFile, call: cst.Call) -> Sql | None:
    """What a call sends to the database, where it is `op.bulk_insert` or executes a statement that is written out."""
    func = call.func
    if file.name_of(func) == "alembic.op.bulk_insert":
        return Sql("INSERT", table_name(file, argument(call, "table", 0)))
    executes = file.name_of(func) == "alembic.op.execute" or (
        isinstance(func, cst.Attribute) and func.attr.value in _EXECUTES
    )
    if executes and call.args and not call.args[0].star:
        return statement(file, call.args[0].value)
    if isinstance(func, cst.Attribute):
        return _by_session(file, func)
    return None


_SESSIONS = frozenset({"sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session", "sqlmodel.Session"})
_MAKERS = frozenset({"sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"})
_SAVES: dict[str, str] = {
    "add": "INSERT",
    "add_all": "INSERT",
    "bulk_insert_mappings": "INSERT",
    "bulk_save_objects": "INSERT",
    "bulk_update_mappings": "UPDATE",
    "commit": "COMMIT",
    "delete": "DELETE",
    "merge": "UPDATE",
}


def _by_session(file: SourceFile, func: cst.Attribute) -> Sql | None:
    """`session.add(…)` and its like, and `session.query(…).update(…)`."""
    if func.attr.value in _SAVES and _is_session(file, func.value):
        return Sql(_SAVES[func.attr.value], bounded=True)
    if func.attr.value in ("update", "delete"):
        for link in _chain(func.value):
            if isinstance(link.func, cst.Attribute) and link.func.attr.value == "query":
                if not _is_session(file, link.func.value):
                    return None
                table = table_name(file, link.args[0].value if link.args else None)
                return Sql(func.attr.value.upper(), table, bounded=_is_bounded(func.value))
    return None


def _is_session(file: SourceFile, expression: cst.BaseExpression) -> bool:
    if file.type_of(expression) in _SESSIONS:
        return True
    if not isinstance(expression, cst.Name):
        return False
    made = file.value_of(expression)
    function = file.enclosing_def(expression)
    for item in file.nodes(cst.WithItem):
        bound = item.asname.name if item.asname is not None else None
        if isinstance(bound, cst.Name) and bound.value == expression.value and file.enclosing_def(item) is function:
            made = item.item
    if not isinstance(made, cst.Call):
        return False
    maker = made.func if isinstance(made.func, cst.Call) else file.value_of(made.func)
    return isinstance(maker, cst.Call) and file.name_of(maker.func) in _MAKERS


def _chain(expression: cst.CSTNode) -> Iterator[cst.Call]:
    """The calls of `a(…).b(…).c(…)`, the last one first."""
    while True:
        if isinstance(expression, cst.Call):
            yield expression
            expression = expression.func
        elif isinstance(expression, cst.Attribute):
            expression = expression.value
        else:
            return


def statement(file: SourceFile, expression: cst.BaseExpression, depth: int = 0) -> Sql | None:
    """The statement that an expression builds: `sa.text(…)`, `sa.DDL(…)`, `update(…)`, `table.insert()`, or a text.

    A name stands for what it is assigned.
    """
    if depth > _DEPTH:
        return None
    if isinstance(expression, cst.Name):
        value = file.value_of(expression)
        return statement(file, value, depth + 1) if value is not None else None
    if (text := _text(file, expression)) is not None:
        return parse_sql(text)
    for link in _chain(expression):
        name = file.name_of(link.func) or ""
        last = name.rpartition(".")[2]
        if name.startswith(("sqlalchemy.", "sqlmodel.")):
            if last in ("text", "DDL") and link.args:
                inner = _text(file, link.args[0].value)
                return parse_sql(inner) if inner is not None else None
            if last in _DATA_METHODS:
                table = table_name(file, argument(link, "table", 0))
                return Sql(last.upper(), table, _selects(expression), bounded=_is_bounded(expression))
        func = link.func
        if isinstance(func, cst.Attribute) and func.attr.value in _DATA_METHODS and _is_table(file, func.value):
            table = table_name(file, func.value)
            return Sql(func.attr.value.upper(), table, _selects(expression), bounded=_is_bounded(expression))
        if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name):
            value = file.value_of(func.value)
            built = statement(file, value, depth + 1) if value is not None else None
            return replace(built, bounded=built.bounded or _is_bounded(expression)) if built is not None else None
    return None


def _is_bounded(expression: cst.BaseExpression) -> bool:
    """Whether a statement that is built, or a query, is held to some of the rows."""
    return any(
        isinstance(link.func, cst.Attribute) and link.func.attr.value in _BOUNDING for link in _chain(expression)
    )


def _is_table(file: SourceFile, expression: cst.BaseExpression) -> bool:
    """Whether `x.update()` is about a table, not a dict: `x` is a name whose value isn't shown to be something else."""
    if isinstance(expression, cst.Call):
        return (file.name_of(expression.func) or "").rpartition(".")[2] in ("table", "Table")
    return isinstance(expression, (cst.Name, cst.Attribute)) and file.type_of(expression) not in ("dict", "set", "list")


def _selects(expression: cst.BaseExpression) -> bool:
    return any(
        isinstance(link.func, cst.Attribute) and link.func.attr.value == "from_select" for link in _chain(expression)
    )


def _text(file: SourceFile, expression: cst.CSTNode, depth: int = 0) -> str | None:
    """The text of a string; what an f-string, `%` or `.format` puts in is a `?` where it isn't known."""
    if depth > _DEPTH:
        return None
    if (plain := string_value(expression)) is not None:
        return plain
    match expression:
        case cst.FormattedString(parts=parts):
            return "".join(
                part.value if isinstance(part, cst.FormattedStringText) else _filled(file, part, depth)
                for part in parts
            )
        case cst.ConcatenatedString(left=left, right=right):
            return (_text(file, left, depth + 1) or "") + (_text(file, right, depth + 1) or "")
        case cst.BinaryOperation(left=left, operator=cst.Add(), right=right):
            start = _text(file, left, depth + 1)
            return None if start is None else start + (_text(file, right, depth + 1) or "?")
        case cst.BinaryOperation(left=left, operator=cst.Modulo()):
            return _text(file, left, depth + 1)
        case cst.Call(func=cst.Attribute(value=value, attr=cst.Name(value="format" | "strip" | "replace"))):
            return _text(file, value, depth + 1)
        case cst.Call(func=func, args=[first, *_]) if file.name_of(func) in ("textwrap.dedent", "inspect.cleandoc"):
            return _text(file, first.value, depth + 1)
        case cst.Name():
            value = file.value_of(expression)
            return _text(file, value, depth + 1) if value is not None else None
    return None


def _filled(file: SourceFile, part: cst.BaseFormattedStringContent, depth: int) -> str:
    if isinstance(part, cst.FormattedStringExpression):
        return _text(file, part.expression, depth + 1) or "?"
    return "?"


def parse_sql(text: str) -> Sql | None:
    """The first statement of an SQL text, by its first keyword; behind `WITH`, by the keyword of the main statement."""
    text = _QUOTED.sub("''", _COMMENT.sub(" ", text)).strip().lstrip("( \n\t")
    first = _TOKEN.match(text)
    if first is None:
        return None
    verb = first[0].upper()
    start = 0
    if verb == "WITH":
        verb, start = _behind_with(text)
    target = _TARGET.match(text, start) if verb in DML or verb == "TRUNCATE" else None
    schema, created, renamed = _SCHEMA.match(text), _CREATES.match(text), _RENAMES.match(text)
    return Sql(
        verb,
        unquoted(target[1]) if target else None,
        reads=verb == "MERGE"
        or (verb == "INSERT" and re.search(r"\bSELECT\b[^;]*\bFROM\b", text, re.IGNORECASE) is not None),
        schema=" ".join(schema[0].upper().split()) if schema else "",
        creates=unquoted(created[1]) if created else None,
        renames=unquoted(renamed[1]) if renamed else None,
        bounded=_BOUNDS.search(text) is not None,
        concurrently=_CONCURRENTLY.match(text) is not None,
        operations=tuple(_operations(text)),
        code=text,
    )


def _operations(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """What the first statement of a text does to the schema, as (operation, table, column)."""
    text = text.partition(";")[0]
    for operation, pattern in (("create_table", _CREATES), ("drop_table", _DROPS)):
        if found := pattern.match(text):
            yield operation, unquoted(found[1]), None
    if found := _INDEXES.match(text):
        yield "create_index", unquoted(found[2]), None
    if altered := _ALTERS.match(text):
        table = unquoted(altered[1])
        for action in map(str.strip, _TOP_COMMA.split(text[altered.end() :])):
            for operation, pattern in _ADDS:
                if found := pattern.match(action):
                    yield operation, table, unquoted(found[1])
            for operation, pattern in _ACTIONS:
                if found := pattern.match(action):
                    if operation:
                        yield operation, table, unquoted(found[1])
                    break


def _behind_with(text: str) -> tuple[str, int]:
    """The first keyword that writes rows, in the main statement or at the start of one of the `WITH` parts."""
    depth, opened = 0, False
    for token in _TOKEN.finditer(text):
        word = token[0].upper()
        if word in "()":
            depth += 1 if word == "(" else -1
            opened = word == "("
            continue
        if word in DML and (depth == 0 or (depth == 1 and opened)):
            return word, token.start()
        if word == "SELECT" and depth == 0:
            return word, token.start()
        opened = False
    return "WITH", 0


def unquoted(name: str) -> str | None:
    """A table's bare name: schema and quotes taken off; None when a part of it isn't known."""
    bare = re.split(r"\s*\.\s*", name)[-1].strip('"`[]')
    return bare if bare and "?" not in bare else None


def table_name(file: SourceFile, expression: cst.BaseExpression | None, depth: int = 0) -> str | None:
    """The name of the table that an expression stands for: a string, `sa.table("x")`, a name for one, a model."""
    if expression is None or depth > _DEPTH:
        return None
    if (text := string_value(expression)) is not None:
        return unquoted(text)
    if isinstance(expression, cst.Call):
        last = (file.name_of(expression.func) or "").rpartition(".")[2]
        if last in ("table", "Table", "create_table", "TableClause", "batch_alter_table"):
            return table_name(file, expression.args[0].value if expression.args else None, depth + 1)
        return None
    if isinstance(expression, cst.Attribute) and expression.attr.value == "__table__":
        return table_name(file, expression.value, depth + 1)
    model = file.definition_of(expression)
    if isinstance(model, cst.ClassDef):
        return next((string_value(value) for name, value in assigned(model.body) if name == "__tablename__"), None)
    if isinstance(model, cst.FunctionDef):
        return None
    value = file.value_of(expression)
    return table_name(file, value, depth + 1) if value is not None else None
