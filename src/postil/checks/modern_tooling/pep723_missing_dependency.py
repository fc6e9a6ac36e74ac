"""Finds scripts that import a package which their own metadata doesn't list."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, Span
from postil.lint.dependencies import distributions
from postil.lint.imports import imported_modules, is_optional, needed
from postil.lint.script import ScriptBlock, script_blocks

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
            fix = _listed(file, blocks[0], distribution)
            yield Note(statement, f"{named}, and {says}", fix, severity="hint" if bringer else None)


def _listed(file: SourceFile, block: ScriptBlock, distribution: str) -> Fix | None:
    """The name at the end of the list, where the list is written in the usual way."""
    lines = [line.rstrip("\r") for line in file.text.split("\n")]
    start = next((n for n in range(block.start.line, len(lines)) if lines[n].startswith("# dependencies = [")), None)
    if start is None:
        return None
    end = next(
        (n for n in range(start, len(lines)) if lines[n].rstrip().endswith("]") and "#" not in lines[n][1:]), None
    )
    if end is None or any(not line.startswith("#") for line in lines[start : end + 1]):
        return None
    last, bracket = lines[end], lines[end].rindex("]")
    if start == end:
        text, column = f', "{distribution}"' if block.requirements else f'"{distribution}"', bracket + 1
    elif last.strip("# ") == "]" and lines[end - 1].rstrip().endswith((",", "[")):
        text, column = f'#     "{distribution}",\n', 1
    else:
        return None
    return Fix((Insert(Span(file.path, end + 1, column, end + 1, column), text),), FixKind.SUGGESTION)
