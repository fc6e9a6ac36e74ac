"""What stands around a piece of code: the loops that repeat it, and the `try` statements that catch for it."""

from collections.abc import Iterator

import libcst as cst

from postil.lint.source import SourceFile

_LOOPS = (cst.For, cst.While)


def is_in_loop(node: cst.CSTNode, within: cst.CSTNode | None, file: SourceFile) -> bool:
    """Whether a loop stands around `node` and inside of `within`; None is the whole file."""
    for above in file.ancestors(node):
        if above is within:
            return False
        if isinstance(above, _LOOPS):
            return True
    return False


def is_repeated(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether `node` runs once for each round of a loop of its own function: it stands in the loop's body."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, _LOOPS) and child is above.body:
            return True
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return False
        child = above
    return False


def tries_around(node: cst.CSTNode, within: cst.CSTNode | None, file: SourceFile) -> Iterator[cst.Try]:
    """The `try` statements in whose body `node` stands, inside of `within`, the innermost first; None is the file."""
    child = node
    for above in file.ancestors(node):
        if above is within:
            return
        if isinstance(above, cst.Try) and child is above.body:
            yield above
        child = above
