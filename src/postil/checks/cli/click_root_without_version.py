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
    """Whether the project's scripts lead to this function."""
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    if toml is None or nearest is None:
        return False
    inside = file.path.removeprefix(dirname(nearest)).lstrip("/").removeprefix("src/").removesuffix(".py")
    module = inside.removesuffix("/__init__").replace("/", ".")
    return f"{module}:{function.name.value}" in tables(toml.get("project", "scripts")).values()
