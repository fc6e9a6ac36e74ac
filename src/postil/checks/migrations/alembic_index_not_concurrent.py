"""Finds indexes that are built while nobody can write to their table."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.revisions import Step, revision

MENTIONS = ("down_revision",)


def check(file: SourceFile) -> Notes:
    if not (file.mentions("create_index") or file.mentions(" INDEX ")):
        return
    found = file.fact(revision)
    if found is None or not found.on_postgres:
        return
    for step in found.schema_steps:
        if step.operation != "create_index" or step.is_empty or _is_concurrent(step) or not found.for_postgres(step):
            continue
        shown = f"`{step.shown}`" if step.shown else "`CREATE INDEX`"
        where = f" to `{step.table}`" if step.table else ""
        yield Note(step.call, f"{shown} stops all writes{where} until the index is built", fix=_fix(file, step))


def _is_concurrent(step: Step) -> bool:
    if step.sql is not None:
        return step.sql.concurrently
    given = step.argument("postgresql_concurrently")
    return any(arg.star == "**" for arg in step.call.args) or not (
        given is None or (isinstance(given, cst.Name) and given.value in ("False", "None"))
    )


def _fix(file: SourceFile, step: Step) -> Fix | None:
    """The same index built concurrently, outside of the transaction."""
    parent = file.parent(step.call)
    line = file.enclosing_statement(step.call)
    if (
        step.sql is not None
        or step.in_batch
        or step.committed
        or step.argument("postgresql_concurrently") is not None
        or not isinstance(parent, cst.Expr)
        or not isinstance(line, cst.SimpleStatementLine)
        or len(line.body) != 1
    ):
        return None
    last = step.call.args[-1]
    comma = "" if isinstance(last.comma, cst.Comma) else ", "
    concurrent = step.call.with_changes(
        args=[
            *step.call.args[:-1],
            last.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")) if comma else last.comma),
            cst.Arg(
                keyword=cst.Name("postgresql_concurrently"),
                value=cst.Name("True"),
                equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
            ),
        ]
    )
    laid = file.laid_out(line.with_changes(body=[cst.Expr(concurrent)]), line, deeper=True)
    if laid is None:
        return None
    indent = file.indentation(line) + file.module.default_indent
    owner = step.shown.rpartition(".")[0]
    if not owner:
        return None
    return Fix.replace(parent, f"with {owner}.get_context().autocommit_block():\n{indent}{laid}", FixKind.SUGGESTION)
