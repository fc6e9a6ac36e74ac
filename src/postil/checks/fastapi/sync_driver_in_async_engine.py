"""Finds async engines whose URL names a driver that can't wait."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument, string_value
from postil.lint.dependencies import is_older

MENTIONS = ("create_async_engine",)

_MAKERS = frozenset({"sqlalchemy.ext.asyncio.create_async_engine", "sqlalchemy.ext.asyncio.engine.create_async_engine"})
_SCHEME = re.compile(r"([a-z0-9]+(?:\+[a-z0-9_]+)?)://")
# The schemes that SQLAlchemy 2.1.9 takes for sync drivers, and async ones for the same databases. `postgresql` is one
# of them before 2.1, which takes it for psycopg 3 (tests/test_framework_facts.py).
ASYNC = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+pysqlite": "sqlite+aiosqlite",
    "mysql": "mysql+asyncmy",
    "mysql+pymysql": "mysql+asyncmy",
    "mysql+mysqldb": "mysql+asyncmy",
    "mysql+mysqlconnector": "mysql+asyncmy",
    "mariadb": "mariadb+asyncmy",
    "mariadb+pymysql": "mariadb+asyncmy",
    "postgresql+psycopg2": "postgresql+asyncpg",
    "postgresql+pg8000": "postgresql+asyncpg",
    "mssql": "mssql+aioodbc",
    "mssql+pyodbc": "mssql+aioodbc",
    "mssql+pymssql": "mssql+aioodbc",
    "oracle+cx_oracle": "oracle+oracledb",
}


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last != "create_async_engine" or file.name_of(call.func) not in _MAKERS or file.in_test(call):
        return
    url = argument(call, "url", 0)
    value = file.value_of(url) if isinstance(url, (cst.Name, cst.Attribute)) else url
    found = _SCHEME.match(_beginning(value))
    if value is None or found is None or argument(call, "async_creator") is not None:
        return
    scheme = found[1]
    other = ASYNC.get(scheme)
    if scheme == "postgresql" and is_older(file.project, file.path, "sqlalchemy", "2.1"):
        other = "postgresql+asyncpg"
    if other is None:
        return
    text = file.code(value).replace(f"{scheme}://", f"{other}://", 1)
    yield Note(
        value,
        f"`{scheme}://` names a sync driver, which `create_async_engine` refuses",
        fix=Fix.replace(value, text, FixKind.SUGGESTION),
    )


def _beginning(url: cst.BaseExpression | None) -> str:
    """What a URL surely begins with: `"mysql://" + host` and `"mysql://{}".format(host)` tell their scheme, too."""
    while isinstance(url, cst.BinaryOperation) and isinstance(url.operator, (cst.Add, cst.Modulo)):
        url = url.left
    if isinstance(url, cst.Call) and isinstance(url.func, cst.Attribute) and url.func.attr.value == "format":
        url = url.func.value
    if isinstance(url, cst.FormattedString):
        first = url.parts[0] if url.parts else None
        return first.value if isinstance(first, cst.FormattedStringText) else ""
    return string_value(url) or ""
