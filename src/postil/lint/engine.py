"""One walk over one file, every rule at once. May not raise for anything in a file: a crash is a value."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import libcst as cst

from postil.lint.allowance import WORD, Allowance, allowances
from postil.lint.change import Change, ChangeSet, FileChange, TextChange
from postil.lint.check import Located, Note, Place, Replace, Span
from postil.lint.finding import Around, Finding, Problem, Related, Severity, TextEdit
from postil.lint.names import imported
from postil.lint.positions import Positions, Range
from postil.lint.project import Project
from postil.lint.rule import Rule
from postil.lint.source import Parsed, SourceFile, Unreadable, collector_held, word_in

_WORD = re.compile(r"[^\W\d]\w*")
_DEEP = 200
"""Levels of a tree that no hand wrote: what runs out of stack beyond them is the file's fault, and not the check's."""


@dataclass(frozen=True)
class Report:
    """What linting gave: findings in order of place, and what could not be judged.

    `allows` are the rules that the file's allowances name.
    """

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    file: SourceFile | None = None
    allows: frozenset[str] = frozenset()


@dataclass
class _Gathered:
    """What checks yield, and how they fail. `files` gives those that they may have looked at."""

    files: Callable[[], Iterable[SourceFile | None]] = tuple
    notes: list[tuple[Rule, Note]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    crashes: set[str] = field(default_factory=set)

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
        """Keep a check's crash as a problem that names it, or the file that nests too deep for any."""
        self.crashes.add(rule.name)
        if isinstance(error, RecursionError):
            deep = [file.path for file in self.files() if file is not None and file.depth > _DEEP]
            if deep:
                problems = [Problem(each, "too-deep", "its code nests deeper than the analysis bears") for each in deep]
                self.problems += [each for each in problems if each not in self.problems]
                return
        detail = f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]
        self.problems.append(Problem(path, "check-crash", f"the check `{rule.name}` crashed ({detail})"))


