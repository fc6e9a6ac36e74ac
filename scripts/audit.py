"""`make audit`: known weaknesses of the locked dependencies, from OSV by `uv audit`, less those that audit.toml allows.

An entry of audit.toml says `id`, `reason` and `until` (a date). Fails on a weakness that isn't allowed, and on an entry
that has expired or that no weakness answers to any more. Where the service can't be reached it says so, and succeeds.
"""

from dataclasses import dataclass
from pathlib import Path

ALLOWED = Path(__file__).parents[1] / "audit.toml"


@dataclass(frozen=True)
class Weakness:
    """A known weakness of a locked package, under all its names."""

    package: str
    ids: frozenset[str]
    summary: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        cure = f"fixed in {', '.join(self.fixed)}" if self.fixed else "not fixed yet"
        return f"{self.package}: {', '.join(sorted(self.ids))} ({cure}): {self.summary}"
