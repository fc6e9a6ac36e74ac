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
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.types import ASGIApp

from postil.app import create_app
from postil.demo.deliveries import Webhook
from postil.demo.fake_github import FakeGitHub
from postil.demo.history import GitFailed
from postil.demo.state import CheckRun, FakePull, FakeRepository
from postil.log import configure
from postil.report.checked import printable
from postil.report.review import shown
from postil.settings import Settings

SAMPLE = Path(__file__).parent / "sample"
REVIEWED_WITHIN = 300.0
"""Seconds after which the demo gives up; a range of a large repository takes its time."""


class DemoError(Exception):
    """The demo can't be shown; the text says why."""


@dataclass(frozen=True, slots=True)
class Played:
    """A pull request that has its review: the seconds since the delivery, and the address of its page."""

    pull: FakePull
    verdict: CheckRun
    seconds: float
    page: str


def run(repo: Path | None, revisions: str | None, *, stay: bool) -> None:
    """Review the sample's pull request, or the range `BASE..HEAD` of `repo`, and print what was said.

    With `stay` the pull request's page is served until Ctrl-C.

    Raises:
        DemoError: no repository, no such commits, or no review came.
    """
    configure("error")
    with played(repo, revisions) as done:
        for line in _told(done.pull, done.verdict, done.seconds):
            print(printable(line))
        print(f"\nSee it as a reviewer would: {done.page}")
        if stay:
            print("Ctrl-C ends the demo.")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()


@contextmanager
def played(repo: Path | None = None, revisions: str | None = None) -> Generator[Played]:
    """Have the service review a pull request as `run` does; its page is served until the block ends.

    Raises:
        DemoError: as `run`.
    """
    with tempfile.TemporaryDirectory(prefix="postil-demo-") as folder, ExitStack() as stack:
        ours, theirs = free_socket(), free_socket()
        service, github = address(ours), address(theirs)
        key, public = key_pair()
        hook = Webhook(f"{service}/webhooks/github", secrets.token_hex(16))
        fake = FakeGitHub(Path(folder), webhook=hook, public_key=public, url=github)
        pull = sample_pull(fake) if repo is None or revisions is None else _pull_of(fake, repo, revisions)
        settings = Settings.load(environment(fake, key, service, folder))
        stack.enter_context(serving(fake, theirs))
        stack.enter_context(serving(create_app(settings), ours, lifespan=True))
        began = time.monotonic()
        answered = asyncio.run(fake.deliver(fake.delivery("pull_request", "opened", pull=pull)))
        if answered != 202:
            raise DemoError(f"the service answered the delivery with {answered}")
        verdict = _wait(pull)
        page = f"{github}/{fake.repository.full_name}/pull/{pull.number}"
        yield Played(pull, verdict, time.monotonic() - began, page)


def environment(fake: FakeGitHub, key: str, service: str, folder: str) -> dict[str, str]:
    """The settings with which a service at the address `service` works for a stand-in, its database in `folder`."""
    return {
        "POSTIL_GITHUB_APP_ID": fake.app_id,
        "POSTIL_GITHUB_PRIVATE_KEY": key,
        "POSTIL_GITHUB_WEBHOOK_SECRET": fake.webhook.secret,
        "POSTIL_GITHUB_API_URL": fake.url,
        "POSTIL_GITHUB_WEB_URL": fake.url,
        "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db",
        "POSTIL_PUBLIC_URL": service,
    }


def sample_pull(fake: FakeGitHub, repository: FakeRepository | None = None) -> FakePull:
    """Open the sample's pull request, in the stand-in's first repository unless told."""
    return fake.open_pull(
        base_files=dict(files(SAMPLE / "before")),
        head_files=dict(files(SAMPLE / "after")),
        title="Ship orders and refund them",
        body="Adds shipping, refunds and coupons that may be unknown.",
        repository=repository,
    )


def _pull_of(fake: FakeGitHub, repo: Path, revisions: str) -> FakePull:
    base, dots, head = revisions.partition("..")
    if not dots or not base:
        raise DemoError(f"`{revisions}` is no range; write BASE..HEAD, for example HEAD~1..HEAD")
    try:
        return fake.open_pull_of(repo, base, head.lstrip(".") or "HEAD", title=f"{repo.resolve().name} {revisions}")
    except GitFailed as error:
        raise DemoError(f"{repo}: {error}") from error


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """The texts below a folder, by their paths in it."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8")


def free_socket() -> socket.socket:
    """A socket that is bound to a free port of the loopback interface."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def address(listening: socket.socket) -> str:
    """The address of a server on this socket."""
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def key_pair() -> tuple[str, str]:
    """A fresh App key: private and public PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@contextmanager
def serving(application: ASGIApp, listening: socket.socket, *, lifespan: bool = False) -> Generator[None]:
    """Serve an application on a bound socket, in a thread of its own, until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(application, lifespan="on" if lifespan else "off", log_config=None, access_log=False)
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
        yield from shown(comment.body)
    for review in pull.reviews:
        yield ""
        yield "── review"
        yield from shown(review.body)
    yield ""
    yield f"── check run: {verdict.conclusion} · {verdict.title}"
    yield from shown(verdict.summary or "")
