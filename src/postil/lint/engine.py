"""One walk over one file, every rule at once. May not raise for anything in a file: a crash is a value."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import libcst as cst

from postil.lint.change import Change, ChangeSet, FileChange, TextChange
from postil.lint.check import Located, Note, Place, Replace, Span
from postil.lint.finding import Finding, Problem, Related, Severity, TextEdit
from postil.lint.positions import Positions, Range
from postil.lint.project import Project
from postil.lint.rule import Rule
from postil.lint.source import SourceFile, Unreadable, collector_held

_ALLOW = re.compile(r"#\s*postil:\s*allow\s+([\w-]+(?:\s*,\s*[\w-]+)*)(?:\s*--\s*(.*?))?\s*$")


@dataclass(frozen=True)
class Report:
    """What linting gave: findings in order of place, and what could not be judged."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    file: SourceFile | None = None


@dataclass
class _Gathered:
    notes: list[tuple[Rule, Note]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self, rule: Rule, path: str, subjects: Sequence[tuple[Any, ...]]) -> bool:
        """Collect what a check yields for each of its `subjects`, the arguments that it sees.

        False when it crashed, which costs this check on this file.
        """
        check, options, notes = rule.check, rule.options, self.notes
        try:
            for subject in subjects:
                for note in check(*subject, **options):
                    notes.append((rule, note))
        except Exception as error:  # noqa: BLE001 - any fault of one check must not cost the others
            self.crashed(rule, path, error)
            return False
        return True

    def crashed(self, rule: Rule, path: str, error: Exception) -> None:
        """Keep a check's crash as a problem that names it."""
        detail = f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]
        self.problems.append(Problem(path, "check-crash", f"the check `{rule.name}` crashed ({detail})"))


class RuleSet:
    """Rules, arranged so that one walk over a file serves them all."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)

    @cached_property
    def by_name(self) -> dict[str, Rule]:
        """The rules by their names."""
        return {rule.name: rule for rule in self.rules}

    @cached_property
    def _nodes(self) -> dict[type[cst.CSTNode], list[Rule]]:
        table: dict[type[cst.CSTNode], list[Rule]] = {}
        for rule in self.rules:
            for kind in rule.subscription.nodes:
                table.setdefault(kind, []).append(rule)
        return table

    def _whole(self, kind: type) -> list[Rule]:
        return [rule for rule in self.rules if rule.subscription.whole is kind]

    @property
    def compares(self) -> bool:
        """Whether any rule looks at base and head together."""
        return any(rule.subscription.whole in (FileChange, ChangeSet) for rule in self.rules)

    def only(self, names: Iterable[str]) -> "RuleSet":
        """The rules with these names."""
        wanted = frozenset(names)
        return RuleSet(rule for rule in self.rules if rule.name in wanted)

    def lint(self, path: str, text: str, project: Project | None = None) -> Report:
        """Run the rules about single files. Never raises: what can't be parsed or judged is among the problems."""
        with collector_held():
            try:
                file = SourceFile(path, text, project)
            except Unreadable as error:
                return Report(problems=(Problem(path, error.kind, error.message),))
            return self.lint_file(file)

    def lint_file(self, file: SourceFile) -> Report:
        """Run the rules about single files on a file that is parsed already."""
        gathered = _Gathered()
        idle = {rule.name for rule in self.rules if rule.mentions and not any(map(file.mentions, rule.mentions))}
        for kind in file.kinds():
            subjects = [(node, file) for node in file.nodes(kind)] if kind in self._nodes else []
            for rule in self._nodes.get(kind, ()):
                if rule.name not in idle and not gathered.take(rule, file.path, subjects):
                    idle.add(rule.name)
        for rule in self._whole(SourceFile):
            if rule.name not in idle:
                gathered.take(rule, file.path, [(file,)])
        findings = _located(gathered, {file.path: file}, file.path) if gathered.notes else []
        return Report(tuple(findings), tuple(gathered.problems), file)

    def lint_change_set(self, changes: Sequence[Change], project: Project, base_project: Project) -> Report:
        """Run the rules that compare base and head. Files that don't parse are left out, and named by `lint`."""
        if not self.compares:
            return Report()
        pairs = tuple(
            FileChange(
                change.path,
                change.previous_path,
                change.base,
                change.head,
                project,
                base_project,
                compared=change.compared,
            )
            for change in changes
            if change.is_python
        )
        others = tuple(
            TextChange(change.path, change.previous_path, change.base, change.head, compared=change.compared)
            for change in changes
            if not change.is_python
        )
        texts = {change.path: change.head or "" for change in changes} | dict(project.files)
        findings: list[Finding] = []
        gathered = _Gathered()
        for rule in self._whole(FileChange):
            for pair in pairs:
                if rule.mentions and not pair.mentions(*rule.mentions):
                    continue
                gathered.notes.clear()
                gathered.take(rule, pair.path, [(pair,)])
                # Not without notes: to say where they stand, the file is parsed.
                if gathered.notes:
                    findings.extend(_located(gathered, _heads(pairs, gathered.notes, pair.path), pair.path, texts))
        gathered.notes.clear()
        change_set = ChangeSet(
            pairs,
            project,
            base_project,
            frozenset(change.path for change in changes),
            others,
            compared=all(change.compared for change in changes),
        )
        for rule in self._whole(ChangeSet):
            gathered.take(rule, "", [(change_set,)])
        findings.extend(_located(gathered, _heads(pairs, gathered.notes, None), None, texts))
        return Report(tuple(sorted(findings, key=_order)), tuple(gathered.problems))


