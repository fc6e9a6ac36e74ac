"""Which changed line brought about a finding that stands elsewhere. Pure."""

from collections.abc import Set as AbstractSet

from postil.lint.finding import Around, Finding


def cause_in_file(finding: Finding, added: AbstractSet[int]) -> tuple[int, Around] | None:
    """The changed line of the finding's own file that it most likely comes from, and what stands there; None if none.

    `added` are the head lines that the change wrote. The header of the innermost definition comes first (a `def` that
    became `async def`), then its decorators, then the definitions further out, then the imports of what is named.
    """
    for around in finding.around:
        for line in range(around.line, around.end_line + 1):
            if line in added:
                return line, around
    return None
