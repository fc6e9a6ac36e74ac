"""What people ordered on one pull request, and how that is written down.

Pure. The orders travel in the hidden line of our own answers: the newest answer that has some says what holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

MOST_IGNORED = 20
"""Rules that one pull request may ignore. Whoever wants more has a configuration for it, and a comment has an end."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ignored rule: who wanted it, and why ("" where nobody said)."""

    rule: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    """What holds on one pull request besides its configuration. `paused_by` is "" while reviews go on."""

    ignored: tuple[Ignore, ...] = ()
    paused_by: str = ""

    def ignoring(self, ignore: Ignore) -> "Orders":
        """The same with one rule ignored; for a rule that is ignored already the new reason holds."""
        return replace(self, ignored=(*self.heeding(ignore.rule).ignored, ignore))

    def heeding(self, rule: str) -> "Orders":
        """The same with a rule ignored no more."""
        return replace(self, ignored=tuple(each for each in self.ignored if each.rule != rule))

    def by_rule(self, aliases: Mapping[str, str]) -> dict[str, Ignore]:
        """What is ignored by the present names of the rules, which may have been renamed since."""
        return {aliases.get(each.rule, each.rule): each for each in self.ignored}

    def written(self) -> str:
        """The orders as one line of text."""
        ignored = [[each.rule, each.by, each.why] for each in self.ignored]
        return json.dumps({"ignored": ignored, "paused": self.paused_by}, ensure_ascii=False, separators=(",", ":"))


def read_orders(text: str) -> Orders | None:
    """The orders in what `written` gave; None for anything else."""
    try:
        read = json.loads(text)
    except ValueError:
        return None
    match read:
        case {"ignored": list(ignored), "paused": str(paused)}:
            rules = [Ignore(*each) for each in ignored if isinstance(each, list) and _three_texts(each)]
            return Orders(tuple(rules), paused)
    return None


def _three_texts(values: list[object]) -> bool:
    return len(values) == 3 and all(isinstance(value, str) for value in values)
