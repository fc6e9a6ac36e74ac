"""The keys to repositories: they leave the process towards GitHub and nobody else, and are replaced without a gap."""

import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from postil import log as logs
from postil.demo import faults
from postil.settings import Settings
from story import CLEAN, PAY, running, said
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

OLD = "the old secret of the webhook"
NEW = "the new secret of the webhook"
OPERATOR = "a token that operators have"
LIBRARIES = ("httpx", "httpcore", "githubkit", "dbos", "asyncio", "sqlalchemy", "uvicorn", "postil")


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """All that is logged from here on, in the form of the service, and by the libraries down to their least words."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("debug", [OLD, NEW, OPERATOR], stream)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("dbos").handlers = []
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def hidden(secrets: Sequence[str], text: str) -> list[str]:
    """The secrets that stand in a text, as they are, quoted as JSON or by Python, or in part."""
    forms = {
        each: {each, json.dumps(each)[1:-1], repr(each)[1:-1], each[20:80] if len(each) > 100 else each}
        for each in secrets
    }
    return [each[:30] for each, written in forms.items() if any(form in text for form in written)]


def analysing() -> list[str]:
    """The environment and the arguments of the analysing children, as anybody of the same user reads them."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = {pid for task in tasks for pid in task.read_text().split()}
    found = [
        "".join((Path("/proc") / pid / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ"))
        for pid in pids
    ]
    return [each for each in found if "postil.sandbox" in each]


async def test_no_secret_is_told_to_anybody_but_github(
    github: ValidatedGitHub,
    github_url: str,
    app_key: tuple[str, str],
    tmp_path: Path,
    everything_logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in the log of a review that goes wrong in every way, nor in the database, metrics, answers or children."""
    github.webhook = replace(github.webhook, secret=OLD)
    # What a child would inherit.
    monkeypatch.setenv("POSTIL_GITHUB_WEBHOOK_SECRET", OLD)
    changes = {"GITHUB_API_URL": github_url, "GITHUB_WEBHOOK_SECRET": f"{NEW},{OLD}", "OPERATOR_TOKEN": OPERATOR}
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    tokens: set[str] = set()
    async with running(github, app_key, tmp_path, **changes) as postil:
        for fault in (faults.BAD_CREDENTIALS, faults.BAD_GATEWAY, faults.CONNECTION_RESET):
            github.misbehave("GET", r"/pulls/\d+/files", fault)
        github.misbehave("POST", r"/access_tokens", faults.BAD_GATEWAY)
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
        tokens |= github.tokens.keys()
        assert said(pull)
        github.misbehave("POST", r"/graphql", faults.FORBIDDEN)
        pull.push({"shop/pay.py": PAY + "\n"})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
        tokens |= github.tokens.keys()
        paths = ("/metrics", "/setup", "/ready", "/nothing", "/webhooks/github")
        shown = [await postil.shows(path, authorization=f"Bearer {OPERATOR}") for path in paths]
        shown += [await postil.shows("/metrics", authorization="Bearer wrong")]
        seen = analysing()
        stored = postil.everything()
    try:
        int(app_key[0] + " ".join(tokens))
    except ValueError:
        structlog.get_logger("postil").exception("crashed")
    secrets = [OLD, NEW, OPERATOR, *tokens, *[line for line in app_key[0].splitlines() if len(line) == 64]]
    log = everything_logged.getvalue()

    assert len(tokens) >= 2
    assert '"logger": "httpcore' in log
    assert seen
    assert hidden(secrets, log) == []
    assert hidden(secrets, stored) == []
    assert hidden(secrets, "\n".join(shown)) == []
    assert hidden(secrets, "\n".join(seen)) == []


def test_no_secret_is_in_the_representation_of_the_settings(app_key: tuple[str, str]) -> None:
    """Tracebacks of some tools show local variables."""
    env = {
        "POSTIL_GITHUB_APP_ID": "12345",
        "POSTIL_GITHUB_PRIVATE_KEY": app_key[0],
        "POSTIL_GITHUB_WEBHOOK_SECRET": f"{NEW},{OLD}",
        "POSTIL_PUBLIC_URL": "https://postil.example.com",
        "POSTIL_DATABASE_URL": "postgresql://postil:a%20password%21@db.example/postil",
        "POSTIL_OPERATOR_TOKEN": OPERATOR,
    }
    settings = Settings.load(env)
    stream = io.StringIO()
    redactor = logs.Redactor(settings.secrets)
    told = [str(redactor.clean(each)) for each in (*env.values(), "refused: a password!", "as a%20password%21")]

    secrets = [NEW, OLD, OPERATOR, app_key[0], "a password!", "a%20password%21"]
    assert hidden(secrets, f"{settings!r} {settings.credentials!r} {settings.model_dump()!r} {stream.getvalue()}") == []
    assert hidden(secrets, "\n".join(told)) == []


async def test_a_webhook_secret_is_replaced_without_a_gap(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """Old and new are taken while GitHub switches; what was said under the old one isn't said twice."""
    github.webhook = replace(github.webhook, secret=OLD)
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with running(github, app_key, tmp_path, GITHUB_WEBHOOK_SECRET=OLD) as postil:
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    first = said(pull)
    async with running(github, app_key, tmp_path, GITHUB_WEBHOOK_SECRET=f"{NEW},{OLD}") as postil:
        pull.push({"shop/pay.py": PAY + "\n"})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
        github.webhook = replace(github.webhook, secret=NEW)
        pull.push({"shop/pay.py": PAY + "\n\n"})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    async with running(github, app_key, tmp_path, GITHUB_WEBHOOK_SECRET=NEW) as postil:
        pull.push({"shop/pay.py": PAY + "\n\n\n"})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
        github.webhook = replace(github.webhook, secret=OLD)
        late = await postil.answers(github.delivery("pull_request", "synchronize", pull=pull))

    assert first == [("shop/pay.py", 5, "**Chain the new exception to its cause**")]
    assert said(pull) == first
    assert late == 401
