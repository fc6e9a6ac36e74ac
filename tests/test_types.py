"""Local types: which class a value has, as far as one file shows it, and no further."""

import libcst as cst
import pytest

from postil.lint import SourceFile

# In every text of this file the argument of `use(…)` is the value in question.


def kind(text: str) -> str | None:
    file = SourceFile("app/service.py", text.strip("\n") + "\n")
    (used,) = [call for call in file.nodes(cst.Call) if isinstance(call.func, cst.Name) and call.func.value == "use"]
    return file.type_of(used.args[0].value)


KNOWN = {
    "bare-final": ("from typing import Final\nimport httpx\nc: Final = httpx.Client()\nuse(c)", "httpx.Client"),
    "bare-final-attribute": (
        "from typing import Final\nimport httpx\nclass A:\n    c: Final = httpx.Client()\n    f = lambda self: use(self.c)",  # noqa: E501
        "httpx.Client",
    ),
    "class-variable": (
        "from typing import ClassVar\nimport httpx\nclass A:\n    c: ClassVar[httpx.Client]\n    f = lambda self: use(self.c)",  # noqa: E501
        "httpx.Client",
    ),
    "bare-class-variable": (
        "from typing import ClassVar\nimport httpx\nclass A:\n    c: ClassVar = httpx.Client()\n    f = lambda self: use(self.c)",  # noqa: E501
        "httpx.Client",
    ),
    "constructor": ("import httpx\nclient = httpx.Client()\nuse(client)", "httpx.Client"),
    "imported-class": ("from httpx import Client as C\nclient = C()\nuse(client)", "httpx.Client"),
    "with": ("import requests\nwith requests.Session() as s:\n    use(s)", "requests.Session"),
    "async-with": (
        "import aiohttp\nasync def f():\n    async with aiohttp.ClientSession() as s:\n        use(s)",
        "aiohttp.ClientSession",
    ),
    "factory": ("import requests\ns = requests.session()\nuse(s)", "requests.Session"),
    "alternative-constructor": ("import redis\nr = redis.Redis.from_url(u)\nuse(r)", "redis.Redis"),
    "awaited-connect": (
        "import psycopg\nasync def f():\n    c = await psycopg.AsyncConnection.connect()\n    use(c)",
        "psycopg.AsyncConnection",
    ),
    "parameter": ("from httpx import Client\ndef f(c: Client):\n    use(c)", "httpx.Client"),
    "optional": (
        "from typing import Optional\nimport httpx\ndef f(c: Optional[httpx.Client]):\n    use(c)",
        "httpx.Client",
    ),
    "union-with-none": ("import httpx\ndef f(c: httpx.Client | None = None):\n    use(c)", "httpx.Client"),
    "annotated": (
        "from typing import Annotated\nimport httpx\ndef f(c: Annotated[httpx.Client, Depends(g)]):\n    use(c)",
        "httpx.Client",
    ),
    "alias": ("import httpx\nC = httpx.Client\ndef f(c: C):\n    use(c)", "httpx.Client"),
    "string": ("import httpx\ndef f(c: 'httpx.Client'):\n    use(c)", "httpx.Client"),
    "string-with-arguments": ("import queue\ndef f(q: 'queue.Queue[int]'):\n    use(q)", "queue.Queue"),
    "string-optional": (
        "from typing import Optional\nimport queue\ndef f(q: 'Optional[queue.Queue]'):\n    use(q)",
        "queue.Queue",
    ),
    "session-of-a-maker": (
        (
            "from sqlalchemy.ext.asyncio import async_sessionmaker\nMaker = async_sessionmaker(engine)\n"
            "async def f():\n    async with Maker() as s:\n        use(s)"
        ),
        "sqlalchemy.ext.asyncio.AsyncSession",
    ),
    "session-of-a-maker-given": (
        "from sqlalchemy.orm import Session, sessionmaker\ndef f(m: sessionmaker[Session]):\n    with m.begin() as s:\n        use(s)",  # noqa: E501
        "sqlalchemy.orm.Session",
    ),
    "connection-of-an-engine": (
        (
            "from sqlalchemy.ext.asyncio import create_async_engine\ne = create_async_engine(u)\n"
            "async def f():\n    async with e.begin() as c:\n        use(c)"
        ),
        "sqlalchemy.ext.asyncio.AsyncConnection",
    ),
    "pool-of-a-context": (
        "import multiprocessing\nuse(multiprocessing.get_context('spawn').Pool(4))",
        "multiprocessing.pool.Pool",
    ),
    "path-below-a-path": (
        "from pathlib import Path\ndef f(root: Path):\n    use((root / 'a').resolve())",
        "pathlib.Path",
    ),
    "only-for-the-checker": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx\ndef f(c: 'httpx.Client'):\n    use(c)",
        "httpx.Client",
    ),
    "attribute": (
        (
            "import redis\nclass A:\n    def __init__(self):\n        self.r = redis.Redis()\n"
            "    def f(self):\n        use(self.r)"
        ),
        "redis.Redis",
    ),
    "property": (
        (
            "import redis\nclass A:\n    @property\n    def r(self) -> redis.Redis | None:\n        return made()\n"
            "    def f(self):\n        use(self.r)"
        ),
        "redis.Redis",
    ),
    "cached-property": (
        (
            "import redis\nfrom functools import cached_property\nclass A:\n    @cached_property\n"
            "    def r(self) -> redis.Redis:\n        return made()\nclass B(A):\n    def f(self):\n        use(self.r)"
        ),
        "redis.Redis",
    ),
    "attribute-none-first": (
        (
            "import redis\nclass A:\n    def __init__(self):\n        self.r = None\n    def g(self):\n"
            "        self.r = redis.Redis()\n    def f(self):\n        use(self.r)"
        ),
        "redis.Redis",
    ),
    "attribute-of-a-base": (
        (
            "import redis\nclass B:\n    def __init__(self):\n        self.r = redis.Redis()\n"
            "class A(B):\n    def f(self):\n        use(self.r)"
        ),
        "redis.Redis",
    ),
    "class-annotation": (
        "import redis\nclass A:\n    r: redis.Redis\n    def f(self):\n        use(self.r)",
        "redis.Redis",
    ),
    "class-body": (
        "import redis\nclass A:\n    r = redis.Redis()\n    def f(self):\n        use(self.r)",
        "redis.Redis",
    ),
    "class-itself": ("import redis\nclass A:\n    r = redis.Redis()\ndef f():\n    use(A.r)", "redis.Redis"),
    "attribute-of-a-value": (
        "import redis\nclass A:\n    def __init__(self):\n        self.r = redis.Redis()\ndef f(a: A):\n    use(a.r)",
        "redis.Redis",
    ),
    "module-global": ("import redis\nR = redis.Redis()\ndef f():\n    use(R)", "redis.Redis"),
    "declared-result": ("import redis\ndef make() -> redis.Redis:\n    ...\ndef f():\n    use(make())", "redis.Redis"),
    "awaited-result": (
        "import redis\nasync def make() -> redis.Redis:\n    ...\nasync def f():\n    use(await make())",
        "redis.Redis",
    ),
    "or-default": ("import httpx\ndef f(c=None):\n    d = c or httpx.Client()\n    use(d)", "httpx.Client"),
    "either": ("import httpx\nd = httpx.Client(a=1) if x else httpx.Client()\nuse(d)", "httpx.Client"),
    "own-class": ("class A:\n    pass\nuse(A())", "A"),
    "self": ("class A:\n    def f(self):\n        use(self)", "A"),
    "method-result": ("import redis\nr = redis.Redis()\nuse(r.pipeline())", "redis.client.Pipeline"),
    "async-pipeline": (
        (
            "import redis.asyncio as redis\nasync def f(r: redis.Redis):\n"
            "    async with r.pipeline() as p:\n        use(p)"
        ),
        "redis.asyncio.client.Pipeline",
    ),
    "task": ("import asyncio\nasync def f():\n    use(asyncio.create_task(g()))", "asyncio.Task"),
    "folder-name": ("import tempfile\nwith tempfile.TemporaryDirectory() as d:\n    use(d)", "str"),
    "run-time-import-counts": (
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from redis import Redis\n"
            "from redis.asyncio import Redis\nuse(Redis())"
        ),
        "redis.asyncio.Redis",
    ),
}
UNKNOWN = {
    "bare-parameter": "def f(c):\n    use(c)",
    "two-classes": "import httpx, requests\nc = httpx.Client()\nc = requests.Session()\nuse(c)",
    "shadowed-module": "import requests\ndef f(requests):\n    s = requests.Session()\n    use(s)",
    "from-elsewhere": "from app import client\nuse(client)",
    "two-in-a-union": "import httpx\ndef f(c: httpx.Client | httpx.AsyncClient):\n    use(c)",
    "loop-variable": "def f(cs):\n    for c in cs:\n        use(c)",
    "unpacked": "import httpx\na, b = httpx.Client(), httpx.Client()\nuse(a)",
    "attributes-disagree": (
        "import redis, fakeredis\nclass A:\n    def __init__(self):\n        self.r = redis.Redis()\n"
        "    def g(self):\n        self.r = fakeredis.FakeRedis()\n    def f(self):\n        use(self.r)"
    ),
    "body-and-method-disagree": (
        "import redis\nclass A:\n    r = 3\n    def g(self):\n        self.r = redis.Redis()\n"
        "    def f(self):\n        use(self.r)"
    ),
    "result-of-a-task": "import asyncio\nasync def f():\n    use(await asyncio.create_task(g()))",
    "not-awaited": "import redis\nasync def make() -> redis.Redis:\n    ...\ndef f():\n    use(make())",
    "own-context-manager": "class A:\n    def __enter__(self):\n        return 1\nwith A() as a:\n    use(a)",
    "cycle": "def f():\n    a = b\n    b = a\n    use(a)",
    "generator": "from typing import Iterator\nimport redis\ndef make() -> redis.Redis:\n    yield 1\nuse(make())",
}


@pytest.mark.parametrize(("text", "expected"), KNOWN.values(), ids=KNOWN.keys())
def test_a_value_has_the_class_that_the_file_shows(text: str, expected: str) -> None:
    """Rules about clients, sessions and queues see no further than this."""
    assert kind(text) == expected


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_value_that_may_be_something_else_has_no_class(text: str) -> None:
    """A guess here is a false alarm there."""
    assert kind(text) is None


def test_annotations_in_strings_do_not_take_each_others_class() -> None:
    """Names are known by their nodes' identity, which Python gives to the next node once a parsed string is freed."""
    numbers = range(50)
    imports = "".join(f"import m{number}\n" for number in numbers)
    functions = "".join(f"def f{number}(c: 'm{number}.C'):\n    use(c)\n" for number in numbers)
    file = SourceFile("app/service.py", imports + functions)

    kinds = [file.type_of(call.args[0].value) for call in file.nodes(cst.Call)]

    assert kinds == [f"m{number}.C" for number in numbers]
