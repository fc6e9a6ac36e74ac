"""`postil demo`: the real service and the stand-in for GitHub, both on loopback, and one pull request between them."""

import asyncio
import contextlib
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.types import ASGIApp

from postil.app import create_app
from postil.demo.deliveries import Webhook
from postil.demo.fake_github import FakeGitHub
from postil.demo.history import GitFailed
from postil.demo.state import CheckRun, FakePull
from postil.log import configure
from postil.report import printable
from postil.settings import Settings

SAMPLE = Path(__file__).parent / "sample"
REVIEWED_WITHIN = 300.0
"""Seconds after which the demo gives up; a range of a large repository takes its time."""


class DemoError(Exception):
    """The demo can't be shown; the text says why."""


def run(repo: Path | None, revisions: str | None, *, stay: bool) -> None:
    """Review the sample's pull request, or the range `BASE..HEAD` of `repo`, and print what was said.

    With `stay` the pull request's page is served until Ctrl-C.

    Raises:
        DemoError: no repository, no such commits, or no review came.
    """
    configure("error")
    with tempfile.TemporaryDirectory(prefix="postil-demo-") as folder, ExitStack() as stack:
        ours, theirs = _free_socket(), _free_socket()
        service, github = _address(ours), _address(theirs)
        key, public = _key_pair()
        shared = secrets.token_hex(16)
        fake = FakeGitHub(
            Path(folder),
            webhook=Webhook(f"{service}/webhooks/github", shared),
            public_key=public,
            url=github,
        )
        pull = _open(fake, repo, revisions)
        settings = Settings.load(
            {
                "POSTIL_GITHUB_APP_ID": fake.app_id,
                "POSTIL_GITHUB_PRIVATE_KEY": key,
                "POSTIL_GITHUB_WEBHOOK_SECRET": shared,
                "POSTIL_GITHUB_API_URL": github,
                "POSTIL_GITHUB_WEB_URL": github,
                "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db",
                "POSTIL_PUBLIC_URL": service,
            }
        )
        stack.enter_context(_serving(fake, theirs, lifespan="off"))
        stack.enter_context(_serving(create_app(settings), ours, lifespan="on"))
        began = time.monotonic()
        answered = asyncio.run(fake.deliver(fake.delivery("pull_request", "opened", pull=pull)))
        if answered != 202:
            raise DemoError(f"the service answered the delivery with {answered}")
        verdict = _wait(pull)
        for line in _told(pull, verdict, time.monotonic() - began):
            print(printable(line))
        page = f"{github}/{fake.repository.full_name}/pull/{pull.number}"
        print(f"\nSee it as a reviewer would: {page}")
        if stay:
            print("Ctrl-C ends the demo.")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()


def _open(fake: FakeGitHub, repo: Path | None, revisions: str | None) -> FakePull:
    if repo is None or revisions is None:
        return fake.open_pull(
            base_files=dict(_files(SAMPLE / "before")),
            head_files=dict(_files(SAMPLE / "after")),
            title="Ship orders and refund them",
            body="Adds shipping, refunds and coupons that may be unknown.",
        )
    base, dots, head = revisions.partition("..")
    if not dots or not base:
        raise DemoError(f"`{revisions}` is no range; write BASE..HEAD, for example HEAD~1..HEAD")
    try:
        return fake.open_pull_of(repo, base, head.lstrip(".") or "HEAD", title=f"{repo.resolve().name} {revisions}")
    except GitFailed as error:
        raise DemoError(f"{repo}: {error}") from error


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8")


def _free_socket() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def _key_pair() -> tuple[str, str]:
    """A fresh App key: private and public PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@contextmanager
def _serving(application: ASGIApp, listening: socket.socket, *, lifespan: str) -> Generator[None]:
    """Serve an application on a bound socket, in a thread of its own, until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(application, lifespan="on" if lifespan == "on" else "off", log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise DemoError("a server could not start; run `postil serve` to see why")
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def _wait(pull: FakePull) -> CheckRun:
    """The finished check run of the pull request."""
    end = time.monotonic() + REVIEWED_WITHIN
    while time.monotonic() < end:
        done = [run for run in pull.check_runs if run.status == "completed"]
        if done:
            return done[-1]
        time.sleep(0.05)
    raise DemoError(f"no verdict came within {REVIEWED_WITHIN:.0f} s")


def _told(pull: FakePull, verdict: CheckRun, seconds: float) -> Iterator[str]:
    """What a reviewer reads, as lines."""
    yield f"Pull request #{pull.number}: {pull.title}"
    yield f"Reviewed {seconds:.1f} s after the delivery."
    for comment in sorted(pull.comments, key=lambda comment: (comment.path, comment.line or 0)):
        start = f"{comment.start_line}-" if comment.start_line else ""
        yield ""
        yield f"── {comment.path}:{start}{comment.line}"
        yield from _shown(comment.body)
    for review in pull.reviews:
        yield ""
        yield "── review"
        yield from _shown(review.body)
    yield ""
    yield f"── check run: {verdict.conclusion} · {verdict.title}"
    yield from _shown(verdict.summary or "")


def _shown(markdown: str) -> Iterator[str]:
    """Markdown without its hidden markers, indented."""
    visible = [line for line in markdown.split("\n") if not line.startswith("<!--")]
    for line in "\n".join(visible).strip().split("\n"):
        yield f"   {line}".rstrip()
