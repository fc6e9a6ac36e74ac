"""Finds options of Click commands without a help text."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.commands import command_of

MENTIONS = ("click",)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or file.is_test or (command := command_of(function, file)) is None:
        return
    for option in command.parameters:
        if option.kind == "argument" or has_unpacking(option.call) or argument(option.call, "help") is not None:
            continue
        # A prompt says what it is for, and so does a password's name.
        said = any(argument(option.call, keyword) is not None for keyword in ("hidden", "prompt"))
        if not said and option.shown not in ("?", "--password"):
            yield Note(option.call, f"`{function.name.value} --help` lists `{option.shown}` without a word about it")
