"""The operator's commands: what failed in the service and what is to become of it, and the way to PostgreSQL.

`jobs` reads the database of the settings, beside a service that runs or that doesn't; `migrate` needs one that doesn't.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from postil import packs, stored
from postil.report.checked import printable
from postil.review.standing import shown

if TYPE_CHECKING:
    from postil.jobs import DeadJob, Jobs, LiveJob, Moved
    from postil.review.figures import Line

T = TypeVar("T")

FAILED = 2


class Action(StrEnum):
    """What `jobs` does."""

    LIST = "list"
    RETRY = "retry"
    DISMISS = "dismiss"


class ListFormat(StrEnum):
    """How `jobs` prints."""

    TEXT = "text"
    JSON = "json"


def jobs(
    action: Annotated[Action, typer.Argument(help="List them, run failed ones again, or dismiss them.")] = Action.LIST,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Failed runs, as listed.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed runs.")] = False,
    form: Annotated[ListFormat, typer.Option("--format", help="How to list.")] = ListFormat.TEXT,
) -> None:
    """Reviews that failed, wait or are under way in the service: list them, run them again, dismiss them."""
    match action:
        case Action.LIST:
            _list(form)
        case Action.RETRY:
            _each(ids, every, lambda queue: queue.retry, "is run again")
        case Action.DISMISS:
            _each(ids, every, lambda queue: queue.dismiss, "is dismissed")


def figures(repository: str | None, form: ListFormat, rule: str | None = None) -> None:
    """Print what became of the comments of each rule, or of one, in one repository or everywhere."""
    aliases = _guideline().aliases

    async def read(queue: "Jobs") -> Sequence["Line"]:
        return await queue.rules(aliases, await _repository(queue, repository))

    found = _with_queue(read)
    if rule is not None:
        found = [line for line in found if line.rule == aliases.get(rule, rule)]
        if not found:
            _fail(f"no rule {printable(rule)} said anything here, or stepped back")
    if form is ListFormat.JSON:
        typer.echo(json.dumps([_figured(line) for line in found], indent=2))
        return
    columns = ("said", "fixed", "refused", "allowed", "open", "left", "liked")
    width = max((len(line.rule) for line in found), default=4)
    typer.echo(f"{'rule':<{width}}" + "".join(f"{name:>9}" for name in columns) + "  not wanted")
    for line in found:
        counts = "".join(f"{getattr(line.figures, name):>9}" for name in columns)
        typer.echo(f"{printable(line.rule):<{width}}{counts}  {shown(line.figures)}")
        for step in line.steps:
            where = printable(step.where) or str(step.of)
            everywhere = ", all repositories" if step.scope == "account" else ""
            typer.echo(f"    {step.standing} in {where}{everywhere}, since {_time(step.at)}")


def restore(rule: str, repository: str | None) -> None:
    """Bring a rule back that stepped back, in one repository or everywhere; it is judged anew from now on."""
    names = _guideline().names_of(rule)

    async def act(queue: "Jobs") -> int | None:
        return await queue.restore(names, await _repository(queue, repository))

    undone = _with_queue(act)
    if undone is None:
        _fail(f"no rule {printable(rule)} said anything here, or stepped back")
    where = f"in {printable(repository)}" if repository else "everywhere"
    typer.echo(f"{names[0]} is judged anew {where}; {undone} {'step is' if undone == 1 else 'steps are'} undone.")


async def _repository(queue: "Jobs", name: str | None) -> int | None:
    """The id of the repository that is called so; None where none is named."""
    if name is None:
        return None
    owner, _, rest = name.partition("/")
    found = await queue.repository_named(owner, rest)
    if found is None:
        _fail(f"no pull request of {printable(name)} is known here")
    return found


def _guideline() -> packs.Guideline:
    """The guideline with the packs of the settings, which know former names of rules."""
    from postil.settings import Settings, SettingsError  # noqa: PLC0415 - slow

    try:
        return packs.load(packs.over_built_in(Settings.load().packs))
    except (SettingsError, packs.PackError) as error:
        _fail(str(error))


def _figured(line: "Line") -> dict[str, object]:
    """A rule's figures and steps for JSON."""
    of = line.figures
    return {
        "rule": line.rule,
        "said": of.said,
        **asdict(of),
        "rate": of.rate,
        "interval": of.interval,
        "steps": [
            {"scope": step.scope, "of": step.of, "where": step.where, "standing": step.standing, "at": _time(step.at)}
            for step in line.steps
        ],
    }


