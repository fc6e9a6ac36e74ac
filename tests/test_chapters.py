"""The chapters of the guideline: whole, linkable, and with examples that are Python."""

import re
import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from postil.packs import slug

RULES = Path(__file__).parents[1] / "rules"
CHAPTERS = tuple(tomllib.loads((RULES / "pack.toml").read_text(encoding="utf-8"))["chapters"])

# The statements of the two catalogues that the guideline was taken apart into, as letters and how many of each.
STATEMENTS = {
    f"{part}:{letters}{number}"
    for part, counts in {
        "part1": {"MT": 13, "P": 4, "S": 9, "A": 9, "M": 1, "B": 6, "R": 7, "PR": 3, "O": 5},
        "part2": {"D": 6, "T": 13, "E": 7, "M": 6, "A": 13, "V": 4, "F": 16, "C": 10},
    }.items()
    for letters, count in counts.items()
    for number in range(1, count + 1)
}
# Said by no statement, but without it the others about tests are worth nothing: a test must be able to fail.
IMPLIED = {"part2:TX"}

chapters = pytest.mark.parametrize("chapter", CHAPTERS)


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))


def _headings(page: Path, level: str) -> list[str]:
    tokens = _tokens(page)
    return [inline.content for opening, inline in pairwise(tokens) if opening.tag == level and inline.type == "inline"]


def _statements(page: Path) -> list[tuple[str, list[str]]]:
    """Each section's heading with the statements named in the comment directly under it."""
    tokens = _tokens(page)
    found = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            comment = re.fullmatch(r"<!-- statements: (.+) -->\n?", tokens[index + 3].content)
            found.append((tokens[index + 1].content, comment[1].split(", ") if comment else []))
    return found


def test_the_statements_are_the_132_that_were_counted() -> None:
    """The two catalogues number 57 and 75; a slip in the table above would hide a gap."""
    parts = Counter(statement.partition(":")[0] for statement in STATEMENTS)

    assert parts == {"part1": 57, "part2": 75}


def test_every_folder_of_rules_is_a_chapter_of_the_pack() -> None:
    """A chapter that the pack does not list is never loaded, and nobody would see it."""
    folders = {page.parent.name for page in RULES.glob("*/README.md")}

    assert folders == set(CHAPTERS)


@chapters
def test_a_chapter_is_a_title_a_paragraph_and_sections(chapter: str) -> None:
    """Rule pages link to the sections, and the guide shows title and paragraph in its list."""
    page = RULES / chapter / "README.md"
    tokens = _tokens(page)

    assert len(_headings(page, "h1")) == 1
    assert [token.type for token in tokens if token.level == 0 and token.nesting >= 0][:2] == [
        "heading_open",
        "paragraph_open",
    ]
    assert len(_headings(page, "h2")) > 2


@chapters
def test_the_headings_of_a_chapter_have_different_anchors(chapter: str) -> None:
    """GitHub numbers the second of two equal anchors, so a link would land in the wrong section."""
    anchors = [slug(heading) for heading in _headings(RULES / chapter / "README.md", "h2")]

    assert sorted(anchors) == sorted(set(anchors))


@chapters
def test_each_section_says_which_statements_it_covers(chapter: str) -> None:
    """The coverage table is made from these comments."""
    silent = [heading for heading, statements in _statements(RULES / chapter / "README.md") if not statements]

    assert silent == []


def test_the_sections_cover_every_statement_and_name_no_other() -> None:
    """A statement without a section is a demand that nobody can read."""
    covered = {
        statement
        for chapter in CHAPTERS
        for _, statements in _statements(RULES / chapter / "README.md")
        for statement in statements
    }

    assert covered == STATEMENTS | IMPLIED


@chapters
def test_the_python_of_a_chapter_compiles(chapter: str) -> None:
    """People copy the examples."""
    page = RULES / chapter / "README.md"
    for token in _tokens(page):
        if token.type == "fence" and token.info == "python" and token.map:
            compile("\n" * (token.map[0] + 1) + token.content, str(page), "exec")


@chapters
def test_every_fence_names_its_language(chapter: str) -> None:
    """A fence without one would be an example that the test above passes over."""
    fences = {token.info for token in _tokens(RULES / chapter / "README.md") if token.type == "fence"}

    assert fences <= {"python", "toml", "sh", "text", "json", "yaml"}


@pytest.mark.parametrize(
    "page",
    [RULES / "README.md", *(RULES / chapter / "README.md" for chapter in CHAPTERS)],
    ids=lambda page: page.parent.name,
)
def test_the_links_between_chapters_lead_somewhere(page: Path) -> None:
    """A heading that was reworded breaks the links to it without a sign."""
    inline = (child for token in _tokens(page) for child in token.children or ())
    targets = [str(child.attrs["href"]) for child in inline if child.type == "link_open"]
    for target in targets:
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page

        assert linked.is_file(), target
        assert not anchor or anchor in {slug(heading) for heading in _headings(linked, "h2")}, target


def test_the_list_of_chapters_is_complete_and_in_order() -> None:
    """The front page of the guideline is written by hand."""
    listed = re.findall(r"\]\(([a-z-]+)/README\.md\)", (RULES / "README.md").read_text(encoding="utf-8"))

    assert tuple(listed) == CHAPTERS
