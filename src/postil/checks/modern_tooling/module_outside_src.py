"""Finds new modules beside src/ in a project whose package is built from src/."""

from posixpath import dirname

from postil.lint import ChangeSet, FileChange, Note, Notes, TomlFile
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import distribution, tables

_NOT_MODULES = frozenset(
    {"conftest.py", "setup.py", "noxfile.py", "manage.py", "fabfile.py", "tasks.py", "hatch_build.py", "locustfile.py",
     "dodo.py", "wsgi.py", "asgi.py"}
)  # fmt: skip


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.files:
        if not change.is_added or is_test_path(change.path):
            continue
        nearest = change_set.project.nearest(change.path, "pyproject.toml")
        toml = change_set.project.toml(nearest) if nearest is not None else None
        what = _outside(change, toml) if toml is not None else None
        if what is None or toml is None:
            continue
        package = _package_in_src(toml)
        if package is not None and change.head is not None and not change.head.is_script:
            yield Note(change.head.at(change.head.module), f"{what} stands outside of `{package}`")


def _outside(change: FileChange, toml: TomlFile) -> str | None:
    """A new module beside the pyproject.toml, or a new package there; None for what is neither."""
    inside = change.path.removeprefix(dirname(toml.path)).lstrip("/").split("/")
    if len(inside) == 1 and inside[0] not in _NOT_MODULES and inside[0].removesuffix(".py").isidentifier():
        return f"the module `{inside[0]}`"
    if len(inside) == 2 and inside[1] == "__init__.py" and inside[0] != "src" and inside[0].isidentifier():
        return None if inside[0] in toml.text else f"the package `{inside[0]}`"
    return None


def _package_in_src(toml: TomlFile) -> str | None:
    """The folder in src/ that the project is built from, as far as its pyproject.toml says so."""
    build = toml.get("build-system", "build-backend")
    for table, key in (
        (("tool", "hatch", "build", "targets", "wheel"), "packages"),
        (("tool", "setuptools", "packages", "find"), "where"),
    ):
        folders = toml.get(*table, key)
        if isinstance(folders, list):
            found = next((str(each) for each in folders if str(each).split("/")[0] == "src"), None)
            return found and _named(found, toml)
    if tables(toml.get("tool", "setuptools", "package-dir")).get("") == "src":
        return _named("src", toml)
    if build == "uv_build" and toml.get("tool", "uv", "build-backend", "module-root") in (None, "src"):
        return _named("src", toml)
    for each in toml.get("tool", "poetry", "packages") or ():
        if tables(each).get("from") == "src":
            return f"src/{tables(each).get('include', '')}"
    return None


def _named(folder: str, toml: TomlFile) -> str:
    name = distribution(toml.get("project", "name"))
    return f"src/{name.replace('-', '_')}" if folder == "src" and name is not None else folder
