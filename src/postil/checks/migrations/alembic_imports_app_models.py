"""Finds revisions that depend on the application's models of today."""

from collections.abc import Iterator, Sequence

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.alembic import is_revision
from postil.lint.names import dotted, last_name
from postil.lint.tree import walk

MENTIONS = ("down_revision",)

_MODELS = frozenset({"models", "model", "orm", "dbmodels", "db_models"})
_FROZEN = frozenset(
    {"alembic", "migrations", "migration", "versions", "types", "custom_types", "sa_types", "columns",
     "column_types", "custom_columns"}
)  # fmt: skip
_QUERIES = frozenset({"query", "select", "update", "delete", "insert", "aliased", "exists", "scalars"})
_IN_COLUMNS = frozenset({"Column", "Enum", "ENUM", "add_column", "alter_column"})


def check(file: SourceFile) -> Notes:
    if not is_revision(file):
        return
    own = frozenset(file.path.split("/")[:-1]) | {_package(file)}
    for statement in (*file.nodes(cst.ImportFrom), *file.nodes(cst.Import)):
        if isinstance(statement.names, cst.ImportStar) or file.in_type_checking(statement):
            continue
        yield from _judged(file, statement, statement.names, own)


def _judged(
    file: SourceFile, statement: cst.Import | cst.ImportFrom, names: Sequence[cst.ImportAlias], own: frozenset[str]
) -> Iterator[Note]:
    """What one statement imports, by what the revision uses it for."""
    module = ""
    if isinstance(statement, cst.ImportFrom):
        module = "." * len(statement.relative) + (dotted(statement.module) or "")
    used: list[str] = []
    constants: list[str] = []
    for alias in names:
        name = dotted(alias.name) or ""
        parts = [*module.lstrip(".").split("."), name] if module else name.split(".")
        if not (module.startswith(".") or parts[0] in own) or _FROZEN.intersection(parts):
            continue
        local = dotted(alias.asname.name) if alias.asname is not None else None
        uses = [use for use in _uses(file, statement, local or name) if not _is_column_type(file, use)]
        models = [use for use in uses if _is_model_use(file, use)]
        if not models and _MODELS.intersection(parts):
            models = [use for use in uses if _is_class_name(last_name(use)) and not _is_in_column(file, use)]
            constants += [file.code(use) for use in uses[:1] if not models]
        used += dict.fromkeys(file.code(use) for use in models)
    where = f"`{module or dotted(names[0].name)}`"
    if used:
        shown = ", ".join(f"`{name}`" for name in used[:3]) + (f" and {len(used) - 3} more" if len(used) > 3 else "")
        say = "its" if len(used) == 1 else "their"
        yield Note(statement, f"this revision uses {shown} of {where}, and does another thing with {say} next change")
    elif constants:
        shown = ", ".join(f"`{name}`" for name in constants[:3])
        said = f"this revision takes {shown} from {where}, and changes with {'it' if len(constants) == 1 else 'them'}"
        yield Note(statement, said, severity="hint")


def _uses(file: SourceFile, statement: cst.CSTNode, name: str) -> Iterator[cst.BaseExpression]:
    """The expressions behind an imported name, each as far as the class that it reaches: `Order`, `models.Order`."""
    path = name.split(".")
    inside = {id(node) for node in walk(statement)}
    for place in file.nodes(cst.Name):
        above = file.parent(place)
        if place.value != path[0] or id(place) in inside or (isinstance(above, cst.Arg) and above.keyword is place):
            continue
        if isinstance(above, cst.Attribute) and above.attr is place:
            continue
        reached, passed = place, [place.value]
        while isinstance(above, cst.Attribute) and not _is_class_name(passed[-1]):
            reached, above = above, file.parent(above)
            passed.append(reached.attr.value)
        if passed[: len(path)] == path:
            yield reached


def _is_model_use(file: SourceFile, use: cst.BaseExpression) -> bool:
    """Whether an expression is used as a mapped class: queried, or asked for its table or metadata."""
    above, name = file.parent(use), last_name(use)
    if isinstance(above, cst.Attribute):
        if above.attr.value in ("__table__", "metadata", "__tablename__"):
            return True
        above = file.parent(above)
    if name.isupper() or not (_is_class_name(name) or isinstance(use, cst.Name)):
        return False
    call = file.parent(above) if isinstance(above, cst.Arg) else None
    return isinstance(call, cst.Call) and last_name(call.func) in _QUERIES and above in call.args


def _is_class_name(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _is_column_type(file: SourceFile, use: cst.BaseExpression) -> bool:
    """Whether an expression is the type of a column: `Column("key", GUID())`, `type_=GUID`."""
    above = file.parent(use)
    if isinstance(above, cst.Call) and above.func is use:
        above = file.parent(above)
    call = file.parent(above) if isinstance(above, cst.Arg) else None
    if not isinstance(call, cst.Call) or not isinstance(above, cst.Arg):
        return False
    if above.keyword is not None:
        return above.keyword.value in ("type_", "existing_type")
    return last_name(call.func) in ("Column", "column")


def _is_in_column(file: SourceFile, use: cst.BaseExpression) -> bool:
    return any(isinstance(above, cst.Call) and last_name(above.func) in _IN_COLUMNS for above in file.ancestors(use))


def _package(file: SourceFile) -> str:
    """The import package of the project, as its distribution is usually called."""
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    name = toml.get("project", "name") if toml is not None else None
    return name.replace("-", "_").lower() if isinstance(name, str) else ""
