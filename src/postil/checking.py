"""Runs `postil check`: from what was typed to what was found, under the paths that were typed."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from platformdirs import user_cache_path

from postil.cache import Cache
from postil.files import Tree, read_trees, write_text
from postil.lint.engine import apply_edits
from postil.lint.finding import Problem
from postil.packs import Guideline
from postil.report.checked import Checked
from postil.review.config import Config, Reading, parse, read
from postil.review.model import Analysis, Introduced, Skipped
from postil.review.noise import MARKS
from postil.review.plan import Plan, plan
from postil.sandbox import Analyst, Limits
from postil.scan import makers_of, scan

FIX_ROUNDS = 20
# A whole tree at once, on its owner's own machine: time for all of it is theirs to give, a file's limit stays.
LIMITS = Limits(total_seconds=24 * 3600.0, memory=8 << 30, output=256 << 20, deaths=100, children=1)


class CheckError(Exception):
    """It can't run: what was typed is wrong, or a file can't be written. The message is for whoever typed it."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: files or folders, a configuration instead of the project's own, rules to run and to leave out.

    `by_name` tells whether a file among `paths` was asked for by its name, and not as one of many.
    """

    paths: tuple[Path, ...] = ()
    by_name: bool = True
    config: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass
class Work:
    """One project's part of a run: its files, less those that are left out, and what its configuration decides.

    Two that are equal are the same to look at.
    """

    tree: Tree
    plan: Plan
    skipped: list[Skipped] = field(default_factory=list)


def agreed(
    project: Mapping[str, str],
    guideline: Guideline,
    typed: Typed | None = None,
    unread: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Guideline, Plan]:
    """What the project's configuration decides, overruled by what was typed, and the packs that it chooses.

    `project` holds the files that may configure Postil, and .gitattributes; `unread` says why others can't be read.

    Raises:
        CheckError: there is a fault in what was typed.
    """
    typed = typed or Typed()
    reading = read(project, unread)
    if typed.config is not None:
        try:
            text = typed.config.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise CheckError(f"{typed.config} can't be read: {why}") from error
        reading = parse(text, str(typed.config)) or Reading(source=str(typed.config))
        if reading.faults:
            raise CheckError("\n".join(f"{typed.config}: {fault}" for fault in reading.faults))
    guideline, reading = guideline.chosen(reading)
    wanted = Config().model_copy(update={"select": typed.select, "ignore": typed.ignore})
    faults = plan(Reading(wanted, "command line"), guideline.rules, guideline.aliases).faults
    if faults:
        raise CheckError("\n".join(faults))
    settings = reading.config
    if typed.select:
        off = {name: weight for name, weight in settings.severities.items() if weight != "off"}
        settings = settings.model_copy(update={"select": typed.select, "ignore": (), "severities": off})
    settings = settings.model_copy(update={"ignore": (*settings.ignore, *typed.ignore)})
    decided = plan(replace(reading, config=settings), guideline.rules, guideline.aliases, project.get(MARKS, ""))
    return guideline, decided


class Checker:
    """Checks what was typed, as often as it is asked to, with the same children and the same memory.

    `folders` are those of the packs of `guideline`. `keeps` says whether what was found is kept on the disk for other
    runs, and `fixes` whether the proved fixes are carried out, though not written.

    Use it as a context manager; it ends the children.
    """

    def __init__(
        self,
        typed: Typed,
        guideline: Guideline,
        folders: Sequence[Path],
        *,
        keeps: bool = True,
        fixes: bool = False,
    ) -> None:
        self._typed = typed
        self._guideline = guideline
        self._fixes = fixes
        makers = makers_of(guideline, folders) if keeps else None
        self._makers = makers or ""
        self.cache = Cache(None if makers is None else user_cache_path("postil", appauthor=False))
        self._analyst = Analyst(folders, replace(LIMITS, children=_processors()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._analyst.close()

    def works(self) -> list[Work]:
        """What there is to look at now.

        Raises:
            CheckError: there is a fault in what was typed.
        """
        try:
            trees = read_trees(self._typed.paths or [Path()], by_name=self._typed.by_name)
        except FileNotFoundError as error:
            raise CheckError(str(error)) from error
        found = []
        for tree in trees:
            _, decided = agreed(tree.settings, self._guideline, self._typed, tree.unread)
            tree.changes, skipped = decided.sifted(tree.changes, tree.named)
            tree.project = {path: text for path, text in tree.project.items() if not decided.leaves_out(path)}
            found.append(Work(tree, decided, skipped))
        return found

    async def check(self, works: Sequence[Work], tell: Callable[[int, int], None]) -> Checked:
        """What is found in them; with `fixes`, what is left when no fix is.

        `tell` hears how many files of a project were begun, and how many there are to look at.

        Raises:
            SandboxError: no child could be started.
        """
        analyses = [await self._analysed(work, tell) for work in works]
        self.cache.trim()
        return _checked(works, analyses)

    async def _analysed(self, work: Work, tell: Callable[[int, int], None]) -> Analysis:
        tree = work.tree
        left = FIX_ROUNDS if self._fixes else 0
        while True:
            analysis = await scan(
                tree.changes, tree.project, work.plan.choice, self._analyst, self.cache, self._makers, tell
            )
            analysis = work.plan.settled(analysis, skipped=work.skipped)
            if not (left and _fix(tree, analysis)):
                return analysis
            left -= 1


def _processors() -> int:
    """How many this process may use; only Linux tells that, others how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fix(tree: Tree, analysis: Analysis) -> bool:
    """Carry out the proved fixes, one a file at a time where they touch; gives whether there was one."""
    by_path: dict[str, list[Introduced]] = {}
    for each in analysis.introduced:
        if each.suggestion is not None:
            by_path.setdefault(each.finding.path, []).append(each)
    texts = {change.path: change.head or "" for change in tree.changes}
    for path, found in by_path.items():
        text = texts[path]
        last = text.count("\n") + 3
        for each in sorted(found, key=lambda each: -each.finding.line):
            edges = [edit.line for edit in each.finding.edits] + [edit.end_line for edit in each.finding.edits]
            if max(edges) < last:
                text, last = apply_edits(text, each.finding.edits), min(edges)
        tree.fix(path, text)
    return bool(by_path)


