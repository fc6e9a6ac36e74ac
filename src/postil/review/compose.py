"""Choose, group, cap, and every word the bot says about a review.

Pure: findings, patches and circumstances in, one review out. What it says about a rule comes from the rule's page;
text from the pull request goes through `markup` and never becomes markup.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import quote

from postil.lint.finding import Finding, Problem, Severity
from postil.review.anchor import cause_in_file
from postil.review.config import Caps, Config
from postil.review.diff import Hunks
from postil.review.marker import Marker, marker, read_marker
from postil.review.markup import escaped, fenced, link, plain, prose, quoted
from postil.review.model import (
    Accounting,
    Analysis,
    Annotation,
    ChangedFile,
    CheckOutput,
    Comment,
    Conclusion,
    Introduced,
    Mention,
    Occasion,
    Review,
    RuleWords,
    Skipped,
    Suggestion,
)
from postil.review.orders import Ignore
from postil.review.standing import Scope, Standing, Step

__all__ = [
    "CHECK_AGAIN",
    "Button",
    "Marker",
    "Notice",
    "accounting_line",
    "checking",
    "closed",
    "compose",
    "draft",
    "effects",
    "explained",
    "marker",
    "of_a_bot",
    "of_a_merge_group",
    "on_whose_word",
    "paused",
    "read_marker",
    "rules_of",
    "stepped_back",
    "superseded",
    "unfinished",
    "where_read",
]

BESIDE = 20
"""Most findings that the review's body tells one by one."""
ANNOTATED = 200
"""Most annotations of a check run: GitHub takes fifty in a request, and asks for a second between two of them."""
ROOM = 64_000
"""Bytes of one text. GitHub takes 65,536 characters in a body and 65,535 bytes in a check run's summary."""

_FIXED = "Fixed in"
_WITHDRAWN = "No longer part of this pull request, as of"
_SUGGESTION_ROOM = 20_000
_STEP = " \u203a "
_PLACES = 20
_NAMES = 10
_FINGERPRINTS = 2_000
_LEVELS = {Severity.HINT: "notice", Severity.WARNING: "warning", Severity.ERROR: "failure"}
_CAUSES = {
    "header": "the definition of `{}`, around it, changed",
    "decorator": "a decorator of `{}`, around it, changed",
    "import": "the import of `{}`, which it uses, changed",
}
_FOLD = ("<details>\n<summary>What it was</summary>\n\n", "\n\n</details>")
_IGNORED = "**Ignored in this pull request**"
_UNSENDABLE = re.compile("[\r\0\ud800-\udfff]")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_NAMED_RULE = re.compile(r"`([a-z0-9-]+)`(?:\]\([^)\n]*\))?\n\n<!-- postil:")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a check run says when nothing was judged: one line, and Markdown."""

    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button on the check run, in GitHub's words: at most 20, 40 and 20 characters."""

    label: str
    description: str
    identifier: str


CHECK_AGAIN = Button("Check again", "Review this pull request from scratch", "recheck")


def compose(analysis: Analysis, files: Sequence[ChangedFile], occasion: Occasion) -> Review:
    """The one review and the check run for what was found.

    `files` are the pull request's files with their patches, which say where a comment may stand. With nothing to say
    that was not said before, the review has no body and no comments. A comment that would stand off the diff costs the
    whole review at GitHub, so each anchor is proved by a patch; what has none is shown beside the diff.
    """
    return _Composer(analysis, files, occasion).review()


def accounting_line(accounting: Accounting) -> str:
    """Where every finding went, as one line of plain text."""
    said = f", {accounting.said_before} said before" if accounting.said_before else ""
    left_out = f", {accounting.left_out} left out" if accounting.left_out else ""
    ignored = f", {accounting.ignored} ignored" if accounting.ignored else ""
    probation = f", {accounting.probation} on probation" if accounting.probation else ""
    return (
        f"{accounting.found} found: {accounting.inline} inline, {accounting.beside} beside the diff, "
        f"{accounting.folded} folded, {accounting.suppressed} suppressed{left_out}{ignored}{probation}{said}"
        f" · config {accounting.config} · guideline {accounting.guideline}"
    )


