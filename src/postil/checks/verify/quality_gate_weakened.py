"""Finds pull requests that ask less of the code: of the linter, the type checker, the coverage or CI."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import basename, dirname
from typing import Any

from postil.lint import ChangeSet, Note, Notes, Secondary, Span, is_workflow, lines_of
from postil.lint.dependencies import locked
from postil.lint.gates import CONFIGURATIONS, STRICT_OF_MYPY, Gates, floor_in, gates_in

_CHECKS = re.compile(r"\b(?:pytest|ruff|mypy|ty|pyright|flake8|pylint|coverage|tox|nox|pre-commit|make)\b")
_CODE = re.compile(r"[A-Z]+[0-9]*")
_HOOK = re.compile(r"-\s*id:\s*['\"]?([\w.-]+)")
_RUFF_HOOK = re.compile(r"ruff-pre-commit['\"]?\s*rev:\s*['\"]?v?(\d+\.\d+)")
# The rules of a family that are in no preview (ruff 0.17): who selects them all selects the family.
_PARTS = {"E": ("E4", "E501", "E7", "E9")}
# A key of a workflow that runs nothing.
_OTHER_KEY = re.compile(r"(?:-\s+)?(?!(?:run|uses):)[\w-]+:(?:\s|$)")
_MAY_FAIL = re.compile(r"(?:-\s+)?continue-on-error:\s*['\"]?true['\"]?$")
_PASSES = re.compile(r"\|\|\s*(?:(true|:|exit 0)|echo\b[^&|]*)\s*['\"]?$|(--exit-zero)\b")


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
        # A floor may stand in the command of CI as well.
        floors = [floor_in(text) or 0 for path, text in change_set.project.files.items() if _runs_checks(path)]
        for key, words, says in _loosened(before, now, max(floors, default=0)):
            # A new release of ruff renames rules and brings others.
            if not (upgraded and key.endswith("of ruff")):
                yield _place(key, words, before, now, change_set, changed[0]), says


def _loosened(before: Gates, now: Gates, floor: float) -> Iterator[tuple[str, list[str], str]]:
    """What is asked less than before, the gravest first, with the words that came or went.

    A file that is gone as a whole may have been replaced. `floor` is that of coverage outside of configuration files.
    """
    strict_fell = now.levels.get(STRICT_OF_MYPY, 1) < before.levels.get(STRICT_OF_MYPY, 0)
    for key, value in sorted(before.levels.items(), key=lambda each: "fail_under" not in each[0]):
        given = now.levels.get(key)
        if given is None and key == "`fail_under` of coverage":
            if floor < value:
                yield key, [], f"{key} was {value:g} and is gone"
        elif given is not None and given < value:
            # What falls with `strict` is said with it.
            if strict_fell and key != STRICT_OF_MYPY and now.where[key] == now.where[STRICT_OF_MYPY]:
                continue
            yield key, [], f"{key} goes from {value:g} to {given:g}" if "fail_under" in key else f"{key} asks for less"
    for key, codes in before.asked.items():
        given_codes = now.asked.get(key, frozenset())
        spared = before.spared.get("`ignore` of ruff", frozenset())
        gone = sorted(each for each in codes if not _is_asked(each, given_codes, spared))
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
            and _was_asked(each, tool, before)
        )
        # Where the tool is new, its first exceptions loosen nothing.
        known = any(each.endswith(tool) for each in (*before.asked, *before.spared, *before.levels))
        if added and known and not _is_stricter(tool, before, now):
            yield key, added, f"{key} gains {_listed(added)}"


def _was_asked(exception: str, tool: str, before: Gates) -> bool:
    """Whether ruff may have asked before for what is excepted now: its lists of rules are written out."""
    asked = before.asked.get("`select` of ruff")
    code = exception.rpartition(": ")[2]
    if tool != "ruff" or not asked or _CODE.fullmatch(code) is None:
        return True
    # Without `select` there are its defaults, which the listed ones extend.
    return any(_covers(each, code) or each.startswith(code) for each in (*asked, "E", "F"))


def _is_stricter(tool: str, before: Gates, now: Gates) -> bool:
    """Whether a tool asks for more elsewhere: then its exceptions come with that."""
    raised = any(level > before.levels.get(key, 0) for key, level in now.levels.items() if key.endswith(tool))
    return raised or any(
        bool(words - before.asked.get(key, frozenset())) and tool == "pytest"
        for key, words in now.asked.items()
        if key.endswith(tool)
    )


def _is_asked(code: str, asked: frozenset[str], spared: frozenset[str]) -> bool:
    """Whether codes still ask for one, or for all its parts that weren't spared anyway."""
    if any(_covers(other, code) for other in asked):
        return True
    parts = [part for part in _PARTS.get(code, ()) if part not in spared]
    return bool(parts) and all(any(_covers(other, part) for other in asked) for part in parts)


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
    """Whether ruff is another one than before, patch releases aside, which rename nothing."""
    for head, base in change_set.tomls("uv.lock"):
        if base is not None and _release(locked(head).get("ruff", {})) != _release(locked(base).get("ruff", {})):
            return True
    return any(
        _RUFF_HOOK.findall(change.head_text or "") != _RUFF_HOOK.findall(change.base_text or "")
        for change in change_set.named(".pre-commit-config.yaml")
        if change.base_text is not None
    )