def write(works: Iterable[Work]) -> None:
    """Write what was fixed, each file at once.

    Raises:
        CheckError: a file can't be written.
    """
    for work in works:
        for path, text, shown in work.tree.fixed_files():
            try:
                write_text(path, text)
            except (OSError, UnicodeEncodeError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise CheckError(f"{shown} can't be written: {why}") from error


def _checked(works: Sequence[Work], analyses: Sequence[Analysis]) -> Checked:
    """Everything that was found, under the paths that the user typed."""
    shown: list[Introduced] = []
    allowed: list[Introduced] = []
    problems: list[Problem] = []
    skipped: list[Skipped] = []
    for work, analysis in zip(works, analyses, strict=True):
        tree = work.tree
        shown += [_as_typed(each, tree) for each in analysis.introduced]
        allowed += [_as_typed(each, tree) for each in analysis.suppressed]
        problems += tree.problems
        problems += [replace(problem, path=tree.shown.get(problem.path, problem.path)) for problem in analysis.problems]
        skipped += [replace(each, path=tree.shown.get(each.path, each.path)) for each in analysis.skipped]
    together = Analysis(
        introduced=tuple(shown),
        suppressed=tuple(allowed),
        problems=tuple(problems),
        files=sum(analysis.files for analysis in analyses),
        left_out=tuple(each for analysis in analyses for each in analysis.left_out),
        skipped=tuple(skipped),
    )
    config = ", ".join(dict.fromkeys(work.plan.source for work in works))
    return Checked.of(together, config, min((work.plan.threshold for work in works), key=lambda each: each.rank))


def _as_typed(each: Introduced, tree: Tree) -> Introduced:
    """A finding under the path that the user typed, and so the places that explain it."""
    finding = each.finding
    related = tuple(replace(place, path=tree.shown.get(place.path, place.path)) for place in finding.related)
    path = tree.shown.get(finding.path, finding.path)
    return replace(each, finding=replace(finding, path=path, related=related))