def _heads(pairs: Sequence[FileChange], notes: Sequence[tuple[Rule, Note]], home: str | None) -> dict[str, SourceFile]:
    """The parsed files that the places of these notes stand in."""
    wanted = {home}
    for _, note in notes:
        for place in (note.place, note.anchor, *(second.place for second in note.secondary)):
            if isinstance(place, Located):
                wanted.add(place.path)
    return {pair.path: pair.head for pair in pairs if pair.path in wanted and pair.head is not None}


def _order(finding: Finding) -> tuple[Any, ...]:
    return (finding.path, finding.line, finding.column, finding.rule)


class _Places:
    """Turns places into ranges, file by file, each file's positions computed once."""

    def __init__(self, files: dict[str, SourceFile], home: str | None, texts: dict[str, str]) -> None:
        self._files = files
        self._home = home
        self._texts = texts
        self._positions: dict[str, Positions] = {}

    def positions(self, path: str) -> Positions:
        if path not in self._positions:
            self._positions[path] = Positions(self._files[path])
        return self._positions[path]

    def path_of(self, place: Place) -> str:
        if isinstance(place, (Located, Span)):
            return place.path
        if self._home is None:
            raise TypeError("a check of several files says where a node stands: `file.at(node)`")
        return self._home

    def range_of(self, place: Place) -> Range:
        if isinstance(place, Span):
            return Range(place.line, place.column, place.end_line or place.line, place.end_column or place.column)
        node = place.node if isinstance(place, Located) else place
        return self.positions(self.path_of(place)).place(node)

    def scope_of(self, place: Place) -> str:
        if isinstance(place, Span):
            return ""
        node = place.node if isinstance(place, Located) else place
        return self._files[self.path_of(place)].scope_of(node)

    def code_of(self, place: Place, found: Range) -> str:
        if isinstance(place, Span):
            return " ".join(place.code.split())
        return " ".join(self.positions(self.path_of(place)).text(found).split())

    def allowed(self, rule: str, path: str, found: Range) -> str | None:
        """The reason of an allow comment on one of the found lines, or alone on the line above."""
        if path in self._files:
            line_text = self.positions(path).line_text
        else:
            lines = self._texts.get(path, "").split("\n")

            def line_text(line: int) -> str:
                return lines[line - 1] if 0 < line <= len(lines) else ""

        above = line_text(found.line - 1)
        candidates = [line_text(line) for line in range(found.line, found.end_line + 1)]
        if above.lstrip().startswith("#"):
            candidates.append(above)
        for text in candidates:
            if "postil:" in text and (comment := _ALLOW.search(text)):
                names = [name.strip() for name in comment[1].split(",")]
                if rule in names:
                    return comment[2] or ""
        return None

    def finding(self, rule: Rule, note: Note) -> Finding:
        """The finding that a rule's note amounts to."""
        shown = note.anchor or note.place
        found, path = self.range_of(shown), self.path_of(shown)
        return Finding(
            rule=rule.name,
            path=path,
            line=found.line,
            end_line=found.end_line,
            column=found.column,
            end_column=found.end_column,
            severity=Severity(note.severity) if note.severity and not rule.settled else rule.severity,
            message=note.message,
            scope=self.scope_of(note.place),
            code=self.code_of(note.place, self.range_of(note.place)),
            related=tuple(
                Related(self.path_of(second.place), self.range_of(second.place).line, second.text)
                for second in note.secondary
            ),
            edits=tuple(self.edits(note)),
            allowed=self.allowed(rule.name, path, found),
        )

    def edits(self, note: Note) -> Iterator[TextEdit]:
        if note.fix is None:
            return
        positions = self.positions(self.path_of(note.place))
        for edit in note.fix.edits:
            found = positions.exact(edit.node)
            if isinstance(edit, Replace):
                yield TextEdit(found.line, found.column, found.end_line, found.end_column, edit.text)
            elif edit.after:
                yield TextEdit(found.end_line, found.end_column, found.end_line, found.end_column, edit.text)
            else:
                yield TextEdit(found.line, found.column, found.line, found.column, edit.text)


def _located(
    gathered: _Gathered, files: dict[str, SourceFile], home: str | None, texts: dict[str, str] | None = None
) -> list[Finding]:
    """The gathered notes with their lines: a finding is a note that knows where it stands."""
    places = _Places(files, home, texts or {})
    findings = []
    for rule, note in gathered.notes:
        try:
            findings.append(places.finding(rule, note))
        except Exception as error:  # noqa: BLE001 - a note about a place that isn't there is its check's fault alone
            gathered.crashed(rule, home or "", error)
    return sorted(findings, key=_order)


def apply_edits(text: str, edits: Sequence[TextEdit]) -> str:
    """`text` with a finding's edits carried out.

    Raises:
        ValueError: the edits overlap.
    """
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    spans = sorted(
        (starts[edit.line - 1] + edit.column - 1, starts[edit.end_line - 1] + edit.end_column - 1, edit.text)
        for edit in edits
    )
    parts, position = [], 0
    for start, end, replacement in spans:
        if start < position:
            raise ValueError("the edits of a fix overlap")
        parts.append(text[position:start] + replacement)
        position = end
    return "".join(parts) + text[position:]
