"""What a change introduced: lint head, compare with base, prove the fixes. Runs in the fenced child process.

Pure: texts in, values out. Never raises for anything in a file; what can't be judged is among the problems.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from postil.lint.change import PYTHON, Change
from postil.lint.engine import Report, RuleSet, apply_edits
from postil.lint.finding import Finding, Problem
from postil.lint.project import Project, toml_file
from postil.lint.source import Parsed
from postil.review.identity import Gone, Kept, Numbered, fingerprints, folded, introduced
from postil.review.model import Analysis, Introduced, Suggestion

SUGGESTION_LINES = 10
"""A suggestion that replaces more lines than this is hard to judge at a glance."""
PROOFS = 60
"""A proof costs one parse. A review shows 20 comments at most, and what was said before wants no new proof."""


class Part(StrEnum):
    """What to look at: `files` each on its own, the `whole` of them, or all of it.

    All fixes of a part are proved, so that what is said about a file doesn't depend on how many others have some.
    """

    FILES = "files"
    WHOLE = "whole"
    ALL = "all"


def analyse(
    rules: RuleSet,
    changes: Sequence[Change],
    project: Project,
    base_project: Project,
    started: Callable[[str], None] = lambda path: None,
    part: Part = Part.ALL,
) -> Analysis:
    """What `changes` introduced, with a fingerprint and, where one holds, a proved suggestion for each finding.

    `project` and `base_project` hold the project files of head and base. `started` is called with each file's path
    before it is looked at, once more for each proof, and with "" before the rules about the change as a whole:
    whoever runs this in a fenced process learns where it died.
    """
    base_paths = _base_paths(changes)
    found: dict[str, list[Finding]] = {}
    problems: list[Problem] = []
    judged = _Judged(rules, changes, project, base_project)
    parsed = Parsed()
    alone = () if part is Part.WHOLE else changes
    files = [change for change in alone if change.is_python and change.head is not None]
    for change in files:
        started(change.path)
        report = rules.lint(change.path, change.head or "", project, parsed)
        problems += report.problems
        if report.findings:
            judged.alone[change.path] = report.findings
            found[change.path] = _new_in(change, report, rules, base_project, parsed, base_paths[change.path])
    for change in alone:
        if not change.is_python and change.head is not None:
            started(change.path)
            report = rules.lint_text(change.path, change.head)
            if report.findings:
                judged.alone[change.path] = report.findings
                found[change.path] = _new_in(change, report, rules, base_project, parsed, base_paths[change.path])
    _leave_out_moved(found, changes, rules, base_project, started)
    if rules.compares and part is not Part.FILES:
        started("")
        report = rules.lint_change_set(changes, project, base_project, parsed)
        problems += report.problems
        judged.together = report.findings
        if part is Part.WHOLE:
            judged.look_at(finding.path for finding in report.findings if judged.can_prove(finding))
        for finding in report.findings:
            found.setdefault(finding.path, []).append(finding)

    everything: list[Introduced] = []
    for path, findings in sorted(found.items()):
        distinct = _distinct(findings)
        digests = fingerprints(distinct, base_paths.get(path, path))
        everything += map(Introduced, distinct, digests)
    unallowed = [each for each in everything if each.finding.allowed is None]
    return Analysis(
        introduced=tuple(_with_proofs(unallowed, judged, started, PROOFS if part is Part.ALL else None)),
        suppressed=tuple(each for each in everything if each.finding.allowed is not None),
        problems=tuple(dict.fromkeys(problems)),
        files=len(files),
    )


def _base_paths(changes: Sequence[Change]) -> dict[str, str]:
    """What each file is called at base. Where two files come from one (a copy), only a file of that name keeps it."""
    names = {change.path: change.previous_path or change.path for change in changes}
    used = Counter(names.values())
    return {path: path if used[name] > 1 else name for path, name in names.items()}


def _new_in(
    change: Change, head: Report, rules: RuleSet, base_project: Project, parsed: Parsed, path: str
) -> list[Finding]:
    """The findings of a file's head that its base has not.

    Base is linted only with the rules that found something, and with those that head's allowances name, since whether
    an allowance was needed shows only then. An allowance that was taken away counts as new, since base showed nothing.
    Where base can't be judged, what stands on untouched lines is taken for old.
    """
    if change.base is None:
        return list(head.findings)
    concerned = rules.only({finding.rule for finding in head.findings} | head.allows)
    before = change.previous_path or change.path
    base = (
        concerned.lint(before, change.base, base_project, parsed)
        if change.is_python
        else concerned.lint_text(before, change.base)
    )
    kept = Kept(change.base, change.head or "")
    shown = [finding for finding in base.findings if finding.allowed is None]
    new = introduced([finding for finding in head.findings if finding.allowed is None], shown, path, kept)
    new += introduced([finding for finding in head.findings if finding.allowed is not None], base.findings, path, kept)
    if base.problems:
        new = [finding for finding in new if not kept.whole(finding)]
    return new


def _leave_out_moved(
    found: dict[str, list[Finding]],
    changes: Sequence[Change],
    rules: RuleSet,
    base_project: Project,
    started: Callable[[str], None],
) -> None:
    """Take away what base had in another file that lost it to this one, as when a module is split.

    One finding of base stands for one of head, so what was copied besides is new.
    """
    losing = {
        change.path: (change, Gone(change.base, change.head or ""))
        for change in changes
        if change.base is not None and change.base != change.head and change.is_python
    }
    if not losing or not any(found.values()):
        return
    concerned = rules.only({finding.rule for findings in found.values() for finding in findings})
    old: dict[str, set[tuple[str, int, str]]] = {}

    def is_moved(finding: Finding, head: Numbered) -> bool:
        for path, (change, gone) in losing.items():
            lines = list(gone.base_lines(head, finding)) if path != finding.path else ()
            if lines and path not in old:
                started(path)
                report = concerned.lint(change.previous_path or path, change.base or "", base_project)
                old[path] = {(each.rule, each.line, folded(each.code)) for each in report.findings}
            for line in lines:
                trace = (finding.rule, line, folded(finding.code))
                if trace in old[path]:
                    old[path].discard(trace)
                    return True
        return False

    for change in changes:
        if found.get(change.path):
            head = Numbered(change.head or "")
            found[change.path] = [finding for finding in found[change.path] if not is_moved(finding, head)]


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in order of place; what one rule says twice in the same words of one place counts once."""
    distinct: dict[tuple[int, int, str, str], Finding] = {}
    for each in findings:
        distinct.setdefault((each.line, each.column, each.rule, each.message), each)
    return [distinct[place] for place in sorted(distinct)]


