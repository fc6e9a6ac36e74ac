"""`make generated`: writes rules/coverage.md and docs/postil.schema.json.

The one says for each demand of the guideline which rules enforce it, the other what a repository may configure.
With --check, or without anything, it only compares, and fails when a file is out of date.
"""

import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from postil import packs
from postil.packs import BUILT_IN, Guideline
from postil.review.config import Config

ROOT = Path(__file__).parents[1]
HEAD = """\
# Coverage

<!-- Written by `make generated`. -->

What the guideline demands, and which rules enforce it.
The numbers are those of the demands that it was drawn from; a rule counts for those of the section that it links to.
Where no rule can be honest, the table says why; where there is none as yet, it says that.
"""
NOT_YET = "not enforced yet"


@dataclass
class Demand:
    """One demand: what it asks for, why no rule can see it, and the sections and rules that are about it, as links."""

    asks: str
    none: str = ""
    chapter: str = ""
    sections: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)

    @property
    def answer(self) -> str:
        """The rules, or why there are none."""
        return f"*{self.none}*" if self.none else ", ".join(self.rules) or NOT_YET


def demands(guideline: Guideline) -> dict[str, Demand]:
    """All demands by their numbers, in the order in which the chapters come to them."""
    described = tomllib.loads((BUILT_IN / "coverage.toml").read_text(encoding="utf-8"))
    found: dict[str, Demand] = {}
    for chapter in guideline.chapters:
        for section in chapter.sections:
            rules = [
                f"[{name}]({chapter.name}/{name}.md)"
                for name in chapter.rules
                if guideline.rules.by_name[name].section == section.slug
            ]
            for number in section.statements:
                part, _, short = number.partition(":")
                if number not in found:
                    found[number] = Demand(**described[part][short], chapter=chapter.title)
                found[number].sections.append(f"[{section.title}]({chapter.name}/README.md#{section.slug})")
                found[number].rules.extend(rules)
    return found


def coverage(guideline: Guideline) -> Iterator[str]:
    """The page's parts."""
    found = demands(guideline)
    unseen = sum(bool(demand.none) for demand in found.values())
    enforced = sum(not demand.none and bool(demand.rules) for demand in found.values())
    yield HEAD
    yield (
        f"Of {len(found)} demands, {enforced} are enforced by {len(guideline.rules.rules)} rules, "
        f"{unseen} can't be seen in code, and {len(found) - enforced - unseen} are not enforced yet.\n"
    )
    for title, group in groupby(found.items(), key=lambda item: item[1].chapter):
        yield f"## {title}\n"
        yield "| demand | asks for | sections | rules |\n|---|---|---|---|"
        for number, demand in group:
            yield f"| {number} | {demand.asks} | {', '.join(demand.sections)} | {demand.answer} |"
        yield ""
    left_out = tomllib.loads((BUILT_IN / "coverage.toml").read_text(encoding="utf-8")).get("left-out", {})
    if left_out:
        yield "## Weighed and left out\n\nRules that were thought of, and are none, with what was measured.\n"
        yield "| rule | why |\n|---|---|"
        yield from (f"| {name} | {why} |" for name, why in sorted(left_out.items()))
        yield ""


def schema() -> str:
    """The JSON schema of `[tool.postil]` and of .github/postil.toml."""
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "Postil in a repository",
    }
    return json.dumps(described, indent=2) + "\n"


def main() -> None:
    """Write the files, or say which are out of date."""
    texts = {BUILT_IN / "coverage.md": "\n".join(coverage(packs.load())), ROOT / "docs/postil.schema.json": schema()}
    stale = [file for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    if "--write" in sys.argv[1:]:
        for file in stale:
            file.write_text(texts[file], encoding="utf-8")
    elif stale:
        names = " and ".join(file.relative_to(ROOT).as_posix() for file in stale)
        sys.exit(f"{names} out of date; run `make generated`")


if __name__ == "__main__":
    main()
