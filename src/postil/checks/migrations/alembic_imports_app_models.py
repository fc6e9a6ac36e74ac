"""Finds revisions that depend on the application's models of today."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.alembic import is_revision
from postil.lint.names import dotted
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
    for statement in file.nodes(cst.ImportFrom):
        parts = (dotted(statement.module) or "").split(".")
        if isinstance(statement.names, cst.ImportStar) or file.in_type_checking(statement):
            continue
        if not (statement.relative or parts[0] in own) or _FROZEN.intersection(parts):
            continue
        yield from _judged(file, statement, bool(_MODELS.intersection(parts)))


def _judged(file: SourceFile, statement: cst.ImportFrom, from_models: bool) -> Iterator[Note]:
    """The names that one statement imports, by what the revision uses them for."""
    used: list[str] = []
    constants: list[str] = []
    for alias in statement.names if not isinstance(statement.names, cst.ImportStar) else ():
        local = alias.asname.name if alias.asname is not None else alias.name
        if not isinstance(local, cst.Name) or not isinstance(alias.name, cst.Name):
            continue
        places = [place for place in _places(file, statement, local.value) if not _is_column_type(file, place)]
        if any(_is_model_use(file, place) for place in places):
            used.append(local.value)
        elif from_models and places:
            if not _is_class_name(local.value) or all(_is_in_column(file, place) for place in places):
                constants.append(local.value)
            else:
                used.append(local.value)
    where = f"`{'.' * len(statement.relative)}{dotted(statement.module) or ''}`"
    if used:
        names = ", ".join(f"`{name}`" for name in used[:3]) + (f" and {len(used) - 3} more" if len(used) > 3 else "")
        say = "its" if len(used) == 1 else "their"
        yield Note(statement, f"this revision uses {names} of {where}, and does another thing with {say} next change")
    elif constants:
        names = ", ".join(f"`{name}`" for name in constants[:3])
        said = f"this revision takes {names} from {where}, and changes with {'it' if len(constants) == 1 else 'them'}"
        yield Note(statement, said, severity="hint")


def _places(file: SourceFile, statement: cst.ImportFrom, name: str) -> Iterator[cst.Name]:
    inside = {id(node) for node in walk(statement)}
    for node in file.nodes(cst.Name):
        if node.value == name and id(node) not in inside:
            above = file.parent(node)
            if not (isinstance(above, cst.Attribute) and above.attr is node) and not (
                isinstance(above, cst.Arg) and above.keyword is node
            ):
                yield node


def _is_model_use(file: SourceFile, place: cst.Name) -> bool:
    """Whether a name is used as a mapped class: queried, or asked for its table or metadata."""
    above = file.parent(place)
    if isinstance(above, cst.Attribute):
        return above.attr.value in ("__table__", "metadata", "__tablename__")
    call = file.parent(above) if isinstance(above, cst.Arg) else None
    return (
        isinstance(call, cst.Call) and (dotted(call.func) or "").rpartition(".")[2] in _QUERIES and above in call.args
    )


def _is_class_name(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _is_column_type(file: SourceFile, place: cst.Name) -> bool:
    """Whether a name is the type of a column: `Column("key", GUID())`, `type_=GUID`."""
    above = file.parent(place)
    if isinstance(above, cst.Call) and above.func is place:
        above = file.parent(above)
    call = file.parent(above) if isinstance(above, cst.Arg) else None
    if not isinstance(call, cst.Call) or not isinstance(above, cst.Arg):
        return False
    if above.keyword is not None:
        return above.keyword.value in ("type_", "existing_type")
    return (dotted(call.func) or "").rpartition(".")[2] in ("Column", "column")


def _is_in_column(file: SourceFile, place: cst.Name) -> bool:
    for above in file.ancestors(place):
        if isinstance(above, cst.Call) and (dotted(above.func) or "").rpartition(".")[2] in _IN_COLUMNS:
            return True
    return False


def _package(file: SourceFile) -> str:
    """The import package of the project, as its distribution is usually called."""
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    name = toml.get("project", "name") if toml is not None else None
    return name.replace("-", "_").lower() if isinstance(name, str) else ""
