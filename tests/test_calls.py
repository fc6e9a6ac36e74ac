"""What code on the event loop comes to through the functions of one file, and what is started there together."""

import libcst as cst
import pytest
from inline_snapshot import snapshot

from postil import packs
from postil.lint import SourceFile
from postil.lint.coroutines import makes_coroutine
from postil.lint.engine import RuleSet
from postil.lint.fanout import fanouts

# In every text the call of `deep()` is what is asked about.


def chains(text: str) -> list[str]:
    file = SourceFile("app/service.py", text.strip("\n") + "\n")
    ends = [call for call in file.nodes(cst.Call) if file.code(call.func) == "deep" and not file.runs_on_loop(call)]
    return [
        " → ".join((*(function.name.value for function in chain.functions), file.code(chain.places[-1])))
        for chain in file.calls.chains(ends)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def a():\n    deep()\nasync def f():\n    a()", ["a → deep()"]),
        ("def a():\n    deep()\ndef b():\n    a()\nasync def f():\n    b()", ["b → a → deep()"]),
        ("def a():\n    deep()\nasync def f():\n    a()\n    a()", ["a → deep()"]),
        ("def a():\n    a()\n    deep()\nasync def f():\n    a()", ["a → deep()"]),
        ("async def f():\n    def a():\n        deep()\n    a()", ["a → deep()"]),
        ("class C:\n    def a(self):\n        deep()\n    async def f(self):\n        self.a()", ["a → deep()"]),
        ("class C:\n    def __init__(self):\n        deep()\nasync def f():\n    C()", ["__init__ → deep()"]),
        ("class C:\n    def __init__(self):\n        deep()\nclass D(C): ...\nasync def f():\n    D()",
         ["__init__ → deep()"]),
        ("class C:\n    def __enter__(self):\n        deep()\nasync def f():\n    with C():\n        pass",
         ["__enter__ → deep()"]),
        ("class C:\n    @property\n    def a(self):\n        deep()\n    async def f(self):\n        return self.a",
         ["a → deep()"]),
        ("def a():\n    deep()\n    yield\nasync def f():\n    for x in a():\n        pass", ["a → deep()"]),
    ],
    ids=["one", "two", "said-once", "recursive", "nested", "method", "constructor", "inherited", "context-manager",
         "property", "generator"],
)  # fmt: skip
def test_a_chain_leads_from_the_loop_to_a_call_in_sync_functions(text: str, found: list[str]) -> None:
    """The blocking line is often several calls away from the coroutine that it stops."""
    assert chains(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "def a():\n    deep()\nasync def f():\n    run(a)",
        "import asyncio\ndef a():\n    deep()\nasync def f():\n    await asyncio.to_thread(lambda: a())",
        "from app import in_thread\n@in_thread\ndef a():\n    deep()\nasync def f():\n    a()",
        "def a():\n    deep()\n    yield\nasync def f():\n    return a()",
        "class C:\n    def __enter__(self):\n        deep()\nasync def f():\n    return C()",
        "import asyncio\ndef a():\n    if not asyncio.get_running_loop():\n        deep()\nasync def f():\n    a()",
        "def a(wait=True):\n    if wait:\n        deep()\nasync def f():\n    a(wait=False)",
        "def a():\n    deep()\ndef f():\n    a()",
        "def a():\n    deep()\nasync def f(other):\n    other.a()",
    ],
    ids=[
        "reference",
        "thread",
        "decorator",
        "generator-not-run",
        "not-entered",
        "asks-for-a-loop",
        "switched-off",
        "no-loop",
        "unknown",
    ],
)
def test_a_chain_ends_where_something_else_may_run(text: str) -> None:
    """A reference is no call, a thread is not the loop, and an unknown decorator may do anything."""
    assert chains(text) == []


