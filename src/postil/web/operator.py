"""What operators see of the service below `/operator`, and what they do with reviews that failed."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Protocol
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from postil.jobs import Counts, DeadJob, Finished, Installation, LiveJob, Readiness, Received, UnavailableError
from postil.packs import Guideline
from postil.review.figures import Line
from postil.review.standing import shown
from postil.web.access import Access
from postil.web.forms import fields
from postil.web.pages import page

log = structlog.get_logger(__name__)

# With a policy of "no-referrer" browsers say "null" for where a form came from, and a change is refused then.
HEADERS = {"cache-control": "no-store", "referrer-policy": "same-origin"}
MOST = 200
"""Lines of a list."""
FEW = 10
"""Lines of a list on the overview."""
LONG = 900.0
"""Seconds of waiting after which something is wrong: the longest pause between two tries."""
SWEEP_LATE = 3 * 3600.0
"""Seconds without a look at all open pull requests, which is made every hour, after which something is wrong."""
_ID = re.compile(r"[0-9]{1,18}")
SECTIONS = {
    "": "Overview",
    "/jobs": "Jobs",
    "/deliveries": "Deliveries",
    "/reviews": "Reviews",
    "/installations": "Installations",
    "/rules": "Rules",
}


class Office(Protocol):
    """What knows the state of all work; `postil.jobs.Jobs` is one. All but `ready` raise UnavailableError."""

    async def ready(self) -> Readiness:
        """Whether work can be accepted and will be done. Never raises."""
        ...

    async def now(self) -> float:
        """Seconds since 1970 by the clock of everything here."""
        ...

    async def counts(self) -> Counts:
        """The queue's numbers."""
        ...

    async def reached(self, duty: str) -> float | None:
        """When a duty that one process does for all was last done; None before the first time."""
        ...

    async def dead(self) -> Sequence[DeadJob]:
        """The runs that failed, latest first."""
        ...

    async def live(self) -> Sequence[LiveJob]:
        """The runs that wait or are under way, oldest first."""
        ...

    async def retry(self, run_id: str) -> bool:
        """Run a failed run again; False when there is none of this id."""
        ...

    async def dismiss(self, run_id: str) -> bool:
        """Take a failed run off the list; False when there is none of this id."""
        ...

    async def received(self, limit: int) -> Sequence[Received]:
        """The deliveries that asked for work, latest first."""
        ...

    async def finished(self, limit: int) -> Sequence[Finished]:
        """The runs that came to an end, latest first."""
        ...

    async def rules(self, aliases: Mapping[str, str], repository_id: int | None = None) -> Sequence[Line]:
        """The rules that said something or stepped back."""
        ...

    async def restore(self, rules: Sequence[str], repository_id: int | None = None) -> int | None:
        """Undo a rule's steps, and say how many; None where nothing is known of it."""
        ...

    async def installations(self) -> Sequence[Installation]:
        """The installations that something is known of, the last active first."""
        ...


