"""Puts everything together: reads packs, connects, starts what the role asks for, and stops it in order."""

import asyncio
import hmac
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import metadata
from pathlib import Path

import httpx
import structlog
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from postil import log as logs
from postil import packs
from postil.github import GitHub
from postil.jobs import AlreadyRunningError, Jobs, NewerDatabaseError, UnavailableError
from postil.packs import Guideline, Links
from postil.sandbox import Analyst, Limits
from postil.settings import PREFIX, Credentials, Role, Settings
from postil.web import errors, guide, hooks, setup, status
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


def create_app(
    settings: Settings,
    guideline: Guideline | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    spacing: float = SPACING,
) -> FastAPI:
    """Make the service that the settings ask for. It starts, and stops, with the application's lifespan.

    Without credentials it only shows how to get some. `guideline` saves reading the packs again; `transport` carries
    the requests to GitHub (None for the network); `spacing` are the seconds between two writes of one installation.

    Raises:
        postil.packs.PackError: a pack is wrong.
        postil.jobs.UnusableDatabaseError: the database's address is.
    """
    guideline = guideline or packs.load(_pack_paths(settings))
    measured = Metrics(VERSION, guideline.version)
    access = _access(settings)
    credentials = settings.credentials
    service = None
    if credentials is not None:
        github = GitHub(
            credentials.app_id,
            credentials.private_key.get_secret_value(),
            settings.github_api_url,
            transport,
            web_url=settings.web_url,
            spacing=spacing,
        )
        service = _Service(settings, credentials, guideline, measured, github)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            if service is not None:
                await service.start(stack)
            log.info("started", role=settings.role, version=VERSION, guideline=guideline.version, set_up=bool(service))
            yield
            log.info("stopping")
        log.info("stopped")

    app = FastAPI(title="Postil", version=VERSION, lifespan=lifespan, openapi_url=None)
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.include_router(status.health(VERSION))
    app.include_router(status.ready(service.jobs.ready if service else None))
    # They name no repository and nobody, so they are open as long as nobody says who operators are.
    limited = [Depends(access.operator)] if access.is_limited else []
    app.include_router(status.metrics(measured, service.jobs.counts if service else None), dependencies=limited)
    if settings.openapi:
        app.add_api_route("/openapi.json", lambda: JSONResponse(app.openapi()), dependencies=limited)
    if settings.role is not Role.WORKER:
        _add_web(app, settings, guideline, measured, service, access)
    return app


class _Service:
    """What runs behind the web pages once there are credentials."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        guideline: Guideline,
        measured: Metrics,
        github: GitHub,
    ) -> None:
        self.secrets = [secret.get_secret_value() for secret in credentials.webhook_secrets]
        # A run that has begun holds little, and one installation's are slowed by the pace of its writes alone.
        begun = BEGUN * settings.concurrency
        self.jobs = Jobs(settings.database_url.get_secret_value(), concurrency=begun, share=settings.concurrency)
        self.github = github
        self._works = settings.role is not Role.WEB
        # Reviews mostly wait for GitHub, analyses for a processor: more of these than processors only take memory.
        children = min(settings.concurrency, os.cpu_count() or 1)
        self._analyst = Analyst(_pack_paths(settings), Limits(children=children))
        self._reviewer = Reviewer(
            github=self.github,
            analyst=self._analyst,
            book=self.jobs,
            guideline=guideline,
            links=_links(settings, guideline),
            web_url=settings.web_url,
            # All replicas have them, they outlive restarts, and while a secret is replaced both are there.
            key=hmac.digest(self.secrets[0].encode(), b"postil: hidden markers", "sha256"),
            meter=measured,
            room=asyncio.Semaphore(settings.concurrency),
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Start what the role asks for; `stack` stops it again, the last first: no work before its tools are let go."""
        await stack.enter_async_context(self.github)
        await stack.enter_async_context(self._analyst)
        stack.push_async_callback(self.jobs.stop, GRACE)
        try:
            await (self.jobs.start(self._reviewer) if self._works else self.jobs.open())
        except (UnavailableError, AlreadyRunningError, NewerDatabaseError) as error:
            log.error("not_started", why=str(error))  # noqa: TRY400 - its traceback tells an operator nothing
            raise


def _access(settings: Settings) -> Access:
    """How the settings tell operators from everybody else."""
    token = settings.operator_token
    return Access(
        port=settings.private_listen.port if settings.private_listen is not None else None,
        token=token.get_secret_value() if token is not None else "",
        header=settings.operator_header or "",
    )


def _pack_paths(settings: Settings) -> tuple[Path, ...]:
    return packs.over_built_in(settings.packs)


def _links(settings: Settings, guideline: Guideline) -> Links:
    """Where comments link to."""
    if settings.guide_url is not None:
        return Links(settings.guide_url, repository=True)
    return guide.links(guideline, settings.public_url or "")


def _add_web(
    app: FastAPI,
    settings: Settings,
    guideline: Guideline,
    measured: Metrics,
    service: _Service | None,
    access: Access,
) -> None:
    """Add what GitHub and people ask for."""
    readers = [Depends(access.operator)] if settings.private_guide else []
    app.include_router(guide.router(guideline), dependencies=readers)
    app.include_router(
        setup.router(
            _variables(settings),
            web_url=settings.web_url,
            public_url=settings.public_url or "",
            configured=service is not None,
        )
    )
    app.mount("/static", StaticFiles(directory=STATIC))
    if service is not None:
        app.include_router(hooks.router(service.secrets, service.jobs, service.github.forget, measured))
    else:
        app.include_router(hooks.closed())

    @app.get("/", response_class=RedirectResponse)
    def front() -> RedirectResponse:
        return RedirectResponse("/guide/" if service is not None else "/setup", 307)


def _variables(settings: Settings) -> tuple[setup.Variable, ...]:
    """What the set-up page says about the credentials: never a value, only whether there is one."""
    names = ("public_url", "github_app_id", "github_webhook_secret", "github_private_key")
    fields = Settings.model_fields
    return tuple(
        setup.Variable(PREFIX + name.upper(), fields[name].description or "", bool(getattr(settings, name)))
        for name in names
    )


def serve(settings: Settings) -> None:
    """Run the service until it is told to stop (SIGTERM, SIGINT). Logs JSON on stderr.

    Raises:
        postil.packs.PackError: a pack is wrong.
        postil.jobs.UnusableDatabaseError: the database's address is.
    """
    logs.configure(settings.log_level, settings.secrets)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.listen.host,
        port=settings.listen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # The answers under way come first, then the lifespan ends, which waits for reviews.
        timeout_graceful_shutdown=5,
    )
    # One server for both ports: they share the application, its lifespan and its signals.
    private = settings.private_listen
    own = uvicorn.Config(config.app, host=private.host, port=private.port, log_config=None) if private else None
    uvicorn.Server(config).run([config.bind_socket(), own.bind_socket()] if own is not None else None)
