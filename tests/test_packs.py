"""Packs over the built-in guideline: what they may change, what is refused, and the commands that write them."""
# ruff: noqa: E501 - a fault is one line on a terminal

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from postil import packs
from postil.authoring import examine, new_pack
from postil.review.config import Reading, parse
from postil.review.plan import plan
from story import running, said, verdicts
from test_docs import blocks
from validated_github import ValidatedGitHub

ROOT = Path(__file__).parents[1]
ACME = ROOT / "examples/acme-pack"
BIN = Path(sys.executable).parent
BAD = """\
import stripe


def pay(card):
    try:
        charge(card)
    except CardError as error:
        raise PaymentFailed(card)
"""
PAGE = """\
---
section: house-style
severity: warning
---

# Say it so

Why.

## Bad

```python
x = 1  # finding: one
```

## Good

```python
x = 2
```
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def faults_of(*folders: Path) -> list[str]:
    """What keeps packs from being loaded, with their folder's name instead of its path."""
    try:
        packs.load(packs.over_built_in(folders))
    except packs.PackError as error:
        return [fault.replace(f"{folders[0].parent}/", "") for fault in error.faults]
    return []


# What a pack may change


def test_the_example_pack_is_as_its_pages_say() -> None:
    """It is what people copy from."""
    done = examine([ACME])

    assert (done.rules, done.faults) == (2, ())


def test_a_pack_changes_weights_words_links_and_rules() -> None:
    """All that an organisation may want otherwise, and nothing else."""
    built_in, loaded = packs.load(), packs.load(packs.over_built_in([ACME]))
    words = loaded.words(packs.Links("https://postil.example.com/guide/1.0"))
    chained, own = loaded.rules.by_name["raise-without-from"], loaded.rules.by_name["stripe-outside-payments"]

    assert (chained.title, str(chained.severity)) == ("Say what the error came from", "error")
    assert chained.check is built_in.rules.by_name["raise-without-from"].check
    assert (own.options, own.section_title) == ({"package": "acme/payments"}, "One way to the bank")
    assert {*built_in.rules.by_name} - {*loaded.rules.by_name} == {"print-in-service"}
    assert words["network-call-without-timeout"].rule_url == "https://wiki.acme.example/python/timeouts"
    assert (
        words["silent-broad-except"]
        == built_in.words(packs.Links("https://postil.example.com/guide/1.0"))["silent-broad-except"]
    )


def test_the_pages_of_a_pack_are_linked_where_they_can_be_read(tmp_path: Path) -> None:
    """A link into a guide that doesn't show them would be dead; all other pages stay where they are."""
    pack = write(
        tmp_path / "acme",
        {
            "pack.toml": 'name = "acme"\nversion = "3"\nurl = "https://github.com/acme/pack/blob/v{version}/"\n',
            "error-handling/raise-without-from.md": (ACME / "error-handling/raise-without-from.md").read_text(),
        },
    )
    words = packs.load(packs.over_built_in([pack])).words(packs.Links("https://postil.example.com/guide/1.0"))

    own, other = words["raise-without-from"], words["silent-broad-except"]
    assert own.rule_url == "https://github.com/acme/pack/blob/v3/error-handling/raise-without-from.md"
    assert own.section_url == "https://postil.example.com/guide/1.0/error-handling#keep-the-cause"
    assert other.rule_url == "https://postil.example.com/guide/1.0/error-handling/silent-broad-except"


def test_a_weight_switches_rules_on_and_off(tmp_path: Path) -> None:
    """`off` is for good, `opt-in` leaves the choice to repositories, and `on` makes it for them."""
    pack = write(
        tmp_path / "acme",
        {
            "pack.toml": 'name = "acme"\n[rules]\nraise-without-from = "opt-in"\n'
            'silent-broad-except = "off"\nunvalidated-object-from-json = "hint"\n'
        },
    )
    loaded = packs.load(packs.over_built_in([pack]))
    default = loaded.default_rules.by_name

    assert "raise-without-from" in loaded.rules.by_name
    assert "raise-without-from" not in default
    assert "silent-broad-except" not in loaded.rules.by_name
    assert str(default["unvalidated-object-from-json"].severity) == "hint"


# What is refused