def checking(head_sha: str, guideline: str) -> Notice:
    """For the check run while the work goes on."""
    return Notice("Checking", f"Reading the changes up to `{head_sha[:7]}` against guideline {plain(guideline)}.")


def superseded(head_sha: str) -> Notice:
    """For the check run of a commit that a newer push replaced; `head_sha` is the new one."""
    return Notice(
        f"Superseded by {head_sha[:7]}",
        f"A newer push, `{head_sha[:7]}`, came before this one was judged. The verdict is in its check run.",
    )


def draft() -> Notice:
    """For the check run of a draft."""
    return Notice("Not reviewed: a draft", "Postil reviews this pull request when it is marked as ready for review.")


def of_a_bot() -> Notice:
    """For the check run of a bot's pull request, where the repository wants these left alone."""
    return Notice(
        "Not reviewed: opened by a bot", "This repository's configuration says so. Comment `/recheck` for one."
    )


def paused(login: str) -> Notice:
    """For the check run of a pull request whose reviews somebody paused."""
    return Notice(
        "Not reviewed: paused",
        f"{quoted(login)} paused reviews here. Comment `/postil resume` to go on, or `/recheck` for one review.",
    )


def of_a_merge_group() -> Notice:
    """For the check run of a merge queue's commit."""
    return Notice(
        "Judged on each pull request",
        "What is in this queue was reviewed on its own pull requests, and nothing is said about it twice.",
    )


def closed() -> Notice:
    """For the check run of a pull request that was closed meanwhile."""
    return Notice("Not reviewed: closed", "The pull request was closed before it was judged.")


def unfinished(why: str) -> Notice:
    """For the check run of a review that finally failed; `why` is one sentence."""
    return Notice(
        "Could not be reviewed",
        f"Postil could not finish: {_sentence(prose(why))} Press “Re-run” or comment `/recheck` to try again.",
    )


def fixed(body: str, head_sha: str) -> str:
    """One of our comments about something that `head_sha` fixed: what it said stays, folded."""
    return _over(f"**{_FIXED} `{head_sha[:7]}`.**", body)


def withdrawn(body: str, head_sha: str) -> str:
    """One of our comments about a file that the pull request doesn't change any more, or that has another base now."""
    return _over(f"**{_WITHDRAWN} `{head_sha[:7]}`.**", body)


def is_fixed(body: str) -> bool:
    """Whether one of our comments was edited to say that its cause is gone, or isn't the pull request's any more."""
    return body.startswith((f"**{_FIXED} `", f"**{_WITHDRAWN} `"))


def is_withdrawn(body: str) -> bool:
    """Whether one of our comments was edited to say that its file isn't the pull request's any more."""
    return body.startswith(f"**{_WITHDRAWN} `")


def rules_of(body: str) -> tuple[str, ...]:
    """The rules that one of our comments is about: by its marker or, in an older one, by the rule's name above it."""
    said = read_marker(body)
    if said is not None and said.rules:
        return said.rules
    named = _NAMED_RULE.findall(body)
    return tuple(named[-1:])


def ignored(body: str, ignore: Ignore) -> str:
    """One of our comments about a rule that somebody had ignored: what it said stays, folded."""
    return _over(f"{_IGNORED} {on_whose_word(ignore)}", body)


def is_ignored(body: str) -> bool:
    """Whether one of our comments was edited to say that its rule is ignored."""
    return body.startswith(_IGNORED)


def restored(body: str) -> str:
    """What one of our comments said before it was edited for an ignored rule; any other comes back as it is."""
    return body.partition(_FOLD[0])[2].removesuffix(_FOLD[1]) if is_ignored(body) else body


def on_whose_word(ignore: Ignore) -> str:
    """Who had a rule ignored, and why, as the end of a sentence."""
    return f"by {quoted(ignore.by)}" + (
        f": {_sentence(prose(ignore.why, 300))}" if ignore.why else ", without a reason."
    )


