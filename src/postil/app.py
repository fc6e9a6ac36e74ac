"""Puts everything together: reads packs, connects, starts what the role asks for, and stops it in order."""

import asyncio
import gc
import hmac
import os
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Self

import httpx
import structlog
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, params
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.telemetry import TelemetryConfig
from starlette.staticfiles import StaticFiles

from postil import log as logs
from postil import packs, stored
from postil.github import GitHub
from postil.github.errors import GiveUp
from postil.jobs import AlreadyRunningError, Jobs, NewerDatabaseError, UnavailableError, UnusableDatabaseError
from postil.packs import Guideline, Links
from postil.precision import Precision
from postil.sandbox import Analyst, Limits
from postil.settings import PREFIX, TRACED, Credentials, Readers, Role, Settings
from postil.sweep import Sweep
from postil.tracing import UNTRACED, Tracer
from postil.web import docs, errors, guide, hooks, operator, setup, status
from postil.web.access import Access
from postil.web.metrics import Metrics
from postil.web.pages import STATIC, SecurityHeaders
from postil.worker import Reviewer

log = structlog.get_logger(__name__)

VERSION = metadata.version("postil")
SPACING = 1.0
"""Seconds between two writes of one installation; GitHub asks integrations for at least one."""
GRACE = 20.0
"""Seconds that a shutdown leaves to reviews under way; what isn't done then is handed over."""
BEGUN = 4
"""Runs that a worker begins for each that may read and judge files: that one is at work shows in its check run."""
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry would hold addresses, and that of the set-up is a secret."""


def create_app(
    settings: Settings,
    guideline: Guideline | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    spacing: float = SPACING,
    tracer: Tracer = UNTRACED,
) -> FastAPI:
    """Make the service that the settings ask for. It starts, and stops, with the application's lifespan.

    Without credentials it only opens the set-up, and becomes the service when that is done. `guideline` saves reading
    the packs again; `transport` carries the requests to GitHub (None for the network); `spacing` are the seconds
    between two writes of one installation; `tracer` gets deliveries, runs and calls.

    Raises:
        postil.packs.PackError: a pack is wrong.
        postil.jobs.UnusableDatabaseError: the database's address is.
    """
    guideline = guideline or packs.load(_pack_paths(settings))
    access = _access(settings)
    house = _House(settings, guideline, transport, spacing, tracer)
    set_up = setup.Setup(house, _given(settings), transport)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with house:
            log.info("started", role=settings.role, version=VERSION, guideline=guideline.version, set_up=house.running)
            set_up.announce()
            yield
            log.info("stopping")
        log.info("stopped")

    app = FastAPI(title="Postil", version=VERSION, lifespan=lifespan, openapi_url=None, telemetry=SILENT)
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.include_router(status.health(VERSION))
    app.include_router(status.ready(house.jobs, with_worker=settings.role is not Role.WEB))
    # They name no repository and nobody, so they are open as long as nobody says who operators are.
    limited = [Depends(access.operator)] if access.is_limited else []
    app.include_router(status.metrics(house.measured, house.jobs, guideline.aliases), dependencies=limited)
    if settings.openapi:
        app.add_api_route("/openapi.json", lambda: JSONResponse(app.openapi()), dependencies=limited)
    if settings.role is not Role.WORKER:
        sweeps = bool(settings.sweep_minutes)
        about = operator.House(guideline, settings.web_url, settings.retention_days, sweeps, house.left)
        app.include_router(operator.router(access, house.jobs, about))
        if settings.docs is not Readers.NOBODY:
            readers = [Depends(access.operator)] if settings.docs is Readers.OPERATORS else []
            app.include_router(docs.router(), dependencies=readers)
        _add_web(app, house, set_up, [Depends(access.operator)] if settings.private_guide else [])
    return app


class _House:
    """The service as far as it is there: its pages always, its work once it has credentials. Routes ask it."""

    def __init__(
        self,
        settings: Settings,
        guideline: Guideline,
        transport: httpx.AsyncBaseTransport | None,
        spacing: float,
        tracer: Tracer,
    ) -> None:
        self.guideline = guideline
        self.measured = Metrics(VERSION, guideline.version)
        self.tracer = tracer
        self._settings = settings
        self._transport = transport
        self._spacing = spacing
        self._stack = AsyncExitStack()
        self._service = self._serviced(settings)

    async def __aenter__(self) -> Self:
        if self._service is not None:
            await self._start(self._service)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    @property
    def running(self) -> bool:
        """Whether there are credentials, and so all the rest."""
        return self._service is not None

    def jobs(self) -> Jobs | None:
        """The queue, once there are credentials."""
        return None if self._service is None else self._service.jobs

    def left(self, installation: int) -> Mapping[str, float]:
        """The shares of its hourly budgets that GitHub leaves to an installation, as far as was heard here."""
        return {} if self._service is None else self._service.github.budgets.left_of(installation)

    def desk(self) -> hooks.Desk | None:
        """What takes deliveries, once there are credentials."""
        return None if self._service is None else self._service.desk

    async def begin(self, values: Mapping[str, str]) -> None:
        """Become the App with these credentials, named as settings, without a restart.

        Raises:
            GiveUp, TryAgain, Moot: GitHub doesn't take them, or gives no answer.
            UnavailableError, AlreadyRunningError, NewerDatabaseError, UnusableDatabaseError: the database is no use.
        """
        settings = self._settings.completed(values)
        logs.hide(settings.secrets)
        service = self._serviced(settings)
        if service is None:
            raise GiveUp("the credentials are not complete")
        await self._start(service, prove=True)
        self._service = service

    async def _start(self, service: "_Service", *, prove: bool = False) -> None:
        """Start all of it, to end with the application, or nothing."""
        async with AsyncExitStack() as stack:
            await service.start(stack, prove=prove)
            self._stack.push_async_exit(stack.pop_all())

    def _serviced(self, settings: Settings) -> "_Service | None":
        credentials = settings.credentials
        if credentials is None:
            return None
        github = GitHub(
            credentials.app_id,
            credentials.private_key.get_secret_value(),
            settings.site.api_url,
            self._transport,
            web_url=settings.web_url,
            spacing=self._spacing,
            meter=self.measured,
            tracer=self.tracer,
        )
        self.measured.watch(github.budgets.left)
        return _Service(settings, credentials, self.guideline, self.measured, self.tracer, github)


class _Service:
    """What runs behind the web pages once there are credentials."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        guideline: Guideline,
        measured: Metrics,
        tracer: Tracer,
        github: GitHub,
    ) -> None:
        secrets = [secret.get_secret_value() for secret in credentials.webhook_secrets]
        # A run that has begun holds little, and one installation's are slowed by the pace of its writes alone.
        begun = BEGUN * settings.concurrency
        self.jobs = Jobs(
            settings.database_url.get_secret_value(),
            concurrency=begun,
            share=settings.concurrency,
            keep=settings.retention_days * 86400.0,
            keep_receptions=settings.figures_days * 86400.0,
            lease=settings.lease,
        )
        self.github = github
        self.desk = hooks.Desk(secrets, self.jobs, github.forget, settings.site.answer_within)
        self._sweep = None
        if settings.sweep_minutes:
            every = settings.sweep_minutes * 60.0
            self._sweep = Sweep(
                github, self.jobs, every=every, calls=settings.sweep_calls, swept=measured.swept, tracer=tracer
            )
        self._works = settings.role is not Role.WEB
        # Reviews mostly wait for GitHub, analyses for a processor: more of these than processors only take memory.
        children = min(settings.concurrency, os.cpu_count() or 1)
        # Whoever waits for an answer goes ahead of an analysis.
        limits = Limits(children=children, niceness=5)
        self._analyst = Analyst(_pack_paths(settings), limits, measured.died)
        self._reviewer = Reviewer(
            github=self.github,
            analyst=self._analyst,
            book=self.jobs,
            guideline=guideline,
            links=_links(settings, guideline),
            web_url=settings.web_url,
            # All replicas have them, they outlive restarts, and while a secret is replaced both are there.
            key=hmac.digest(secrets[0].encode(), b"postil: hidden markers", "sha256"),
            meter=measured,
            room=asyncio.Semaphore(settings.concurrency),
            precision=Precision(self.jobs, settings.step_back),
            tracer=tracer,
        )

    async def start(self, stack: AsyncExitStack, *, prove: bool = False) -> None:
        """Start what the role asks for; `stack` stops it again, the last first: no work before its tools are let go.

        `prove` asks GitHub for the App first. A restart doesn't: it must not depend on GitHub being there.
        """
        await stack.enter_async_context(self.github)
        if prove:
            await self.github.app()
        await stack.enter_async_context(self._analyst)
        stack.push_async_callback(self.jobs.stop, GRACE)
        try:
            await (self.jobs.start(self._reviewer, self._reviewer.give_up) if self._works else self.jobs.open())
        except (UnavailableError, AlreadyRunningError, NewerDatabaseError, UnusableDatabaseError) as error:
            log.error("not_started", why=str(error))  # noqa: TRY400 - its traceback tells an operator nothing
            raise
        if self._works and self._sweep is not None:
            sweeping = asyncio.create_task(self._sweep.keep_on(), name="postil-sweep")
            stack.push_async_callback(_end, sweeping)