def test_a_wrong_pack_names_every_fault_with_its_line_and_cure(tmp_path: Path) -> None:
    """Whoever mends one after the other starts the service ten times."""
    pack = write(
        tmp_path / "wrong",
        {
            "pack.toml": 'name = "Wrong!"\nversoin = "1"\nchecks = "wrong_checks"\nchapters = "house"\n\n'
            '[rules]\nraise-without-form = "error"\nsilent-broad-except = "loud"\n'
            "alembic-mixed-schema-and-data = { allow_backfil_before_not_null = true }\n"
            '\n[links]\nraise-without-from = "the wiki"\n',
            "house/README.md": "# House\n\n## House style\n",
            "house/no-check.md": PAGE,
            "house/no-section.md": PAGE.replace("house-style", "house-stile"),
            "house/no-good.md": PAGE.replace("## Good", "## God"),
            "house/wrong-check.md": PAGE.replace("Say it so", "Say it"),
            "house/broken-check.md": PAGE.replace("Say it so", "Say"),
            "hose/raise-without-from.md": PAGE,
            "wrong_checks/__init__.py": "",
            "wrong_checks/house/__init__.py": "",
            "wrong_checks/house/no_section.py": "def check(file: 'SourceFile'): ...\n",
            "wrong_checks/house/wrong_check.py": "\n\ndef check(node): ...\n",
            "wrong_checks/house/broken_check.py": "import acme_that_is_not_there\n",
            "wrong_checks/house/no_page.py": "",
        },
    )

    assert faults_of(pack) == snapshot(
        [
            "wrong/pack.toml:2: `versoin` is no key of a pack; did you mean `version`?",
            'wrong/pack.toml:1: give the pack a name = "…" of small letters, digits and hyphens',
            "wrong/pack.toml:4: `chapters` is a list of names",
            "wrong/wrong_checks/house/broken_check.py:1: wrong_checks.house.broken_check can't be imported (ModuleNotFoundError: No module named 'acme_that_is_not_there'); mend the module",
            "wrong/house/no-good.md:16: headings are `## Bad`, `## Good`, `## Known misses`, `## When it is fine`",
            "wrong/house/no-good.md:6: show at least one example under `## Good`",
            "wrong/wrong_checks/house/no_section.py:1: name 'SourceFile' is not defined; import what the annotations name",
            "wrong/wrong_checks/house/wrong_check.py:3: annotate the first parameter with a libcst node (or a union of them), SourceFile, FileChange, ChangeSet or Allowance",
            "wrong/wrong_checks/house/no_page.py:1: there is no page for it; write wrong/house/no-page.md, or take the module away",
            "wrong/hose: there is no chapter `hose`; did you mean `house`?",
            "wrong/house/no-check.md:1: there is no check for it, and no earlier pack has a rule of this name; `postil new-rule` writes both, and `checks` in pack.toml names their package",
            "wrong/pack.toml:12: [links] raise-without-from: write the address of a page, such as https://wiki.example.com/python",
            "wrong/pack.toml:7: [rules] raise-without-form: there is no such rule; did you mean `raise-without-from`?",
            'wrong/pack.toml:8: [rules] silent-broad-except: write "off", "opt-in", "on", "hint", "warning", "error" or a table of options',
            "wrong/pack.toml:9: [rules] alembic-mixed-schema-and-data.allow_backfil_before_not_null is no option; did you mean `allow_backfill_before_not_null`?",
        ]
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ("", snapshot(['acme/pack.toml:1: give the pack a name = "…" of small letters, digits and hyphens'])),
        (
            'name = "acme',
            snapshot(
                ["acme/pack.toml:1: it is no TOML (Illegal character '\\n' (at line 1, column 13)); mend the file"]
            ),
        ),
        (
            'name = "acme"\nchecks = "acme_elsewhere"',
            snapshot(
                ["acme/pack.toml:2: there is no package `acme_elsewhere`; put it beside pack.toml, or install it"]
            ),
        ),
        (
            'name = "acme"\nurl = "wiki"\nrules = "off"\nchapters = ["house"]',
            snapshot(
                [
                    "acme/pack.toml:3: `rules` is a table",
                    "acme/pack.toml:2: `url` is an address: https://…",
                    "acme/pack.toml:4: there is no folder acme/house; make it, or take its name out of the list",
                ]
            ),
        ),
    ],
    ids=["nothing", "no-toml", "no-package", "kinds"],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, settings: str, fault: list[str]) -> None:
    """A pack that does less than it says would be noticed by nobody."""
    assert faults_of(write(tmp_path / "acme", {"pack.toml": settings + "\n"})) == fault


def test_a_pack_of_an_editor_that_marks_its_files_is_like_any_other(tmp_path: Path) -> None:
    """Those of Windows write a mark that nobody sees, and end lines in their own way."""
    pack = tmp_path / "marked"
    new_pack(pack)
    for file in [*pack.glob("*.toml"), *pack.glob("*/*.md"), *pack.glob("*/*/*.py")]:
        text = file.read_text(encoding="utf-8")
        file.write_text(text, encoding="utf-8-sig", newline="\r\n")

    assert examine([pack]).faults == ()


