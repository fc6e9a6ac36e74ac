"""`/setup`: how this service becomes a GitHub App, in the browser, for as long as it isn't one.

A link with a secret that only the log tells opens it. The form's answers become an App's manifest, which the browser
carries to GitHub; GitHub sends it back with a code, and that is exchanged for the credentials. Then the service starts.
"""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from postil import stored
from postil.github.errors import GiveUp, Moot, TryAgain
from postil.github.registration import Registered, convert, reach
from postil.jobs import AlreadyRunningError, NewerDatabaseError, UnavailableError, UnusableDatabaseError
from postil.manifest import filled_in, wants
from postil.site import CLOUD, THIS_MACHINE, Site, is_hidden, origin
from postil.web.forms import fields
from postil.web.pages import HEADERS, page
from postil.web.tickets import Refusal, Tickets

log = structlog.get_logger(__name__)

COOKIE = "postil_setup"
HOUR = 3600.0
"""Seconds in which GitHub exchanges a code, and for which a browser that opened the link may go on."""
FOREVER = float("inf")
HERE_TIMEOUT = 5.0
_ORGANISATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class Keep(StrEnum):
    """Where the credentials go: into a file of ours, or onto the page, for a store of the operator's."""

    FILE = "file"
    SHOW = "show"


class Host(Protocol):
    """The service around the set-up."""

    @property
    def running(self) -> bool:
        """Whether it is an App by now, and works."""
        ...

    async def begin(self, values: Mapping[str, str]) -> None:
        """Prove the credentials, whose names are those of settings, to GitHub, and start to work with them.

        Raises:
            GiveUp, TryAgain, Moot: GitHub doesn't take them, or gives no answer.
            UnavailableError, AlreadyRunningError, NewerDatabaseError, UnusableDatabaseError: the database is no use.
        """
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """What the environment says already: it can't be chosen in the browser any more, as the environment goes first.

    `folder` is where the credentials' file goes; `shared` says that other processes need them too; `listens` is the
    address at which this machine reaches the service.
    """

    public_url: str | None
    site: Site | None
    folder: Path
    shared: bool
    listens: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What was filled in, and found fit."""

    public_url: str
    site: Site
    organisation: str
    extras: tuple[str, ...]
    keep: Keep


@dataclass(frozen=True, slots=True)
class Link:
    """A way on from a page."""

    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why it doesn't go on, and what to do: a heading, sentences, and where to go. `status` is HTTP's."""

    title: str
    said: tuple[str, ...]
    status: int
    links: tuple[Link, ...] = ()


@dataclass(slots=True)
class Form:
    """The form as it is shown: what stands in its fields, what is wrong with them, and what is doubted."""

    public_url: str
    where: str
    organisation: str = ""
    extras: tuple[str, ...] = ()
    keep: Keep = Keep.FILE
    wrong: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


