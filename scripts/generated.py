"""`make generated`: writes rules/coverage.md, which says for each section of the guideline which rules enforce it.

Without --write it only compares, and fails when the file is out of date.
"""

import sys
from collections.abc import Iterator

from postil import packs
from postil.packs import BUILT_IN, Guideline

COVERAGE = BUILT_IN / "coverage.md"

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


def main() -> None:
    """Write the file, or say that it is out of date."""
    text = "\n".join(coverage(packs.load()))
    if "--write" in sys.argv[1:]:
        COVERAGE.write_text(text, encoding="utf-8")
    elif not COVERAGE.is_file() or COVERAGE.read_text(encoding="utf-8") != text:
        sys.exit("rules/coverage.md is out of date; run `make generated`")


if __name__ == "__main__":
    main()
