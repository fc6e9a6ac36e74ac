"""What is written down must be so: settings, rights, commands, keys, targets, examples, links."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.core
import typer.main
import yaml
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from postil import cli, manifest, operate, packs
from postil.app import create_app
from postil.demo import play
from postil.github import errors
from postil.github.tokens import LEAST, REACT, RESOLVE, TOLD
from postil.lint.change import Change
from postil.lint.engine import RuleSet
from postil.lint.examples import example_failures
from postil.lint.project import Project
from postil.review.analysis import analyse
from postil.review.command import COMMANDS, UNKNOWN, read_line
from postil.review.compose import accounting_line, compose
from postil.review.config import Caps, Config, parse
from postil.review.model import Accounting, ChangedFile, FileStatus, Occasion
from postil.review.plan import plan
from postil.settings import PREFIX, Listen, Settings
from postil.webhook import Ignored, decide
from validated_github import webhook_examples

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE, CONTRIBUTING, CHANGELOG = (
    (ROOT / f"{name}.md").read_text(encoding="utf-8")
    for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")
)
DOCS = {f"docs/{path.name}": path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
CONFIGURE, COMMAND_PAGE, RULES_PAGE = (DOCS[f"docs/{name}.md"] for name in ("configure", "commands", "rules"))
DOCUMENTS = {
    "README.md": README,
    "ARCHITECTURE.md": ARCHITECTURE,
    "CONTRIBUTING.md": CONTRIBUTING,
    "CHANGELOG.md": CHANGELOG,
    "SECURITY.md": (ROOT / "SECURITY.md").read_text(encoding="utf-8"),
    **DOCS,
}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GUIDELINE = packs.load()


def section(document: str, heading: str) -> str:
    """The text under a heading, up to the next one of its level or above (`# …` may be a comment in an example)."""
    level = max(2, len(heading.split(" ", 1)[0]))
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{2,{level}}} |\Z)", document, re.DOTALL | re.MULTILINE)
    assert found, f"no heading {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads; `|` inside of code separates nothing."""
    lines = text.splitlines()
    body = [line for line, below in zip(lines, [*lines[1:], ""], strict=True) if "|--" not in line + below]
    cells = [re.split(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", line.strip("|")) for line in body if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in cells]


def blocks(text: str, language: str, fence: str = "```") -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^{fence}{language}\n(.*?)^{fence}$", text, re.DOTALL | re.MULTILINE)


def code(text: str) -> set[str]:
    """What stands between single back-ticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def written(value: object) -> str:
    """A setting's default as an operator writes it."""
    if isinstance(value, Listen):
        return f"{value.host}:{value.port}"
    if value is None or value == ():
        return ""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, bool):
        return str(value).lower()
    secret = getattr(value, "get_secret_value", None)
    return str(secret() if secret else value)


# What an operator needs


def test_every_setting_stands_in_the_documentation_with_its_default() -> None:
    """An operator looks there first; what is missing there doesn't exist, and what is there must work."""
    table = {row[0].strip("`"): row[1].strip("`") for row in rows(section(CONFIGURE, "## The service"))}

    assert table == {PREFIX + name.upper(): written(field.default) for name, field in Settings.model_fields.items()}


async def test_every_endpoint_of_the_documentation_answers() -> None:
    """Without credentials too, where the webhook says what is missing."""
    endpoints = [row[0].strip("`").split(" ") for row in rows(section(CONFIGURE, "## Endpoints"))]
    app = create_app(Settings.load({"POSTIL_DOCS": "everybody"}), GUIDELINE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answers = {path: (await client.request(method, path)).status_code for method, path in endpoints}

    assert len(answers) == 8
    assert {path for path, status in answers.items() if status in (404, 405, 500)} == set()


@pytest.fixture
def anyio_backend() -> str:
    """Only asyncio: the service's event loop."""
    return "asyncio"


pytestmark = pytest.mark.anyio


def test_the_app_asks_for_the_permissions_that_its_tokens_carry() -> None:
    """A permission more frightens an administrator, and one less breaks the first review."""
    text = (ROOT / "app.yml").read_text(encoding="utf-8")
    asked = yaml.safe_load(text)["default_permissions"]
    optional = set(re.findall(r"^  # (\w+): (\w+)$", text, re.MULTILINE))

    assert asked == dict(LEAST + TOLD)
    assert {*REACT, *RESOLVE} <= optional | set(asked.items())


def test_the_set_up_reads_app_yml_as_yaml_does_and_every_line_has_its_reason() -> None:
    """A permission without a reason frightens an administrator; one that the reader overlooks is never asked for."""
    text = (ROOT / "app.yml").read_text(encoding="utf-8")
    asked, wanted = yaml.safe_load(text), manifest.wants()
    made = manifest.filled_in("https://postil.example.com", ["issues"])

    assert {need.name: need.level for need in wanted.permissions} == asked["default_permissions"]
    assert [need.name for need in wanted.events] == asked["default_events"]
    assert {(need.name, need.level) for need in wanted.optional} == {("issues", "write"), ("contents", "write")}
    assert all(need.why.endswith((".", ")")) for need in (*wanted.permissions, *wanted.optional, *wanted.events))
    same = ("name", "description", "url", "public", "hook_attributes", "default_events")
    assert {key: made[key] for key in same} == {key: asked[key] for key in same}
    assert made["default_permissions"] == asked["default_permissions"] | {"issues": "write"}


def test_the_app_is_told_of_every_event_that_is_acted_on() -> None:
    """An event that nobody subscribed to never comes; one that is only ignored is traffic for nothing."""
    acted_on = {
        event
        for event, payloads in webhook_examples().items()
        for payload in payloads
        if not isinstance(decide(event, as_command(payload)), Ignored)
    }
    # These are sent to every App, or to every App that may write checks.
    unasked = {"check_run", "check_suite", "installation", "installation_repositories"}
    subscribed = yaml.safe_load((ROOT / "app.yml").read_text(encoding="utf-8"))["default_events"]

    assert set(subscribed) == acted_on - unasked
    assert unasked <= acted_on


def as_command(payload: dict[str, Any]) -> dict[str, Any]:
    """An example as sent to an App, its comment, if it has one, a command on a pull request."""
    changed: dict[str, Any] = {"installation": {"id": 42}, **payload}
    for said in ("comment", "review"):
        if said in payload:
            changed[said] = {**payload[said], "body": "/recheck"}
    if "issue" in payload:
        changed["issue"] = {**payload["issue"], "pull_request": {}}
    return changed


# What a user needs


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """The commands of `postil` by name."""
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        for below, each in command.commands.items() if isinstance(command, typer.core.TyperGroup) else [("", command)]:
            assert isinstance(each, typer.core.TyperCommand)
            yield f"{name} {below}".strip(), each


def test_every_command_and_option_stands_in_the_documentation_and_nothing_else() -> None:
    """The list is what people copy from."""
    (listing,) = blocks(section(COMMAND_PAGE, "## In a terminal"), "text")
    shown: dict[str, set[str]] = {}
    for line in listing.splitlines():
        if command := re.match(r"postil (pack \w+|[a-z][\w-]*)", line):
            shown[command[1]] = current = set()
        elif option := re.match(r"    (--[\w-]+)", line):
            current.add(option[1])
    real = {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for name, command in commands()
    }

    assert shown == {name: options - {"--help"} for name, options in real.items()}
    assert "postil --version" in listing


def test_every_command_for_a_comment_stands_in_the_documentation_and_nothing_else() -> None:
    """It is where people learn what they may write; `/postil help` says the same."""
    table = {row[0].strip("`"): row[1] for row in rows(section(COMMAND_PAGE, "## In comments"))}

    assert table == COMMANDS


def test_every_command_of_the_documentation_is_obeyed() -> None:
    """None of them is answered like a slip."""
    names = {command.name for written in COMMANDS if (command := read_line(written))}

    assert len(names) == len(COMMANDS)
    assert UNKNOWN not in names


def test_the_formats_in_the_documentation_are_the_formats() -> None:
    """A format that isn't there is an error, one that isn't shown is never used."""
    (listing,) = blocks(section(COMMAND_PAGE, "## In a terminal"), "text")

    assert re.findall(r"--format (\S+)", listing) == [
        "|".join(formats)
        for formats in (cli.Format, cli.ReviewFormat, operate.ListFormat, cli.DoctorFormat, operate.ListFormat)
    ]


def test_the_documentation_shows_every_key_of_a_repositorys_configuration() -> None:
    """And the example is one that Postil takes, its commented lines included."""
    (example,) = blocks(section(CONFIGURE, "## A repository"), "toml")
    example = re.sub(r"^# (\w+ = )", r"\1", example, flags=re.MULTILINE)
    reading = parse(example, "pyproject.toml")
    assert reading is not None

    config = reading.config
    keys = {name for name in Config.model_fields if getattr(config, name) != getattr(Config(), name)}

    assert plan(reading, GUIDELINE.rules, GUIDELINE.aliases).faults == ()
    assert keys == set(Config.model_fields)
    assert config.caps.model_fields_set == set(Caps.model_fields)


def test_the_published_schema_takes_the_configuration_of_the_documentation() -> None:
    """And refuses what Postil would name as a mistake. `make generated` writes it."""
    schema = json.loads((ROOT / "docs/postil.schema.json").read_text(encoding="utf-8"))
    (example,) = blocks(section(CONFIGURE, "## A repository"), "toml")
    validator = Draft202012Validator(schema)
    table = tomllib.loads(example)["tool"]["postil"]

    assert [error.message for error in validator.iter_errors(table)] == []
    assert not validator.is_valid({"exlude": ["old/"]})
    assert not validator.is_valid({"threshold": "hint"})


@pytest.mark.parametrize(("page", "snippet"), [(n, s) for n, text in DOCUMENTS.items() for s in blocks(text, "toml")])
def test_the_configuration_that_a_page_shows_is_one_that_postil_takes(page: str, snippet: str) -> None:
    """People copy it; a key that isn't there, or a rule, would cost them a fault in their first review."""
    if "[tool.postil" not in snippet:
        # It is a pack's.
        assert (page, set(tomllib.loads(snippet)) <= {"name", "version", "url", "rules", "links"}) == (page, True)
        return
    reading = parse(snippet, "pyproject.toml")
    assert reading is not None

    # Whether a pack is installed, no page can know.
    assert plan(reading, GUIDELINE.rules, GUIDELINE.aliases).faults == ()


def test_each_row_about_choosing_rules_is_about_a_key_and_the_severities_are_the_severities() -> None:
    """A table that lacks one hides it."""
    keys = {
        row[0].strip("`")
        for row in rows(re.sub("^   ", "", section(RULES_PAGE, "## Which rules hold"), flags=re.MULTILINE))
    }
    severities = [row[0].strip("`") for row in rows(section(RULES_PAGE, "## Severities"))]

    assert keys <= {field.alias or name for name, field in Config.model_fields.items()}
    assert {"packs", "select", "ignore", "severities", "options", "per-path-ignores"} == keys
    assert severities == ["error", "warning", "hint"]


def test_the_rules_that_a_page_allows_exist() -> None:
    """People copy the comment and change only the reason."""
    allowed = re.findall(r"# postil: allow ([\w-]+) -- \w", README + RULES_PAGE)

    assert allowed
    assert [name for name in allowed if name not in GUIDELINE.rules.by_name] == []


def test_the_accounting_line_of_the_readme_is_what_a_review_says() -> None:
    """It is explained nowhere else."""
    line = accounting_line(Accounting(14, 9, 2, 3, 0, 0, "main@abc1234", GUIDELINE.version))

    assert line in code(README)
    assert f"{line}\n" in DOCS["docs/how-it-works.md"]


def test_the_comment_in_the_readme_is_what_the_demo_says() -> None:
    """A picture in words of the product, which would be wrong after the first change of a word."""
    path = "shop/orders.py"
    head = (play.SAMPLE / "after" / path).read_text(encoding="utf-8")
    base = (play.SAMPLE / "before" / path).read_text(encoding="utf-8")
    rules = RuleSet([GUIDELINE.rules.by_name["raise-without-from"]])
    analysis = analyse(rules, [Change(path, head, base)], Project(), Project())
    patch = f"@@ -0,0 +1,{head.count(chr(10))} @@\n" + "\n".join(f"+{line}" for line in head.splitlines())
    words = GUIDELINE.words(packs.Links("rules", repository=True))
    occasion = Occasion(head_sha="a" * 40, run="example", words=words, guideline=GUIDELINE.version)
    (comment,) = compose(analysis, [ChangedFile(path, FileStatus.ADDED, patch=patch)], occasion).comments
    quoted = re.findall(r"^> ?(.*)$", section(README, "## What a comment looks like"), re.MULTILINE)

    said = re.sub(r"<!--.*?-->", "", comment.body, flags=re.DOTALL)

    assert " ".join(quoted).split() == said.split()


# What a contributor needs


def targets() -> dict[str, str]:
    """The targets of the Makefile with their help."""
    return dict(re.findall(r"^([a-z-]+):[^#\n=]*?(?:## (.*))?$", MAKEFILE, re.MULTILINE))


def test_every_target_says_what_it_does() -> None:
    """A Makefile is read by those who look for a command."""
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()

    assert {name for name, words in targets().items() if not words} == set()
    assert set(phony) == set(targets())


def test_every_target_that_is_named_exists_and_all_are_named() -> None:
    """In the words of a document or in its blocks to copy."""
    named = {
        name
        for document in DOCUMENTS.values()
        for text in [*code(document), *blocks(document, "sh")]
        for name in re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    }

    assert named - set(targets()) == set()
    # `make` alone is all of them.
    assert set(targets()) - named == {"all"}


def test_every_script_that_is_run_is_there() -> None:
    """A target that can't run is worse than none."""
    scripts = re.findall(r"scripts/[\w.]+", MAKEFILE + (ROOT / ".ci/run").read_text(encoding="utf-8"))

    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_the_rule_of_the_contributing_page_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what newcomers begin from, and it promises ten minutes."""
    (page,) = blocks(CONTRIBUTING, "markdown", "````")
    check = next(block for block in blocks(CONTRIBUTING, "python") if "def check" in block)
    chapter = "# Error handling\n\n## Name what you catch\n"
    write(tmp_path / "pack", {"pack.toml": 'name = "ten"\nchecks = "ten_minutes"\n'})
    write(tmp_path / "pack/error-handling", {"README.md": chapter, "bare-except.md": page})
    write(tmp_path / "ten_minutes/error_handling", {"__init__.py": "", "bare_except.py": check})
    write(tmp_path / "ten_minutes", {"__init__.py": ""})
    monkeypatch.syspath_prepend(tmp_path)

    rules = packs.load([tmp_path / "pack"]).rules

    assert [rule.name for rule in rules.rules] == ["bare-except"]
    assert list(example_failures(rules, rules.rules[0], "bare-except.md")) == []


def test_a_rule_speaks_instead_of_one_that_there_is(tmp_path: Path) -> None:
    """A misspelt name would let both speak, and two that replace each other would both be silent."""
    chapter = "# Migrations\n\n## Expand, then contract\n"
    page = (packs.BUILT_IN / "migrations/alembic-drop-column.md").read_text(encoding="utf-8")
    wrong = page.replace("severity:", "instead-of: alembic-drop-colum, alembic-drop-still-referenced\nseverity:", 1)
    write(tmp_path / "acme", {"pack.toml": 'name = "acme"\n'})
    write(tmp_path / "acme/migrations", {"README.md": chapter, "alembic-drop-column.md": wrong})

    with pytest.raises(packs.PackError) as caught:
        packs.load([packs.BUILT_IN, tmp_path / "acme"])

    of_the_page = [fault for fault in caught.value.faults if "/alembic-drop-column.md" in fault]
    assert [fault.partition(": ")[2] for fault in of_the_page] == [
        "it speaks instead of `alembic-drop-colum`, and there is no such rule",
        "it speaks instead of `alembic-drop-still-referenced`, which speaks instead of others itself",
    ]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_the_map_shows_every_part_of_the_package() -> None:
    """Who looks for a thing begins there."""
    parts = {
        path.relative_to(ROOT).as_posix() + ("/" if path.is_dir() else "")
        for path in (ROOT / "src/postil").iterdir()
        if not path.name.startswith(("__", "."))
    }
    shown = {each for each in code(section(ARCHITECTURE, "## The map")) if each.startswith("src/")}

    assert parts - {"src/postil/checks/", "src/postil/log.py"} == shown - {"src/postil/checks/<chapter>/<rule>.py"}


def test_every_error_of_the_architecture_page_exists_where_it_says() -> None:
    """And every one that GitHub's part raises is there, as each of them decides what happens next."""
    table = rows(section(ARCHITECTURE, "## Errors are named for what happens next"))
    named = [(code(row[0]).pop().partition("(")[0], code(row[1]).pop()) for row in table]
    found = {error: getattr(importlib.import_module(f"postil.{place}"), error, None) for error, place in named}
    raised = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}

    assert {
        name for name, kind in found.items() if not (inspect.isclass(kind) and issubclass(kind, Exception))
    } == set()
    assert raised <= set(found)


# What a reader needs


def test_every_chapter_of_the_guideline_stands_in_its_list() -> None:
    """The rules' own page is the way in."""
    listed = re.findall(r"\]\(([\w-]+)/README\.md\)", (ROOT / "rules/README.md").read_text(encoding="utf-8"))

    assert listed == [chapter.name for chapter in GUIDELINE.chapters]


def test_what_is_generated_is_fresh() -> None:
    """A section that says it has no rule, and has one, makes nobody look for it."""
    done = subprocess.run([sys.executable, ROOT / "scripts/generated.py"], check=False, capture_output=True, text=True)

    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("name", [*DOCUMENTS, "rules/README.md", "rules/coverage.md"])
def test_every_link_inside_the_repository_leads_somewhere(name: str) -> None:
    """Pictures and anchors included."""
    document = (ROOT / name).read_text(encoding="utf-8")
    prose = re.sub(r"^(`{3,}).*?^\1$", "", document, flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)|src(?:set)?=\"([^\"]+)\"", prose)
    dead = []
    for link in ("".join(each) for each in links):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            dead.append(link)

    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return {packs.slug(tokens[at + 1].content) for at, token in enumerate(tokens) if token.type == "heading_open"}


