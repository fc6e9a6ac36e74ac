"""Finds new lines of a .gitignore that keep uv.lock out of version control."""

from fnmatch import fnmatchcase
from posixpath import join

from postil.lint import ChangeSet, Fix, Note, Notes, Span, lines_of
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import is_library, uses_uv


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.named(".gitignore"):
        if is_test_path(change.path):
            continue
        kept = 0
        for line in lines_of(change.path, change.head_text or ""):
            if line.code.startswith("!") and _matches(line.code[1:]):
                kept = line.line
        folder = change.path.removesuffix(".gitignore")
        pyproject = change_set.project.toml(join(folder, "pyproject.toml"))
        for line in change.added:
            if line.line < kept or not _matches(line.code):
                continue
            if "uv.lock" in line.code or uses_uv(change_set.project, change.path):
                says = "is ignored" if "uv.lock" in line.code else "takes in `uv.lock`, which is then ignored"
                # A wider pattern is there for other files as well.
                gone = Fix.replace(Span(line.path, line.line, 1, line.line + 1, 1), "")
                fix = gone if line.code in ("uv.lock", "/uv.lock", "**/uv.lock") else None
                yield Note(
                    line, f"`{line.code}` {says} by git", fix, severity="hint" if is_library(pyproject) else None
                )


def _matches(pattern: str) -> bool:
    """Whether a pattern of a .gitignore takes in the uv.lock of its own folder; `*` alone is another intent."""
    name = pattern.removeprefix("**/").removeprefix("/")
    return bool(name.strip("*")) and fnmatchcase("uv.lock", name)