def test_what_is_no_text_and_a_module_that_ends_the_program_are_faults_like_others(tmp_path: Path) -> None:
    """The service must say what is wrong, instead of ending without a word."""
    pack = tmp_path / "ended"
    new_pack(pack)
    (pack / "house-rules/README.md").write_bytes("# Größe\n\n## House style\n".encode("latin-1"))
    (pack / "house-rules/other-rule.md").write_bytes(PAGE.encode().replace(b"Why.", b"Wh\xff."))
    (pack / "house-rules/some-rule.md").write_text(PAGE)
    (pack / "ended_checks/house_rules/some_rule.py").write_text("import sys\n\nsys.exit(3)\n")

    assert faults_of(pack) == snapshot(
        [
            "ended/house-rules/README.md:1: it is no UTF-8; save it as that",
            "ended/house-rules/other-rule.md:8: it is no UTF-8; save it as that",
            "ended/ended_checks/house_rules/some_rule.py:3: ended_checks.house_rules.some_rule can't be imported (SystemExit: 3); mend the module",
            "ended/house-rules: there is no chapter `house-rules`; a chapter is a folder with a README.md",
        ]
    )


def test_two_packs_of_one_name_are_refused(tmp_path: Path) -> None:
    """A repository chooses by the name."""
    for folder in ("one", "two"):
        write(tmp_path / folder, {"pack.toml": 'name = "acme"\n'})

    assert faults_of(tmp_path / "one", tmp_path / "two") == snapshot(
        ["two/pack.toml:1: the pack in one has this name already; choose another"]
    )


def test_a_chapter_keeps_the_headings_that_rules_name(tmp_path: Path) -> None:
    """A chapter of the same name replaces the built-in one, and with it the anchors that comments link to."""
    readme = "# Errors\n\n## Keep the cause\n"
    pack = write(tmp_path / "acme", {"pack.toml": 'name = "acme"\n', "error-handling/README.md": readme})
    faults = faults_of(pack)

    assert len(faults) > 3
    assert all("there is no section `" in fault and "acme/error-handling/README.md" in fault for fault in faults)


def test_a_page_that_its_check_does_not_bear_out_is_named_line_by_line(tmp_path: Path) -> None:
    """So that a pack needs no test code of its own."""
    pack = tmp_path / "told-pack"
    new_pack(pack)
    page = pack / "house-rules/eval-of-text.md"
    text = page.read_text(encoding="utf-8")
    bad = text.replace("  # finding: `eval` runs whatever it is given", "\nx = 1  # finding: one")
    page.write_text(bad.replace("ast.literal_eval", "eval"), encoding="utf-8")
    faults = [fault.replace(f"{tmp_path}/", "") for fault in examine([pack]).faults]

    assert faults == snapshot(
        [
            "told-pack/house-rules/eval-of-text.md:14: false alarm under Bad: `eval` runs whatever it is given; mark the line, or mend the check",
            "told-pack/house-rules/eval-of-text.md:15: missed alarm: one; mend the check, or the mark",
            "told-pack/house-rules/eval-of-text.md:21: false alarm under Good: `eval` runs whatever it is given; mend the check",
        ]
    )


# What a repository chooses


def test_a_repository_chooses_among_the_installed_packs_by_name(tmp_path: Path) -> None:
    """It can bring no code, and a slip costs only the name that it is in."""
    other = write(tmp_path / "team", {"pack.toml": 'name = "team"\n[rules]\nsilent-broad-except = "off"\n'})
    loaded = packs.load(packs.over_built_in([ACME, other]))

    def decided(line: str) -> tuple[set[str], tuple[str, ...]]:
        guideline, reading = loaded.chosen(parse(f"[tool.postil]\n{line}\n", "pyproject.toml") or Reading())
        agreed = plan(reading, guideline.rules, guideline.aliases)
        named = {"stripe-outside-payments", "silent-broad-except", "print-in-service"}
        return named & set(agreed.choice.rules), agreed.faults

    assert decided("") == ({"stripe-outside-payments"}, ())
    assert decided('packs = ["acme"]') == ({"stripe-outside-payments", "silent-broad-except"}, ())
    assert decided("packs = []") == ({"silent-broad-except", "print-in-service"}, ())
    assert decided('packs = ["acme", "taem"]') == (
        {"stripe-outside-payments", "silent-broad-except"},
        snapshot(("line 2: there is no pack `taem`; did you mean `team`?",)),
    )
    assert decided('packs = ["../evil"]') == (
        {"stripe-outside-payments"},
        snapshot(("line 2: there is no pack `../evil`; here are acme, team",)),
    )