BACK = "An operator of Postil brings a rule back, and so does a severity for it in the configuration."
"""How a rule that stepped back returns."""


def stepped_back(rule: str, step: Step) -> str:
    """Where a rule stands, given as Markdown, and why: the answers that its comments got there."""
    here = "this repository" if step.scope is Scope.REPOSITORY else "the repositories of this account"
    how = "is not run" if step.standing is Standing.OFF else "is on probation: it is annotated only, and fails nothing"
    low, high = step.figures.interval
    counts = step.figures
    return (
        f"{rule} {how}. Of {counted(counts.answered, 'comment')} that got an answer in {here} up to "
        f"{datetime.fromtimestamp(step.at, UTC):%Y-%m-%d}, {counts.fixed} {_were(counts.fixed)} fixed, "
        f"{counts.refused} refused and {counts.allowed} allowed: {counts.rate or 0:.0%} weren't wanted "
        f"({low:.0%} to {high:.0%})."
    )


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def explained(words: RuleWords) -> str:
    """What a rule's page says, with links to it and to its section."""
    return "\n\n".join([f"**{words.title}**", *([_reflowed(words.why)] if words.why else []), _links(words)])


def _links(words: RuleWords) -> str:
    section = _STEP.join(title for title in (words.chapter_title, words.section_title) if title)
    links = [link(section, words.section_url)] if section else []
    return " · ".join([*links, link(quoted(words.name), words.rule_url)])


def _over(why: str, body: str) -> str:
    return f"{why}\n\n{_FOLD[0]}{body}{_FOLD[1]}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a comment can stand. `cause` says what stands there, where that isn't the finding but brought it about."""

    path: str
    line: int
    hunk: int
    start_line: int | None = None
    suggestion: Suggestion | None = None
    cause: str = ""


def _lines_of(place: _Place) -> set[tuple[str, int]]:
    """The lines that the suggestion of a place replaces."""
    if place.suggestion is None:
        return set()
    return {(place.path, line) for line in range(place.suggestion.start_line, place.suggestion.end_line + 1)}


@dataclass(frozen=True, slots=True)
class _Said:
    """A finding that gets a comment, where it stands, and the repeats that the comment stands for as well."""

    each: Introduced
    place: _Place
    repeats: list[Introduced] = field(default_factory=list)