class _Judged:
    """A change set, and what was found in it, as that against which fixes are proved.

    `alone` is what was found in each file, `together` what the rules found that compare base and head. Not the reports,
    which hold on to their syntax trees.
    """

    def __init__(self, rules: RuleSet, changes: Sequence[Change], project: Project, base_project: Project) -> None:
        self.rules = rules
        self.changes = changes
        self.project = project
        self.base_project = base_project
        self.alone: dict[str, Sequence[Finding]] = {}
        self.together: Sequence[Finding] = ()
        self._texts = {change.path: change.head for change in changes if change.head is not None}
        self._by_path: dict[str, Sequence[Finding]] = {}
        _, self._comparing = rules.apart()

    def prove(self, finding: Finding) -> Suggestion | None:
        """A finding's edits as whole lines of its file, if they cure it and do no harm; else None.

        They are carried out, and the result is parsed and judged again: this finding must be gone, and nothing found
        that was not found before.
        """
        text = self._texts[finding.path]
        try:
            cured = apply_edits(text, finding.edits)
        except (ValueError, IndexError):
            return None
        suggestion = _as_lines(text, cured, finding.line)
        if suggestion is None or not self._is_as_readable(finding.path, text, cured):
            return None
        before, after = self.alone.get(finding.path, ()), self._alone(finding.path, cured)
        if after is None:
            return None
        # What an edit does to the change as a whole is asked of its own file, unless the finding is about the whole.
        whole = finding in self.together
        before = [*before, *(self.together if whole else self._compared(finding.path))]
        after = [*after, *self._together(finding.path, cured, whole=whole)]
        return suggestion if _cures(finding, before, after) else None

    def can_prove(self, finding: Finding) -> bool:
        """Whether there is something to prove: a fix, in a file that is at hand."""
        return bool(finding.edits) and finding.path in self._texts

    def look_at(self, paths: Iterable[str]) -> None:
        """Find out what is found in some files alone, against which fixes of theirs are proved."""
        for path in sorted(set(paths)):
            self.alone[path] = self._alone(path, self._texts[path]) or ()

    @staticmethod
    def _is_as_readable(path: str, text: str, cured: str) -> bool:
        """Rules find nothing in a TOML file that is none any more, which is no cure. Python is parsed anyway."""
        return toml_file(path, cured) is not None or toml_file(path, text) is None or path.endswith(PYTHON)

    def _alone(self, path: str, text: str) -> Sequence[Finding] | None:
        if not path.endswith(PYTHON):
            return self.rules.lint_text(path, text).findings
        report = self.rules.lint(path, text, self.project)
        return None if report.file is None or report.problems else report.findings

    def _compared(self, path: str) -> Sequence[Finding]:
        """What the rules that compare base and head find in this file's change alone."""
        if path not in self._by_path:
            self._by_path[path] = self._together(path, self._texts[path], whole=False)
        return self._by_path[path]

    def _together(self, path: str, text: str, *, whole: bool) -> Sequence[Finding]:
        """What they find with another text of this file, in the `whole` change set or in its change alone."""
        changes = [replace(each, head=text) if each.path == path else each for each in self.changes]
        files = self.project.files
        project = Project({**files, path: text}) if path in files else self.project
        looked_at = changes if whole else [each for each in changes if each.path == path]
        return self._comparing.lint_change_set(looked_at, project, self.base_project).findings