class RuleSet:
    """Rules, arranged so that one walk over a file serves them all.

    `names` maps the names of all rules that there are, aliases included, to the rules' own: an allowance may well name
    a rule that isn't among these.
    """

    def __init__(self, rules: Iterable[Rule], names: Mapping[str, str] | None = None) -> None:
        self.rules = tuple(rules)
        self.names = names if names is not None else {rule.name: rule.name for rule in self.rules}

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

    @cached_property
    def _phrases(self) -> dict[str, str]:
        return {phrase: word_in(phrase) for rule in self.rules for phrase in rule.mentions}

    @cached_property
    def _awaiting(self) -> dict[str, frozenset[str]]:
        """By rule, the phrases of which one must be there; without rules that look at every file."""
        return {rule.name: frozenset(rule.mentions) for rule in self.rules if rule.mentions}

    def _whole(self, kind: type) -> list[Rule]:
        return [rule for rule in self.rules if rule.subscription.whole is kind]

    @property
    def compares(self) -> bool:
        """Whether any rule looks at base and head together."""
        return any(map(_compares, self.rules))

    def only(self, names: Iterable[str]) -> "RuleSet":
        """The rules with these names."""
        wanted = frozenset(names)
        return RuleSet((rule for rule in self.rules if rule.name in wanted), self.names)

    def apart(self) -> tuple["RuleSet", "RuleSet"]:
        """The rules about single files, and those that look at base and head together."""
        return (
            RuleSet((rule for rule in self.rules if not _compares(rule)), self.names),
            RuleSet(filter(_compares, self.rules), self.names),
        )

    def lint(self, path: str, text: str, project: Project | None = None, parsed: Parsed | None = None) -> Report:
        """Run the rules about single files. Never raises: what can't be parsed or judged is among the problems.

        What is in `parsed` isn't parsed again.
        """
        with collector_held():
            try:
                file = (parsed or Parsed()).file(path, text, project)
            except Unreadable as error:
                return Report(problems=(Problem(path, error.kind, error.message),))
            return self.lint_file(file)

    def lint_file(self, file: SourceFile) -> Report:
        """Run the rules about single files on a file that is parsed already."""
        gathered = _Gathered(lambda: [file])
        present = file.mentioned(self._phrases)
        idle = {name for name, phrases in self._awaiting.items() if phrases.isdisjoint(present)}
        for kind in file.kinds():
            subjects = [(node, file) for node in file.nodes(kind)] if kind in self._nodes else []
            for rule in self._nodes.get(kind, ()):
                if rule.name not in idle and not gathered.take(rule, file.path, subjects):
                    idle.add(rule.name)
        for rule in self._whole(SourceFile):
            if rule.name not in idle:
                gathered.take(rule, file.path, [(file,)])
        if not gathered.notes and not file.mentions(WORD):
            return Report((), tuple(gathered.problems), file)
        places = _Places({file.path: file}, file.path, {}, self.names)
        findings = _located(gathered, places)
        ran = {rule.name for rule in self.rules if not _compares(rule)} - gathered.crashes
        findings += self._about_allowances(gathered, places, file.path, ran)
        allows = places.allowed_in(file.path).rules
        return Report(tuple(sorted(findings, key=_order)), tuple(gathered.problems), file, allows)

    def lint_text(self, path: str, text: str) -> Report:
        """Run the rules about allowances on a file that isn't Python."""
        gathered = _Gathered()
        places = _Places({}, path, {path: text}, self.names)
        findings = self._about_allowances(gathered, places, path, set())
        return Report(tuple(sorted(findings, key=_order)), tuple(gathered.problems))

    def _about_allowances(self, gathered: _Gathered, places: "_Places", path: str, ran: set[str]) -> list[Finding]:
        """What there is to say about a file's allowances, once it is known which findings they silence.

        `ran` are the rules that had their say about the file.
        """
        gathered.notes.clear()
        allowed = places.allowed_in(path)
        subjects = [(each,) for each in allowed.judged(ran - {rule.name for rule in self._whole(Allowance)})]
        for rule in self._whole(Allowance) if subjects else ():
            gathered.take(rule, path, subjects)
        return _located(gathered, places)

    def lint_change_set(
        self, changes: Sequence[Change], project: Project, base_project: Project, parsed: Parsed | None = None
    ) -> Report:
        """Run the rules that compare base and head. Files that don't parse are left out, and named by `lint`."""
        if not self.compares:
            return Report()
        parsed = parsed or Parsed()
        pairs = tuple(
            FileChange(
                change.path,
                change.previous_path,
                change.base,
                change.head,
                project,
                base_project,
                parsed,
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
        gathered = _Gathered(lambda: [pair.head for pair in pairs])
        for rule in self._whole(FileChange):
            for pair in pairs:
                if rule.mentions and not pair.mentions(*rule.mentions):
                    continue
                gathered.notes.clear()
                gathered.take(rule, pair.path, [(pair,)])
                # Not without notes: to say where they stand, the file is parsed.
                if gathered.notes:
                    heads = _heads(pairs, gathered.notes, pair.path)
                    findings.extend(_located(gathered, _Places(heads, pair.path, texts, self.names)))
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
        findings.extend(_located(gathered, _Places(_heads(pairs, gathered.notes, None), None, texts, self.names)))
        return Report(tuple(sorted(findings, key=_order)), tuple(gathered.problems))


def _compares(rule: Rule) -> bool:
    return rule.subscription.whole in (FileChange, ChangeSet)


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


class _Allowed:
    """The allowances of one file, and which of the rules that they name silenced something."""

    def __init__(self, allowances: Sequence[Allowance]) -> None:
        self._allowances = allowances
        self._used: set[Span] = set()

    @property
    def rules(self) -> frozenset[str]:
        """The rules that are named."""
        return frozenset(each.rule for allowance in self._allowances for each in allowance.rules if each.rule)

    def reason(self, rule: Rule, found: Range) -> str | None:
        """The reason why a finding is allowed ("" when none is given); None when it isn't.

        What a rule says about allowances is not allowed without a reason, or it would silence itself.
        """
        reasons = []
        for allowance in self._allowances:
            if found.line > allowance.last or found.end_line < allowance.first:
                continue
            if not allowance.reason and rule.subscription.whole is Allowance:
                continue
            for each in allowance.rules:
                if each.rule == rule.name:
                    self._used.add(each.place)
                    reasons.append(allowance.reason)
        return max(reasons, key=bool, default=None)

    def judged(self, ran: Collection[str]) -> list[Allowance]:
        """The allowances with what they silence; of rules that did not run that isn't known."""
        return [
            replace(
                allowance,
                rules=tuple(
                    replace(each, silences=each.place in self._used if each.rule in ran else None)
                    for each in allowance.rules
                ),
            )
            for allowance in self._allowances
        ]


def _imports(file: SourceFile) -> dict[str, list[cst.CSTNode]]:
    """The imports of a file by the names that they bind."""
    found: dict[str, list[cst.CSTNode]] = {}
    for statement in (*file.nodes(cst.Import), *file.nodes(cst.ImportFrom)):
        for name, _ in imported(statement):
            found.setdefault(name, []).append(statement)
    return found


def _begin(definition: cst.FunctionDef | cst.ClassDef) -> cst.CSTNode:
    """The decorator or statement that the body of a definition begins with; itself where that is on its own line."""
    if not isinstance(definition.body, cst.IndentedBlock):
        return definition
    first = definition.body.body[0]
    return next(iter(getattr(first, "decorators", ())), first)


class _Places:
    """Turns places into ranges, file by file, each file's positions computed once."""

    def __init__(
        self, files: dict[str, SourceFile], home: str | None, texts: Mapping[str, str], names: Mapping[str, str]
    ) -> None:
        self._files = files
        self.home = home
        self._texts = texts
        self._names = names
        self._positions: dict[str, Positions] = {}
        self._allowed: dict[str, _Allowed] = {}
        self._imports: dict[str, dict[str, list[cst.CSTNode]]] = {}

    def positions(self, path: str) -> Positions:
        if path not in self._positions:
            self._positions[path] = Positions(self._files[path])
        return self._positions[path]

    def path_of(self, place: Place) -> str:
        if isinstance(place, (Located, Span)):
            return place.path
        if self.home is None:
            raise TypeError("a check of several files says where a node stands: `file.at(node)`")
        return self.home

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

    def text_of(self, path: str) -> str:
        return self._files[path].text if path in self._files else self._texts.get(path, "")

    def allowed_in(self, path: str) -> _Allowed:
        if path not in self._allowed:
            self._allowed[path] = _Allowed(allowances(path, self.text_of(path), self._names))
        return self._allowed[path]

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
            edits=tuple(self.edits(note, path)),
            allowed=self.allowed_in(path).reason(rule, found),
            around=tuple(self.around(shown)),
        )

    def around(self, place: Place) -> Iterator[Around]:
        """The lines of the place's file that it depends on; none for a place in a file that isn't Python."""
        path = self.path_of(place)
        if isinstance(place, Span) or path not in self._files:
            return
        node = place.node if isinstance(place, Located) else place
        file, positions = self._files[path], self.positions(path)
        for above in (node, *file.ancestors(node)):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
                yield Around(*positions.lines_before(above, _begin(above)), "header", above.name.value)
                for decorator, below in pairwise((*above.decorators, above)):
                    yield Around(*positions.lines_before(decorator, below), "decorator", above.name.value)
        if path not in self._imports:
            self._imports[path] = _imports(file)
        for name in dict.fromkeys(_WORD.findall(self.code_of(place, self.range_of(place)))):
            for statement in self._imports[path].get(name, ()):
                lines = positions.exact(statement)
                yield Around(lines.line, lines.end_line, "import", name)

    def edits(self, note: Note, path: str) -> Iterator[TextEdit]:
        """The edits of a note that is shown in the file at `path`."""
        if note.fix is None:
            return
        first, ended, _ = self.text_of(path).partition("\n")
        crlf = bool(ended) and first.endswith("\r")
        for edit in note.fix.edits:
            found = self.exact(edit.place, note, path)
            text = edit.text.replace("\n", "\r\n") if crlf else edit.text
            if isinstance(edit, Replace):
                if not text and not isinstance(edit.place, Span):
                    found = self.positions(path).with_space_behind(found)
                yield TextEdit(found.line, found.column, found.end_line, found.end_column, text)
            elif edit.after:
                yield TextEdit(found.end_line, found.end_column, found.end_line, found.end_column, text)
            else:
                yield TextEdit(found.line, found.column, found.line, found.column, text)

    def exact(self, place: Place, note: Note, path: str) -> Range:
        home = self.path_of(place if isinstance(place, (Located, Span)) else note.place)
        if home != path:
            raise ValueError("a fix edits the file that its note is shown in")
        if isinstance(place, Span):
            return self.range_of(place)
        return self.positions(path).exact(place.node if isinstance(place, Located) else place)


def _located(gathered: _Gathered, places: _Places) -> list[Finding]:
    """The gathered notes with their lines: a finding is a note that knows where it stands."""
    findings = []
    for rule, note in gathered.notes:
        try:
            findings.append(places.finding(rule, note))
        except Exception as error:  # noqa: BLE001 - a note about a place that isn't there is its check's fault alone
            gathered.crashed(rule, places.home or "", error)
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