class _Composer:
    def __init__(self, analysis: Analysis, files: Sequence[ChangedFile], occasion: Occasion) -> None:
        self.analysis = analysis
        self.occasion = occasion
        self.hunks: Mapping[str, Hunks] = {file.path: Hunks.of(file.patch) for file in files}
        self.open = sorted(analysis.introduced, key=_order)
        unsaid = [each for each in self.open if each.fingerprint not in occasion.said]
        self.new = [each for each in unsaid if each.finding.rule not in occasion.steps]
        self.quiet = len(unsaid) - len(self.new)
        self.comments: list[Comment] = []
        self.beside: list[Introduced] = []
        self.folded: list[Introduced] = []
        self._suggested: set[tuple[str, int]] = set()

    def review(self) -> Review:
        self._choose()
        accounting = Accounting(
            found=sum(map(len, (self.open, self.analysis.suppressed, self.analysis.left_out, self.analysis.ignored))),
            inline=len(self.comments),
            beside=len(self.beside),
            folded=len(self.folded),
            suppressed=len(self.analysis.suppressed),
            said_before=len(self.open) - len(self.new) - self.quiet,
            config=plain(self.occasion.config),
            guideline=plain(self.occasion.guideline),
            left_out=len(self.analysis.left_out),
            ignored=len(self.analysis.ignored),
            probation=self.quiet,
        )
        return Review(
            body=self._body(accounting) if self.new else None,
            comments=tuple(self.comments),
            beside=tuple(map(self._mention, self.beside)),
            folded=tuple(map(self._mention, self.folded)),
            suppressed=tuple(map(self._mention, sorted(self.analysis.suppressed, key=_order))),
            problems=self.analysis.problems,
            accounting=accounting,
            check=self._check(accounting),
        )

    # Choosing

    def _choose(self) -> None:
        """Put each new finding inline, beside the diff or among the folded."""
        groups: dict[tuple[str, str, str, int], list[tuple[Introduced, _Place]]] = {}
        for each in self.new:
            place = self._place(each)
            if place is None:
                (self.beside if len(self.beside) < BESIDE else self.folded).append(each)
            else:
                key = (each.finding.rule, each.finding.message, place.path, place.hunk)
                groups.setdefault(key, []).append((each, place))
        said: list[_Said] = []
        of_rule: Counter[str] = Counter()

        def speaks(each: Introduced, place: _Place) -> bool:
            """Give a finding a comment of its own, if there may be one more."""
            rule = each.finding.rule
            if len(said) >= self.occasion.inline or of_rule[rule] >= self.occasion.per_rule:
                return False
            of_rule[rule] += 1
            said.append(_Said(each, self._undisputed(each, place)))
            return True

        repeats: list[tuple[_Said, Introduced, _Place]] = []
        for group in groups.values():
            # One comment stands for all, so it is one with a suggestion, if any has.
            first, place = next((pair for pair in group if pair[1].suggestion), group[0])
            rest = [pair for pair in group if pair[0] is not first]
            if speaks(first, place):
                repeats += [(said[-1], *pair) for pair in rest]
            else:
                self.folded += [first, *(each for each, _ in rest)]
        # A fix to commit is worth a comment of its own, once everything that is different has been said.
        for leader, each, place in repeats:
            if not (self._is_undisputed(place) and speaks(each, place)):
                leader.repeats.append(each)
                self.folded.append(each)
        self.comments = [self._comment(each) for each in said]
        self.folded.sort(key=_order)

    def _place(self, each: Introduced) -> _Place | None:
        finding = each.finding
        hunks = self.hunks.get(finding.path, Hunks())
        suggestion = each.suggestion
        if suggestion is not None and _offered(suggestion) is not None:
            hunk = hunks.holding(suggestion.start_line, suggestion.end_line)
            if hunk is not None:
                start = suggestion.start_line if suggestion.start_line < suggestion.end_line else None
                return _Place(finding.path, suggestion.end_line, hunk, start, suggestion)
        return self._bare_place(finding)

    def _bare_place(self, finding: Finding) -> _Place | None:
        """The finding's first line on the diff or, failing that, a changed line that brought it about."""
        hunks = self.hunks.get(finding.path, Hunks())
        for line in range(finding.line, finding.end_line + 1):
            if (hunk := hunks.holding(line)) is not None:
                return _Place(finding.path, line, hunk)
        for related in finding.related:
            hunks = self.hunks.get(related.path, Hunks())
            hunk = hunks.holding(related.line)
            if hunk is not None and related.line in hunks.added:
                return _Place(related.path, related.line, hunk, cause=related.text)
        hunks = self.hunks.get(finding.path, Hunks())
        if (found := cause_in_file(finding, hunks.added)) is not None:
            line, around = found
            if (hunk := hunks.holding(line)) is not None:
                cause = _CAUSES[around.kind].format(around.name)
                return _Place(finding.path, line, hunk, cause=cause)
        return None

    def _undisputed(self, each: Introduced, place: _Place) -> _Place:
        """The place without its suggestion, if another one replaces a line of it already: GitHub takes one a line."""
        if place.suggestion is None:
            return place
        if self._is_undisputed(place):
            self._suggested |= _lines_of(place)
            return place
        return self._bare_place(each.finding) or _Place(place.path, place.line, place.hunk)

    def _is_undisputed(self, place: _Place) -> bool:
        """Whether a place has a suggestion, for lines that no other one replaces."""
        return place.suggestion is not None and not _lines_of(place) & self._suggested

    # Speaking

    def _words(self, rule: str) -> RuleWords:
        known = self.occasion.words.get(rule)
        return known or RuleWords(rule, rule, "", "", "", "", "")

    def _line(self, path: str, line: int) -> str:
        """A line of head, linked where there is something to link to."""
        base = self.occasion.blob_url
        url = f"{base}/{quote(path, safe='/', errors='replace')}#L{line}" if base else ""
        return link(f"{quoted(path)} line {line}", url)

    def _rule(self, rule: str) -> str:
        return link(quoted(rule), self._words(rule).rule_url)

    def _comment(self, said: _Said) -> Comment:
        each, place, repeats = said.each, said.place, said.repeats
        finding = each.finding
        words = self._words(finding.rule)
        parts = [f"**{words.title}**", _opening(_sentence(prose(finding.message)))]
        if (place.path, place.line) != (finding.path, finding.line) and place.suggestion is None:
            here = f" Here: {_sentence(prose(place.cause, 300))}" if place.cause else ""
            parts.append(f"This is about {self._line(finding.path, finding.line)}.{here}")
        if words.why:
            parts.append(_reflowed(words.why))
        # A comment needs no link to what it stands on: the lines of a suggestion, or the one that is the cause.
        under = range(place.start_line or place.line, place.line + 1) if place.start_line or place.cause else ()
        related = [
            f"- {self._line(other.path, other.line)}: {prose(other.text, 300)}"
            for other in finding.related
            if other.path != place.path or other.line not in under
        ]
        if related:
            parts.append("\n".join(_first(related, 5)))
        if place.suggestion is not None:
            parts.append(fenced("suggestion", _offered(place.suggestion) or ""))
        if repeats:
            lines = [self._line(other.finding.path, other.finding.line) for other in repeats]
            fixable = sum(other.suggestion is not None for other in repeats)
            which = counted(fixable, "place") if fixable < len(repeats) else "it" if fixable == 1 else "them"
            mended = f" `postil check --fix` mends {which} as well." if fixable else ""
            parts.append(f"The same at {', '.join(_first(lines, _PLACES))}.{mended}")
        parts.append(_links(words))
        fingerprints = [each.fingerprint, *(other.fingerprint for other in repeats)]
        parts.append(self._marker(fingerprints, finding.rule))
        return Comment(
            path=place.path,
            line=place.line,
            start_line=place.start_line,
            side="RIGHT",
            rule=finding.rule,
            body="\n\n".join(parts),
            suggestion=place.suggestion.text if place.suggestion else None,
            fingerprint=each.fingerprint,
        )

    def _marker(self, fingerprints: Iterable[str], *rules: str) -> str:
        said = list(fingerprints)[:_FINGERPRINTS]
        return marker(self.occasion.run, self.occasion.head_sha, said, self.occasion.key, rules=rules)

    def _body(self, accounting: Accounting) -> str:
        beside = [
            f"- {self._line(each.finding.path, each.finding.line)}: {_sentence(prose(each.finding.message, 500))} "
            f"({self._rule(each.finding.rule)})"
            for each in self.beside
        ]
        head = [f"**{counted(len(self.new), 'new finding')}**: {_severities(self.new)}."]
        # Those of the comments too: a comment that somebody deletes is a refusal, and must not be forgotten.
        foot = [_accounted(accounting), self._marker(each.fingerprint for each in self.new)]
        sections = [
            ("**Beside the diff**", beside, ""),
            ("**Not analysed**", _problems(self.analysis.problems), ""),
            ("**Configuration**", _config_faults(self.analysis.problems), ""),
            (f"<details>\n<summary>{len(self.folded)} folded</summary>", self._folds(), "\n\n</details>"),
        ]
        return _fitted(head, sections, foot)

    def _folds(self) -> list[str]:
        """The folded findings under their rule's name, a line for each."""
        by_rule: defaultdict[str, list[Introduced]] = defaultdict(list)
        for each in self.folded:
            by_rule[each.finding.rule].append(each)
        lines = []
        for rule, found in by_rule.items():
            lines.append(f"- **{self._words(rule).title}** · {self._rule(rule)}")
            lines += [f"  - {self._line(each.finding.path, each.finding.line)}" for each in found]
        return lines

    def _check(self, accounting: Accounting) -> CheckOutput:
        problems = self.analysis.problems
        failing = max(self.occasion.threshold.rank, Severity.WARNING.rank)
        steps = self.occasion.steps
        if any(each.finding.severity.rank >= failing and each.finding.rule not in steps for each in self.open):
            conclusion = Conclusion.FAILURE
        elif self.open or problems:
            conclusion = Conclusion.NEUTRAL
        else:
            conclusion = Conclusion.SUCCESS
        title = f"{counted(len(self.open), 'finding')}: {_severities(self.open)}" if self.open else "No findings"
        if self.analysis.ignored:
            title += f"; {len(self.analysis.ignored)} ignored"
        if on_probation := sum(each.finding.rule in steps for each in self.open):
            title += f"; {on_probation} on probation"
        partly = {problem.path for problem in problems if problem.kind != "config"}
        if partly:
            title += f"; {counted(len(partly), 'file')} not fully analysed"
        faults = [problem for problem in problems if problem.kind == "config"]
        if faults:
            title += f"; {counted(len(faults), 'fault')} in the configuration"
        annotations = tuple(map(self._annotation, self.open[:ANNOTATED]))
        return CheckOutput(title, self._summary(accounting), conclusion, annotations)

    def _summary(self, accounting: Accounting) -> str:
        files = self.analysis.files
        skipped = f"; {counted(len(self.analysis.skipped), 'file')} left out" if self.analysis.skipped else ""
        read = f"{counted(files, 'changed Python file')} read" if files else "No Python file to read was changed"
        head = [f"{read}{skipped}.", _accounted(accounting)]
        counts = Counter((each.finding.rule, each.finding.severity) for each in self.open)
        table = [
            f"| {self._rule(rule)} | {severity} | {count} |"
            for (rule, severity), count in sorted(counts.items(), key=lambda item: (-item[0][1].rank, item[0][0]))
        ]
        allowed = [
            f"- {self._line(each.finding.path, each.finding.line)}: {self._rule(each.finding.rule)}, "
            + (prose(each.finding.allowed, 300) if each.finding.allowed else "without a reason")
            for each in sorted(self.analysis.suppressed, key=_order)
        ]
        failing = Severity.ERROR if self.occasion.threshold is Severity.ERROR else Severity.WARNING
        verdict = "errors" if failing is Severity.ERROR else "errors and warnings"
        sections = [
            ("| Rule | Severity | Found |\n| --- | --- | ---: |", table, ""),
            ("**Not analysed**", _problems(self.analysis.problems), ""),
            ("**Configuration**", [*_config_faults(self.analysis.problems), *self._configuration()], ""),
            ("**Left out**", _skips(self.analysis.skipped), ""),
            ("**Ignored in this pull request**", self._ignored(), ""),
            ("**Stepped back**", self._stepped_back(), ""),
            ("**Allowed in the code**", allowed, ""),
        ]
        foot = [f"This check fails on {verdict}."] if self.open else []
        if len(self.open) > ANNOTATED:
            foot.append(f"The {ANNOTATED} gravest of the {len(self.open)} findings are annotated in the changed files.")
        return _fitted(head, sections, foot)

    def _configuration(self) -> list[str]:
        """Which configuration held, what it does, and what the pull request would make of it."""
        settings, preview = self.occasion.settings, self.occasion.preview
        lines = []
        if settings is not None:
            at = where_read(plain(self.occasion.config))
            does = "; ".join(effects(settings)) or "nothing differs from the defaults"
            lines.append(f"- {quoted(self.occasion.source)} at {at}: {does}.")
        if preview is not None:
            unread = f"; {counted(preview.unread, 'file')} left out now would be looked at"
            lines.append(
                f"- This pull request changes it, which counts once it is merged. With this configuration: "
                f"{preview.more} more, {preview.fewer} fewer{unread if preview.unread else ''}."
            )
            lines += [f"  - {quoted(preview.source)} {_sentence(prose(fault, 500))}" for fault in preview.faults]
        return lines

    def _ignored(self) -> list[str]:
        """What people had ignored here: the rule, who and why, and where it was found."""
        lines = []
        for rule, ignore in sorted(self.occasion.ignored.items()):
            found = sorted((each for each in self.analysis.ignored if each.finding.rule == rule), key=_order)
            places = [self._line(each.finding.path, each.finding.line) for each in found]
            where = f" ({', '.join(_first(places, _PLACES))})" if places else ""
            lines.append(f"- {self._rule(rule)}{where}, {on_whose_word(ignore)}")
        return lines

    def _stepped_back(self) -> list[str]:
        """The rules that people mostly didn't want to hear, and what they said to them."""
        steps = sorted(self.occasion.steps.items())
        return [f"- {stepped_back(self._rule(rule), step)}" for rule, step in steps] + ([f"- {BACK}"] if steps else [])

    def _annotation(self, each: Introduced) -> Annotation:
        finding = each.finding
        quiet = finding.rule in self.occasion.steps
        words = self._words(finding.rule)
        more = " · ".join(part for part in (finding.rule, words.rule_url) if part)
        return Annotation(
            path=finding.path,
            start_line=finding.line,
            end_line=max(finding.line, finding.end_line),
            level=_LEVELS[Severity.HINT if quiet else finding.severity],
            title=plain(words.title, 200),
            message=f"{_opening(plain(finding.message))}\n{more}",
        )

    def _mention(self, each: Introduced) -> Mention:
        finding = each.finding
        return Mention(
            path=finding.path,
            line=finding.line,
            rule=finding.rule,
            message=finding.message,
            severity=finding.severity,
            url=self._words(finding.rule).rule_url,
            fingerprint=each.fingerprint,
        )


