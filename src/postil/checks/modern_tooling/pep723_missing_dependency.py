"""Finds scripts that import a package which their own metadata doesn't list."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.dependencies import distributions
from postil.lint.imports import imported_modules, is_optional, needed
from postil.lint.script import script_blocks

MENTIONS = ("# /// script",)


def check(file: SourceFile) -> Notes:
    blocks = script_blocks(file)
    # An extra may bring anything.
    if len(blocks) != 1 or blocks[0].faults or any("[" in each for each in blocks[0].requirements):
        return
    declared = frozenset(distributions(list(blocks[0].requirements)))
    told: set[str] = set()
    imports: list[cst.Import | cst.ImportFrom] = [*file.nodes(cst.Import), *file.nodes(cst.ImportFrom)]
    for statement in imports:
        for module in imported_modules(statement):
            found = needed(module, declared)
            if module in told or found is None or is_optional(statement, file):
                continue
            told.add(module)
            distribution, bringer = found
            named = f"`{module}` is imported" if distribution == module else f"`{module}` comes from `{distribution}`"
            says = f"only `{bringer}` brings it along" if bringer else "the script's metadata does not list it"
            yield Note(statement, f"{named}, and {says}", severity="hint" if bringer else None)