def _with_proofs(
    everything: list[Introduced], judged: _Judged, started: Callable[[str], None], most: int | None
) -> list[Introduced]:
    """The same findings, with the suggestions that hold, for the `most` that a review is likely to show."""
    likely = sorted(
        (each for each in everything if judged.can_prove(each.finding)),
        key=lambda each: (-each.finding.severity.rank, each.finding.path, each.finding.line),
    )
    proofs: dict[str, Suggestion | None] = {}
    for each in likely[:most]:
        started(each.finding.path)
        proofs[each.fingerprint] = judged.prove(each.finding)
    return [Introduced(each.finding, each.fingerprint, proofs.get(each.fingerprint)) for each in everything]


def _cures(finding: Finding, before: Sequence[Finding], after: Sequence[Finding]) -> bool:
    """Whether `finding` is gone and the rest is what it was. Another finding's code may have changed with the edit."""
    gone = Counter(map(_Trace.of, before))
    came = Counter(map(_Trace.of, after))
    gone, came = gone - came, came - gone
    cured = _Trace.of(finding)
    if not gone[cured]:
        return False
    gone[cured] -= 1
    altered = Counter((trace.rule, trace.path, trace.scope) for trace in gone.elements())
    return not Counter((trace.rule, trace.path, trace.scope) for trace in came.elements()) - altered


@dataclass(frozen=True, slots=True)
class _Trace:
    rule: str
    path: str
    scope: str
    code: str

    @classmethod
    def of(cls, finding: Finding) -> "_Trace":
        return cls(finding.rule, finding.path, finding.scope, folded(finding.code))


def _as_lines(text: str, cured: str, line: int) -> Suggestion | None:
    """The difference of two texts as a replacement of whole lines; None when it can't be said as one."""
    old = text.removesuffix("\n").split("\n")
    new = cured.removesuffix("\n").split("\n")
    shorter = min(len(old), len(new))
    top = 0
    while top < shorter and old[top] == new[top]:
        top += 1
    bottom = 0
    while bottom < shorter - top and old[-1 - bottom] == new[-1 - bottom]:
        bottom += 1
    if top + bottom == len(old) == len(new):
        return None
    if top + bottom == len(old):
        # Nothing is replaced, lines are only added: the line beside them is taken along.
        if not top or (bottom and line > top):
            bottom -= 1
        else:
            top -= 1
    first, last = top + 1, len(old) - bottom
    written = new[top : len(new) - bottom]
    if last - first >= SUGGESTION_LINES or written == [""]:
        return None
    return Suggestion(first, last, "\n".join(written), "\n".join(old[top:last]))
