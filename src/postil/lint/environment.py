"""Where code reads an environment variable."""

import libcst as cst

from postil.lint.source import SourceFile, argument, string_value

_READS = frozenset({"os.getenv", "os.environ.get", "decouple.config"})


def environment_read(node: cst.Call | cst.Subscript, file: SourceFile) -> str | None:
    """The name of the variable that an expression reads; None where it reads none, or one that isn't written there."""
    if isinstance(node, cst.Subscript):
        if file.name_of(node.value) != "os.environ" or len(node.slice) != 1:
            return None
        index = node.slice[0].slice
        return string_value(index.value) if isinstance(index, cst.Index) else None
    last = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
    if not (isinstance(node.func, cst.Name) or last in ("getenv", "get", "config")):
        return None
    return string_value(argument(node, "key", 0)) if file.name_of(node.func) in _READS else None
