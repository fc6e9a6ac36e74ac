"""`make try`: runs rules on real code and prints a random sample of what they find, with the code around, to be read.

`RULE` names one rule or several, with commas between. `PATH` is a folder, or a folder of folders, each a project.
With `BASE`, a folder that holds the same project as it was, what changed from there is what rules about changes see.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

from postil import packs
from postil.files import read_trees
from postil.lint.change import Change, ChangeSet, FileChange
from postil.lint.engine import RuleSet
from postil.lint.finding import Finding
from postil.lint.project import Project
from postil.review.analysis import analyse

Found = tuple[str, Finding, str]
"""The project, what was found in it, and the text of the file."""


@cache
def _rules(names: tuple[str, ...]) -> RuleSet:
    guideline = packs.load()
    unknown = [name for name in names if guideline.rule(name) is None]
    if unknown:
        raise SystemExit(f"there is no rule {', '.join(unknown)}; `postil rules` lists them")
    return RuleSet(rule for name in names if (rule := guideline.rule(name)) is not None)


def _read(folder: Path) -> tuple[list[Change], dict[str, str]]:
    """The files of one project, by paths from its root, and those among them that describe it."""
    changes: dict[str, Change] = {}
    project: dict[str, str] = {}
    for tree in read_trees([folder]):
        inside = tree.root.relative_to(folder.resolve()).as_posix() if tree.root != folder.resolve() else ""
        for change in tree.changes:
            path = f"{inside}/{change.path}".lstrip("/")
            changes[path] = Change(path, change.head, None, compared=False)
        project |= {f"{inside}/{path}".lstrip("/"): text for path, text in tree.project.items()}
    return list(changes.values()), project


def _compared(heads: Sequence[Change], bases: Sequence[Change]) -> Iterator[Change]:
    """What differs between two states of a project."""
    before, after = {change.path: change.head for change in bases}, {change.path: change.head for change in heads}
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield Change(path, after.get(path), before.get(path))


def _of_project(names: tuple[str, ...], pair: tuple[Path, Path | None]) -> list[Found]:
    folder, base = pair
    rules = _rules(names)
    changes, project = _read(folder)
    if base is not None:
        bases, base_project = _read(base)
        changes = list(_compared(changes, bases))
    else:
        base_project = project
        words = [word for rule in rules.rules for word in rule.mentions]
        if not rules.compares and all(rule.mentions for rule in rules.rules):
            changes = [change for change in changes if any(word in (change.head or "") for word in words)]
    texts = {change.path: change.head or "" for change in changes} | project
    projects = Project(project), Project(base_project)
    if all(rule.subscription.whole in (FileChange, ChangeSet) for rule in rules.rules):
        # Files that no rule asks for needn't be parsed.
        findings = [each for each in rules.lint_change_set(changes, *projects).findings if each.allowed is None]
    else:
        findings = [each.finding for each in analyse(rules, changes, *projects).introduced]
    return [(folder.name, finding, texts.get(finding.path, "")) for finding in findings]


def _print(project: str, finding: Finding, text: str, around: int) -> None:
    print(f"\n== {project}/{finding.path}:{finding.line}: {finding.severity}: {finding.message} [{finding.rule}]")
    lines = text.split("\n")
    for number in range(
        max(1, finding.line - around), min(len(lines), finding.end_line + around, finding.line + 40) + 1
    ):
        mark = ">" if finding.line <= number <= finding.end_line else " "
        print(f"{mark}{number:5} {lines[number - 1][:160]}")
    for place in finding.related:
        print(f"   … {place.path}:{place.line}: {place.text}")
    for edit in finding.edits:
        print(f"   fix {edit.line}:{edit.column}-{edit.end_line}:{edit.end_column}: {edit.text!r}")


def _projects(path: Path) -> list[Path]:
    """The folder itself when it is a project, else the folders in it."""
    marks = ("pyproject.toml", "setup.py", "setup.cfg", ".git", "src")
    inside = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
    is_project = any((path / mark).exists() for mark in marks) or any(path.glob("*.py"))
    return [path] if is_project or not inside else inside


def _earlier(folder: Path, base: Path) -> Path | None:
    """The state of a project in a folder that holds many: the one of the same name, whatever version follows it."""
    name = re.sub(r"-\d.*", "", folder.name)
    same = [each for each in base.iterdir() if each.is_dir() and re.sub(r"-\d.*", "", each.name) == name]
    return same[0] if same else None


def main() -> None:
    """Run, count by rule and project, and print the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule")
    parser.add_argument("path", type=Path)
    parser.add_argument("--base", type=Path, default=None)
    parser.add_argument("--sample", type=int, default=60, help="how many of each rule are printed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--around", type=int, default=6, help="lines of code before and after")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    names = tuple(name.strip() for name in given.rule.split(","))
    _rules(names)
    projects = _projects(given.path)
    if given.base is None:
        pairs: list[tuple[Path, Path | None]] = [(folder, None) for folder in projects]
    elif projects == [given.path]:
        pairs = [(given.path, given.base)]
    else:
        pairs = [(folder, base) for folder in projects if (base := _earlier(folder, given.base)) is not None]
    with ProcessPoolExecutor(given.jobs) as pool:
        found = [each for part in pool.map(partial(_of_project, names), pairs) for each in part]
    for name in names:
        of_rule = [each for each in found if each[1].rule == name]
        sample = random.Random(given.seed).sample(of_rule, min(given.sample, len(of_rule)))  # noqa: S311 - a sample
        for project, finding, text in sorted(sample, key=lambda each: (each[0], each[1].path, each[1].line)):
            _print(project, finding, text, given.around)
        by_project = Counter(project for project, _, _ in of_rule)
        where = ", ".join(f"{project} {count}" for project, count in by_project.most_common(12))
        print(
            f"\n{name}: {len(of_rule)} found, {len(sample)} shown, {len(pairs)} projects"
            + (f": {where}" if where else "")
        )


if __name__ == "__main__":
    main()
