"""Debian's chromium, driven by Playwright: one for each module that asks for it."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


# Not for the whole session: while Playwright runs, no test of the same process can have an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    if not CHROMIUM:
        pytest.skip("chromium is missing")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120_000)
        yield started
        started.close()
