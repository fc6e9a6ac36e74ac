"""Finds one fixture that stands in several test modules."""

from posixpath import commonpath, dirname, join

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile
from postil.lint.contexts import is_test_path
from postil.lint.fixtures import Fixture, find_fixtures
from postil.lint.normal import Forms
from postil.lint.source import Unreadable
from postil.lint.tree import walk


def check(change_set: ChangeSet) -> Notes:
    texts = {change.path: change.head_text for change in change_set.files if change.head_text is not None}
    named: dict[str, list[tuple[SourceFile, Fixture]]] = {}
    for change in change_set.files:
        if is_test_path(change.path) and "fixture" in (change.head_text or "") and change.head is not None:
            for fixture in _own(change.head):
                named.setdefault(fixture.name, []).append((change.head, fixture))
    for path, text in change_set.project.files.items():
        # Conftest files that didn't change are known as well, and are parsed where a name of theirs occurs.
        if path.endswith("conftest.py") and path not in texts and any(f"def {name}(" in text for name in named):
            try:
                conftest = SourceFile(path, text, change_set.project)
            except Unreadable:
                continue
            for fixture in _own(conftest):
                if fixture.name in named:
                    named[fixture.name].append((conftest, fixture))
    before = {change.path: change for change in change_set.files if change.base_text is not None}
    for name, found in named.items():
        if len({file.path for file, _ in found}) < 2:
            continue
        same: dict[str, list[tuple[SourceFile, Fixture]]] = {}
        for file, fixture in found:
            same.setdefault(_form(file, fixture), []).append((file, fixture))
        for group in same.values():
            places = sorted({file.path for file, _ in group})
            modules = [(file, fixture) for file, fixture in group if not file.path.endswith("conftest.py")]
            if len(places) < 2 or not modules:
                continue
            new = [
                (file, fixture)
                for file, fixture in modules
                if file.path in texts
                and (file.path not in before or not _was_there(before[file.path].base, name, _form(file, fixture)))
            ]
            if change_set.compared and not new:
                continue
            file, fixture = (new or modules)[-1]
            others = [(each, other) for each, other in group if each.path != file.path]
            yield Note(
                file.at(fixture.function.name),
                f"`{name}` is the same fixture as in `{others[0][0].path}`"
                + (f" and {len(others) - 1} more modules" if len(others) > 1 else "")
                + f"; in `{_shared(places)}` it would serve all",
                secondary=tuple(
                    Secondary(each.at(other.function.name), "the same") for each, other in others if each.path in texts
                ),
            )


def _own(file: SourceFile) -> list[Fixture]:
    """The fixtures of a module's top level that do something; those of a class may stand in for its base's."""
    return [
        fixture
        for fixture in find_fixtures(file)
        if file.parent(fixture.function) is file.module
        and any(isinstance(node, (cst.Call, cst.Assign)) for node in walk(fixture.function.body))
    ]


def _form(file: SourceFile, fixture: Fixture) -> str:
    """The form of a fixture, for which `@pytest.fixture()` is `@pytest.fixture`."""
    decorators = [
        each.with_changes(decorator=each.decorator.func)
        if each is fixture.decorator and isinstance(each.decorator, cst.Call) and not each.decorator.args
        else each
        for each in fixture.function.decorators
    ]
    return Forms(file).digest(fixture.function.with_changes(decorators=decorators))


def _was_there(base: SourceFile | None, name: str, form: str) -> bool:
    return base is not None and any(each.name == name and _form(base, each) == form for each in _own(base))


def _shared(paths: list[str]) -> str:
    folders = [dirname(path) for path in paths]
    common = commonpath(folders) if all(folders) else ""
    return join(common, "conftest.py")
