"""Finds changes of how coverage is measured where nothing holds a floor under it."""

from posixpath import basename, dirname

from postil.lint import ChangeSet, Note, Notes, Span, lines_of
from postil.lint.gates import CONFIGURATIONS, gates_in

_FLOOR = "`fail_under` of coverage"
# The floor may be somebody else's, or be held by a command.
_HELD = ("codecov", "coveralls", "fail-under", "diff-cover")


def check(change_set: ChangeSet, *, floor: float = 80) -> Notes:
    if any(word in text for text in change_set.project.files.values() for word in _HELD):
        return
    for change in change_set.texts:
        if basename(change.path) not in CONFIGURATIONS or change.head_text is None:
            continue
        lines = change.added if change.compared else lines_of(change.path, change.head_text)
        place: Span | None = next((line for line in lines if _measures(line.code)), None)
        if place is None:
            continue
        level = gates_in(change_set.project, dirname(change.path)).levels.get(_FLOOR)
        if level is None:
            yield Note(place, "coverage is measured here, and no `fail_under` holds a floor under it")
            return
        if level < floor:
            yield Note(place, f"coverage is measured here, and its floor is {level:g}, under {floor:g}")
            return


def _measures(code: str) -> bool:
    return (
        code.startswith(("[tool.coverage", "[coverage:", "[run]", "[report]", "fail_under"))
        or "--cov" in code
        or "pytest-cov" in code
    )
