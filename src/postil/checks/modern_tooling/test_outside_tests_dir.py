"""Finds new test files inside the package of a project that keeps its tests in a folder of their own."""

from posixpath import basename

from postil.lint import ChangeSet, Note, Notes


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.files:
        name = basename(change.path)
        # `…_test.py` is a word of the domain as often as a test.
        if not change.is_added or not name.startswith("test_") or change.head is None:
            continue
        before, inside, rest = f"/{change.path}".partition("/src/")
        if not inside or "/tests/" in f"/{rest}" or "/test/" in f"/{rest}":
            continue
        project = change_set.project.nearest(change.path, "pyproject.toml")
        toml = change_set.project.toml(project) if project is not None else None
        tests = f"{before.lstrip('/')}/tests/".lstrip("/")
        # `testpaths` may name other folders, and packages may ship their tests.
        if toml is None or "testpaths" in toml.text.replace('testpaths = ["tests"]', ""):
            continue
        known = (*change_set.project.files, *change_set.changed)
        if any(path.startswith(tests) for path in known):
            yield Note(change.head.at(change.head.module), f"`{name}` is a test, and tests stand in `{tests}`")