def _order(each: Introduced) -> tuple[int, str, int, int, str]:
    finding = each.finding
    return (-finding.severity.rank, finding.path, finding.line, finding.column, finding.rule)


def _offered(suggestion: Suggestion) -> str | None:
    """A suggestion's text as it goes into a comment; None where GitHub would read something else than we do."""
    text = re.sub(r"\r(?=\n|\Z)", "", suggestion.text)
    return None if _UNSENDABLE.search(text) or _size(text) > _SUGGESTION_ROOM else text


def _accounted(accounting: Accounting) -> str:
    """The accounting line as Markdown."""
    return accounting_line(replace(accounting, config=where_read(accounting.config)))


def where_read(where: str) -> str:
    """Where a configuration was read, as Markdown. A branch's name may hold anything that git allows."""
    config, at, commit = where.rpartition("@")
    # After a letter or digit GitHub takes an @ for no mention; after any other character, "é" among them, it does.
    if not (config[-1:].isascii() and config[-1:].isalnum() and _COMMIT.fullmatch(commit)):
        config, at, commit = where, "", ""
    return f"{escaped(config)}{at}{commit}"


def effects(settings: Config) -> Iterator[str]:
    """What a configuration changes about a review, one phrase for each of its keys."""

    def names(values: Iterable[str]) -> str:
        return ", ".join(_first([quoted(value) for value in values], _NAMES))

    if settings.packs is not None:
        over = f"with {names(settings.packs)} over it" if settings.packs else "alone"
        yield f"the built-in guideline {over}"
    if settings.select:
        yield f"only {names(settings.select)}"
    if settings.ignore:
        yield f"without {names(settings.ignore)}"
    for weight in ("error", "warning", "hint", "off"):
        rules = [name for name, given in settings.severities.items() if given == weight]
        if rules:
            yield f"{weight}: {names(rules)}"
    if settings.options:
        yield f"with options: {names(settings.options)}"
    for pattern, rules in list(settings.per_path_ignores.items())[:_NAMES]:
        yield f"below {quoted(pattern)} without {names(rules)}"
    if settings.exclude:
        yield f"leaves out {names(settings.exclude)}"
    if settings.include:
        yield f"looks at {names(settings.include)}"
    if settings.threshold == "error":
        yield "fails on errors only"
    if settings.caps != Caps():
        yield f"at most {counted(settings.caps.inline, 'comment')}, {settings.caps.per_rule} of one rule"


