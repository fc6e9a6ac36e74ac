"""The whole service in one process, against the stand-in for GitHub: what a story needs to be told."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from postil import packs
from postil.app import create_app
from postil.demo.deliveries import Delivery
from postil.demo.state import FakePull
from postil.jobs import create_engine, database_url
from postil.settings import Settings
from postil.tracing import UNTRACED, Tracer
from validated_github import ValidatedGitHub

GUIDELINE = packs.load()
# A file with one mistake, another with the same one, and one with none.
PAY = """\
def pay(card):
    try:
        charge(card)
    except CardError as error:
        raise PaymentFailed(card)
"""
REFUND = PAY.replace("pay", "refund").replace("Payment", "Refund")
CLEAN = "def total(prices):\n    return sum(prices)\n"


class Postil:
    """The running service, as GitHub sees it; `engine` is for looking into its `database`."""

    def __init__(self, app: FastAPI, github: ValidatedGitHub, database: str) -> None:
        self._github = github
        self.database = database
        self.engine = create_engine(database_url(database))
        self.transport = httpx.ASGITransport(app)
        self._http = httpx.AsyncClient(transport=self.transport, base_url="https://postil.example.com")

    async def answers(self, delivery: Delivery) -> int:
        """Send one delivery as GitHub does; gives the status of the answer."""
        headers, body = delivery
        response = await self._http.post("/webhooks/github", content=body, headers=headers)
        return response.status_code

    async def hears(self, *deliveries: Delivery) -> None:
        """Send deliveries, which are accepted."""
        for delivery in deliveries:
            assert await self.answers(delivery) == 202

    async def receives(self, *deliveries: Delivery) -> None:
        """Send deliveries, and wait until nothing is left to do."""
        await self.hears(*deliveries)
        await self.rests()

    async def rests(self, seconds: float = 240) -> None:
        """Wait until every pull request is idle (or given up)."""
        end = time.monotonic() + seconds
        while busy := self._busy():
            assert time.monotonic() < end, f"still busy: {busy}"
            await anyio.sleep(0.05)

    def _busy(self) -> list[tuple[str, str]]:
        with self.engine.connect() as connection:
            rows = connection.execute(
                sa.text("SELECT key, state FROM postil_pulls WHERE state IN ('queued', 'running')")
            )
            return [(row.key, row.state) for row in rows]

    async def reads(self, path: str, token: str) -> str:
        """Open a page of operators."""
        response = await self._http.get(path, headers={"authorization": f"Bearer {token}"})
        assert response.status_code == 200
        return response.text

    def stored(self) -> int:
        """How many deliveries were stored."""
        with self.engine.connect() as connection:
            return connection.execute(sa.text("SELECT count(*) FROM postil_deliveries")).scalar_one()

    async def shows(self, path: str, **headers: str) -> str:
        """What a page or an error says, whatever its status."""
        return (await self._http.get(path, headers=headers)).text

    def everything(self) -> str:
        """All that the database holds."""
        tables = sa.MetaData()
        with self.engine.connect() as connection:
            tables.reflect(connection)
            return repr([[tuple(row) for row in connection.execute(sa.select(each))] for each in tables.sorted_tables])

    async def close(self) -> None:
        """Let go of the database and the client."""
        await self._http.aclose()
        self.engine.dispose()


@asynccontextmanager
async def running(
    github: ValidatedGitHub, app_key: tuple[str, str], folder: Path, tracer: Tracer = UNTRACED, /, **changes: str
) -> AsyncGenerator[Postil]:
    """The service, speaking to `github`: over HTTP where the API's address is given.

    `tracer` gets its traces. `changes` are settings; without a database among them it is one in `folder`.
    """
    env = {
        "POSTIL_GITHUB_APP_ID": github.app_id,
        "POSTIL_GITHUB_PRIVATE_KEY": app_key[0],
        "POSTIL_GITHUB_WEBHOOK_SECRET": github.webhook.secret,
        "POSTIL_PUBLIC_URL": "https://postil.example.com",
        "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db",
        # Stories count calls; the sweep has its own.
        "POSTIL_SWEEP_MINUTES": "0",
    }
    settings = Settings.load(env | {f"POSTIL_{name}": value for name, value in changes.items()})
    transport = None if "GITHUB_API_URL" in changes else httpx.ASGITransport(github)
    app = create_app(settings, None if settings.packs else GUIDELINE, transport, spacing=0, tracer=tracer)
    async with app.router.lifespan_context(app):
        postil = Postil(app, github, settings.database_url.get_secret_value())
        try:
            yield postil
        finally:
            await postil.close()


def said(pull: FakePull) -> list[tuple[str, int | None, str]]:
    """The inline comments on a pull request: path, line, and the comment's first line."""
    return [(comment.path, comment.line, comment.body.split("\n", 1)[0]) for comment in pull.comments]


def verdicts(pull: FakePull) -> list[tuple[str, str | None, str | None]]:
    """The check runs of a pull request's head: status, conclusion and title."""
    return [(run.status, run.conclusion, run.title) for run in pull.check_runs]