@dataclass(frozen=True, slots=True)
class House:
    """What the pages say besides: the guideline, GitHub's address, how long work is kept, and whether we sweep.

    `left` gives the shares of its hourly budgets that GitHub leaves to an installation, as far as this process knows.
    """

    guideline: Guideline
    web_url: str
    days: int
    sweeps: bool
    left: Callable[[int], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that an operator should look at, and where."""

    what: str
    section: str = ""


def router(access: Access, office: Callable[[], Office | None], house: House) -> APIRouter:
    """Make the routes. `office` gives None while there are no credentials, and so no work."""
    routes = APIRouter(prefix="/operator", include_in_schema=False)
    view = View(office, house)
    who = Depends(access.operator)

    @routes.get("", dependencies=[who])
    async def overview() -> Response:
        return await view.show("", view.overview)

    @routes.get("/jobs", dependencies=[who])
    async def jobs(done: int | None = None) -> Response:
        return await view.show("/jobs", partial(view.jobs, done))

    @routes.get("/deliveries", dependencies=[who])
    async def deliveries() -> Response:
        return await view.show("/deliveries", view.deliveries)

    @routes.get("/reviews", dependencies=[who])
    async def reviews() -> Response:
        return await view.show("/reviews", view.reviews)

    @routes.get("/installations", dependencies=[who])
    async def installations() -> Response:
        return await view.show("/installations", view.installations)

    @routes.get("/rules", dependencies=[who])
    async def rules(restored: str = "") -> Response:
        return await view.show("/rules", partial(view.rules, restored[:100]))

    @routes.post("/rules/restore")
    async def restore(request: Request, operator: Annotated[str, who]) -> Response:
        return await view.restore(request, operator)

    @routes.post("/jobs/retry")
    async def retry(request: Request, operator: Annotated[str, who]) -> Response:
        return await view.change(request, operator, "retry", lambda there: there.retry)

    @routes.post("/jobs/dismiss")
    async def dismiss(request: Request, operator: Annotated[str, who]) -> Response:
        return await view.change(request, operator, "dismiss", lambda there: there.dismiss)

    return routes


class View:
    """The pages, each made of what the database says now."""

    def __init__(self, office: Callable[[], Office | None], house: House) -> None:
        self._office = office
        self._house = house

    async def show(self, section: str, gather: Callable[[Office, float], Awaitable[dict[str, object]]]) -> Response:
        """Make the page of a section; while the database doesn't answer, one that says so."""
        there = self._there()
        try:
            now = await there.now()
            values = await gather(there, now)
        except UnavailableError as error:
            return self._page("operator_down.html", section, {"why": str(error)}, 503)
        return self._page(f"operator_{section[1:] or 'overview'}.html", section, values | {"when": partial(when, now)})

    async def overview(self, there: Office, now: float) -> dict[str, object]:
        """What is wrong, and the last of everything."""
        counts, looked = await there.counts(), await there.reached("look")
        troubles = self._troubles(await there.ready(), counts, now - looked if looked is not None else None)
        return {
            "troubles": list(troubles),
            "counts": counts,
            "oldest": span(counts.oldest_waiting),
            "sweeps": self._house.sweeps,
            "looked": looked,
            "received": await there.received(FEW),
            "finished": await there.finished(FEW),
        }

    def _troubles(self, ready: Readiness, counts: Counts, unseen: float | None) -> Iterator[Trouble]:
        if not ready.worker:
            yield Trouble("No worker is alive: nothing is reviewed until one starts.")
        if dead := counts.states["dead"]:
            yield Trouble(f"{dead} {'review has' if dead == 1 else 'reviews have'} failed for good.", "/jobs")
        if counts.oldest_waiting > LONG:
            yield Trouble(f"A review has been waiting for {span(counts.oldest_waiting)}.", "/jobs")
        if self._house.sweeps and unseen is not None and unseen > SWEEP_LATE:
            yield Trouble(f"For {span(unseen)} nobody has looked for what was missed; the log says why.")

    async def jobs(self, done: int | None, there: Office, _: float) -> dict[str, object]:
        """What failed, waits, or is under way; `done` is what a change has just brought about."""
        live = await there.live()
        return {
            "done": done,
            "groups": [
                ("Failed", list(await there.dead())),
                ("Under way", [job for job in live if job.running]),
                ("Waiting", [job for job in live if not job.running]),
            ],
        }

    async def deliveries(self, there: Office, _: float) -> dict[str, object]:
        """The last deliveries that asked for something."""
        return {"received": await there.received(MOST)}

    async def reviews(self, there: Office, _: float) -> dict[str, object]:
        """The last runs, with the time that they took and the requests that they made."""
        return {"finished": await there.finished(MOST)}

    async def installations(self, there: Office, _: float) -> dict[str, object]:
        """Where the App works."""
        installations = await there.installations()
        return {"installations": [(each, self._house.left(each.id)) for each in installations]}

    async def rules(self, restored: str, there: Office, _: float) -> dict[str, object]:
        """What became of the comments of each rule; `restored` is the rule that was just brought back."""
        guideline = self._house.guideline
        found = [(guideline.rules.by_name.get(each.rule), each) for each in await there.rules(guideline.aliases)]
        others = len(guideline.rules.rules) - sum(rule is not None for rule, _ in found)
        # Whoever wrote the link doesn't write the page.
        known = guideline.rule(restored) is not None or any(each.rule == restored for _, each in found)
        return {"rules": found, "others": others, "restored": restored if known else ""}

    async def restore(self, request: Request, operator: str) -> Response:
        """Bring the rule that the form names back, in one repository or everywhere."""
        there = self._there()
        sent = dict(await fields(request))
        rule, repository = sent.get("rule", ""), sent.get("repository", "")
        if repository and not _ID.fullmatch(repository):
            # Without one it is everywhere, which nobody asked for.
            raise HTTPException(400, "The form names no repository.")
        given = int(repository) if repository else None
        try:
            undone = await there.restore(self._house.guideline.names_of(rule), given)
        except UnavailableError as error:
            return self._page("operator_down.html", "/rules", {"why": str(error)}, 503)
        log.info("operator", operator=operator, action="restore", rule=rule, repository=given, undone=undone)
        done = {"restored": rule} if undone is not None else {}
        return RedirectResponse(f"/operator/rules?{urlencode(done)}", 303, HEADERS)

    async def change(
        self, request: Request, operator: str, name: str, action: Callable[[Office], Callable[[str], Awaitable[bool]]]
    ) -> Response:
        """Do something with the failed runs that the form names, or with all of them; then show what is left."""
        there = self._there()
        sent = await fields(request)
        try:
            runs = (
                [job.id for job in await there.dead()] if ("all", "yes") in sent else [v for n, v in sent if n == "run"]
            )
            done = [run for run in runs if await action(there)(run)]
        except UnavailableError as error:
            return self._page("operator_down.html", "/jobs", {"why": str(error)}, 503)
        log.info("operator", operator=operator, action=name, runs=done)
        return RedirectResponse(f"/operator/jobs?done={len(done)}", 303, HEADERS)

    def _there(self) -> Office:
        there = self._office()
        if there is None:
            raise HTTPException(307, "This service isn't set up yet.", {"location": "/setup"})
        return there

    def _page(self, template: str, section: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        common = {
            "title": SECTIONS[section],
            "section": section,
            "sections": SECTIONS,
            "web_url": self._house.web_url,
            "version": self._house.guideline.version,
            "days": self._house.days,
            "most": MOST,
            "shown": shown,
        }
        made = page(template, {**common, **values}, status)
        made.headers.update(HEADERS)
        return made


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"


def when(now: float, at: float) -> Markup:
    """A moment (seconds since 1970) as a person asks for it, with its date."""
    date = datetime.fromtimestamp(at, UTC)
    text = f"{span(now - at)} ago" if now - at >= 10 else "just now"
    return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M:%S} UTC">{}</time>').format(date.isoformat(), date, text)
