"""Finds entry points in pyproject.toml that lead to a module or a name that isn't there."""

from collections.abc import Iterator
from posixpath import dirname, join

from postil.lint import ChangeSet, FileChange, Note, Notes, SourceFile, Span, TomlFile
from postil.lint.dependencies import tables
from postil.lint.project import Key

# Where a build takes files from other places than their modules' names say.
_MAPPINGS = ("package-dir", "package_dir", "force-include", "sources", "packages", "py-modules", "include")
_MADE_LATER = ("import *", "__getattr__", "globals()", "sys.modules", "vars()", "exec(")


def check(changes: ChangeSet) -> Notes:
    for path in sorted(path for path in changes.project.files if path.endswith("pyproject.toml")):
        toml = changes.project.toml(path)
        if toml is not None:
            yield from _broken(toml, changes.base_project.toml(path), changes)


def _broken(toml: TomlFile, base: TomlFile | None, changes: ChangeSet) -> Notes:
    before = {keys: target for keys, target, _ in _targets(base)} if base is not None and changes.compared else {}
    for keys, target, place in _targets(toml):
        module, _, name = target.partition("[")[0].partition(":")
        module, name = module.strip(), name.strip().partition(".")[0]
        change, is_gone = _file_of(module, dirname(toml.path), changes)
        if change is None:
            continue
        if is_gone:
            if not _may_be_elsewhere(module, toml, changes):
                yield Note(place, f"`{keys[-1]}` starts `{module}`, which this change takes away")
        elif name and change.head is not None and _lacks(change.head, name):
            # What was broken before, this change didn't break.
            had = change.base is not None and not _lacks(change.base, name)
            if not changes.compared or had or change.is_added or before.get(keys) != target:
                yield Note(place, f"`{keys[-1]}` calls `{name}`, and `{change.path}` has no such name")


def _targets(toml: TomlFile) -> Iterator[tuple[tuple[Key, ...], str, Span]]:
    """The entry points of a project: their keys, what they lead to, and where they stand."""
    groups: list[tuple[Key, ...]] = [("project", "scripts"), ("project", "gui-scripts")]
    groups += [("project", "entry-points", group) for group in tables(toml.get("project", "entry-points"))]
    for group in groups:
        for name, target in tables(toml.get(*group)).items():
            place = toml.span(*group, name)
            if isinstance(target, str) and place is not None:
                yield (*group, name), target, place


def _file_of(module: str, folder: str, changes: ChangeSet) -> tuple[FileChange | None, bool]:
    """The changed file of a module, below the project's folder or its src/, and whether it is gone from there."""
    inside = module.replace(".", "/")
    names = {join(folder, root, f"{inside}{end}") for root in ("", "src") for end in (".py", "/__init__.py")}
    gone: FileChange | None = None
    for change in changes.files:
        if change.path in names and change.head_text is not None:
            return change, False
        if (change.previous_path or change.path) in names:
            gone = change
    return gone, gone is not None


def _may_be_elsewhere(module: str, toml: TomlFile, changes: ChangeSet) -> bool:
    """Whether a module that is gone may still be there: as a package of that name, or by the settings of the build."""
    inside = f"{module.replace('.', '/')}/"
    if any(inside in change.path and change.head_text is not None for change in changes.files):
        return True
    tool = tables(toml.get("tool"))
    backends = str([tool.get(name) for name in ("setuptools", "hatch", "poetry", "flit", "pdm", "maturin")])
    return any(word in backends for word in _MAPPINGS)


def _lacks(file: SourceFile, name: str) -> bool:
    """Whether a module surely has no `name` at its top level."""
    if any(file.mentions(word) for word in (*_MADE_LATER, f"global {name}")):
        return False
    return not file.binds(name)
