"""`make pictures`: all pictures of the README and of docs/, taken of the real pages with Debian's chromium.

The service reviewed what they show a moment ago, on this machine, against the stand-in for GitHub.
"""

import asyncio
import io
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from postil.app import create_app
from postil.demo import faults, play
from postil.demo.deliveries import Webhook
from postil.demo.fake_github import FakeGitHub
from postil.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs"
LOOKS: tuple[tuple[str, Literal["light", "dark"]], ...] = (("", "light"), ("-dark", "dark"))
SECONDS = 120
MOST = 200_000
"""Bytes of one picture; each travels with the package, and is loaded with the README."""
REFUSED = "Resource not accessible by integration"
COLOURS = 160
"""A page has few, and a picture with a table of them is a third as large."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture by its name in docs/: whose page it is of, what stands there, and its width and height in pixels."""

    name: str
    of: Literal["github", "service", "set-up"]
    path: str
    size: tuple[int, int]
    sharpness: float = 1.5


PICTURES = (
    Picture("pull-request", "github", "/acme/shop/pull/1/files", (1000, 870)),
    Picture("guide", "service", "/guide/error-handling/raise-without-from", (900, 760)),
    Picture("guide-phone", "service", "/guide/?q=timeout", (390, 720)),
    Picture("operator", "service", "/operator", (960, 900)),
    Picture("set-up", "set-up", "", (900, 860)),
)
FILES = tuple(f"{picture.name}{suffix}.png" for picture in PICTURES for suffix, _ in LOOKS)


def main() -> None:
    """Take them all."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is missing; on Debian: apt-get install chromium fonts-inter")
    with ExitStack() as stack:
        # The log has the link of the set-up, and nothing else that anybody would read.
        logged = stack.enter_context(structlog.testing.capture_logs())
        github, service, token = stack.enter_context(_reviewed())
        stack.enter_context(_not_set_up())
        set_up = next(line["url"] for line in logged if line["event"] == "set_up_here")
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        servers = {"github": github, "service": service, "set-up": set_up}
        for picture in PICTURES:
            with _page(browser, picture, token) as page:
                page.goto(servers[picture.of] + picture.path)
                _fill_in(page)
                for suffix, scheme in LOOKS:
                    page.emulate_media(color_scheme=scheme)
                    file = FOLDER / f"{picture.name}{suffix}.png"
                    _write(file, page.screenshot())
                    print(f"docs/{file.name}: {file.stat().st_size / 1000:.0f} kB")


@contextmanager
def _reviewed() -> Generator[tuple[str, str, str]]:
    """A GitHub and a service that has done some work there: their addresses, and the token of its operators."""
    with tempfile.TemporaryDirectory(prefix="postil-pictures-") as folder, ExitStack() as stack:
        ours, theirs = play.free_socket(), play.free_socket()
        service, github, token = play.address(ours), play.address(theirs), secrets.token_hex(16)
        key, public = play.key_pair()
        hook = Webhook(f"{service}/webhooks/github", secrets.token_hex(16))
        fake = FakeGitHub(Path(folder), webhook=hook, public_key=public, url=github)
        settings = play.environment(fake, key, service, folder) | {"POSTIL_OPERATOR_TOKEN": token}
        stack.enter_context(play.serving(fake, theirs))
        stack.enter_context(play.serving(create_app(Settings.load(settings), spacing=0), ours, lifespan=True))
        pulls = [play.sample_pull(fake), *_more(fake)]
        # The last one is for what fails: an operator's page without that shows nothing of what it is for.
        fake.misbehave("GET", f"/pulls/{len(pulls)}/files", faults.Fault(403, {"message": REFUSED}))
        for pull in pulls:
            asyncio.run(fake.deliver(fake.delivery("pull_request", "opened", pull=pull)))
        end = time.monotonic() + SECONDS
        while not all(run.status == "completed" for pull in pulls for run in pull.check_runs or [_Waiting()]):
            if time.monotonic() > end:
                sys.exit(f"no verdicts came within {SECONDS} s")
            time.sleep(0.1)
        yield github, service, token


@dataclass(frozen=True, slots=True)
class _Waiting:
    """In the place of a check run that isn't there as yet."""

    status: str = "queued"


def _more(fake: FakeGitHub) -> Iterator[object]:
    for number, title in enumerate(("Count what is in stock", "Greet customers by name", "Import old orders"), 2):
        files = {f"shop/part_{number}.py": f'"""{title}."""\n\n\ndef run(count: int) -> int:\n    return count + 1\n'}
        yield fake.open_pull(base_files={}, head_files=files, title=title)


@contextmanager
def _not_set_up() -> Generator[None]:
    """A service without credentials."""
    with tempfile.TemporaryDirectory(prefix="postil-pictures-") as folder:
        socket = play.free_socket()
        listen = play.address(socket).removeprefix("http://")
        settings = {"POSTIL_DATABASE_URL": f"sqlite:///{folder}/data/postil.db", "POSTIL_LISTEN": listen}
        with play.serving(create_app(Settings.load(settings)), socket, lifespan=True):
            yield


@contextmanager
def _page(browser: Browser, picture: Picture, token: str) -> Generator[Page]:
    width, height = picture.size
    with browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=picture.sharpness,
        http_credentials={"username": "mona", "password": token},
    ) as context:
        yield context.new_page()


def _fill_in(page: Page) -> None:
    """Put a name where the page guessed the address of this machine."""
    if (address := page.get_by_label("This service's address")).count():
        address.fill("https://postil.example.com")
        page.get_by_label("Organisation").fill("acme")
        page.locator("h1").click()


def _write(file: Path, taken: bytes) -> None:
    """Write a screenshot with a table of its colours."""
    with Image.open(io.BytesIO(taken)) as image:
        few = image.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
    if file.stat().st_size > MOST:
        sys.exit(f"{file.name} is larger than {MOST} bytes; make it smaller, or less sharp")


if __name__ == "__main__":
    main()
