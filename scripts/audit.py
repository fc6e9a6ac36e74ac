"""`make audit`: known weaknesses of the locked dependencies, found by `uv audit` in OSV, less those of audit.toml.

An entry of audit.toml says `id`, `reason` and `until`, a date. This fails on a weakness that isn't allowed, and on an
entry that has expired, is incomplete, or that nothing answers to any more. Where the service can't be reached it says
so and succeeds, as a machine without the network can't tell. OSV is another address with `--service-url`.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALLOWED = Path(__file__).parents[1] / "audit.toml"


@dataclass(frozen=True)
class Weakness:
    """A known weakness of a locked package, with all its names and the versions that mend it."""

    package: str
    ids: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        cure = f"mended in {', '.join(self.fixed)}" if self.fixed else "not mended yet"
        return f"{self.package}: {', '.join(self.ids)}, {cure}: {self.summary}"


def read(report: Mapping[str, Any]) -> list[Weakness]:
    """The weaknesses in the JSON that `uv audit` writes. Raises KeyError where it has another form."""
    return [
        Weakness(
            f"{each['dependency']['name']} {each['dependency']['version']}",
            (each["id"], *each["aliases"]),
            each["summary"] or "",
            tuple(each["fix_versions"]),
        )
        for each in report["vulnerabilities"]
    ]


def faults(found: Sequence[Weakness], allowed: Sequence[Mapping[str, Any]], today: datetime.date) -> list[str]:
    """What is wrong, one line each: weaknesses that aren't allowed, and entries that don't hold (any more)."""
    lines, holding = [], set()
    for entry in allowed:
        name, until = entry.get("id"), entry.get("until")
        if not name or not entry.get("reason") or type(until) is not datetime.date:
            lines.append(f"audit.toml: an entry needs an id, a reason and a date: {dict(entry)}")
        elif until < today:
            lines.append(f"audit.toml: {name} was allowed until {until}")
        elif not any(name in weakness.ids for weakness in found):
            lines.append(f"audit.toml: {name} is no weakness of what is locked any more; take the entry away")
        else:
            holding.add(name)
    return [*lines, *(str(weakness) for weakness in found if holding.isdisjoint(weakness.ids))]


def main() -> int:
    """Audit, print, and give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service-url", help="another service that speaks OSV's API")
    parser.add_argument("--allowed", type=Path, default=ALLOWED, help="instead of audit.toml")
    given = parser.parse_args()
    # `uv run` says which uv it is, which may be one that isn't on the path.
    command = [os.environ.get("UV", "uv"), "audit", "--frozen", "--output-format", "json"]
    command += ["--service-url", given.service_url] if given.service_url else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode not in (0, 1):
        reason = next((line for line in done.stderr.splitlines() if line.startswith("error:")), done.stderr)
        if "error sending request" not in done.stderr:
            print(f"audit: failed: {done.stderr}", file=sys.stderr)
            return 1
        print(f"audit: skipped, the service that knows of weaknesses can't be reached ({reason})")
        return 0
    found = read(json.loads(done.stdout))
    allowed = tomllib.loads(given.allowed.read_text(encoding="utf-8")).get("allow", [])
    today = datetime.datetime.now(datetime.UTC).date()
    wrong = faults(found, allowed, today)
    print("\n".join([*wrong, f"audit: {len(found)} known weaknesses, {len(wrong)} to mend"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
