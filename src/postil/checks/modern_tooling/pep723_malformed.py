"""Finds metadata of a script that no tool can read."""

from postil.lint import Note, Notes, SourceFile
from postil.lint.script import script_blocks

MENTIONS = ("# /// script",)


def check(file: SourceFile) -> Notes:
    for block in script_blocks(file):
        for place, says in block.faults:
            yield Note(place, says)
