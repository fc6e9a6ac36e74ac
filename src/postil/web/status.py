"""How the service is: `/health` for what restarts it, `/ready` for what sends it traffic, `/metrics` for Prometheus."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from postil.jobs import Counts, Readiness, UnavailableError
from postil.review.figures import Line
from postil.web.metrics import Metrics

NO_STORE = {"cache-control": "no-store"}


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(BaseModel):
    """Whether deliveries would be stored and reviewed, and the part that fails where not."""

    status: Literal["ready", "not ready"]
    credentials: bool
    database: bool
    worker: bool


def health(version: str) -> APIRouter:
    """Make the route that says that the process is alive, whatever else is broken."""
    routes = APIRouter()

    # Some load balancers ask with HEAD.
    @routes.head("/health", include_in_schema=False)
    @routes.get("/health", response_model=Health)
    async def alive(response: Response) -> Health:
        response.headers.update(NO_STORE)
        return Health(version=version)

    return routes


class Parts(Protocol):
    """What tells how the service is; `postil.jobs.Jobs` is one."""

    async def ready(self) -> Readiness:
        """Whether work can be accepted and will be done. Never raises."""
        ...

    async def counts(self) -> Counts:
        """The queue's numbers. Raises UnavailableError."""
        ...

    async def rules(self, aliases: Mapping[str, str], repository_id: int | None = None) -> Sequence[Line]:
        """The rules that said something or stepped back. Raises UnavailableError."""
        ...


def ready(parts: Callable[[], Parts | None], *, with_worker: bool = True) -> APIRouter:
    """Make the route that says whether all parts work; `parts` gives None while there are no credentials.

    A process that only takes deliveries does so `with_worker` or without: they are stored for the next one.
    """
    routes = APIRouter()

    @routes.get("/ready", response_model=Ready, responses={503: {"model": Ready}})
    async def works(response: Response) -> Ready:
        response.headers.update(NO_STORE)
        there = parts()
        found = await there.ready() if there is not None else Readiness(database=False, worker=False)
        good = found.database and (found.worker or not with_worker)
        response.status_code = 200 if good else 503
        return Ready(
            status="ready" if good else "not ready",
            credentials=there is not None,
            database=found.database,
            worker=found.worker,
        )

    return routes


def metrics(measured: Metrics, parts: Callable[[], Parts | None], aliases: Mapping[str, str]) -> APIRouter:
    """Make the route for Prometheus. A database that is down takes away the numbers that stand in it only.

    `aliases` are former names of rules.
    """
    routes = APIRouter()

    @routes.get("/metrics", response_class=Response)
    async def scrape() -> Response:
        there = parts()
        try:
            now = await there.counts() if there is not None else None
            rules = await there.rules(aliases) if there is not None else ()
        except UnavailableError:
            now, rules = None, ()
        return Response(measured.show(now, rules), media_type=CONTENT_TYPE_LATEST, headers=NO_STORE)

    return routes
