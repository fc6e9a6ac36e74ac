"""What a repository's configuration means for one review: which files and rules, how much is said, what fails.

Pure. The App and the command line both go this way, so that they say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.finding import Problem, Severity
from postil.review.compose import compose
from postil.review.config import Choice, Config, Reading, chosen, matches
from postil.review.model import Analysis, ChangedFile, Introduced, Occasion, Review


@dataclass(frozen=True)
class Plan:
    """A configuration under a guideline. `choice` is for whoever analyses; `faults` are for the author."""

    config: Config
    source: str
    choice: Choice
    faults: tuple[str, ...]
    aliases: Mapping[str, str]

    @property
    def threshold(self) -> Severity:
        """The least severity that fails the check."""
        return Severity(self.config.threshold)

    def leaves_out(self, path: str) -> bool:
        """Whether a file is left out for its path alone, so that it needn't be fetched."""
        return any(matches(path, pattern) for pattern in self.config.exclude)

    def sifted(self, changes: Iterable[Change]) -> list[Change]:
        """The changes without those that are left out."""
        return [change for change in changes if not self.leaves_out(change.path)]

    def settled(self, analysis: Analysis, problems: Sequence[Problem] = ()) -> Analysis:
        """What was found, without what is left out by path, and with the faults of the configuration."""
        kept, left_out = [], list(analysis.left_out)
        for each in analysis.introduced:
            (left_out if self._ignores(each) else kept).append(each)
        faults = [Problem(self.source, "config", fault) for fault in self.faults]
        return replace(
            analysis,
            introduced=tuple(kept),
            left_out=tuple(left_out),
            problems=(*analysis.problems, *problems, *faults),
        )

    def _ignores(self, each: Introduced) -> bool:
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
                threshold=self.threshold,
                inline=caps.inline,
                per_rule=caps.per_rule,
            ),
        )


def plan(reading: Reading, rules: RuleSet, aliases: Mapping[str, str]) -> Plan:
    """What a configuration means under these rules."""
    choice, faults = chosen(rules, reading, aliases)
    return Plan(reading.config, reading.source, choice, faults, aliases)
