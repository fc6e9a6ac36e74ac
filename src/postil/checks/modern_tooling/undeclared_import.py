"""Finds new imports of packages that the project doesn't declare."""

import re
from posixpath import basename, dirname

import libcst as cst

from postil.lint import FileChange, Note, Notes, Project, SourceFile, TomlFile
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import declared, distribution, distributions, locked
from postil.lint.imports import imported_modules, needed

MENTIONS = ("import",)

_IMPORT = re.compile(r"^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+([\w.]+)[ \t]+import\b)", re.MULTILINE)


def check(change: FileChange) -> Notes:
    pyproject = _lists_dependencies(change)
    if pyproject is None or is_test_path(change.path):
        return
    known = declared(pyproject) | _other_lists(pyproject, change.project)
    before = _mentioned(change.base_text)
    # A part of the project that is a distribution of its own may bring anything.
    own = distribution(str(pyproject.get("project", "name") or ""))
    if own and any(name.startswith(f"{own}-") for name in known):
        return
    # Parsing costs most, and few changes bring an import.
    if not any(needed(module, known) for module in _mentioned(change.head_text) - before):
        return
    if change.head is None or not change.head.is_service:
        return
    lock_path = change.project.nearest(change.path, "uv.lock")
    lock = change.project.toml(lock_path) if lock_path is not None else None
    brought = locked(lock) if lock is not None else {}
    told: set[str] = set()
    for statement in _imports(change.head):
        for module in imported_modules(statement):
            found = needed(module, known)
            if found is None or module in before or module in told or _is_own(module, change):
                continue
            told.add(module)
            name, bringer = found
            comes = f"`{module}` is imported" if name == module else f"`{module}` comes from `{name}`"
            if bringer is None and name in brought:
                bringer = "another package"
            elif bringer is not None:
                bringer = f"`{bringer}`"
            says = f"only {bringer} brings it along" if bringer else f"`{pyproject.path}` does not declare it"
            yield Note(change.head.at(statement), f"{comes}, and {says}", severity="hint" if bringer else None)


def _lists_dependencies(change: FileChange) -> TomlFile | None:
    """The pyproject.toml around a changed file, if that is where dependencies stand."""
    if not change.compared or change.head_text is None:
        return None
    nearest = change.project.nearest(change.path, "pyproject.toml")
    toml = change.project.toml(nearest) if nearest is not None else None
    if toml is None or nearest is None:
        return None
    project = toml.get("project")
    if project is None:
        return toml if toml.get("tool", "poetry", "dependencies") is not None else None
    dynamic = toml.get("project", "dynamic")
    if isinstance(dynamic, list) and "dependencies" in dynamic:
        return None
    # A member of a workspace has a list of its own, which may be unknown here.
    inside = change.path.removeprefix(dirname(nearest)).lstrip("/")
    if toml.get("tool", "uv", "workspace") is not None and not inside.startswith(("src/", f"{_import_name(toml)}/")):
        return None
    return toml


def _import_name(toml: TomlFile) -> str:
    return (distribution(toml.get("project", "name")) or "?").replace("-", "_")


def _other_lists(pyproject: TomlFile, project: Project) -> frozenset[str]:
    """What the requirements files beside a pyproject.toml list."""
    folder = dirname(pyproject.path)
    names: set[str] = set()
    for path, text in project.files.items():
        if dirname(path) in (folder, f"{folder}/requirements".lstrip("/")) and path.endswith((".txt", ".in")):
            names.update(distributions([line for line in text.split("\n") if not line.startswith(("#", "-"))]))
    return frozenset(names)


def _mentioned(text: str | None) -> frozenset[str]:
    """The top-level modules in the lines of a text that look like imports."""
    listed = (part for found in _IMPORT.finditer(text or "") for part in (found[1] or found[2]).split(","))
    return frozenset(part.split()[0].partition(".")[0] for part in listed if part.split())


def _imports(file: SourceFile) -> list[cst.Import | cst.ImportFrom]:
    """The imports that run whenever the module is imported: not those in a `try`, an `if` or a function."""
    found: list[cst.Import | cst.ImportFrom] = []
    for line in file.module.body:
        if isinstance(line, cst.SimpleStatementLine):
            found += [small for small in line.body if isinstance(small, (cst.Import, cst.ImportFrom))]
    return found


def _is_own(module: str, change: FileChange) -> bool:
    """Whether a module may be the project's own: its name is that of a folder or file around this file."""
    return module in change.path.split("/") or f"{module}.py" == basename(change.path)
