"""Finds `BaseSettings` taken from pydantic 2, which no longer has it."""

import re

import libcst as cst

from postil.lint import Fix, Note, Notes, SourceFile
from postil.lint.dependencies import locked

MENTIONS = ("BaseSettings",)

_REQUIRED = re.compile(r"^\s*pydantic(?:\[[^\]]*\])?\s*(?:>=|==|~=|>)\s*(\d+)", re.IGNORECASE)


def check(node: cst.ImportFrom | cst.Attribute, file: SourceFile) -> Notes:
    if isinstance(node, cst.Attribute):
        # `import pydantic` and `class Settings(pydantic.BaseSettings)`
        if node.attr.value != "BaseSettings" or not isinstance(node.value, cst.Name):
            return
        if file.name_of(node) != "pydantic.BaseSettings":
            return
    elif not _imports_it(node):
        return
    if _may_fail(node, file) or not _has_two(file):
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


def _has_two(file: SourceFile) -> bool:
    """Whether the lock or pyproject.toml says that pydantic is 2 or later."""
    project = file.project
    lock_path = project.nearest(file.path, "uv.lock")
    lock = project.toml(lock_path) if lock_path is not None else None
    if lock is not None and (package := locked(lock).get("pydantic")) is not None:
        return _major(package.get("version")) >= 2
    nearest = project.nearest(file.path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    for requirement in toml.get("project", "dependencies") or () if toml is not None else ():
        if isinstance(requirement, str) and (found := _REQUIRED.match(requirement)):
            return int(found[1]) >= 2
    return False


def _major(version: object) -> int:
    first = str(version).partition(".")[0]
    return int(first) if first.isdigit() else 0


def _moved(node: cst.ImportFrom | cst.Attribute) -> Fix | None:
    """The import from pydantic_settings, where it is the only name that is imported."""
    if not isinstance(node, cst.ImportFrom) or isinstance(node.names, cst.ImportStar) or len(node.names) != 1:
        return None
    return Fix.replace(node.module, "pydantic_settings") if node.module is not None else None
