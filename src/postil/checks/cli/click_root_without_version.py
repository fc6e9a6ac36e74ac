"""Finds installed Click commands that don't tell their version."""

from posixpath import dirname

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.commands import command_of
from postil.lint.dependencies import tables

MENTIONS = ("click",)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or file.mentions("version_option") or file.mentions("--version"):
        return
    command = command_of(function, file)
    if command is None or command.kind != "group" or not command.known or not _is_installed(function, file):
        return
    yield Note(command.decorator, f"`{function.name.value}` is what users call, and has no `--version`")


def _is_installed(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the project's scripts lead to this function, or to one of this module that calls it in the end."""
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    if toml is None or nearest is None:
        return False
    inside = file.path.removeprefix(dirname(nearest)).lstrip("/").removeprefix("src/").removesuffix(".py")
    module = inside.removesuffix("/__init__").replace("/", ".")
    callers = (each.name.value for each in file.nodes(cst.FunctionDef) if _ends_in(each, function, file))
    scripts = tables(toml.get("project", "scripts")).values()
    return any(f"{module}:{name}" in scripts for name in (function.name.value, *callers))


def _ends_in(caller: cst.FunctionDef, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the last thing that a function does is to call another: `def main(): cli()`."""
    line = caller.body.body[-1]
    last = line.body[-1] if isinstance(line, cst.SimpleStatementLine) else None
    call = last.value if isinstance(last, (cst.Expr, cst.Return)) else None
    return isinstance(call, cst.Call) and file.definition_of(call.func) is function