def _access(settings: Settings) -> Access:
    """How the settings tell operators from everybody else."""
    token = settings.operator_token
    return Access(
        port=settings.private_listen.port if settings.private_listen is not None else None,
        token=token.get_secret_value() if token is not None else "",
        header=settings.operator_header or "",
    )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _pack_paths(settings: Settings) -> tuple[Path, ...]:
    return packs.over_built_in(settings.packs)


def _links(settings: Settings, guideline: Guideline) -> Links:
    """Where comments link to."""
    if settings.guide_url is not None:
        return Links(settings.guide_url, repository=True)
    return guide.links(guideline, settings.public_url or "")


def _add_web(app: FastAPI, house: _House, set_up: setup.Setup, readers: Sequence[params.Depends]) -> None:
    """Add what GitHub and people ask for, `readers` telling who may read the guideline.

    Until there are credentials, only the set-up is open.
    """

    def once_set_up() -> None:
        if not house.running:
            raise HTTPException(307, "This service isn't set up yet.", {"location": "/setup"})

    app.include_router(guide.router(house.guideline), dependencies=[Depends(once_set_up), *readers])
    app.include_router(setup.router(set_up))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(hooks.router(house.desk, house.measured, tracer=house.tracer))

    # Who watches whether it is there may ask with HEAD.
    @app.api_route("/", methods=["GET", "HEAD"], response_class=RedirectResponse)
    def front() -> RedirectResponse:
        return RedirectResponse("/guide/" if house.running else "/setup", 307)