@pytest.mark.parametrize(
    ("call", "makes"),
    [
        ("work()", True),
        ("asyncio.sleep(1)", True),
        ("queue.put(1)", True),
        ("asyncio.gather()", False),
        ("pages()", False),
        ("plain()", False),
        ("wrapped()", False),
        ("other.work()", False),
    ],
)
def test_a_coroutine_is_made_by_what_nothing_wraps(call: str, makes: bool) -> None:
    """A generator needs no `await`, a future runs already, and a decorator may have made something else."""
    text = (
        "import asyncio\nfrom app import task\nqueue = asyncio.Queue()\nasync def work(): ...\ndef plain(): ...\n"
        f"async def pages():\n    yield 1\n@task\nasync def wrapped(): ...\n{call}\n"
    )
    file = SourceFile("app/service.py", text)

    assert makes_coroutine(file.nodes(cst.Call)[-1], file) is makes


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("asyncio.gather(a(), b())", ["a()", "b()"]),
        ("asyncio.gather(*[a(), b()])", ["a()", "b()"]),
        ("asyncio.gather(*(a(x) for x in xs))", ["a(x) over xs"]),
        ("asyncio.gather(*[asyncio.create_task(a(x)) for x in xs])", ["a(x) over xs"]),
        ("tasks = [a(x) for x in xs]\n    asyncio.gather(*tasks)", ["a(x) over xs"]),
        ("tasks = []\n    for x in xs:\n        tasks.append(a(x))\n    asyncio.gather(*tasks)", ["a(x) over xs"]),
        ("tasks = []\n    tasks.append(a(1))\n    asyncio.gather(*tasks)", ["a(1)"]),
        ("for x in xs:\n        tasks = []\n        tasks.append(a(x))\n        asyncio.gather(*tasks)", ["a(x)"]),
        ("asyncio.wait([a(), b()], timeout=3)", ["a()", "b()"]),
        ("asyncio.gather(*tasks)", ["tasks"]),
        ("async with asyncio.TaskGroup() as group:\n        for x in xs:\n            group.create_task(a(x))",
         ["a(x) over xs"]),
        ("async with asyncio.TaskGroup() as group:\n        group.create_task(a())\n        group.create_task(b())",
         ["a()", "b()"]),
    ],
    ids=["arguments", "list", "comprehension", "tasks", "name", "appended", "appended-once", "each-round", "wait",
         "unknown", "group-in-loop", "group"],
)  # fmt: skip
def test_what_is_started_together_is_known_with_what_repeats_it(text: str, works: list[str]) -> None:
    """One session in two tasks is a fault, in two rounds of a loop around a `gather` it isn't."""
    file = SourceFile("app/service.py", f"import asyncio\nasync def f(xs):\n    {text}\n")
    (fanout,) = fanouts(file)

    assert [
        file.code(work.expression) + (f" over {file.code(work.over)}" if work.over is not None else "")
        for work in fanout.works
    ] == works


def messages(rule: str, text: str, **options: object) -> list[str]:
    """What a rule says about a file under options of its own."""
    found = packs.load().rule(rule)
    assert found is not None
    report = RuleSet([found.weighed(None, options)]).lint("app/service.py", text)

    assert not report.problems
    return [finding.message for finding in report.findings]


def test_a_project_may_name_functions_of_its_own_that_block() -> None:
    """What stands in another file is not followed, and the project knows what is slow there."""
    text = (
        "from app.prices import load\n\n\ndef cheap(sku):\n    return load(sku) < 5\n\n\n"
        "async def price(sku):\n    return cheap(sku) and load(sku)\n"
    )

    assert messages("transitive-blocking-call", text) == []
    assert messages("transitive-blocking-call", text, also=["app.prices.load"]) == snapshot(
        [
            "`price` → `cheap()` → `app.prices.load` blocks the event loop (2 calls)",
            "`price` → `app.prices.load` blocks the event loop (1 call)",
        ]
    )


def test_small_work_on_the_disk_is_found_where_a_project_asks_for_it() -> None:
    """A look at one file is quick on most disks, and slow on some."""
    text = "from pathlib import Path\n\n\nasync def is_there(path: Path):\n    return path.exists()\n"

    assert messages("blocking-fs-in-async", text) == []
    assert messages("blocking-fs-in-async", text, small=True) == snapshot(
        ["`pathlib.Path.exists` holds the event loop for the disk in `is_there`, where `asyncio.to_thread` would not"]
    )