def _release(package: Mapping[str, Any]) -> list[str]:
    return str(package.get("version")).split(".")[:2]


def _place(key: str, words: list[str], before: Gates, now: Gates, change_set: ChangeSet, changed: str) -> Span:
    """Where the gate stands now, or else where the file changes in which it stood."""
    path, keys = now.where.get(key) or before.where.get(key) or (changed, ())
    lines = [line for each in change_set.texts if each.path == path for line in each.added]
    toml = change_set.project.toml(path) if path.endswith(".toml") else None
    spans = [toml.span(*keys[:length]) for length in range(len(keys), 0, -1)] if toml is not None else []
    span = next((each for each in spans if each is not None), None)
    # The same word may stand in other lists.
    near = [line for line in lines if span is not None and span.line <= line.line <= span.end_line]
    for line in (*near, *lines):
        # Of `api/*: F401` the first part is the key.
        if any(_holds(line.code, word.partition(": ")[0]) for word in words):
            return line
    if span is not None:
        return span
    word = str(keys[-1]) if keys else ""
    named = [line for line in lines if line.code.startswith(word)]
    return (named or lines or [Span(path, 1, 1, 1, 2)])[0]


def _holds(code: str, word: str) -> bool:
    return re.search(rf"(?<![\w./*]){re.escape(word)}(?![\w./*-])", code) is not None


@dataclass(frozen=True)
class _Check:
    """A line that runs a check. `passes` is what lets it pass when the check fails, and where that stands."""

    tools: frozenset[str]
    passes: tuple[Span, str] | None


def _in_ci(change_set: ChangeSet) -> Iterator[tuple[Span, str]]:
    changes = [
        change
        for change in change_set.texts
        if change.head_text is not None and change.base_text is not None and _runs_checks(change.path)
    ]
    before = _strict(check for change in changes for check in _checks(change.path, change.base_text or ""))
    now = _strict(check for change in changes for check in _checks(change.path, change.head_text or ""))
    for change in changes:
        added = {line.line for line in change.added}
        told: set[Span] = set()
        for check in _checks(change.path, change.head_text or ""):
            # What is new and may fail from the start loosens nothing.
            if check.passes is None or not any(now[tool] < before[tool] for tool in check.tools):
                continue
            place, by = check.passes
            if place.line in added and place not in told:
                told.add(place)
                yield place, f"a check of {'CI' if is_workflow(change.path) else 'the Makefile'} may fail (`{by}`)"
        for line in change.added:
            floor, was, is_now = map(floor_in, (line.code, change.base_text or "", change.head_text or ""))
            if floor is not None and was is not None and is_now is not None and is_now < was:
                yield line, f"`--cov-fail-under` goes from {was:g} to {is_now:g}"


def _strict(checks: Iterable[_Check]) -> Counter[str]:
    """How often each tool runs and may not fail."""
    return Counter(tool for check in checks if check.passes is None for tool in check.tools)


def _checks(path: str, text: str) -> Iterator[_Check]:
    lines = list(lines_of(path, text))
    on_github = is_workflow(path)
    blocks = [(line, *_block(index, lines)) for index, line in enumerate(lines) if on_github and _is_optional(line)]
    for index, line in enumerate(lines):
        code = line.code.partition(" #")[0].rstrip()
        if code.startswith("#") or (on_github and _OTHER_KEY.match(code)):
            continue
        tools = frozenset(_CHECKS.findall(code))
        if not tools:
            continue
        passes = None
        if found := _PASSES.search(code):
            passes = line, found[2] or f"|| {found[1] or 'echo'}"
        elif not on_github and line.column > 1 and code.lstrip("@+").startswith("-"):
            passes = line, "-"
        else:
            block = next((each for each in blocks if each[1] <= index < each[2]), None)
            passes = (block[0], "continue-on-error") if block is not None else None
        yield _Check(tools, passes)


def _is_optional(line: Span) -> bool:
    return _MAY_FAIL.match(line.code.partition(" #")[0].rstrip()) is not None


def _block(index: int, lines: list[Span]) -> tuple[int, int]:
    """The lines of the step, or of the job, that has this key: by their indentation."""
    start = end = index
    depth = _depth(lines[index])
    while start > 0 and _depth(lines[start - 1]) >= depth:
        # A dash at this depth begins the step; deeper ones are those of a job.
        if lines[start].code.startswith("- ") and _depth(lines[start]) == depth:
            break
        start -= 1
    while end + 1 < len(lines) and lines[end + 1].column >= depth:
        end += 1
    return start, end + 1


def _depth(line: Span) -> int:
    """The column of a key, behind the dash that begins a list's item."""
    return line.column + len(line.code) - len(line.code.removeprefix("-").lstrip())


def _runs_checks(path: str) -> bool:
    return is_workflow(path) or basename(path) == "Makefile"


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
