"""`postil doctor`: what is wrong with an installation, each finding with its cure.

It looks from where the service runs, asks GitHub as the App, and changes nothing.
"""

import json
import os
import shutil
import stat
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from postil import packs, stored
from postil.github import GitHub
from postil.github.errors import GiveUp, Moot, TryAgain
from postil.github.model import App, Attempt
from postil.github.registration import Answered, reach
from postil.jobs import NewerDatabaseError, UnavailableError, UnusableDatabaseError, examine_database
from postil.manifest import WEBHOOK_PATH, Need, suffices, wants
from postil.sandbox import Analyst, SandboxError
from postil.settings import PREFIX, Credentials, Settings, SettingsError
from postil.site import THIS_MACHINE, is_hidden

WIDTH = 100
"""Columns of the text."""
MOST_SKEW = 30.0
"""Seconds between GitHub's clock and ours; a proof of who we are is dated a minute back, and lasts nine."""
LEAST_FREE = 500_000_000
"""Bytes; a large pull request is fetched to disk."""
OLDEST_SERVER = (3, 14)
"""The oldest Enterprise Server for which the answers of the API were compared with those of github.com."""
ANSWERS = {
    0: (
        "nobody answers there",
        "Let GitHub reach that address: look at DNS, the certificate, the proxy and the firewall.",
    ),
    401: (
        "the signature is refused",
        f"Set the same secret on the App's page and in {PREFIX}GITHUB_WEBHOOK_SECRET: theirs and ours differ.",
    ),
    404: (
        "the path isn't found",
        f"Something else answers at this address, or a proxy changes the path; {WEBHOOK_PATH} must arrive as it is.",
    ),
    413: ("the body is too large for a proxy", "Let the proxy take 25 MB (nginx: client_max_body_size 25m)."),
    503: (
        "the service can't store deliveries",
        "Look after the database; if it is well here, the service that answers isn't set up.",
    ),
}


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is about, how bad, what was seen, and the cure ("" where it is good)."""

    about: str
    level: Level
    said: str
    cure: str = ""


async def _tried_fences(folders: tuple[Path, ...]) -> dict[str, str]:
    """What keeps an analysing process from what, tried in one. Raises SandboxError."""
    async with Analyst(folders) as analyst:
        return await analyst.fences()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as it is.

    `now` gives the seconds since 1970, `free` the free bytes of a folder's disk, `load` the guideline of these packs,
    `fences` what keeps an analysing process with them from what; `transport` carries the requests to GitHub (None for
    the network).
    """

    now: Callable[[], float] = time.time
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    load: Callable[[tuple[Path, ...]], packs.Guideline] = packs.load
    fences: Callable[[tuple[Path, ...]], Awaitable[dict[str, str]]] = _tried_fences
    transport: httpx.AsyncBaseTransport | None = None


def good(about: str, said: str) -> Finding:
    """What is as it should be."""
    return Finding(about, Level.GOOD, said)


def warning(about: str, said: str, cure: str) -> Finding:
    """What may become a problem, or is one for somebody."""
    return Finding(about, Level.WARNING, said, cure)


def broken(about: str, said: str, cure: str) -> Finding:
    """What keeps reviews from happening."""
    return Finding(about, Level.BROKEN, said, cure)


def of_settings(error: SettingsError) -> list[Finding]:
    """The faults of settings with which nothing starts, as findings."""
    return [broken("settings", f"{fault.name} {fault.wrong}.", fault.cure) for fault in error.faults]


async def examine(settings: Settings, around: Surroundings | None = None) -> list[Finding]:
    """Look at everything, and tell what was found, in the order in which one would look."""
    around = around or Surroundings()
    found = [*_file(settings), *_disk(settings, around), *_database(settings), *_address(settings)]
    found += _guideline(settings, around)
    found += [each async for each in _fences(settings, around)]
    found += [each async for each in _github(settings, around)]
    return found


def text(found: Sequence[Finding]) -> str:
    """The findings for people."""
    lines = []
    for each in found:
        begin, below = f"{each.level:<8} {each.about:<12} ", " " * 22
        lines.append(textwrap.fill(each.said, WIDTH, initial_indent=begin, subsequent_indent=below))
        if each.cure:
            lines.append(textwrap.fill(each.cure, WIDTH, initial_indent=f"{below}→ ", subsequent_indent=f"{below}  "))
    count = sum(each.level is Level.BROKEN for each in found)
    lines.append("")
    lines.append("Nothing is broken." if not count else f"{count} broken." if count > 1 else "One thing is broken.")
    return "\n".join(lines)


def as_json(found: Sequence[Finding]) -> str:
    """The findings for programs."""
    return json.dumps({"broken": is_broken(found), "findings": [asdict(each) for each in found]}, indent=2)


def is_broken(found: Sequence[Finding]) -> bool:
    """Whether something keeps reviews from happening."""
    return any(each.level is Level.BROKEN for each in found)


# On this machine