AGAIN = Link("/setup", "Begin again")
HALF_MADE = "If the App is on GitHub by now, delete it there before you begin again: its credentials are lost."
LOOK = "It is in the line of the log with the event “set_up_here”; with compose, “docker compose logs postil” shows it."
NO_LINK = Trouble(
    "The log has the link",
    (
        "This service isn't set up yet, and whoever sets it up decides whose App it is.",
        f"So the set-up opens with a link that only the service's log tells. {LOOK}",
    ),
    401,
)
WRONG_LINK = Trouble(
    "This isn't the link",
    (f"Perhaps it is cut off, or from before the service was started again. {LOOK} Take the last one.",),
    403,
)
USED_LINK = Trouble(
    "This link was used",
    (f"It opens the set-up once, in one browser. The log has a new one now. {LOOK}",),
    403,
)
STATES = {
    Refusal.UNKNOWN: Trouble(
        "This isn't the way back that was begun here",
        (
            "GitHub's answer carries a mark that this service didn't give out, or not since its last start.",
            "Nothing was exchanged.",
            HALF_MADE,
        ),
        403,
        (AGAIN,),
    ),
    Refusal.USED: Trouble(
        "This answer was used",
        ("GitHub's answer is good once, and something was made of it already.", HALF_MADE),
        403,
        (AGAIN,),
    ),
    Refusal.EXPIRED: Trouble(
        "This took more than an hour",
        ("GitHub's answer is good for an hour.", HALF_MADE),
        403,
        (AGAIN,),
    ),
}
NO_CODE = Trouble(
    "GitHub's answer lacks the code",
    ("The address that GitHub leads back to was cut off, perhaps by a proxy.", HALF_MADE),
    400,
    (AGAIN,),
)
NO_ANSWER = Trouble(
    "GitHub doesn't answer",
    (
        "Nothing is lost: load this page again when GitHub can be reached from this machine, within the hour.",
        "If it never can, look at the proxy (HTTPS_PROXY) and at the certificates (SSL_CERT_FILE) of this process.",
    ),
    502,
)
NO_SECRET = Trouble(
    "The App has no webhook secret",
    (
        "GitHub made the App without a webhook, so that nothing that it sends could be verified.",
        "Delete the App, or give it a webhook and a secret on its page and put its credentials into the environment.",
    ),
    502,
)


def router(setup: "Setup") -> APIRouter:
    """Make the routes."""
    routes = APIRouter()

    @routes.get("/setup", response_class=HTMLResponse)
    async def show(request: Request, token: str = "") -> Response:
        return setup.show(request, token)

    @routes.post("/setup", response_class=HTMLResponse)
    async def choose(request: Request) -> Response:
        return await setup.choose(request)

    @routes.get("/setup/callback", response_class=HTMLResponse)
    async def come_back(code: str = "", state: str = "") -> Response:
        return await setup.come_back(code, state)

    @routes.post("/setup/start", response_class=HTMLResponse)
    async def start(request: Request) -> Response:
        return await setup.start_again(request)

    @routes.get("/setup/here")
    async def here() -> Response:
        return Response(setup.here, media_type="text/plain", headers={"cache-control": "no-store"})

    return routes


