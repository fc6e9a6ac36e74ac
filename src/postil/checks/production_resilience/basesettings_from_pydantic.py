"""Finds `BaseSettings` taken from pydantic 2, which no longer has it."""

import libcst as cst

from postil.lint import Fix, Note, Notes, SourceFile
from postil.lint.dependencies import major_of

MENTIONS = ("BaseSettings",)


def check(node: cst.ImportFrom | cst.Attribute, file: SourceFile) -> Notes:
    if isinstance(node, cst.Attribute):
        # `import pydantic` and `class Settings(pydantic.BaseSettings)`
        if node.attr.value != "BaseSettings" or not isinstance(node.value, cst.Name):
            return
        if file.name_of(node) != "pydantic.BaseSettings":
            return
    elif not _imports_it(node):
        return
    if _may_fail(node, file) or (major_of("pydantic", file.project, file.path) or 0) < 2:
        return
    yield Note(node, "pydantic 2 has no `BaseSettings`, so this raises when it is imported", fix=_moved(node))


def _imports_it(node: cst.ImportFrom) -> bool:
    if node.relative or not isinstance(node.module, cst.Name) or node.module.value != "pydantic":
        return False
    return not isinstance(node.names, cst.ImportStar) and any(
        isinstance(alias.name, cst.Name) and alias.name.value == "BaseSettings" for alias in node.names
    )


def _may_fail(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether the import stands in a `try`, under a condition on the version, or is for the type checker."""
    return any(isinstance(above, (cst.Try, cst.If)) for above in file.ancestors(node))


def _moved(node: cst.ImportFrom | cst.Attribute) -> Fix | None:
    """The import from pydantic_settings, where it is the only name that is imported."""
    if not isinstance(node, cst.ImportFrom) or isinstance(node.names, cst.ImportStar) or len(node.names) != 1:
        return None
    return Fix.replace(node.module, "pydantic_settings") if node.module is not None else None