def migrate(
    source: Annotated[
        str | None, typer.Option("--from", metavar="sqlite:///PATH", help="The SQLite file; else POSTIL_DATABASE_URL.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="postgresql://…",
            help="The empty database; else POSTIL_DATABASE_URL, or the file that POSTIL_DATABASE_URL_FILE names.",
        ),
    ] = None,
) -> None:
    """Move the service's database from SQLite to PostgreSQL, while the service is stopped: all of it, or nothing."""
    from postil.jobs import (  # noqa: PLC0415 - slow
        AlreadyRunningError,
        NewerDatabaseError,
        UnavailableError,
        UnusableDatabaseError,
        check_way,
        database_url,
        examine_database,
    )
    from postil.settings import Settings, SettingsError  # noqa: PLC0415 - as above

    try:
        settings = Settings.load()
        own = settings.database_url.get_secret_value()
        if settings.is_shared:
            target = target or own
        else:
            source = source or own
        if source is None:
            _fail("give the SQLite file by --from: the database of the settings is the target")
        if target is None:
            _fail("give the target by --to, or in POSTIL_DATABASE_URL and the SQLite file by --from")
        check_way(source, target)
        examine_database(target)
        moved = asyncio.run(_move(source, target))
        file = Path(str(database_url(source).database))
        shown = database_url(target).set(drivername="postgresql").render_as_string()
    except AlreadyRunningError as error:
        _fail(f"{error} Stop the service first.")
    except (SettingsError, NewerDatabaseError, UnavailableError, UnusableDatabaseError) as error:
        _fail(str(error))
    typer.echo(f"{file} was moved to {shown} before." if moved.before else f"{file} is moved to {shown}.")
    for name, count in moved.rows.items():
        typer.echo(f"    {name:<13}{count:>8}")
    typer.echo(f"{moved.waiting} runs wait there." if moved.waiting != 1 else "1 run waits there.")
    typer.echo("Set POSTIL_DATABASE_URL to it, and start the service. The file is no more used; keep it as a backup.")
    if (file.parent / stored.FILE).exists():
        typer.echo(f"The App's credentials stay in {stored.FILE} beside it: set POSTIL_DATA_FOLDER to {file.parent}.")


async def _move(source: str, target: str) -> "Moved":
    from postil.jobs import Jobs  # noqa: PLC0415 - slow

    queue = Jobs(target)
    try:
        await queue.open()
        return await queue.take_in(source)
    finally:
        await queue.stop()


def _list(form: ListFormat) -> None:
    async def read(queue: "Jobs") -> tuple[Sequence["DeadJob"], Sequence["LiveJob"]]:
        return await queue.dead(), await queue.live()

    dead, live = _with_queue(read)
    groups = {
        "failed": dead,
        "running": [job for job in live if job.running],
        "waiting": [job for job in live if not job.running],
    }
    if form is ListFormat.JSON:
        typer.echo(json.dumps({name: [_record(job) for job in group] for name, group in groups.items()}, indent=2))
        return
    typer.echo(", ".join(f"{len(group)} {name}" for name, group in groups.items()))
    for name, group in groups.items():
        for job in group:
            typer.echo(f"\n{printable(job.id)}  {name} since {_time(job.since)}, tries: {job.tries}")
            if job.why:
                typer.echo(f"    {printable(job.why)}")
            typer.echo(f"    {job.next_step}")


def _each(
    ids: list[str] | None, every: bool, action: Callable[["Jobs"], Callable[[str], Awaitable[bool]]], done: str
) -> None:
    if every == bool(ids):
        _fail("give the ids of failed runs, or --all")

    async def act(queue: "Jobs") -> dict[str, bool]:
        wanted = [job.id for job in await queue.dead()] if every else ids or []
        return {each: await action(queue)(each) for each in wanted}

    results = _with_queue(act)
    for each, found in results.items():
        typer.echo(f"{printable(each)} {done if found else 'is no failed run'}", err=not found)
    if not all(results.values()):
        raise typer.Exit(FAILED)


def _with_queue(action: Callable[["Jobs"], Awaitable[T]]) -> T:
    from postil.jobs import (  # noqa: PLC0415 - slow
        AlreadyRunningError,
        Jobs,
        NewerDatabaseError,
        UnavailableError,
        UnusableDatabaseError,
    )
    from postil.settings import Settings, SettingsError  # noqa: PLC0415 - as above

    async def run(url: str) -> T:
        queue = Jobs(url)
        try:
            await queue.open(as_it_is=True)
            return await action(queue)
        finally:
            await queue.stop()

    try:
        return asyncio.run(run(Settings.load().database_url.get_secret_value()))
    except (SettingsError, AlreadyRunningError, NewerDatabaseError, UnavailableError, UnusableDatabaseError) as error:
        _fail(str(error))


def _record(job: "DeadJob | LiveJob") -> dict[str, object]:
    return {
        "id": job.id,
        "pull": job.pull.key,
        "why": job.why,
        "tries": job.tries,
        "since": _time(job.since),
        "next": job.next_step,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _fail(message: str) -> NoReturn:
    typer.echo(f"postil: {message}", err=True)
    raise typer.Exit(FAILED)