def _file(settings: Settings) -> Iterator[Finding]:
    file = settings.folder / stored.FILE
    if file.exists():
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            yield broken("credentials", f"{file} can be read by others (mode {mode:04o}).", f"chmod 600 {file}")
        else:
            yield good("credentials", f"{file} is for this user only.")
    if settings.overruled:
        names = ", ".join(PREFIX + name.upper() for name in settings.overruled)
        yield warning(
            "credentials",
            f"The environment overrules {file}: {names}.",
            "Take the variables out of the environment, or move the file away, so that one of them is the truth.",
        )


def _disk(settings: Settings, around: Surroundings) -> Iterator[Finding]:
    folder = next((each for each in (settings.folder, *settings.folder.parents) if each.is_dir()), Path())
    folder = folder.absolute()
    if not os.access(folder, os.W_OK):
        yield broken("disk", f"{folder} isn't writable for this user.", f"Give the folder to user {os.getuid()}.")
        return
    if folder.stat().st_mode & stat.S_IWOTH and not folder.stat().st_mode & stat.S_ISVTX:
        yield warning("disk", f"Everybody may write to {folder}.", f"chmod o-w {folder}")
    free = around.free(folder)
    if free < LEAST_FREE:
        yield broken("disk", f"{free / 1e6:.0f} MB are free at {folder}.", f"Free {LEAST_FREE / 1e6:.0f} MB at least.")
    else:
        yield good("disk", f"{free / 1e9:.0f} GB are free at {folder}.")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        revision = examine_database(settings.database_url.get_secret_value())
    except (UnavailableError, UnusableDatabaseError) as error:
        cure = f"Look at the server, its address in {PREFIX}DATABASE_URL, and what this user may do there."
        yield broken("database", f"It can't be worked with: {error}", cure)
    except NewerDatabaseError as error:
        yield broken("database", str(error), "Start the newer version.")
    else:
        yield good("database", f"It is at revision {revision}." if revision else "It is made at the first start.")


def _address(settings: Settings) -> Iterator[Finding]:
    url = settings.public_url
    if url is None:
        return
    if urlsplit(url).hostname in THIS_MACHINE:
        cure = f"Set {PREFIX}PUBLIC_URL to the name that others know, with https://, and the App's webhook to it."
        yield broken("address", f"{url} is this machine's own name for itself: GitHub can't send there.", cure)
    elif is_hidden(url) and not settings.site.is_server:
        cure = "Give the service a name that the Internet knows, or let a tunnel or a proxy lead to it."
        yield warning("address", f"{url} is an address of a private network.", cure)
    else:
        yield good("address", f"{url} is used in links and for deliveries.")


def _guideline(settings: Settings, around: Surroundings) -> Iterator[Finding]:
    try:
        guideline = around.load((packs.BUILT_IN, *settings.packs))
    except packs.PackError as error:
        for fault in error.faults:
            yield broken(
                "packs", fault, f"Mend the pack, or take it out of {PREFIX}PACKS; `postil rules` tells the same."
            )
    else:
        yield good("packs", f"{len(guideline.rules.rules)} rules, guideline {guideline.version}.")


async def _fences(settings: Settings, around: Surroundings) -> AsyncIterator[Finding]:
    try:
        fences = await around.fences((packs.BUILT_IN, *settings.packs))
    except SandboxError as error:
        yield broken("fences", f"No analysing process can be started: {error}.", "Look at memory and at the packs.")
        return
    lacking = [what for what in ("network", "processes") if not fences.get(what)]
    if "landlock" not in fences.get("files", ""):
        lacking.append("files")
    if lacking:
        cure = "Run it on Linux 5.13 or later, in a container that allows seccomp and Landlock."
        yield warning("fences", f"What is analysed isn't kept from: {', '.join(lacking)}.", cure)
    else:
        yield good("fences", "What is analysed is kept from network, files and processes.")


# On GitHub


async def _github(settings: Settings, around: Surroundings) -> AsyncIterator[Finding]:
    site = settings.site
    credentials = settings.credentials
    if credentials is None:
        cure = "Run `postil serve` and open the link in its log, or set the App's credentials in the environment."
        yield broken("credentials", "There are none: this isn't a GitHub App yet.", cure)
    try:
        answered = await reach(site, around.transport)
    except TryAgain as error:
        cure = "Look at the name, the proxy (HTTPS_PROXY) and the certificates (SSL_CERT_FILE) of this process."
        yield broken("github", f"{site.api_url} can't be reached: {error.why}.", cure)
        return
    for each in _answered(answered, around.now()):
        yield each
    if credentials is None:
        return
    async with GitHub(
        credentials.app_id,
        credentials.private_key.get_secret_value(),
        site.api_url,
        around.transport,
        web_url=site.web_url,
    ) as github:
        try:
            app = await github.app()
        except (GiveUp, Moot, TryAgain) as error:
            yield _refused(credentials, error)
            return
        owner = app.owner if app.owner_kind == "Organization" else ""
        page = site.app_settings(app.slug, owner)
        yield good("credentials", f"GitHub knows the App as {app.slug}.")
        try:
            for each in _rights(app, page):
                yield each
            async for each in _installations(github, app, page):
                yield each
            async for each in _webhook(github, settings, page):
                yield each
        except (GiveUp, Moot, TryAgain) as error:
            yield broken("github", f"It stopped answering: {error.why}.", "Try again in a minute.")


