"""Finds files that a pull request only lays out anew, while it changes what others do."""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping

from postil.lint import ChangeSet, FileChange, Note, Notes, Secondary
from postil.lint.dependencies import locked

_GENERATED = re.compile(r"\bgenerated\b|\bdo not edit\b", re.IGNORECASE)
_FORMATTERS = ("ruff", "black", "isort", "yapf", "autopep8")
_CONFIGURATIONS = frozenset(
    {"ruff.toml", ".ruff.toml", ".pre-commit-config.yaml", ".git-blame-ignore-revs", ".isort.cfg", ".editorconfig",
     ".style.yapf"}
)  # fmt: skip


def check(change_set: ChangeSet) -> Notes:
    if not change_set.compared or _is_meant(change_set):
        return
    only_laid_out: list[FileChange] = []
    others: list[FileChange] = []
    for change in change_set.files:
        (only_laid_out if _is_only_laid_out(change) else others).append(change)
    if not only_laid_out or not any(map(_does_something_else, others)):
        return
    shown = sorted(only_laid_out, key=lambda change: -len(change.added))
    first, *more = shown
    besides = f", and so do {len(more)} more files" if len(more) > 1 else ", and so does one more" if more else ""
    yield Note(
        first.added[0],
        f"`{first.path}` changes only in its layout{besides}, while the pull request changes what other code does",
        secondary=tuple(Secondary(change.added[0], "only laid out anew, too") for change in more[:10]),
    )


def _is_meant(change_set: ChangeSet) -> bool:
    """Whether the formatter or its settings change: then the new layout is the point, or comes with it."""
    if any(path.rpartition("/")[2] in _CONFIGURATIONS for path in change_set.changed):
        return True
    for name in ("pyproject.toml", "uv.lock"):
        for head, base in change_set.tomls(name):
            if base is None:
                return True
            if name == "uv.lock":
                if any(locked(head).get(each) != locked(base).get(each) for each in _FORMATTERS):
                    return True
            elif any(head.get("tool", each) != base.get("tool", each) for each in _FORMATTERS):
                return True
    return False


def _is_only_laid_out(change: FileChange) -> bool:
    base, head = change.base_text, change.head_text
    if base is None or head is None or not change.compared or change.previous_path not in (None, change.path):
        return False
    if _GENERATED.search("\n".join(head.split("\n", 6)[:6])) or not change.added:
        return False
    meaning = _meaning(head)
    return meaning is not None and meaning == _meaning(base) and _comments(head) == _comments(base)


def _does_something_else(change: FileChange) -> bool:
    """Whether a file is new, removed or says something else than before, its comments left out."""
    if change.base_text is None or change.head_text is None:
        return bool((change.head_text or change.base_text or "").strip())
    return _meaning(change.base_text) != _meaning(change.head_text)


def _meaning(text: str) -> str | None:
    """The code apart from its layout, with the imports of a block in order; None for what this Python can't parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        for node in ast.walk(tree):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    setattr(node, field, list(_with_imports_sorted(block)))
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _with_imports_sorted(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    imports: list[ast.stmt] = []
    for statement in block:
        if isinstance(statement, ast.Import):
            # `import a, b` is `import a` and `import b`.
            imports += [ast.Import([alias]) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            imports += [ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names]
        else:
            yield from sorted(imports, key=ast.dump)
            imports = []
            yield statement
    yield from sorted(imports, key=ast.dump)


def _comments(text: str) -> Mapping[str, int] | None:
    """The comments of a file, however they are spaced and wherever they stand."""
    found: dict[str, int] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and (said := token.string.lstrip("#! ").rstrip()):
                found[said] = found.get(said, 0) + 1
    except (tokenize.TokenError, SyntaxError):
        return None
    return found