class Setup:
    """One process's way to become an App. `transport` carries the requests to GitHub (None for the network)."""

    def __init__(self, host: Host, given: Given, transport: httpx.AsyncBaseTransport | None) -> None:
        self.here = secrets.token_hex(16)
        self._host = host
        self._given = given
        self._transport = transport
        self._links: Tickets[None] = Tickets(FOREVER)
        self._sessions: Tickets[None] = Tickets(HOUR)
        self._states: Tickets[Choice] = Tickets(HOUR)
        self._made: Tickets[tuple[Choice, Registered]] = Tickets(HOUR)
        # The code is good once, and so is the start.
        self._one_at_a_time = asyncio.Lock()

    def announce(self) -> None:
        """Log the link that opens the set-up, once; only who reads the log may hand this service credentials."""
        if not self._host.running:
            url = f"{self._given.public_url or self._given.listens}/setup?token={self._links.issue(None)}"
            log.warning("set_up_here", url=url)

    # The pages

    def show(self, request: Request, token: str) -> Response:
        """The form, or what keeps one from it; `token` is the link's."""
        if self._host.running:
            return _page("setup_running.html", "Set-up")
        if token:
            opened = self._links.use(token)
            if not isinstance(opened, Refusal):
                return self._opened(request)
            if opened is Refusal.USED and not self._is_known(request):
                self.announce()
                return _trouble(USED_LINK)
        if not self._is_known(request):
            return _trouble(WRONG_LINK if token else NO_LINK)
        keep = Keep.SHOW if self._given.shared or stored.refusal(self._given.folder) else Keep.FILE
        where = self._given.site.web_url if self._given.site else CLOUD.removeprefix("https://")
        return self._form(Form(self._given.public_url or _guess(request), where, keep=keep))

    async def choose(self, request: Request) -> Response:
        """Check what was filled in; then the page whose button carries the manifest to GitHub."""
        if self._host.running:
            return _page("setup_running.html", "Set-up")
        if not self._is_known(request):
            return _trouble(NO_LINK)
        sent = await fields(request)
        last = dict(sent)
        form = Form(
            (self._given.public_url or last.get("public_url", "")).strip(),
            (self._given.site.web_url if self._given.site else last.get("where", "")).strip(),
            last.get("organisation", "").strip(),
            tuple(value for name, value in sent if name == "extras"),
            Keep.SHOW if last.get("keep") == Keep.SHOW else Keep.FILE,
        )
        choice = self._checked(form)
        if choice is None:
            return self._form(form, 422)
        try:
            await reach(choice.site, self._transport)
        except TryAgain as error:
            log.warning("set_up_failed", why=error.why)
            form.wrong["where"] = (
                f"can't be reached from here: {error.why}. Check the name, the proxy (HTTPS_PROXY), and, for a server "
                "with a certificate of your own, that this process trusts it (SSL_CERT_FILE)."
            )
            return self._form(form, 502)
        if "anyway" not in last:
            form.doubts = await self._doubts(choice)
            if form.doubts:
                return self._form(form, 409)
        return self._to_github(choice)

    async def come_back(self, code: str, state: str) -> Response:
        """GitHub sent the browser back with a code: exchange it, keep what comes, and start."""
        async with self._one_at_a_time:
            if self._host.running:
                return _page("setup_running.html", "Set-up")
            choice = self._states.look(state)
            if isinstance(choice, Refusal):
                log.warning("set_up_failed", why=f"the state is {choice}")
                return _trouble(STATES[choice])
            if not _CODE.fullmatch(code):
                return _trouble(NO_CODE)
            try:
                made = await convert(choice.site, code, self._transport)
            except TryAgain as error:
                # Nothing was exchanged, so the same address may be opened again.
                log.warning("set_up_failed", why=error.why)
                return _trouble(Trouble(NO_ANSWER.title, (error.why + ".", *NO_ANSWER.said), NO_ANSWER.status))
            except Moot as error:
                self._states.use(state)
                log.warning("set_up_failed", why=error.why)
                return _trouble(_code_is_gone(choice))
            except GiveUp as error:
                self._states.use(state)
                log.warning("set_up_failed", why=error.why)
                return _trouble(Trouble("GitHub gave no credentials", (error.why + ".", HALF_MADE), 502, (AGAIN,)))
            self._states.use(state)
            return await self._take(choice, made)

    async def start_again(self, request: Request) -> Response:
        """Try once more to start with an App whose credentials are there."""
        async with self._one_at_a_time:
            if self._host.running:
                return _page("setup_running.html", "Set-up")
            found = self._made.use(dict(await fields(request)).get("token", ""))
            if isinstance(found, Refusal):
                return _trouble(NO_LINK)
            return await self._take(*found)

    # What is behind them

    def _is_known(self, request: Request) -> bool:
        return not isinstance(self._sessions.look(request.cookies.get(COOKIE, "")), Refusal)

    def _opened(self, request: Request) -> Response:
        """The link opened it: from here on a cookie does, so that the secret leaves the address bar."""
        answer = RedirectResponse("/setup", 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.issue(None),
            max_age=int(HOUR),
            path="/setup",
            secure=_scheme(request) == "https",
            httponly=True,
            # Other sites can't post the form in its name; the way back from GitHub needs no cookie.
            samesite="lax",
        )
        return answer

    def _form(self, form: Form, status: int = 200) -> HTMLResponse:
        asked = wants()
        return _page(
            "setup.html",
            "Set-up",
            status,
            form=form,
            given=self._given,
            permissions=asked.permissions,
            optional=asked.optional,
            events=asked.events,
            refusal=stored.refusal(self._given.folder),
            file=self._given.folder / stored.FILE,
        )

    def _checked(self, form: Form) -> Choice | None:
        """The choice that a form stands for; None where something is wrong, which the form then says."""
        site, public_url = Site("", ""), ""
        try:
            public_url = origin(form.public_url)
        except ValueError as error:
            form.wrong["public_url"] = f"{error}."
        try:
            site = self._given.site or _site(form.where)
        except ValueError as error:
            form.wrong["where"] = f"{error}."
        if form.organisation and not _ORGANISATION.fullmatch(form.organisation):
            form.wrong["organisation"] = "is no name of an organisation: letters, digits and hyphens, at most 39."
        if form.keep is Keep.FILE and (why := stored.refusal(self._given.folder)):
            form.wrong["keep"] = (
                f"can't be done: {self._given.folder} isn't writable ({why}). Give the folder to the user that runs "
                "this service, name another one in POSTIL_DATA_FOLDER, or have the credentials shown."
            )
        if form.wrong:
            return None
        extras = tuple(need.name for need in wants().optional if need.name in form.extras)
        return Choice(public_url, site, form.organisation, extras, form.keep)

    async def _doubts(self, choice: Choice) -> list[str]:
        """What may keep deliveries from arriving; each as a sentence. An operator may know better."""
        doubts = []
        url = choice.public_url
        if urlsplit(url).hostname in THIS_MACHINE:
            doubts.append(f"{url} is this machine's own name for itself: GitHub can't send deliveries there.")
        elif is_hidden(url) and not choice.site.is_server:
            doubts.append(f"{url} is an address of a private network: GitHub can't send deliveries there.")
        if why := await self._elsewhere(url):
            doubts.append(f"{url} doesn't lead back to this service, as seen from here: {why}.")
        return doubts

    async def _elsewhere(self, public_url: str) -> str:
        """Why an address isn't this service's, as seen from this process; "" where it is."""
        try:
            async with httpx.AsyncClient(timeout=HERE_TIMEOUT) as client:
                answer = await client.get(f"{public_url}/setup/here")
        except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
            return str(error) or type(error).__name__
        if answer.text != self.here:
            return f"something else answers there, with status {answer.status_code}"
        return ""

    def _to_github(self, choice: Choice) -> Response:
        manifest = filled_in(choice.public_url, choice.extras, choice.organisation)
        action = f"{choice.site.new_app(choice.organisation)}?state={self._states.issue(choice)}"
        made = _page("setup_go.html", "Set-up", choice=choice, manifest=manifest, action=action)
        made.headers.update(_forms_go_to(choice.site.web_url))
        # With `no-referrer` the form would come from nowhere, which a server may refuse.
        made.headers["referrer-policy"] = "strict-origin"
        return made

    async def _take(self, choice: Choice, made: Registered) -> Response:
        """Keep the credentials before anything else can go wrong, for GitHub gives them once; then start."""
        install = f"{_page_of(made, choice.site)}/installations/new"
        if made.webhook_secret is None:
            app = choice.site.app_settings(made.slug, made.organisation)
            return _trouble(Trouble(NO_SECRET.title, NO_SECRET.said, 502, (Link(app, "The App on GitHub"), AGAIN)))
        values = _values(choice, made, made.webhook_secret.get_secret_value())
        kept, why_not = await asyncio.to_thread(self._store, choice, values)
        problem = ""
        try:
            await self._host.begin(values)
        except (TryAgain, GiveUp, Moot) as error:
            problem = f"GitHub doesn't take the App's credentials yet: {error.why}. Is this machine's clock right?"
        except (UnavailableError, AlreadyRunningError, NewerDatabaseError, UnusableDatabaseError) as error:
            said = str(error).rstrip(".")
            problem = f"The service can't start: {said}. Look after the database that POSTIL_DATABASE_URL names."
        lacking = wants().lacks(made.permissions, made.events)
        lacks = [f"{need.name}: {need.level}" if need.level else need.name for need in lacking]
        log.info("set_up", app=made.slug, app_id=made.id, kept=str(kept or ""), problem=problem, lacks=lacks)
        if kept and not problem and not lacking:
            return RedirectResponse(install, 303, headers={"cache-control": "no-store"})
        page_of_app = _page(
            "setup_made.html",
            "The App is there",
            502 if problem else 200,
            app=made,
            kept=kept,
            why_not=why_not,
            lines="" if kept else "\n".join(_lines(values)),
            problem=problem,
            ticket=self._made.issue((choice, made)) if problem else "",
            lacking=lacking,
            rights=f"{choice.site.app_settings(made.slug, made.organisation)}/permissions",
            install=install,
        )
        # Browsers hold redirects after a form to its rule too, and the next try may end on GitHub.
        page_of_app.headers.update(_forms_go_to(f"'self' {choice.site.web_url}"))
        return page_of_app

    def _store(self, choice: Choice, values: Mapping[str, str]) -> tuple[Path | None, str]:
        """The file that holds the credentials now; or None, and why, where they have to be shown."""
        if choice.keep is Keep.SHOW:
            return None, ""
        try:
            return stored.write(self._given.folder, values), ""
        except OSError as error:
            return None, f"{self._given.folder} can't be written to ({error.strerror or error})."


