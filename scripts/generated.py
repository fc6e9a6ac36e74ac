"""`make generated`: writes rules/coverage.md and docs/postil.schema.json.

The one says for each section of the guideline which rules enforce it, the other what a repository may configure.
Without --write it only compares, and fails when a file is out of date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from postil import packs
from postil.packs import BUILT_IN, Guideline
from postil.review.config import Config

ROOT = Path(__file__).parents[1]
HEAD = """\
# Coverage

<!-- Written by `make generated`. -->

Which sections of the guideline are enforced, and by which rules.
The numbers are the demands that the guideline was drawn from.
A section without a rule is for people: code doesn't show what it asks for, or no rule was right often enough as yet.
"""


def coverage(guideline: Guideline) -> Iterator[str]:
    """The page's parts."""
    enforced = {(rule.chapter, rule.section) for rule in guideline.rules.rules}
    sections = sum(len(chapter.sections) for chapter in guideline.chapters)
    yield HEAD
    yield f"{len(guideline.rules.rules)} rules enforce {len(enforced)} of {sections} sections.\n"
    for chapter in guideline.chapters:
        yield f"## {chapter.title}\n"
        yield "| section | demands | rules |\n|---|---|---|"
        for section in chapter.sections:
            rules = ", ".join(
                f"[{name}]({chapter.name}/{name}.md)"
                for name in chapter.rules
                if guideline.rules.by_name[name].section == section.slug
            )
            link = f"[{section.title}]({chapter.name}/README.md#{section.slug})"
            yield f"| {link} | {', '.join(section.statements)} | {rules} |"
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
