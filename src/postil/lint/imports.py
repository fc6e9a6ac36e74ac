"""Which packages from outside a file imports, as far as their names are well known."""

from collections.abc import Iterator

import libcst as cst

from postil.lint.catalogue.distributions import BROUGHT, PART_OF, candidates
from postil.lint.names import dotted
from postil.lint.source import SourceFile


def imported_modules(statement: cst.Import | cst.ImportFrom) -> Iterator[str]:
    """The top-level modules that an import statement names; none for a relative one."""
    if isinstance(statement, cst.Import):
        names = [dotted(alias.name) for alias in statement.names]
    else:
        names = [dotted(statement.module)] if not statement.relative else []
    for name in names:
        if name is not None:
            yield name.partition(".")[0]


def is_optional(statement: cst.CSTNode, file: SourceFile) -> bool:
    """Whether an import may fail, or is for types only: it stands in a `try`, an `if` or a `with`."""
    return any(isinstance(above, (cst.Try, cst.TryStar, cst.If, cst.With)) for above in file.ancestors(statement))


def needed(module: str, declared: frozenset[str]) -> tuple[str, str | None] | None:
    """The distribution that a well-known module needs beyond the declared ones, and which of those brings it along.

    None when it is declared, a part of what is declared, or not well known.
    """
    known = candidates(module)
    if not known or declared.intersection((*known, *PART_OF.get(module, ()))):
        return None
    return known[0], next((each for each in BROUGHT.get(module, ()) if each in declared), None)