def _page(template: str, title: str, status: int = 200, **values: object) -> HTMLResponse:
    made = page(template, {"title": title, **values}, status)
    made.headers["cache-control"] = "no-store"
    return made


def _forms_go_to(where: str) -> dict[str, str]:
    """The header for a page whose forms lead to this place and to no other."""
    name = "content-security-policy"
    return {name: HEADERS[name].replace("form-action 'self'", f"form-action {where}")}


def _trouble(trouble: Trouble) -> HTMLResponse:
    return _page("setup_trouble.html", trouble.title, trouble.status, trouble=trouble)


def _code_is_gone(choice: Choice) -> Trouble:
    said = (
        "GitHub knows no such code: it was exchanged before, or more than an hour has passed.",
        "The App itself is there, but its credentials are lost. Delete it on GitHub, and begin again.",
    )
    apps = choice.site.app_settings("", choice.organisation).rstrip("/")
    return Trouble("The code is no longer good", said, 410, (Link(apps, "The Apps on GitHub"), AGAIN))


def _scheme(request: Request) -> str:
    told = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return told if told in ("http", "https") else request.url.scheme


def _guess(request: Request) -> str:
    """The address under which the browser reached us, through a proxy or not; it is shown and checked, not trusted."""
    host = request.headers.get("x-forwarded-host", "").split(",")[0].strip() or request.headers.get("host", "")
    try:
        return origin(f"{_scheme(request)}://{host}")
    except ValueError:
        return ""


def _site(where: str) -> Site:
    """The GitHub that somebody named by its host or its address. Raises ValueError."""
    return Site.of_web(origin(where if "://" in where else f"https://{where}"))


def _page_of(made: Registered, site: Site) -> str:
    """The App's page for everybody. On an Enterprise Server it stands elsewhere, so GitHub's own word is taken."""
    there, here = urlsplit(made.html_url), urlsplit(site.web_url)
    same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
    return made.html_url.rstrip("/") if same else f"{site.web_url}/apps/{made.slug}"


def _values(choice: Choice, made: Registered, secret: str) -> dict[str, str]:
    """The credentials under the names of the settings that they are."""
    return {
        "github_app_id": str(made.id),
        "github_private_key": made.pem.get_secret_value(),
        "github_webhook_secret": secret,
        "github_api_url": choice.site.api_url,
        "github_web_url": choice.site.web_url,
        "public_url": choice.public_url,
    }


def _lines(values: Mapping[str, str]) -> list[str]:
    """The same as environment variables, each on one line."""
    escaped = {name: value.strip().replace("\n", "\\n") for name, value in values.items()}
    return [f"POSTIL_{name.upper()}={value}" for name, value in escaped.items()]