def test_documents_break_lines_at_sentences_only() -> None:
    """So that a change of a sentence is a change of a line."""
    broken = [
        f"{name}: {line}"
        for name, document in DOCUMENTS.items()
        for token in MarkdownIt().enable("table").parse(document)
        if token.type == "inline"
        for line in token.content.split("\n")[:-1]
        if not re.search(r"[.:?!…][*)]*$", line)
    ]

    assert broken == []


def test_nothing_tells_of_the_place_where_it_was_written() -> None:
    """A path or a host of somebody's machine means nothing to the reader."""
    private = re.compile(
        rf"{re.escape(str(ROOT))}/|(?<![\w.])/home/\w+/|://[\w.-]*(?:proxy|mirror|artifactory|nexus)[.:/]"
    )
    found = [f"{path}: {text}" for path, line in lines_of_everything() for text in private.findall(line)]

    assert found == []


def test_nothing_tells_of_how_it_was_made() -> None:
    """The reader wants to know what is so, and why."""
    makers = re.compile(r"(?i)\bissue #\d|\b(?:this|the|a) coding (?:session|agent)\b|\blanguage model\b|\bAI[- ]agent")
    found = [f"{path}: {line}" for path, line in lines_of_everything() if makers.search(line)]
    # Names such as session-per-call are no talk about the making.
    talk = re.compile(r"(?i)(?<![\w-])(?:sessions?|agents?|issue #)(?![\w-])")
    said = [name for name, text in DOCUMENTS.items() if talk.search(text)]

    assert (found, said) == ([], [])


