"""Which locks are reentrant, what runs under one, and where a coroutine lets others run."""

from pydoc import locate
from typing import Any

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.catalogue.locks import REENTRANT_LOCKS, THREAD_LOCKS
from postil.lint.locks import is_under_lock
from postil.lint.tree import suspensions


@pytest.mark.parametrize("name", sorted(THREAD_LOCKS))
def test_a_thread_gets_a_lock_twice_only_if_it_is_reentrant(name: str) -> None:
    """What happens to the second task of a thread depends on it: it blocks the thread, or it gets in."""
    made: Any = locate(name)
    lock = made()

    assert lock.acquire(False)
    assert lock.acquire(False) is (name in REENTRANT_LOCKS)


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("async def f(x):\n    async with x.lock:\n        here()", True),
        ("async def f(x):\n    async with x.locks[1]:\n        here()", True),
        ("async def f(x):\n    async with x.lock_for(1):\n        if x:\n            here()", True),
        ("import asyncio\ngate = asyncio.Semaphore(1)\nasync def f():\n    async with gate:\n        here()", True),
        ("import threading\nm = threading.Lock()\ndef f():\n    with m:\n        here()", True),
        ("async def f(x):\n    async with x.session:\n        here()", False),
        ("import httpx\nlock = httpx.AsyncClient()\nasync def f():\n    async with lock:\n        here()", False),
        ("async def f(x):\n    async with x.lock:\n        def g():\n            here()", False),
        ("async def f(x):\n    async with x.lock:\n        pass\n    here()", False),
    ],
)
def test_code_is_under_a_lock_where_its_own_function_entered_one(text: str, under: bool) -> None:
    """A function that is only defined under the lock may run after it."""
    file = SourceFile("a.py", text + "\n")
    here = next(call for call in file.nodes(cst.Call) if file.code(call.func) == "here")

    assert is_under_lock(here, file) is under


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("await f()", 1),
        ("async for x in y: pass", 1),
        ("async with x: await f()", 2),
        ("z = [x async for x in y]", 1),
        ("async def g(): await f()", 0),
        ("with x: f()", 0),
    ],
)
def test_a_coroutine_lets_others_run_where_it_waits(line: str, count: int) -> None:
    """Everything about shared state depends on where that is."""
    file = SourceFile("a.py", f"async def around():\n    {line}\n")
    function = file.nodes(cst.FunctionDef)[0]

    assert len(list(suspensions(function.body))) == count
