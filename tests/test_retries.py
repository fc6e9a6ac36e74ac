"""What is tried again, which libraries code calls over the network, and which calls hold their thread."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.blocking import blocks
from postil.lint.network import calls_of
from postil.lint.retries import attempts_of, filter_parts, listed


def parsed(text: str) -> SourceFile:
    return SourceFile("app/service.py", text.strip("\n") + "\n")


RETRIES = {
    "bare": ("from tenacity import retry\n@retry\ndef f():\n    pass", "tenacity", "f", set()),
    "options": ("import tenacity\n@tenacity.retry(stop=s)\ndef f():\n    pass", "tenacity", "f", {"stop"}),
    "by-position": ("import backoff\n@backoff.on_exception(backoff.expo, E)\ndef f():\n    pass", "backoff", "f",
                    {"wait_gen", "exception"}),
    "in-a-variable": ("import stamina\nr = stamina.retry(on=E)\n@r\ndef f():\n    pass", "stamina", "f", {"on"}),
    "called": ("from tenacity import retry\ndef f():\n    pass\ng = retry(f)", "tenacity", "f", set()),
    "block": ("from tenacity import Retrying\nfor attempt in Retrying(stop=s):\n    pass", "tenacity", None, {"stop"}),
    "async-block": (
        "from tenacity import AsyncRetrying\nasync def f():\n    async for a in AsyncRetrying(stop=s):\n        pass",
        "tenacity", None, {"stop"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "library", "function", "options"), RETRIES.values(), ids=RETRIES.keys())
def test_a_retry_is_known_by_its_library_its_options_and_what_it_repeats(
    text: str, library: str, function: str | None, options: set[str]
) -> None:
    """The rules about retries differ, and what they look at is read once."""
    retry = parsed(text).retries[0]

    assert (retry.library, set(retry.options), retry.complete) == (library, options, True)
    assert (retry.function.name.value if retry.function is not None else None) == function
    assert (retry.block is not None) == ("for " in text)


def test_options_from_elsewhere_leave_a_retry_incomplete() -> None:
    """A limit may be among them."""
    (retry,) = parsed("from tenacity import retry\n@retry(**options)\ndef f():\n    pass").retries

    assert not retry.complete


FILTERS = {
    "one": ("retry=retry_if_exception_type(E)", ["E"]),
    "several": ("retry=retry_if_exception_type((E, OSError))", ["E", "OSError"]),
    "either": ("retry=retry_if_exception_type(E) | retry_if_exception_type(OSError)", ["E", "OSError"]),
    "any": ("retry=retry_any(retry_if_exception_type(E))", ["E"]),
    "a-constant": ("retry=retry_if_exception_type(TRANSIENT)", ["OSError", "EOFError"]),
    "predicate": ("retry=retry_if_exception(may_pass)", None),
    "a-part-is-unknown": ("retry=retry_if_exception_type(E) | may_pass", None),
    "none": ("stop=s", []),
}


@pytest.mark.parametrize(("options", "classes"), FILTERS.values(), ids=FILTERS.keys())
def test_what_a_retry_waits_for_is_known_as_far_as_it_names_classes(options: str, classes: list[str] | None) -> None:
    """A rule about a filter is silent where a part of it decides by something else."""
    file = parsed(
        "from tenacity import retry, retry_any, retry_if_exception, retry_if_exception_type\n"
        f"TRANSIENT = (OSError, EOFError)\n@retry({options})\ndef f():\n    pass"
    )
    parts = list(filter_parts(file.retries[0], file))
    found = [file.code(each) for part in parts if part is not None for each in listed(part, file)]

    assert (None if None in parts else found) == classes


@pytest.mark.parametrize(
    ("options", "attempts"),
    [("stop=stop_after_attempt(3)", 3), ("stop=ONCE", 1), ("stop=stop_after_delay(3)", None), ("wait=w", None)],
    ids=["number", "constant", "time", "none"],
)
def test_attempts_are_counted_where_the_number_stands(options: str, attempts: int | None) -> None:
    """One attempt is no retry, and what can't be read is not multiplied."""
    file = parsed(
        "from tenacity import retry, stop_after_attempt, stop_after_delay\n"
        f"ONCE = stop_after_attempt(1)\n@retry({options})\ndef f():\n    pass"
    )

    assert attempts_of(file.retries[0], file) == attempts


