"""Finds projects whose package stands in src/ and that nothing builds, so that it isn't installed."""

from posixpath import basename

from postil.lint import ChangeSet, Fix, FixKind, Insert, Note, Notes, Span, TomlFile
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import distribution, tables

_BUILD_SYSTEM = """\
[build-system]
requires = ["uv_build>=0.8,<1"]
build-backend = "uv_build"

"""


def check(change_set: ChangeSet) -> Notes:
    states = {head.path: (head, base) for head, base in change_set.tomls("pyproject.toml")}
    packages = _packages(change_set)
    for folder in packages:
        # The package came, and the pyproject.toml was there.
        path = f"{folder}pyproject.toml"
        if path not in states and (toml := change_set.project.toml(path)) is not None:
            states[path] = (toml, toml)
    for path, (toml, base) in states.items():
        package, is_new = packages.get(path.removesuffix("pyproject.toml"), ("", False))
        if not package or not _is_not_installed(toml, change_set):
            continue
        if base is None or is_new or not _is_not_installed(base, change_set):
            place = toml.span("project", "name") or toml.span("project")
            if place is not None:
                yield Note(place, f"nothing installs `src/{package}`: there is no `[build-system]`", _built_by_uv(toml))


def _built_by_uv(toml: TomlFile) -> Fix | None:
    project = toml.span("project")
    if project is None or f"\n{toml.text}".count("\n[project]") != 1:
        return None
    before = Span(toml.path, project.line, 1, project.line, 1)
    return Fix((Insert(before, _BUILD_SYSTEM),), FixKind.SUGGESTION)


def _packages(change_set: ChangeSet) -> dict[str, tuple[str, bool]]:
    """By project folder ("" or ending in a slash): a package in its src/, and whether this change brings it."""
    found: dict[str, tuple[str, bool]] = {}
    for change in change_set.files:
        folder, src, inside = f"/{change.path}".partition("/src/")
        package, slash, rest = inside.partition("/")
        if src and slash and package.isidentifier() and change.head_text is not None and not is_test_path(change.path):
            folder = f"{folder[1:]}/" if folder else ""
            if rest == "__init__.py" or package == _own_name(change_set, folder):
                is_new = change.is_added and rest == "__init__.py"
                before = found.get(folder)
                found[folder] = (before[0] if before else package, is_new or bool(before and before[1]))
    return found


def _own_name(change_set: ChangeSet, folder: str) -> str:
    """The import name that the project in `folder` likely has."""
    toml = change_set.project.toml(f"{folder}pyproject.toml")
    return (distribution(toml.get("project", "name")) or "").replace("-", "_") if toml is not None else ""


def _is_not_installed(toml: TomlFile, change_set: ChangeSet) -> bool:
    if toml.get("project") is None or toml.get("build-system") is not None:
        return False
    if tables(toml.get("tool", "uv")).get("package") is not None or toml.get("tool", "poetry") is not None:
        return False
    folder = toml.path.removesuffix("pyproject.toml")
    paths = toml.get("tool", "pytest", "ini_options", "pythonpath")
    if "src" in str(paths) or f"{folder}setup.py" in change_set.changed:
        return False
    return not any(
        path.startswith(folder)
        and basename(path) in ("pytest.ini", "setup.cfg", "tox.ini")
        and ("pythonpath" in text or "package_dir" in text)
        for path, text in change_set.project.files.items()
    )
