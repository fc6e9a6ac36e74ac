"""Finds `print` in Click commands."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument
from postil.lint.commands import is_click_command

MENTIONS = ("click",)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not (isinstance(call.func, cst.Name) and call.func.value == "print") or file.name_of(call.func) != "print":
        return
    function = file.enclosing_function(call)
    if not isinstance(function, cst.FunctionDef) or not is_click_command(function, file) or file.in_test(call):
        return
    stream = argument(call, "file")
    if stream is not None and file.name_of(stream) not in ("sys.stdout", "sys.stderr"):
        return
    name = function.name.value
    echo = file.spelling_of("click.echo")
    plain = len(call.args) == 1 and call.args[0].keyword is None and not call.args[0].star
    fix = Fix.replace(call.func, echo, FixKind.SUGGESTION) if plain and echo is not None else None
    yield Note(call, f"`{name}` is a Click command, and prints past `click.echo`", fix=fix)