NETWORK = {
    "function": ("import requests\ndef f():\n    return requests.get(u).json()['a'].strip()", {"requests"}),
    "client": ("import httpx\nasync def f(c: httpx.AsyncClient):\n    return (await c.get(u)).json()", {"httpx"}),
    "through-a-helper": ("import httpx\ndef g():\n    return httpx.get(u)\ndef f():\n    return g()", {"httpx"}),
    "through-a-method": (
        "import redis\nclass A:\n r: redis.Redis\n def g(self):\n  self.r.get(k)\n def f(self):\n  self.g()",
        {"redis"},
    ),
    "thread": ("import asyncio, requests\nasync def f():\n await asyncio.to_thread(requests.get, u)", {"requests"}),
    "recursion": ("import requests\ndef f(n):\n    requests.get(u)\n    return f(n - 1)", {"requests"}),
    "two": ("import requests, redis\ndef f(r: redis.Redis):\n    r.set(k, requests.get(u))", {"redis", "requests"}),
    "none": ("import json\ndef f(text):\n    return len(json.loads(text))", set()),
    "unknown-function": ("import requests\nfrom app import g\ndef f():\n    g(requests.get(u))", None),
    "unknown-method": ("import requests\ndef f(x):\n    x.send(requests.get(u))", None),
    "time-limit": (
        "import asyncio, httpx\nasync def f(c: httpx.AsyncClient):\n async with asyncio.timeout(1):\n  await c.get(u)",
        None,
    ),
    "decorated-helper": ("import httpx\n@again\ndef g():\n    httpx.get(u)\ndef f():\n    g()", None),
    "inside-of-a-library": ("from urllib3.util import connection\ndef f():\n    connection.create_connection(a)", None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "libraries"), NETWORK.values(), ids=NETWORK.keys())
def test_code_calls_known_libraries_or_is_unknown(text: str, libraries: set[str] | None) -> None:
    """One call that may do anything may also raise anything."""
    file = parsed(text)
    function = next(each for each in file.nodes(cst.FunctionDef) if each.name.value == "f")
    found = calls_of(function.body, file)

    assert (found.libraries if found is not None else None) == libraries


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from time import sleep as nap\nnap(1)", "time.sleep"),
        ("import requests\nrequests.get(u)", "requests.get"),
        ("import redis\nr = redis.Redis()\nr.hgetall('a')", "redis.Redis.hgetall"),
        ("import pymongo\nc = pymongo.MongoClient()\nc.shop['orders'].find_one()", "pymongo.MongoClient.find_one"),
        ("import redis\nr = redis.Redis()\nr.pipeline()", None),
        ("import queue\nq = queue.Queue()\nq.put(1)", None),
        ("import queue\nq = queue.Queue(maxsize=8)\nq.put(1)", "queue.Queue.put"),
        ("import redis\nr = redis.Redis()\nasync def f():\n    await r.get('a')", None),
        ("import redis\nr = redis.Redis()\nasync def f():\n    await asyncio.gather(*[r.get(k) for k in ks])", None),
        ("requests.get(u)", None),
    ],
)  # fmt: skip
def test_a_call_blocks_if_its_name_or_type_says_so(text: str, name: str | None) -> None:
    """Who awaits it has an object of an async library, whatever the annotation says."""
    file = parsed(text)

    assert next((found for call in file.nodes(cst.Call) if (found := blocks(call, file))), None) == name


def test_a_name_is_spelled_as_the_imports_have_it() -> None:
    """A suggestion must run in the file that it is made for."""
    file = parsed("import asyncio as aio\nfrom tenacity import stop_after_attempt as attempts\nimport urllib.parse")

    assert file.spelling_of("asyncio.sleep") == "aio.sleep"
    assert file.spelling_of("tenacity.stop_after_attempt") == "attempts"
    assert file.spelling_of("tenacity.stop_after_delay") is None
