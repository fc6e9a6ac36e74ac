"""Finds options of Click commands without a help text."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.commands import commands

MENTIONS = ("click",)


def check(file: SourceFile) -> Notes:
    if file.is_test:
        return
    told: set[cst.Call] = set()
    for command in commands(file):
        for option in command.parameters:
            # An option with a name of its own may belong to several commands.
            if option.kind == "argument" or option.call in told or has_unpacking(option.call):
                continue
            told.add(option.call)
            # A prompt says what it is for, and so does a password's name.
            said = any(argument(option.call, keyword) is not None for keyword in ("help", "hidden", "prompt"))
            if not said and option.shown not in ("?", "--password"):
                name = command.function.name.value
                yield Note(option.call, f"`{name} --help` lists `{option.shown}` without a word about it")
