"""Finds new scripts that need packages and don't say which."""

import re
import sys
from posixpath import basename

import libcst as cst

from postil.lint import FileChange, Fix, FixKind, Insert, Note, Notes, Project, SourceFile, Span
from postil.lint.catalogue.distributions import candidates
from postil.lint.dependencies import declared, distribution, tables
from postil.lint.imports import imported_modules, is_optional

_FOLDER = re.compile(r"(?:^|/)(?:scripts?|examples?|samples?|benchmarks?|tools?)/")
_NOT_ALONE = re.compile(r"(?:^|/)(?:migrations|alembic|docs?|docs_src|tutorials?)/")
_APP = re.compile(r"""["'][\w.]+:\w+["']$""")
# Run by a tool that brings their environment.
_TOOL_FILES = frozenset({"noxfile.py", "setup.py", "manage.py", "fabfile.py", "tasks.py", "conftest.py", "__init__.py"})


def check(change: FileChange) -> Notes:
    text = change.head_text or ""
    if not change.is_added or "# /// script" in text or not _stands_alone(change):
        return
    if not text.startswith("#!") and "__main__" not in text:
        return
    file = change.head
    if file is None or not file.is_script or _belongs_to_package(file, change.project):
        return
    needs: dict[str, cst.CSTNode] = {}
    imports: list[cst.Import | cst.ImportFrom] = [*file.nodes(cst.Import), *file.nodes(cst.ImportFrom)]
    for statement in imports:
        for module in imported_modules(statement):
            if not candidates(module) and module not in sys.stdlib_module_names:
                # A module beside the script perhaps: then it doesn't stand alone.
                return
            if candidates(module) and not is_optional(statement, file):
                needs.setdefault(module, statement)
    if not needs:
        return
    names = [f"`{module}`" for module in needs]
    listed = ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
    inside = " outside of this project" if _are_declared(needs, change) else ""
    yield Note(
        file.at(next(iter(needs.values()))),
        f"this script needs {listed}, and nothing in it tells a tool so{inside}",
        _listing(file, list(needs)),
    )


def _listing(file: SourceFile, modules: list[str]) -> Fix | None:
    """The metadata, below the lines that only the first or second place in a file makes what they are."""
    distributions = [candidates(module) for module in modules]
    if any(len(each) != 1 for each in distributions):
        return None
    lines = file.text.split("\n")
    line = 1
    while line < len(lines) and line < 3 and (lines[line - 1].startswith("#!") or "coding" in lines[line - 1]):
        line += 1
    names = "".join(f'#     "{name}",\n' for name in sorted({name for each in distributions for name in each}))
    block = f"# /// script\n# dependencies = [\n{names}# ]\n# ///\n"
    # A comment right below would be read as a part of the block.
    gap = "\n" if lines[line - 1].startswith("#") else ""
    return Fix((Insert(Span(file.path, line, 1, line, 1), block + gap),), FixKind.SUGGESTION)


def _stands_alone(change: FileChange) -> bool:
    path = change.path
    if basename(path) in _TOOL_FILES or _NOT_ALONE.search(path):
        return False
    return "/" not in path or _FOLDER.search(path) is not None


def _belongs_to_package(file: SourceFile, project: Project) -> bool:
    """Whether a script may need its project's own code, which no metadata can bring, or is an entry point of it."""
    nearest = project.nearest(file.path, "pyproject.toml")
    toml = project.toml(nearest) if nearest is not None else None
    own = (distribution(toml.get("project", "name")) or "").replace("-", "_") if toml is not None else ""
    if toml is not None and not own:
        return True
    if "uvicorn" in file.text and any(_APP.match(string.value) for string in file.nodes(cst.SimpleString)):
        return True
    for statement in file.nodes(cst.ImportFrom):
        if statement.relative or own in imported_modules(statement):
            return True
    if any(own in imported_modules(statement) for statement in file.nodes(cst.Import)):
        return True
    module = file.path.removesuffix(".py").replace("/", ".")
    entries = tables(toml.get("project", "scripts")) if toml is not None else {}
    return any(str(target).partition(":")[0] == module for target in entries.values())


def _are_declared(needs: dict[str, cst.CSTNode], change: FileChange) -> bool:
    """Whether the project around the script has all that it needs, so that `uv run` works there."""
    nearest = change.project.nearest(change.path, "pyproject.toml")
    toml = change.project.toml(nearest) if nearest is not None else None
    return toml is not None and all(declared(toml).intersection(candidates(module)) for module in needs)