def _given(settings: Settings) -> setup.Given:
    """What the set-up can't ask any more, since the environment says it."""
    decided = settings.model_fields_set & {"github_api_url", "github_web_url"}
    host = settings.listen.host
    # Who listens everywhere is reached here too; which name others know is what the set-up asks.
    here = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104 - compared, not bound to
    return setup.Given(
        public_url=settings.public_url,
        site=settings.site if decided else None,
        folder=settings.folder,
        shared=settings.is_shared,
        listens=f"http://{f'[{here}]' if ':' in here else here}:{settings.listen.port}",
    )


@contextmanager
def _traced(settings: Settings) -> Generator[Tracer]:
    """Where traces go, and that the last of them get there.

    A platform may set the variables for all that runs on it, so that a missing package is no reason not to start.
    """
    if not settings.traced:
        yield UNTRACED
        return
    try:
        # Here, so that nobody else pays for it.
        from postil.otel import Traces  # noqa: PLC0415

        traces = Traces(VERSION)
    except (ImportError, ValueError) as error:
        # Of most variables that are wrong the SDK itself says so, and takes the default; these it refuses.
        missing = isinstance(error, ImportError)
        cure = "pip install 'postil[otel]'" if missing else "correct the variables that begin with OTEL_"
        cure += ", or unset those that ask for traces"
        log.warning("traces_not_sent", asked_for_by=TRACED, why=str(error), cure=cure)
        yield UNTRACED
        return
    try:
        yield traces
    finally:
        traces.close()


def serve(settings: Settings) -> None:
    """Run the service until it is told to stop (SIGTERM, SIGINT). Logs JSON on stderr.

    Raises:
        postil.packs.PackError: a pack is wrong.
        postil.jobs.UnusableDatabaseError: the database's address is.
    """
    logs.configure(settings.log_level, settings.secrets)
    if settings.overruled:
        names = [PREFIX + name.upper() for name in settings.overruled]
        log.warning("environment_goes_first", settings=names, over=str(settings.folder / stored.FILE))
    with _traced(settings) as tracer:
        _serve(settings, tracer)


def _serve(settings: Settings, tracer: Tracer) -> None:
    config = uvicorn.Config(
        create_app(settings, tracer=tracer),
        host=settings.listen.host,
        port=settings.listen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # The answers under way come first, then the lifespan ends, which waits for reviews.
        timeout_graceful_shutdown=5,
    )
    # What is loaded now stays for ever, and a look through all of it for garbage holds deliveries up for 0.2 s.
    gc.collect()
    gc.freeze()
    # For so long a thread that computes keeps the others waiting, five times this by default; an answer needs several.
    sys.setswitchinterval(0.001)
    # One server for both ports: they share the application, its lifespan and its signals.
    private = settings.private_listen
    own = uvicorn.Config(config.app, host=private.host, port=private.port, log_config=None) if private else None
    uvicorn.Server(config).run([config.bind_socket(), own.bind_socket()] if own is not None else None)