def _problems(problems: Sequence[Problem]) -> list[str]:
    lines = []
    for problem in problems:
        if problem.kind == "config":
            continue
        what = quoted(problem.path) if problem.path else "The change as a whole"
        how = "was analysed only in part" if problem.kind == "check-crash" else "could not be analysed"
        lines.append(f"- {what} {how}: {_sentence(prose(problem.message, 500))}")
    return lines


def _config_faults(problems: Sequence[Problem]) -> list[str]:
    return [
        f"- {quoted(problem.path)} {_sentence(prose(problem.message, 500))}"
        for problem in problems
        if problem.kind == "config"
    ]


def _skips(skipped: Sequence[Skipped]) -> list[str]:
    """A line for each reason to leave files out, and how to have them looked at."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for each in skipped:
        paths[each.why].append(quoted(each.path))
    lines = [f"- {left_out_as(why, len(each))}: {', '.join(_first(each, _PLACES))}" for why, each in paths.items()]
    return [*lines, "- `include` in the configuration names what to look at all the same."] if lines else []


def left_out_as(why: str, number: int) -> str:
    """How many files were left out, and what they are: "2 generated"."""
    return counted(number, why) if why == "snapshot" else f"{number} {why}"


def _severities(found: Iterable[Introduced]) -> str:
    counts = Counter(each.finding.severity for each in found)
    return ", ".join(counted(counts[severity], str(severity)) for severity in reversed(Severity) if counts[severity])


def counted(number: int, noun: str) -> str:
    """A number of things in words: "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _sentence(text: str) -> str:
    if text.endswith((".", "!", "?", "…")):
        return text
    # A number with a full stop begins a list.
    return f"{text}\\." if text.isdecimal() else f"{text}."