def lines_of_everything() -> Iterator[tuple[str, str]]:
    """The lines of the documents, the sources, the tests and the guideline."""
    folders = ("src", "rules", "tests", "scripts", "docs", ".ci")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    kept = {".py", ".md", ".toml", ".html", ".css", ".sh", ".yml", ".yaml", ".graphql", ""}
    for path in [*files, *(ROOT / name for name in (*DOCUMENTS, "Makefile", "Dockerfile", "compose.yaml", "app.yml"))]:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in kept and "__pycache__" not in name and name != "tests/test_docs.py":
            for line in path.read_text(encoding="utf-8").splitlines():
                yield name, line


# What the tests say


def test_every_test_states_a_fact_and_gives_its_reason() -> None:
    """A name such as `test_parse_2` tells nobody what broke, and a test without a reason is deleted the first time."""
    nameless = [
        f"{path.name}: {function.name}"
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and function.name.startswith("test_")
        if not ast.get_docstring(function) or not re.fullmatch(r"test(?:_[a-z0-9]+){3,}", function.name)
    ]

    assert nameless == []


# How often the rules are right


def test_the_table_of_precision_has_each_rule_once_and_none_that_is_on_and_often_wrong() -> None:
    """A rule that is on without being asked for is right 19 times in 20, or the table says so before a user does."""
    table = (ROOT / "docs/precision.md").read_text(encoding="utf-8").partition("## Found, read, right")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    measured = {row[0].removesuffix(" °"): row for row in rows[2:]}
    rules = {rule.name: rule for rule in packs.load().rules.rules}

    assert sorted(row[0].removesuffix(" °") for row in rows[2:]) == sorted(rules)
    assert [name for name, row in measured.items() if row[0].endswith("°") is not rules[name].opt_in] == []
    assert [
        name
        for name, (_, _, read, right, *_) in measured.items()
        if right.isdigit() and not rules[name].opt_in and int(right) < 0.95 * int(read)
    ] == []
