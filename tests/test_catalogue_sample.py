"""One file with six faults of async code that linters for syntax pass over."""

from postil import packs
from postil.lint.project import Project

SAMPLE = """\
import asyncio
import threading
from functools import lru_cache

lock = threading.Lock()
rates = {}


async def fetch(currency):
    await asyncio.sleep(0.1)
    return currency


@lru_cache(maxsize=10)
async def rate(currency):
    return await fetch(currency)


async def refresh(currencies):
    await asyncio.gather(*(fetch(currency) for currency in currencies), return_exceptions=True)
    asyncio.sleep(1)


async def update(currency):
    with lock:
        rates[currency] = await fetch(currency)


async def report(loop):
    loop.run_until_complete(refresh(rates))
    return asyncio.run(fetch("EUR"))
"""


def test_six_faults_of_async_code_are_all_found() -> None:
    """None of these is found by the syntax of one line: they are why there are rules of our own."""
    report = packs.load().rules.lint("app/rates.py", SAMPLE, Project())

    assert [(finding.line, finding.rule) for finding in report.findings] == [
        (14, "cache-on-coroutine"),
        (20, "gather-exceptions-unchecked"),
        (21, "coroutine-not-awaited"),
        (25, "threading-lock-across-await"),
        (30, "sync-bridge-in-async-path"),
        (31, "sync-bridge-in-async-path"),
    ]
