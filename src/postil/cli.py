"""The command line: serve · check · review · rules · jobs · migrate · demo."""

import asyncio
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from postil import authoring, operate, packs
from postil.checking import Checker, CheckError, Typed, Work, agreed, write
from postil.files import patch_of
from postil.log import configure
from postil.report import junit, records, sarif, terminal, workflow
from postil.report.checked import Checked, printable
from postil.report.review import review_text
from postil.repository import GitError, LocalPull, local_pull
from postil.review.compose import counted
from postil.review.model import Conclusion, Occasion, Review
from postil.review.noise import MARKS
from postil.sandbox import Analyst, SandboxError
from postil.watching import watched

CLEAN, FOUND, FAILED = 0, 1, 2
MANY_FILES = 40
"""So many to look at take long enough to wonder how long."""

app = typer.Typer(
    name="postil",
    help="Reviews Python services against a written guideline: pull requests, folders, ranges of commits.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
pack_app = typer.Typer(help="Rules of your own: begin a pack, and run its pages.", no_args_is_help=True)
app.add_typer(pack_app, name="pack")


class Format(StrEnum):
    """How `check` prints."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"

    @property
    def is_for_people(self) -> bool:
        """Whether it is lines to read, and no document for a program."""
        return self in (Format.TEXT, Format.CONCISE)


class ReviewFormat(StrEnum):
    """How `review` prints."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"


class DoctorFormat(StrEnum):
    """How `doctor` prints."""

    TEXT = "text"
    JSON = "json"


class Colour(StrEnum):
    """When text has colours: `auto` asks the terminal, and the variables NO_COLOR and FORCE_COLOR."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def _rule_names(incomplete: str) -> list[str]:
    """For a shell's completion: the built-in rules that begin so; in a list with commas, for its last part."""
    listed, comma, start = incomplete.rpartition(",")
    names = sorted(page.stem for page in packs.BUILT_IN.glob("*/*.md") if page.name != "README.md")
    return [f"{listed}{comma}{name}" for name in names if name.startswith(start)]


PacksOption = Annotated[
    list[Path] | None, typer.Option("--packs", help="A folder with rules of your own, on top of the built-in ones.")
]


def _fail(message: str) -> NoReturn:
    typer.echo(f"postil: {message}", err=True)
    raise typer.Exit(FAILED)


def _guideline(folders: list[Path] | None) -> packs.Guideline:
    try:
        return packs.load(_folders(folders))
    except packs.PackError as error:
        _fail(f"the rules can't be loaded:\n{error}")


def _folders(folders: list[Path] | None) -> tuple[Path, ...]:
    return packs.over_built_in(folders or ())


app.command()(operate.jobs)
app.command()(operate.migrate)


@app.callback(invoke_without_command=True)
def main(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Reviews Python services against a written guideline."""
    configure("error")
    if show_version:
        typer.echo(f"postil {version('postil')}")
        raise typer.Exit(CLEAN)


@app.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; the current folder by default.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only these rules (repeat, or separate by commas).", autocompletion=_rule_names),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Not these rules.", autocompletion=_rule_names)] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write the proved fixes to the files.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what --fix would write, and write nothing.")] = False,
    config: Annotated[Path | None, typer.Option(help="A postil.toml, instead of the project's own.")] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count by rule, instead of listing.")] = False,
    show_allowed: Annotated[bool, typer.Option("--show-allowed", help="Name what allowances silence, too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print findings and problems, and no sums.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say on standard error what was done.")] = False,
    colour: Annotated[Colour, typer.Option("--color", help="Whether text has colours.")] = Colour.AUTO,
    force_exclude: Annotated[
        bool, typer.Option("--force-exclude", help="Leave out generated and vendored files even if they are named.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever something has changed.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Look at every file anew, and keep nothing.")] = False,
    folders: PacksOption = None,
) -> None:
    """Lint files or folders. Exits 0 when clean, 1 with findings at or over the threshold, 2 when it can't run.

    With --diff, 0 when there is nothing to fix, and 1 with a diff.
    """
    if diff and output is not Format.TEXT:
        _fail("--diff prints a diff, and --format is about findings; give one of them")
    if statistics and not output.is_for_people:
        _fail(f"--statistics prints a table, and --format {output} is for programs; give one of them")
    if watch and (diff or not output.is_for_people):
        _fail("--watch prints findings again and again, for people; leave away --diff and formats for programs")
    typed = Typed(tuple(paths or ()), not force_exclude, config, _names(select), _names(ignore))
    guideline = _guideline(folders)
    manner = _Manner(output, guideline, terminal.Paint(_is_coloured(colour)), statistics, show_allowed, quiet, verbose)

    async def run() -> int:
        async with Checker(typed, guideline, _folders(folders), keeps=not no_cache, fixes=fix or diff) as checker:
            if watch:
                await _watch(checker, typed, manner)
            works = checker.works()
            checked, details = await _check(checker, works, manner)
            if diff:
                _print_patches(works)
                typer.echo("\n".join(terminal.beside_a_diff(checked)), err=True)
                return FOUND if any(work.tree.fixed for work in works) else CLEAN
            write(works)
            manner.print(works, checked, details)
            return FOUND if any(map(checked.fails, checked.findings)) else CLEAN

    try:
        code = asyncio.run(run())
    except (CheckError, SandboxError) as error:
        _fail(str(error))
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How `check` says what it found."""

    output: Format
    guideline: packs.Guideline
    paint: terminal.Paint
    statistics: bool
    show_allowed: bool
    quiet: bool
    verbose: bool

    def print(self, works: Sequence[Work], checked: Checked, details: Iterable[str]) -> None:
        """Print the findings, and what belongs to them in the format; `details` beside it, where they are wanted."""
        if self.output.is_for_people:
            self._print_for_people(works, checked)
        else:
            typer.echo(_for_programs(self.output, checked, self.guideline, show_allowed=self.show_allowed))
        if self.verbose:
            typer.echo("\n".join(details), err=True)

    def _print_for_people(self, works: Sequence[Work], checked: Checked) -> None:
        if self.statistics:
            said = terminal.statistics(checked, self.guideline, self.paint)
        elif self.output is Format.CONCISE:
            said = terminal.concise(checked, self.paint)
        else:
            sources = {work.tree.shown[each.path]: each.head or "" for work in works for each in work.tree.changes}
            said = terminal.full(checked, self.guideline, sources, self.paint)
        self.echo(
            *said,
            *terminal.problems(checked, self.paint),
            *(terminal.allowed(checked, self.paint) if self.show_allowed else ()),
            *(() if self.quiet else terminal.summary(checked, self.paint)),
        )

    def echo(self, *lines: str) -> None:
        """Print lines with their colours, which `typer.echo` takes away where it doesn't expect them."""
        typer.echo("".join(f"{line}\n" for line in lines), nl=False, color=self.paint.colour)


async def _check(checker: Checker, works: Sequence[Work], manner: _Manner) -> tuple[Checked, list[str]]:
    """What is found, and what was done. Meanwhile a person at a terminal sees how far it has come."""
    began, known = time.monotonic(), checker.cache.hits
    console = Console(stderr=True)
    # rich takes FORCE_COLOR for a terminal.
    shown = sys.stderr.isatty() and console.is_interactive and not manner.quiet
    bar = Progress(BarColumn(), MofNCompleteColumn(), TextColumn("files"), console=console, transient=True)
    task = bar.add_task("")

    def tell(begun: int, of: int) -> None:
        if of >= MANY_FILES:
            bar.start()
            bar.update(task, completed=begun, total=of)

    try:
        checked = await checker.check(works, tell if shown else lambda begun, of: None)
    finally:
        if shown:
            bar.stop()
    return checked, list(terminal.details(checked, time.monotonic() - began, checker.cache.hits - known))


async def _watch(checker: Checker, typed: Typed, manner: _Manner) -> NoReturn:
    """Check again whenever that may find something else, until the command is interrupted.

    What is wrong at the beginning ends it; what becomes wrong later is said, and waited for.
    """
    seen: list[Work] | str = []
    while True:
        try:
            seen = await _round(checker, typed, manner, seen)
        except FileNotFoundError as error:
            raise CheckError("the folder in which this runs is gone") from error


async def _round(checker: Checker, typed: Typed, manner: _Manner, seen: list[Work] | str) -> list[Work] | str:
    """Check what isn't as it was `seen`, and wait for a change; gives what was seen now, or what was wrong."""
    async with watched(typed.paths or [Path()], filter(None, [typed.config])) as changed:
        now: list[Work] | str
        try:
            now = checker.works()
            if now != seen:
                checked, details = await _check(checker, now, manner)
                write(now)
                _clear()
                manner.print(now, checked, details)
                manner.echo(terminal.watching(datetime.now().astimezone(), checked, manner.paint))
        except CheckError as error:
            if not seen:
                raise
            now = str(error)
            if now != seen:
                _clear()
                typer.echo(f"postil: {error}", err=True)
        try:
            await changed()
        except OSError as error:
            raise CheckError(f"the system watches no more folders: {error}") from error
    return now


def _clear() -> None:
    if sys.stdout.isatty():
        typer.echo("\x1b[2J\x1b[H", nl=False)


def _for_programs(output: Format, checked: Checked, guideline: packs.Guideline, *, show_allowed: bool) -> str:
    match output:
        case Format.SARIF:
            return sarif.of_check(checked, guideline, guideline.on_disk(), version("postil"), allowed=show_allowed)
        case Format.GITHUB:
            return workflow.of_check(checked)
        case Format.JUNIT:
            return junit.of_check(checked)
    return records.of_check(checked, guideline, guideline.on_disk())


def _is_coloured(colour: Colour) -> bool:
    """Whether to write colours. What terminals and the environment say about it is rich's to know."""
    if colour is not Colour.AUTO:
        return colour is Colour.ALWAYS
    console = Console()
    return console.is_terminal and console.color_system is not None and not console.no_color


def _names(values: list[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def _print_patches(works: Sequence[Work]) -> None:
    """Print what `write` would do: into a pipe each byte as it is, on a terminal nothing that drives it."""
    for work in works:
        for path, text, shown in work.tree.fixed_files():
            try:
                patch = patch_of(path, text, shown)
            except (OSError, UnicodeEncodeError) as error:
                _fail(f"{shown} can't be fixed: {error}")
            if sys.stdout.isatty():
                lines = patch.decode("utf-8", "replace").removesuffix("\n").split("\n")
                typer.echo("\n".join(printable(line.removesuffix("\r")) for line in lines))
            else:
                typer.echo(patch, nl=False)


@app.command()
def review(
    revisions: Annotated[
        str | None, typer.Argument(metavar="[BASE..HEAD]", help="What the pull request would hold.")
    ] = None,
    repo: Annotated[Path, typer.Option(help="The local repository.")] = Path(),
    pr: Annotated[
        str | None,
        typer.Option(metavar="OWNER/REPO#N", help="A pull request on GitHub instead, or its page's address."),
    ] = None,
    post: Annotated[bool, typer.Option("--post", help="Post the review, as far as the token may.")] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="Holds the token; else POSTIL_TOKEN or GITHUB_TOKEN does.")
    ] = None,
    api_url: Annotated[str | None, typer.Option(help="The API of another GitHub than github.com.")] = None,
    guide_url: Annotated[str | None, typer.Option(help="The guideline's folder in a repository, to link to.")] = None,
    output: Annotated[ReviewFormat, typer.Option("--format", help="How to print.")] = ReviewFormat.TEXT,
    folders: PacksOption = None,
) -> None:
    """Print what the App would post on a range of commits, or on a pull request. Exits as `check` does."""
    if (revisions is None) == (pr is None):
        _fail("give one of the two: BASE..HEAD, or --pr OWNER/REPO#N")
    about_pulls = {"--post": post, "--token-file": token_file, "--api-url": api_url}
    if pr is None and (given := [name for name, value in about_pulls.items() if value]):
        _fail(f"{given[0]} is about a pull request; name it by --pr OWNER/REPO#N")
    if pr is not None and output in (ReviewFormat.SARIF, ReviewFormat.JUNIT):
        _fail(f"--format {output} is about findings, of which --pr posts a part; review its commits by BASE..HEAD")
    guideline = _guideline(folders)
    if pr is not None:
        posted = _visit(pr, guideline, folders, (token_file, api_url, guide_url), post=post)
    else:
        from postil.settings import SettingsError, given_guide  # noqa: PLC0415 - as in `serve`

        try:
            address = given_guide(guide_url)
            pull = local_pull(repo, revisions or "")
            posted, found = asyncio.run(_review(pull, guideline, folders, address))
        except (SettingsError, GitError, CheckError, SandboxError) as error:
            _fail(str(error))
    match output:
        case ReviewFormat.JSON:
            said = records.of_review(posted)
        case ReviewFormat.GITHUB:
            said = workflow.of_review(posted)
        case ReviewFormat.TEXT:
            said = review_text(posted)
        case ReviewFormat.SARIF | ReviewFormat.JUNIT:
            said = _for_programs(Format(output), found, guideline, show_allowed=False)
    typer.echo(said)
    raise typer.Exit(FOUND if posted.check.conclusion is Conclusion.FAILURE else CLEAN)


def _visit(
    name: str,
    guideline: packs.Guideline,
    folders: list[Path] | None,
    given: tuple[Path | None, str | None, str | None],
    *,
    post: bool,
) -> Review:
    """Review a pull request with a token; `given` are its file, and the addresses of the API and of the guideline."""
    from postil import by_token  # noqa: PLC0415 - as in `serve`
    from postil.settings import Given, SettingsError  # noqa: PLC0415 - as above

    try:
        settings = Given.load(*given)
        pull = by_token.pull_named(name, settings.site.web_url)
        visited = asyncio.run(
            by_token.visit(
                pull,
                guideline,
                _folders(folders),
                token=settings.token,
                site=settings.site,
                guide_url=settings.guide_url,
                post=post,
            )
        )
    except (SettingsError, by_token.PullNameError) as error:
        _fail(str(error))
    for refused in visited.refused:
        typer.echo(f"postil: {refused}", err=True)
    if visited.review is None:
        _fail(f"{name} was not reviewed: {visited.why}")
    return visited.review


async def _review(
    pull: LocalPull, guideline: packs.Guideline, folders: list[Path] | None, guide_url: str
) -> tuple[Review, Checked]:
    """What the App would post on a range of commits, and all that it goes by."""
    chosen, decided = agreed(pull.config.texts, guideline, unread=pull.config.unread)
    async with Analyst(_folders(folders)) as analyst:
        changes, skipped = decided.sifted(pull.changes)
        analysis = await analyst.analyse(changes, pull.project, pull.base_project, decided.choice)
        settled = decided.settled(analysis, pull.problems, skipped)
        preview = None
        if pull.proposed is not None:
            texts = {**pull.proposed.texts, MARKS: pull.config.texts.get(MARKS, "")}
            _, proposed = agreed(texts, guideline, unread=pull.proposed.unread)
            if not decided.is_like(proposed):
                trials = [
                    await analyst.analyse(some, pull.project, pull.base_project, choice)
                    for some, choice in decided.trials(proposed, pull.changes)
                ]
                preview = decided.preview(proposed, settled, trials)
    occasion = Occasion(
        head_sha=pull.head_sha,
        run="local",
        words=chosen.words(packs.Links(guide_url, repository=True) if guide_url else chosen.on_disk()),
        guideline=chosen.version,
        config=pull.config_at,
        preview=preview,
    )
    return decided.review(settled, pull.files, occasion), Checked.of(settled, pull.config_at, decided.threshold)


@app.command()
def rules(
    name: Annotated[str | None, typer.Argument(help="A rule, to print its page.", autocompletion=_rule_names)] = None,
    folders: PacksOption = None,
    figures: Annotated[bool, typer.Option("--figures", help="What became of their comments in the service.")] = False,
    restore: Annotated[
        str | None, typer.Option(metavar="RULE", help="Bring one back in the service that stepped back.")
    ] = None,
    repository: Annotated[
        str | None, typer.Option(metavar="OWNER/REPO", help="Only there; with --figures or --restore.")
    ] = None,
    form: Annotated[
        operate.ListFormat, typer.Option("--format", help="How to print the list, or the figures.")
    ] = operate.ListFormat.TEXT,
) -> None:
    """List the rules, print the page of one, or tell what became of their comments in the service."""
    if repository is not None and not figures and restore is None:
        _fail("--repository is about what became of comments; give --figures or --restore RULE with it")
    if restore is not None:
        operate.restore(restore, repository)
    if figures:
        operate.figures(repository, form, name)
    if figures or restore is not None:
        return
    guideline = _guideline(folders)
    if form is operate.ListFormat.JSON:
        if name is not None:
            _fail("a page is Markdown; leave --format away, or the name, to list all rules")
        typer.echo(records.of_rules(guideline, guideline.on_disk()))
        return
    if name is None:
        for chapter in guideline.chapters:
            if chapter.rules:
                typer.echo(f"{chapter.title}")
            for rule_name in chapter.rules:
                rule = guideline.rules.by_name[rule_name]
                notes = [*(f"also {alias}" for alias in rule.page.aliases), *(["opt-in"] if rule.opt_in else [])]
                extra = f" ({', '.join(notes)})" if notes else ""
                typer.echo(f"  {rule.name:<36} {rule.severity:<8} {rule.title}{extra}")
        return
    rule = guideline.rule(name)
    if rule is None:
        near = get_close_matches(name, [*guideline.rules.by_name, *guideline.aliases], 3)
        _fail(f"there is no rule `{name}`" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    typer.echo(f"{rule.name} · {rule.severity} · {rule.chapter_title}: {rule.section_title}\n")
    typer.echo(rule.page.markdown)


@app.command("new-rule")
def new_rule(
    chapter: Annotated[str, typer.Argument(help="The chapter that it belongs to.")],
    name: Annotated[str, typer.Argument(help="The pattern in kebab-case, so that “allow …” reads well.")],
    pack: Annotated[Path, typer.Option(help="The folder of the pack.")] = Path(),
) -> None:
    """Write the two files of a rule, its page and its check, which work as they are."""
    try:
        made = authoring.new_rule(pack, chapter, name)
    except authoring.AuthoringError as error:
        _fail(str(error))
    except packs.PackError as error:
        _fail(f"the pack is wrong as it stands:\n{error}")
    typer.echo(f"{made.page}\n{made.check}\nThe sections of this chapter: {', '.join(made.sections)}")
    typer.echo(f"Test it: postil pack check {shlex.quote(str(pack))}")


@pack_app.command("init")
def pack_init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")]) -> None:
    """Write a pack that works as it is: pages, a check, a test, and how to use it."""
    try:
        made = authoring.new_pack(folder)
    except authoring.AuthoringError as error:
        _fail(str(error))
    typer.echo("\n".join(str(path) for path in made))
    typer.echo(f"Test it: postil pack check {shlex.quote(str(folder))}")


@pack_app.command("check")
def pack_check(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR …]", help="Packs; the current folder by default.")
    ] = None,
) -> None:
    """Load packs, and run every example on their pages. Exits 0 when all is as they say, and 1 with faults."""
    done = authoring.examine(folders or [Path()])
    for fault in done.faults:
        typer.echo(fault)
    sums = counted(done.rules, "page"), counted(done.examples, "example"), counted(len(done.faults), "fault")
    typer.echo(", ".join(sums), err=bool(done.faults))
    raise typer.Exit(FOUND if done.faults else CLEAN)


@app.command()
def serve() -> None:
    """Run the service; without credentials it shows how to get them."""
    from postil import app as service  # noqa: PLC0415 - the engine and the web stack take a second to load
    from postil.jobs import UnusableDatabaseError  # noqa: PLC0415 - as above
    from postil.settings import Settings, SettingsError  # noqa: PLC0415 - as above

    try:
        service.serve(Settings.load())
    except (SettingsError, UnusableDatabaseError, packs.PackError) as error:
        _fail(str(error))


@app.command()
def doctor(
    output: Annotated[DoctorFormat, typer.Option("--format", help="How to print.")] = DoctorFormat.TEXT,
) -> None:
    """Say what is wrong with an installation, and the cure. Exits 1 when something keeps reviews from happening."""
    from postil import doctor as examination  # noqa: PLC0415 - as in `serve`
    from postil.settings import Settings, SettingsError  # noqa: PLC0415 - as in `serve`

    try:
        found = asyncio.run(examination.examine(Settings.load()))
    except SettingsError as error:
        found = examination.of_settings(error)
    typer.echo(examination.as_json(found) if output is DoctorFormat.JSON else examination.text(found))
    raise typer.Exit(FOUND if examination.is_broken(found) else CLEAN)


@app.command()
def demo(
    revisions: Annotated[str | None, typer.Argument(metavar="[BASE..HEAD]", help="A range of --repo.")] = None,
    repo: Annotated[Path | None, typer.Option(help="A local repository, instead of the sample service.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the review and stop.")] = False,
) -> None:
    """Run the whole service on loopback against a stand-in for GitHub, and show the review."""
    from postil.demo import play  # noqa: PLC0415 - as in `serve`

    if (repo is None) != (revisions is None):
        _fail("give both: postil demo --repo DIR BASE..HEAD")
    try:
        play.run(repo, revisions, stay=not once and sys.stdout.isatty())
    except (GitError, play.DemoError) as error:
        _fail(str(error))


if __name__ == "__main__":
    app()
