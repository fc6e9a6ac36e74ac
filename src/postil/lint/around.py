"""What stands around a piece of code: the loops that repeat or bind it, and the `try` statements that catch for it."""

from collections.abc import Iterator

import libcst as cst

from postil.lint.names import dotted
from postil.lint.source import SourceFile
from postil.lint.tree import walk_scope

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


def loop_of(name: cst.Name, file: SourceFile) -> cst.For | cst.CompFor | None:
    """The innermost loop or comprehension around a name that binds it alone, in the same function."""
    for above in file.ancestors(name):
        if isinstance(above, cst.FunctionDef):
            return None
        loop = above if isinstance(above, cst.For) else getattr(above, "for_in", None)
        if isinstance(loop, (cst.For, cst.CompFor)) and dotted(loop.target) == name.value:
            return loop
    return None


def put_into(name: cst.Name, at: cst.CSTNode, file: SourceFile) -> Iterator[cst.Call]:
    """The calls that put one item into a list or set of that name, in the function around `at`: `jobs.append(job)`."""
    function = file.enclosing_function(at)
    for node in walk_scope(function.body) if function is not None else ():
        if (
            isinstance(node, cst.Call)
            and isinstance(node.func, cst.Attribute)
            and node.func.attr.value in ("append", "add")
            and isinstance(node.func.value, cst.Name)
            and node.func.value.value == name.value
            and node.args
        ):
            yield node


def tries_around(node: cst.CSTNode, within: cst.CSTNode | None, file: SourceFile) -> Iterator[cst.Try]:
    """The `try` statements in whose body `node` stands, inside of `within`, the innermost first; None is the file."""
    child = node
    for above in file.ancestors(node):
        if above is within:
            return
        if isinstance(above, cst.Try) and child is above.body:
            yield above
        child = above
