"""What a repository's configuration means for one review: which files and rules, how much is said, what fails.

Pure. The App and the command line both go this way, so that they say the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.finding import Problem, Severity
from postil.review import noise
from postil.review.compose import compose
from postil.review.config import Choice, Config, Reading, chosen, matches
from postil.review.model import Analysis, ChangedFile, Introduced, Occasion, Preview, Review, Skipped
from postil.review.overlap import said_once
from postil.review.standing import Standing, Step

EXCLUDED = "excluded"
"""Why a file is left out that the configuration excludes."""


@dataclass(frozen=True)
class Plan:
    """A configuration under a guideline. `choice` is for whoever analyses; `faults` are for the author.

    `marks` are what the repository's .gitattributes says about generated and vendored files, as `noise.marks_of` reads.
    `instead_of` gives, for each rule that says more than others about the same, these others. `steps` are those of the
    rules that would be judged here if they hadn't stepped back.
    """

    config: Config
    source: str
    choice: Choice
    faults: tuple[str, ...]
    aliases: Mapping[str, str]
    marks: Sequence[tuple[str, str, bool]] = ()
    instead_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)

    def stepped_back(self, steps: Mapping[str, Step]) -> "Plan":
        """The same where rules stepped back: those that are off don't run.

        A rule to which the configuration gives a severity is wanted, and so it stays.
        """
        wanted = {self.aliases.get(name, name) for name in self.config.severities}
        held = {rule: steps[rule] for rule in self.choice.rules if rule in steps and rule not in wanted}
        rules = (rule for rule in self.choice.rules if rule not in held or held[rule].standing is not Standing.OFF)
        return replace(self, choice=replace(self.choice, rules=tuple(rules)), steps=held)

    @property
    def threshold(self) -> Severity:
        """The least severity that fails the check."""
        return Severity(self.config.threshold)

    def includes(self, path: str) -> bool:
        """Whether a file is looked at whatever it is."""
        return any(matches(path, pattern) for pattern in self.config.include)

    def leaves_out(self, path: str) -> str | None:
        """Why a file is left out for its path alone, so that it needn't be fetched; None when it isn't.

        What `include` names is never left out; `exclude` goes before what is noise by itself.
        """
        if self.includes(path):
            return None
        if any(matches(path, pattern) for pattern in self.config.exclude):
            return EXCLUDED
        return noise.of_path(path, self._marks(path))

    def runs(self, rules: Collection[str]) -> bool:
        """Whether all these rules, by name or former name, are judged. Rules that nobody named are not."""
        return bool(rules) and all(self.aliases.get(rule, rule) in self.choice.rules for rule in rules)

    def sifted(
        self, changes: Iterable[Change], named: AbstractSet[str] = frozenset()
    ) -> tuple[list[Change], list[Skipped]]:
        """The changes to look at, and the files that are left out, by path or by what they hold.

        Of the paths in `named` somebody asked for each by its name: only `exclude` keeps them out.
        """
        kept, skipped = [], []
        for change in changes:
            why = self._why(change)
            if why is None or (change.path in named and why != EXCLUDED):
                kept.append(change)
            else:
                skipped.append(Skipped(change.path, why))
        return kept, skipped

    def _why(self, change: Change) -> str | None:
        text = change.head if change.head is not None else change.base
        why = self.leaves_out(change.path)
        if why is None and change.is_python and text and not self.includes(change.path):
            why = noise.of_text(text, self._marks(change.path))
        return why

    def _marks(self, path: str) -> dict[str, bool]:
        return {name: is_set for pattern, name, is_set in self.marks if matches(path, pattern)}

    def settled(
        self,
        analysis: Analysis,
        problems: Sequence[Problem] = (),
        skipped: Sequence[Skipped] = (),
        ignored: Collection[str] = (),
    ) -> Analysis:
        """What was found, without what is left out by path, and with the faults of the configuration.

        What a finding that is left out, ignored or on probation would have replaced is said after all: it replaces
        nothing.
        `skipped` are the files that were left out before the analysis, `ignored` the rules that people had ignored.
        """
        kept, left_out, unwanted, quiet = [], list(analysis.left_out), [], []
        for each in analysis.introduced:
            if self.ignores(each):
                left_out.append(each)
            elif each.finding.rule in ignored:
                unwanted.append(each)
            else:
                (quiet if each.finding.rule in self.steps else kept).append(each)
        faults = [Problem(self.source, "config", fault) for fault in self.faults]
        return replace(
            analysis,
            introduced=(*said_once(kept, analysis.suppressed, self.instead_of), *quiet),
            left_out=tuple(left_out),
            ignored=tuple(unwanted),
            problems=(*analysis.problems, *problems, *faults),
            skipped=tuple(skipped),
        )

    def is_like(self, proposed: "Plan") -> bool:
        """Whether a proposed plan decides the same, and is as right."""
        return (self.config, self.faults) == (proposed.config, proposed.faults)

    def unlike(self, proposed: "Plan") -> Choice:
        """The rules of a proposed plan that have to be run besides this one's to know what it would find."""
        now, then = self.choice, proposed.choice
        rules = [
            name
            for name in then.rules
            if name not in now.rules or then.options.get(name) != now.options.get(name) or then.packs != now.packs
        ]
        return replace(then, rules=tuple(rules))

    def takes_back(self, proposed: "Plan", path: str) -> bool:
        """Whether a file that is left out for its path would be looked at under a proposed plan."""
        return self.leaves_out(path) is not None and proposed.leaves_out(path) is None

    def trials(self, proposed: "Plan", changes: Sequence[Change]) -> list[tuple[list[Change], Choice]]:
        """What has to be analysed besides, and by which rules, to know what a proposed plan would find in `changes`.

        These are the rules that are `unlike`, and the files that are left out now, whose changes are among them.
        """
        kept, left = self.sifted(changes)
        paths = {each.path for each in left}
        back = [change for change in proposed.sifted(changes)[0] if change.path in paths]
        wanted = [(kept, self.unlike(proposed)), (back, proposed.choice)]
        return [(some, choice) for some, choice in wanted if some and choice.rules]

    def preview(self, proposed: "Plan", analysis: Analysis, trials: Iterable[Analysis]) -> Preview:
        """What a proposed plan would make of a settled analysis; `trials` are what was found in those."""
        again = set(self.unlike(proposed).rules)
        found = [each for each in (*analysis.introduced, *analysis.left_out) if each.finding.rule not in again]
        now = {each.fingerprint for each in analysis.introduced}
        then = {
            each.fingerprint
            for each in (*found, *(each for trial in trials for each in trial.introduced))
            if each.finding.rule in proposed.choice.rules
            and not proposed.ignores(each)
            and not proposed.leaves_out(each.finding.path)
        }
        unread = sum(proposed.includes(each.path) or self.takes_back(proposed, each.path) for each in analysis.skipped)
        return Preview(proposed.source, len(then - now), len(now - then), unread, proposed.faults)

    def ignores(self, each: Introduced) -> bool:
        """Whether a finding is left out where it stands."""
        return any(
            each.finding.rule in {self.aliases.get(name, name) for name in names}
            and matches(each.finding.path, pattern)
            for pattern, names in self.config.per_path_ignores.items()
        )

    def review(self, analysis: Analysis, files: Sequence[ChangedFile], occasion: Occasion) -> Review:
        """The review of a settled analysis. `occasion.config` says at which commit the configuration was read."""
        caps = self.config.caps
        known = self.source != "defaults"
        return compose(
            analysis,
            files,
            replace(
                occasion,
                config=occasion.config if known else self.source,
                source=self.source,
                settings=self.config if known else None,
                threshold=self.threshold,
                inline=caps.inline,
                per_rule=caps.per_rule,
                steps=self.steps,
            ),
        )


def plan(reading: Reading, rules: RuleSet, aliases: Mapping[str, str], attributes: str = "") -> Plan:
    """What a configuration means under these rules; `attributes` is the text of the repository's .gitattributes."""
    choice, faults = chosen(rules, reading, aliases)
    instead_of = {rule.name: rule.page.instead_of for rule in rules.rules if rule.page.instead_of}
    return Plan(reading.config, reading.source, choice, faults, aliases, noise.marks_of(attributes), instead_of)