def _answered(answered: Answered, now: float) -> Iterator[Finding]:
    skew = now - answered.at
    if abs(skew) > MOST_SKEW:
        ahead = "ahead of" if skew > 0 else "behind"
        said = f"This machine's clock is {abs(skew):.0f} s {ahead} GitHub's."
        yield broken("clock", said, "Let it be set by NTP: GitHub refuses proofs that are dated wrongly.")
    else:
        yield good("clock", "It agrees with GitHub's.")
    version = tuple(int(part) for part in answered.server_version.split(".")[:2] if part.isdecimal())
    if version and version < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        said = f"Enterprise Server {answered.server_version} is older than any that Postil was compared with."
        yield warning("github", said, f"Bring it to {oldest} or later.")


def _refused(credentials: Credentials, error: GiveUp | Moot | TryAgain) -> Finding:
    said = f"GitHub doesn't take App {credentials.app_id} with its key: {error.why}."
    cure = (
        f"Compare {PREFIX}GITHUB_APP_ID with the App's page, and generate a new private key there if it is right: "
        "the key belongs to another App, or was deleted."
    )
    return broken("credentials", said, cure)


def _rights(app: App, page: str) -> Iterator[Finding]:
    lacking = wants().lacks(app.permissions, app.events)
    rights = [need for need in lacking if need.level]
    events = [need for need in lacking if not need.level]
    if rights:
        cure = f"Grant it at {page}/permissions; owners of installations are then asked to accept."
        yield broken("permissions", f"The App lacks {_listed(rights)}.", cure)
    if events:
        cure = f"Tick it under “Subscribe to events” at {page}/permissions."
        yield broken("events", f"The App isn't told of {_listed(events)}.", cure)
    if not lacking:
        yield good("permissions", "The App has what app.yml lists, and is told of it.")


async def _installations(github: GitHub, app: App, page: str) -> AsyncIterator[Finding]:
    there = [each async for some in github.installations() for each in some]
    if not there:
        yield broken("installed", "The App is installed nowhere.", f"Install it on repositories: {page}/installations")
    for each in there:
        if each.suspended_at is not None:
            said = f"{each.account} has suspended the App."
            yield warning("installed", said, f"Its owner takes that back at {each.html_url}")
        lacking = [
            need
            for need in wants().permissions
            if suffices(app.permissions.get(need.name, ""), need.level)
            and not suffices(each.permissions.get(need.name, ""), need.level)
        ]
        if lacking:
            said = f"{each.account} hasn't accepted {_listed(lacking)}."
            yield broken("installed", said, f"Its owner accepts the new permissions at {each.html_url}")
    if there and all(each.suspended_at is None for each in there):
        yield good("installed", f"On {', '.join(each.account for each in there[:5])}.")


async def _webhook(github: GitHub, settings: Settings, page: str) -> AsyncIterator[Finding]:
    hook = await github.hook()
    expected = f"{settings.public_url or ''}{WEBHOOK_PATH}"
    if hook.url != expected:
        said = f"The App sends deliveries to {hook.url or 'nowhere'}, and they are expected at {expected}."
        yield broken("webhook", said, f"Set the webhook URL at {page}, or {PREFIX}PUBLIC_URL here.")
    if hook.content_type not in ("", "json"):
        said = f"Deliveries have the content type {hook.content_type}."
        yield broken("webhook", said, f"Choose application/json at {page}.")
    if hook.insecure_ssl not in ("", "0"):
        said = "GitHub doesn't verify this service's certificate."
        yield warning("webhook", said, f"Enable SSL verification at {page}.")
    for each in _log(await anext(github.deliveries()), page):
        yield each


def _log(sent: Sequence[Attempt], page: str) -> Iterator[Finding]:
    """What GitHub's own log of deliveries says, the newest first."""
    if not sent:
        cure = f"Tick “Active” under Webhook at {page}, and press “Redeliver” on the ping under Advanced."
        yield broken("deliveries", "GitHub's log of deliveries is empty: nothing was ever sent.", cure)
        return
    newest = sent[0]
    failed = [each for each in sent if not each.succeeded]
    if newest.succeeded:
        said = f"The newest of {len(sent)} was answered with {newest.status_code}."
        yield good("deliveries", f"{said} {len(failed)} before it failed." if failed else said)
        return
    why, cure = ANSWERS.get(newest.status_code, (newest.status, "Look into this service's log at that time."))
    if 300 <= newest.status_code < 400:
        why, cure = "it is redirected, which GitHub doesn't follow", f"Give the final address at {page}."
    if "timed out" in newest.status.lower():
        why, cure = "no answer came in time", "Look at the database: a delivery is answered once it is stored."
    answer = newest.status_code or "nothing"
    said = f"The newest delivery ({newest.event}, {_time(newest.at)}) was answered with {answer}: {why}."
    yield broken("deliveries", said, cure)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _listed(needs: Sequence[Need]) -> str:
    return ", ".join(f"{need.name}: {need.level}" if need.level else need.name for need in needs)
