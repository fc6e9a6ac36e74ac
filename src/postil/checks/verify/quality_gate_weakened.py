"""Finds pull requests that ask less of the code: of the linter, the type checker, the coverage or CI."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise
from posixpath import basename, dirname

from postil.lint import ChangeSet, Note, Notes, Secondary, Span, TextChange
from postil.lint.dependencies import locked
from postil.lint.gates import CONFIGURATIONS, Gates, floor_in, gates_in

_CHECKS = re.compile(r"\b(?:pytest|ruff|mypy|ty|pyright|flake8|pylint|coverage|tox|nox|pre-commit|make)\b")
_CODE = re.compile(r"[A-Z]+[0-9]*")
_HOOK = re.compile(r"-\s*id:\s*['\"]?([\w.-]+)")


def check(change_set: ChangeSet) -> Notes:
    if not change_set.compared:
        return
    found = [*_configured(change_set), *_in_ci(change_set), *_hooks(change_set)]
    if not found:
        return
    (place, says), *more = found
    besides = f", and {len(more)} more gates are loosened" if len(more) > 1 else ", and one more gate is" * bool(more)
    yield Note(
        place,
        f"this pull request loosens a gate: {says}{besides}",
        secondary=tuple(Secondary(each, what) for each, what in more[:10]),
    )


def _configured(change_set: ChangeSet) -> Iterator[tuple[Span, str]]:
    changed = [path for path in change_set.changed if basename(path) in CONFIGURATIONS]
    upgraded = _ruff_is_upgraded(change_set)
    for folder in sorted({dirname(path) for path in changed}):
        before, now = gates_in(change_set.base_project, folder), gates_in(change_set.project, folder)
        for key, words, says in _loosened(before, now):
            # A new release of ruff renames rules and brings others.
            if not (upgraded and key.endswith("of ruff")):
                yield _place(key, words, before, now, change_set, changed[0]), says


def _loosened(before: Gates, now: Gates) -> Iterator[tuple[str, list[str], str]]:
    """What is asked less than before, the gravest first, with the words that came or went.

    A file that is gone as a whole may have been replaced.
    """
    for key, value in sorted(before.levels.items(), key=lambda each: "fail_under" not in each[0]):
        given = now.levels.get(key)
        if given is None and key == "`fail_under` of coverage":
            yield key, [], f"{key} was {value:g} and is gone"
        elif given is not None and given < value:
            yield key, [], f"{key} goes from {value:g} to {given:g}" if "fail_under" in key else f"{key} asks for less"
    for key, codes in before.asked.items():
        given_codes = now.asked.get(key, frozenset())
        gone = sorted(each for each in codes if not any(_covers(other, each) for other in given_codes))
        if gone and given_codes:
            yield key, gone, f"{key} loses {_listed(gone)}"
    for key, codes in now.spared.items():
        tool = key.rpartition(" ")[2]
        new_families = {
            each
            for asked in now.asked
            if asked.endswith(tool)
            for each in now.asked[asked] - before.asked.get(asked, frozenset())
        }
        spared = before.spared.get(key, frozenset())
        added = sorted(
            each
            for each in codes - spared
            if not any(_covers(family, each.rpartition(" ")[2]) for family in new_families)
            and not any(_takes_in(wider, each) for wider in spared)
        )
        # Where the tool is new, its first exceptions loosen nothing.
        known = any(each.endswith(tool) for each in (*before.asked, *before.spared, *before.levels))
        if added and known and not _is_stricter(tool, before, now):
            yield key, added, f"{key} gains {_listed(added)}"


def _is_stricter(tool: str, before: Gates, now: Gates) -> bool:
    """Whether a tool asks for more elsewhere: then its exceptions come with that."""
    raised = any(level > before.levels.get(key, 0) for key, level in now.levels.items() if key.endswith(tool))
    return raised or any(
        bool(words - before.asked.get(key, frozenset())) and tool == "pytest"
        for key, words in now.asked.items()
        if key.endswith(tool)
    )


def _covers(wider: str, code: str) -> bool:
    return wider == "ALL" or code.startswith(wider)


def _takes_in(wider: str, exception: str) -> bool:
    """Whether an exception is part of another: `D100` of `D`, `shop.old` of `shop.*`, `api/*: F401` of `*: F`."""
    place, _, what = exception.rpartition(": ")
    wide_place, _, wide_what = wider.rpartition(": ")
    is_code = _CODE.fullmatch(wide_what) is not None and _covers(wide_what, what)
    return fnmatchcase(place, wide_place) and (is_code or fnmatchcase(what, wide_what))


def _listed(words: list[str]) -> str:
    shown = ", ".join(f"`{word}`" for word in words[:3])
    return f"{shown} and {len(words) - 3} more" if len(words) > 3 else shown


def _ruff_is_upgraded(change_set: ChangeSet) -> bool:
    for head, base in change_set.tomls("uv.lock"):
        if base is not None and locked(head).get("ruff", {}).get("version") != locked(base).get("ruff", {}).get(
            "version"
        ):
            return True
    for change in change_set.named(".pre-commit-config.yaml"):
        lines = (change.head_text or "").splitlines()
        if any("ruff" in above and line.code in below for above, below in pairwise(lines)
               for line in change.added if line.code.startswith("rev:")):  # fmt: skip
            return True
    return False


def _place(key: str, words: list[str], before: Gates, now: Gates, change_set: ChangeSet, changed: str) -> Span:
    """Where the gate stands now, or else where the file changes in which it stood."""
    path, keys = now.where.get(key) or before.where.get(key) or (changed, ())
    lines = [line for each in change_set.texts if each.path == path for line in each.added]
    for line in lines:
        if any(word.rpartition(" ")[2] in line.code for word in words):
            return line
    toml = change_set.project.toml(path) if path.endswith(".toml") else None
    if toml is not None:
        for length in range(len(keys), 0, -1):
            span = toml.span(*keys[:length])
            if span is not None:
                return span
    word = str(keys[-1]) if keys else ""
    named = [line for line in lines if line.code.startswith(word)]
    return (named or lines or [Span(path, 1, 1, 1, 2)])[0]


def _in_ci(change_set: ChangeSet) -> Iterator[tuple[Span, str]]:
    for change in change_set.texts:
        if change.head_text is None or change.base_text is None or not _is_workflow(change):
            continue
        for line in change.added:
            if re.fullmatch(
                r"(?:-\s*)?continue-on-error:\s*(?:true|['\"]true['\"])", line.code.partition(" #")[0].rstrip()
            ):
                yield line, "a step of CI may fail (`continue-on-error`)"
            elif re.search(r"\|\|\s*(?:true|:|exit 0)\s*['\"]?$", line.code) and _CHECKS.search(line.code):
                yield line, "a check of CI may fail (`|| true`)"
            elif floor_in(line.code) is not None:
                before, now = floor_in(change.base_text), floor_in(change.head_text)
                if before is not None and now is not None and now < before:
                    yield line, f"`--cov-fail-under` goes from {before:g} to {now:g}"


def _is_workflow(change: TextChange) -> bool:
    return ".github/workflows/" in f"/{change.path}" and change.path.endswith((".yml", ".yaml"))


def _hooks(change_set: ChangeSet) -> Iterator[tuple[Span, str]]:
    for change in change_set.named(".pre-commit-config.yaml"):
        if change.base_text is None:
            continue
        before, now = (set(_HOOK.findall(text or "")) for text in (change.base_text, change.head_text))
        gone = sorted(before - now)
        # A hook that makes room for another was replaced.
        if gone and not now - before:
            place = change.added[0] if change.added else Span(change.path, 1, 1, 1, 2)
            yield place, f"pre-commit loses {_listed(gone)}"
