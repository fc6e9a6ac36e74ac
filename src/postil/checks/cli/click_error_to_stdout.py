"""Finds errors of Click commands that are written to stdout."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking, string_value

MENTIONS = ("click",)

_ECHO = frozenset({"click.echo", "click.secho", "rich_click.echo", "rich_click.secho"})
_ERROR = re.compile(
    r"^[^\w{[]*(?:error|failed|fatal|aborted|invalid|could not|cannot|can't|unable to)\b", re.IGNORECASE
)
_ENDS = frozenset({"sys.exit", "exit", "quit", "os._exit"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    last = file.called(call)
    if last not in ("echo", "secho") or file.name_of(call.func) not in _ECHO or not call.args or has_unpacking(call):
        return
    if argument(call, "err") is not None or argument(call, "file", 1) is not None or file.in_test(call):
        return
    if not (_is_red(call) or _ERROR.match(_beginning(call.args[0].value))) or not _fails_then(call, file):
        return
    yield Note(
        call,
        f"this error goes to stdout, where `click.{last}` writes results",
        fix=Fix((Insert(call.args[-1], ", err=True", after=True),), FixKind.SUGGESTION),
    )


def _is_red(call: cst.Call) -> bool:
    given = [argument(call, "fg")]
    inner = call.args[0].value
    if isinstance(inner, cst.Call):
        given.append(argument(inner, "fg"))
    return any(string_value(each) in ("red", "bright_red") for each in given)


def _beginning(text: cst.BaseExpression) -> str:
    if isinstance(text, cst.Call) and text.args:
        text = text.args[0].value
    if isinstance(text, cst.FormattedString):
        first = text.parts[0] if text.parts else None
        return first.value if isinstance(first, cst.FormattedStringText) else ""
    return string_value(text) or ""


def _fails_then(call: cst.Call, file: SourceFile) -> bool:
    """Whether the block ends the program as failed, or raises, after the line."""
    line = file.enclosing_statement(call)
    block = file.parent(line)
    if not isinstance(block, cst.IndentedBlock):
        return False
    for statement in block.body[block.body.index(line) + 1 :] if line in block.body else ():
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if isinstance(small, cst.Raise):
            return True
        if isinstance(small, cst.Expr) and isinstance(small.value, cst.Call):
            ends = small.value
            by_context = isinstance(ends.func, cst.Attribute) and ends.func.attr.value == "exit"
            if (file.name_of(ends.func) in _ENDS or by_context) and ends.args:
                return not (isinstance(ends.args[0].value, cst.Integer) and ends.args[0].value.value == "0")
    return False