@pytest.mark.anyio
async def test_a_review_speaks_the_words_of_a_pack(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """Own words, own weight and own rule, all the way to the pull request; and none of it where it isn't chosen."""
    alone = "[tool.postil]\npacks = []\n"
    async with running(github, app_key, tmp_path, PACKS=str(ACME)) as postil:
        pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"shop/pay.py": BAD})
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
        without = github.open_pull(base_files={"pyproject.toml": alone}, head_files={"shop/pay.py": BAD})
        await postil.receives(github.delivery("pull_request", "opened", pull=without))

    assert said(pull) == snapshot(
        [("shop/pay.py", 1, "**Ask the payments package**"), ("shop/pay.py", 8, "**Say what the error came from**")]
    )
    assert verdicts(pull) == snapshot([("completed", "failure", "2 findings: 2 errors")])
    assert "Our on-call reads the first traceback only" in pull.comments[1].body
    assert said(without) == snapshot([("shop/pay.py", 8, "**Chain the new exception to its cause**")])


# The commands


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_command_of_the_page_about_packs_runs(tmp_path: Path) -> None:
    """Step by step as it is written, from nothing to a rule of one's own, with the words and weights shown there."""
    page = (ROOT / "docs/packs.md").read_text(encoding="utf-8")
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    done = [run(tmp_path, *command.split()) for command in commands]
    (words,) = blocks(page, "markdown", "````")
    settings = tmp_path / "acme-pack/pack.toml"
    ours = next(block for block in blocks(page, "toml") if "[rules]" in block)
    settings.write_text(f'checks = "acme_checks"\n{ours}', encoding="utf-8")
    write(tmp_path / "acme-pack/error-handling", {"raise-without-from.md": words})
    after = run(tmp_path, "postil", "pack", "check", "acme-pack")
    tested = run(tmp_path, "pytest", "-q", "acme-pack")

    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * len(commands)
    assert (after.returncode, after.stdout) == (0, snapshot("3 pages, 6 examples, 0 faults\n"))
    assert tested.returncode == 0, tested.stdout


def test_the_command_that_is_named_next_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    """A shell makes two folders of one whose name has a space."""
    begun = run(tmp_path, "postil", "pack", "init", "our rules")
    rule = run(tmp_path, "postil", "new-rule", "house-rules", "some-pattern", "--pack", "our rules")
    said = [done.stdout.splitlines()[-1].removeprefix("Test it: ") for done in (begun, rule)]
    tested = [run(tmp_path, "bash", "-c", command) for command in said]

    assert [done.returncode for done in tested] == [0, 0]


def test_a_pack_that_is_given_twice_is_one(tmp_path: Path) -> None:
    """A shell's pattern and a setting may both name it."""
    write(tmp_path / "one", {"pack.toml": 'name = "acme"\n'})

    assert faults_of(tmp_path / "one", tmp_path / "two" / ".." / "one") == []


def test_what_can_not_be_written_is_said_with_the_cure(tmp_path: Path) -> None:
    """Nothing is overwritten, and a slip is answered with the nearest right name."""
    run(tmp_path, "postil", "pack", "init", "acme")
    asked = [
        ("pack", "init", "acme"),
        ("new-rule", "house-rule", "some-pattern", "--pack", "acme"),
        ("new-rule", "house-rules", "Pattern", "--pack", "acme"),
        ("new-rule", "house-rules", "eval-of-text", "--pack", "acme"),
        ("new-rule", "house-rules", "some-pattern", "--pack", "acne"),
        ("new-rule", "no-sections", "some-pattern", "--pack", "acme"),
    ]
    write(tmp_path / "acme", {"no-sections/README.md": "# None\n"})
    answers = [run(tmp_path, "postil", *command) for command in asked]
    said = [re.sub(re.escape(f"{tmp_path}/"), "", answer.stderr) for answer in answers]

    assert {answer.returncode for answer in answers} == {2}
    assert said == snapshot(
        [
            "postil: acme is there already, and not empty; name a new folder\n",
            "postil: there is no chapter `house-rule`; did you mean `house-rules`?\n",
            "postil: 'Pattern' is no name for a rule; name the pattern in kebab-case, as `bare-except`\n",
            "postil: there is a rule `eval-of-text` already; choose another name\n",
            """\
postil: the pack is wrong as it stands:
acne/pack.toml: not found; a pack is a folder with a pack.toml (at least: name = "…"), and `postil pack init` writes one
""",
            "postil: acme/no-sections/README.md: the chapter has no section for a rule to name; write one: `## House style`\n",
        ]
    )