def _opening(text: str) -> str:
    """A sentence that stands alone: messages begin small, as they follow a path and a colon in a terminal."""
    return text[:1].upper() + text[1:]


def _reflowed(text: str) -> str:
    """A page's prose for a comment, where GitHub shows every line break."""
    if "```" in text:
        return text
    return re.sub(r"(?<=\S)\n(?=[^\s\-*>|#+0-9])", " ", text)


def _first(items: Sequence[str], most: int) -> list[str]:
    rest = len(items) - most
    return [*items[:most], f"and {rest} more"] if rest > 0 else list(items)


def _size(text: str) -> int:
    """Bytes: never fewer than GitHub's characters, in whatever way it counts them."""
    return len(text.encode("utf-8", "surrogatepass"))


def _fitted(head: Sequence[str], sections: Sequence[tuple[str, Sequence[str], str]], foot: Sequence[str]) -> str:
    """Paragraphs, then sections of a heading and lines, then paragraphs, within GitHub's limit.

    Lines that don't fit are left out from the last section upwards, and a sentence says how many.
    """
    filled = [section for section in sections if section[1]]
    cut = "- … and {} more lines, which are too many for GitHub to show here. The check run counts every finding."
    room = ROOM - sum(_size(part) + 2 for part in (*head, *foot))
    room -= sum(_size(heading) + _size(end) + _size(cut) + 16 for heading, _, end in filled)
    parts = list(head)
    for heading, lines, end in filled:
        kept = []
        for line in lines:
            room -= _size(line) + 1
            if room < 0:
                break
            kept.append(line)
        if len(kept) < len(lines):
            kept.append(cut.format(len(lines) - len(kept)))
        gap = "\n" if heading.startswith("|") else "\n\n"
        parts.append(f"{heading}{gap}{chr(10).join(kept)}{end}")
    return "\n\n".join([*parts, *foot])
