"""The service over HTTP: deliveries, health, metrics, the guideline's pages, and the set-up page."""

import gzip
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import psycopg
import pytest
import sqlalchemy as sa
from anyio.from_thread import start_blocking_portal
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from postgres import fresh_postgres, postgres_url
from postil import packs
from postil.app import create_app
from postil.jobs import Ask, Jobs, Pull
from postil.settings import Settings
from postil.web import hooks, status
from postil.web.metrics import Metrics
from postil.web.pages import markdown

# Fixtures.
__all__ = ["fresh_postgres", "postgres_url"]

ROOT = Path(__file__).parents[1]
SECRET = "It's a Secret to Everybody"
PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
)
EXAMPLES: dict[str, list[dict[str, Any]]] = json.loads(
    gzip.decompress((Path(__file__).parent / "vendor" / "webhooks.json.gz").read_bytes())
)
GUIDELINE = packs.load()
VERSION = GUIDELINE.version


def of_app(payload: dict[str, Any]) -> dict[str, Any]:
    """Name the installation, as every delivery of an App does; most examples are of a repository's webhook."""
    return {"installation": {"id": 42}} | payload


def opened() -> dict[str, Any]:
    """GitHub's example of an opened pull request."""
    return of_app(next(each for each in EXAMPLES["pull_request"] if each["action"] == "opened"))


class Service:
    """The running service, as its callers see it, and its database."""

    def __init__(self, app: FastAPI, database: Path) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="https://postil.example.com"
        )
        self._database = database

    async def deliver(
        self, event: str, payload: dict[str, Any] | bytes, *, delivery: str = "72d3162e-cc78-11e3", secret: str = SECRET
    ) -> httpx.Response:
        """Send a signed delivery as GitHub does."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": delivery,
            "x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        return await self.http.post("/webhooks/github", content=body, headers=headers)

    def stored(self) -> list[tuple[str, str]]:
        """The deliveries in the database, with the pull request that each asks for."""
        engine = sa.create_engine(f"sqlite:///{self._database}")
        with engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT id, pull FROM postil_deliveries ORDER BY received, pull"))
            found = [(row.id, row.pull) for row in rows]
        engine.dispose()
        return found


class Nowhere:
    """An inbox of a service that is sent nothing true."""

    async def accept(self, delivery: str, ask: Ask) -> str:
        raise AssertionError

    async def revive(self, installation: int, repositories: Mapping[int, tuple[str, str]]) -> int:
        raise AssertionError

    async def pulls_at(self, owner: str, name: str, head: str) -> Sequence[Pull]:
        raise AssertionError

    async def forget(self, installation: int) -> None:
        raise AssertionError


@asynccontextmanager
async def running(tmp_path: Path, **changes: str) -> AsyncGenerator[Service]:
    """Run the web half of the service on a database of its own; nothing reviews, so what is stored stays."""
    database = tmp_path / "postil.db"
    env = {
        "POSTIL_GITHUB_APP_ID": "12345",
        "POSTIL_GITHUB_PRIVATE_KEY": PEM,
        "POSTIL_GITHUB_WEBHOOK_SECRET": SECRET,
        "POSTIL_PUBLIC_URL": "https://postil.example.com",
        "POSTIL_DATABASE_URL": f"sqlite:///{database}",
        "POSTIL_ROLE": "web",
    }
    app = create_app(Settings.load(env | {f"POSTIL_{name}": value for name, value in changes.items()}), GUIDELINE)
    async with app.router.lifespan_context(app):
        service = Service(app, database)
        async with service.http:
            yield service


@pytest.fixture
def anyio_backend() -> str:
    """Only asyncio: the service's event loop."""
    return "asyncio"


@pytest.fixture
async def service(tmp_path: Path, anyio_backend: str) -> AsyncGenerator[Service]:
    """The service with credentials."""
    async with running(tmp_path) as started:
        yield started


pytestmark = pytest.mark.anyio


# Deliveries


async def test_a_delivery_is_stored_before_it_is_answered(service: Service) -> None:
    """GitHub never sends it again by itself."""
    answer = await service.deliver("pull_request", opened())

    assert answer.status_code == 202
    assert answer.json() == {"result": "accepted", "why": "pull_request opened"}
    assert service.stored() == [("72d3162e-cc78-11e3", "Codertocat/Hello-World#2")]


async def test_a_redelivered_delivery_is_no_new_work_and_is_accepted_all_the_same(service: Service) -> None:
    """An operator presses "Redeliver", or our own sweep does; GitHub shows anything but 2xx as a failure."""
    await service.deliver("pull_request", opened())
    again = await service.deliver("pull_request", opened())

    assert (again.status_code, again.json()["result"]) == (202, "duplicate")
    assert len(service.stored()) == 1


async def test_every_example_of_github_is_accepted(service: Service) -> None:
    """With and without an installation; what isn't understood is acknowledged, as GitHub can't do anything about it."""
    results = set()
    for event, payloads in EXAMPLES.items():
        for number, payload in enumerate(payloads):
            for kind, body in (("app", of_app(payload)), ("repository", payload)):
                answer = await service.deliver(event, body, delivery=f"{event.replace('_', '-')}-{number}-{kind}")
                results.add((answer.status_code, answer.json()["result"]))

    assert results == {(202, "accepted"), (202, "coalesced"), (202, "ignored"), (202, "forgotten")}


async def test_a_wrong_signature_is_refused_and_nothing_is_stored(service: Service) -> None:
    """And the answer doesn't say in what the signature differs."""
    wrong = await service.deliver("pull_request", opened(), secret="another secret of ours")
    missing = await service.http.post("/webhooks/github", json=opened(), headers={"x-github-event": "pull_request"})

    assert (wrong.status_code, missing.status_code) == (401, 401)
    assert (
        wrong.json()
        == missing.json()
        == snapshot({"error": {"code": "unauthorized", "message": "The signature is missing or wrong."}})
    )
    assert service.stored() == []


async def test_a_body_over_githubs_own_limit_is_refused_before_it_is_read_whole(service: Service) -> None:
    """Whoever sends it, it isn't GitHub. A declared length is believed; else reading ends at the limit."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 1024 * 1024
            yield b"x" * 1024 * 1024

    headers = {"x-hub-signature-256": "sha256=00"}
    streamed = await service.http.post("/webhooks/github", content=endless(), headers=headers)
    declared = await service.http.post(
        "/webhooks/github", content=b"x", headers=headers | {"content-length": str(25 * 1024 * 1024 + 1)}
    )

    assert (streamed.status_code, declared.status_code) == (413, 413)
    assert streamed.json()["error"]["code"] == "too_large"
    assert sent <= 26 * 1024 * 1024


async def test_a_body_of_just_githubs_limit_is_read(service: Service) -> None:
    """GitHub caps payloads at 25 MB, and sends what is below."""
    empty = json.dumps(opened() | {"padding": ""}).encode()
    body = json.dumps(opened() | {"padding": "x" * (25 * 1024 * 1024 - len(empty))}).encode()
    answer = await service.deliver("pull_request", body)

    assert len(body) == 25 * 1024 * 1024
    assert answer.status_code == 202


async def test_a_body_that_does_not_end_is_given_up(anyio_backend: str) -> None:
    """Somebody who sends a byte now and then would hold a connection for ever; uvicorn lets him."""
    app, desk = FastAPI(), hooks.Desk([SECRET], Nowhere(), lambda _: None, patience=0.05)
    app.include_router(hooks.router(lambda: desk, Metrics("1", "1")))

    async def trickling() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://postil.example.com") as http:
        answer = await http.post(
            "/webhooks/github", content=trickling(), headers={"x-hub-signature-256": "sha256=" + "0" * 64}
        )

    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "timeout")


async def test_who_sends_large_bodies_slowly_keeps_others_from_nothing(anyio_backend: str) -> None:
    """Whose signature is wrong shows at the end only: strangers must neither fill the memory nor hold the others up."""
    app, desk = FastAPI(), hooks.Desk([SECRET], Nowhere(), lambda _: None)
    app.include_router(hooks.router(lambda: desk, Metrics("1", "1")))
    headers = {"x-hub-signature-256": "sha256=" + "0" * 64}
    statuses: list[int] = []
    begun, on = anyio.Semaphore(0), anyio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * hooks.SMALL
        yield b"x" * (hooks.ROOM // 3 - hooks.SMALL)
        begun.release()
        await on.wait()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://postil.example.com") as http:

        async def send(content: bytes | AsyncIterator[bytes]) -> None:
            statuses.append((await http.post("/webhooks/github", content=content, headers=headers)).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(send, slow())
            for _ in range(3):
                await begun.acquire()
            await send(b"x" * (hooks.SMALL + 1))
            await send(b"x" * hooks.SMALL)
            on.set()
        await send(b"x" * (hooks.SMALL + 1))

    assert statuses == [503, 401, 401, 401, 401, 401]


async def test_what_is_no_json_is_a_bad_request(service: Service) -> None:
    """Signed, so it is our own App with the wrong content type; the answer is shown on its page on GitHub."""
    answer = await service.deliver("ping", b"payload=%7B%7D")

    assert answer.status_code == 400
    assert answer.json() == snapshot(
        {
            "error": {
                "code": "bad_request",
                "message": "The body is no JSON. The App's webhook must use the content type application/json.",
            }
        }
    )


async def test_a_rerun_for_a_fork_finds_its_pull_request_by_the_commit(service: Service) -> None:
    """GitHub names no pull request there, and a check suite has no id of ours."""
    payload = opened()
    await service.deliver("pull_request", payload)
    suite = {"head_sha": payload["pull_request"]["head"]["sha"], "pull_requests": []}
    event = {key: payload[key] for key in ("installation", "repository", "sender")}
    known = await service.deliver(
        "check_suite", event | {"action": "rerequested", "check_suite": suite}, delivery="rerun-1"
    )
    unknown = await service.deliver(
        "check_suite",
        event | {"action": "rerequested", "check_suite": suite | {"head_sha": "0" * 40}},
        delivery="rerun-2",
    )

    assert known.json() == {"result": "coalesced", "why": "check_suite rerequested"}
    assert unknown.json() == {"result": "ignored", "why": "no pull request is known for this commit"}
    assert [delivery for delivery, _ in service.stored()] == ["72d3162e-cc78-11e3", "rerun-1"]


async def test_a_database_that_is_down_makes_deliveries_fail_and_the_service_goes_on(
    tmp_path: Path, fresh_postgres: str
) -> None:
    """GitHub keeps a failed delivery for days, so that it can be had again; one answered with 202 is ours to do."""
    name = sa.make_url(fresh_postgres).database

    def administer(*statements: str) -> None:
        with psycopg.connect(fresh_postgres.replace(f"/{name}?", "/postgres?"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    async with running(tmp_path, DATABASE_URL=fresh_postgres) as service:
        before = await service.deliver("pull_request", opened(), delivery="before")
        administer(
            f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608
        )
        down = await service.deliver("pull_request", opened(), delivery="down")
        ready = await service.http.get("/ready")
        metrics = await service.http.get("/metrics")
        health = await service.http.get("/health")
        administer(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        again = await service.deliver("pull_request", opened(), delivery="down")

    assert before.status_code == 202
    assert (down.status_code, down.json()["error"]["code"]) == (503, "unavailable")
    assert (ready.status_code, ready.json()["database"]) == (503, False)
    assert (metrics.status_code, health.status_code) == (200, 200)
    assert (again.status_code, again.json()["result"]) == (202, "coalesced")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def spoilt(data: st.DataObject, payload: Any) -> Any:
    """Replace something somewhere in a payload by anything."""
    if isinstance(payload, dict) and payload and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(payload)))
        return payload | {key: spoilt(data, payload[key])}
    return data.draw(json_values)


def test_no_payload_is_a_server_error(tmp_path: Path) -> None:
    """GitHub switches a webhook's deliveries to failed, and people look for the fault at their own end."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(tmp_path)) as service:

        @given(st.data())
        @hypothesis_settings(deadline=None)
        def send(data: st.DataObject) -> None:
            event = data.draw(st.sampled_from(sorted(EXAMPLES)))
            payload = spoilt(data, of_app(data.draw(st.sampled_from(EXAMPLES[event]))))
            body = json.dumps(payload).encode()
            answer = portal.call(partial(service.deliver, event, body, delivery=str(uuid.uuid4())))

            assert answer.status_code == (202 if isinstance(payload, dict) else 400)

        send()


# Health, readiness, metrics


async def test_health_is_shallow(service: Service) -> None:
    """What restarts the process must not do so because a database is slow."""
    answer = await service.http.get("/health")

    assert answer.status_code == (await service.http.head("/health")).status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0"}


async def test_a_process_that_only_takes_deliveries_is_ready_without_a_worker(service: Service) -> None:
    """They are stored for the next one; refused, they would have to be asked for again, which a worker does."""
    answer = await service.http.get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "credentials": True, "database": True, "worker": False}


async def test_ready_names_the_part_that_is_missing(tmp_path: Path, anyio_backend: str) -> None:
    """A process that is to review as well, and whose worker has come to an end, is no good."""
    jobs, app = Jobs(f"sqlite:///{tmp_path}/postil.db"), FastAPI()
    app.include_router(status.ready(lambda: jobs))
    await jobs.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://postil.example.com") as http:
        answer = await http.get("/ready")
    await jobs.stop()

    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "credentials": True, "database": True, "worker": False}


async def test_metrics_count_deliveries_by_known_events_only(service: Service) -> None:
    """A label that a sender chooses would fill the memory."""
    await service.deliver("pull_request", opened())
    await service.deliver("pull_request", opened())
    await service.deliver("made_up_by_somebody", {})
    await service.deliver("pull_request", b"{")
    text = (await service.http.get("/metrics")).text
    counted = dict(re.findall(r"^(postil_(?:deliveries|pull_requests)\S*\{.*\}) (\S+)$", text, re.MULTILINE))

    assert {name: value for name, value in counted.items() if "_created" not in name} == snapshot(
        {
            'postil_deliveries_total{event="pull_request",outcome="accepted"}': "1.0",
            'postil_deliveries_total{event="pull_request",outcome="duplicate"}': "1.0",
            'postil_deliveries_total{event="other",outcome="ignored"}': "1.0",
            'postil_deliveries_total{event="pull_request",outcome="400"}': "1.0",
            'postil_pull_requests{state="idle"}': "0.0",
            'postil_pull_requests{state="queued"}': "1.0",
            'postil_pull_requests{state="running"}': "0.0",
            'postil_pull_requests{state="dead"}': "0.0",
        }
    )
    assert f'postil_build_info{{guideline="{VERSION}",version="0.1.0"}} 1.0' in text


# Pages


class Page(HTMLParser):
    """What a browser would take from a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag says, and that it neither styles nor scripts in place."""
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") == "stylesheet":
            self.loaded.append(values["href"])
        assert "style" not in values
        assert not any(name.startswith("on") for name in values)


def addresses() -> Iterator[str]:
    """Every page of the guide."""
    yield f"/guide/{VERSION}"
    for chapter in GUIDELINE.chapters:
        yield f"/guide/{VERSION}/{chapter.name}"
    for rule in GUIDELINE.rules.rules:
        yield f"/guide/{VERSION}/{rule.chapter}/{rule.name}"


async def test_every_page_and_every_link_between_pages_leads_somewhere(service: Service) -> None:
    """A comment's link that leads nowhere makes the comment worthless."""
    pages = {}
    for address in addresses():
        answer = await service.http.get(address)
        assert answer.status_code == 200, address
        pages[address] = Page(answer.text)
    broken = []
    for address, shown in pages.items():
        for link in shown.links:
            path, _, anchor = link.partition("#")
            target = pages.get(path.rstrip("/") or address)
            if path.startswith(f"/guide/{VERSION}") and target is None:
                broken.append((address, link))
            if anchor and target is not None and anchor != "content" and anchor not in target.ids:
                broken.append((address, link))

    assert broken == []


async def test_the_sections_that_comments_link_to_are_anchors_of_their_chapters_page(service: Service) -> None:
    """Links in old comments must keep working, so anchors are GitHub's own."""
    for chapter in GUIDELINE.chapters:
        shown = Page((await service.http.get(f"/guide/{VERSION}/{chapter.name}")).text)

        assert {section.slug for section in chapter.sections} <= set(shown.ids)
        assert len(set(shown.ids)) == len(shown.ids)


async def test_pages_load_nothing_from_elsewhere_and_run_no_script(service: Service) -> None:
    """A private installation must not tell third parties who reads what; and what a pack says is not code."""
    for address in [*addresses(), "/setup", "/guide/nothing/here"]:
        answer = await service.http.get(address)
        shown = Page(answer.text)

        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not shown.tags & {"script", "iframe", "style", "img", "object"}
        assert all(link.startswith("/static/") for link in shown.loaded)
        assert (await service.http.get(shown.loaded[0])).headers["content-type"].startswith("text/css")


async def test_a_link_to_another_version_shows_the_current_text_and_says_so(service: Service) -> None:
    """Comments are older than the service that shows them."""
    rule = GUIDELINE.rules.rules[0]
    older = await service.http.get(f"/guide/0.1/{rule.chapter}/{rule.name}")
    current = await service.http.get(f"/guide/{VERSION}/{rule.chapter}/{rule.name}")
    plain = await service.http.get(f"/guide/{rule.chapter}/{rule.name}")

    assert older.status_code == plain.status_code == 200
    assert f"is to version 0.1 of the guideline; this is the current one, {VERSION}" in older.text
    assert "is to version" not in current.text
    assert plain.text == current.text


async def test_a_page_that_is_not_there_helps_to_find_the_one_that_was_meant(service: Service) -> None:
    """Rules get other names, and links get cut off by mail programs."""
    rule = GUIDELINE.rules.rules[0]
    answer = await service.http.get(f"/guide/{VERSION}/{rule.chapter}/{rule.name[:-2]}")

    assert answer.status_code == 404
    assert f"/guide/{VERSION}/{rule.chapter}/{rule.name}" in Page(answer.text).links


async def test_a_rule_in_another_chapter_than_the_links_is_found(service: Service) -> None:
    """The name of a rule is unique; its chapter may change."""
    rule = GUIDELINE.rules.rules[0]
    other = next(chapter for chapter in GUIDELINE.chapters if chapter.name != rule.chapter)
    answer = await service.http.get(f"/guide/{VERSION}/{other.name}/{rule.name}")

    assert answer.status_code == 200
    assert rule.page.title.split("`")[0] in answer.text


async def test_the_search_finds_rules_by_what_their_page_says(service: Service) -> None:
    """Nobody remembers the name of a rule."""
    rule = GUIDELINE.rules.rules[0]
    found = Page((await service.http.get("/guide/", params={"q": rule.name.upper()})).text)
    nothing = await service.http.get("/guide/", params={"q": '<script>alert("x")</script>'})

    assert f"/guide/{VERSION}/{rule.chapter}/{rule.name}" in found.links
    assert "There is none." in nothing.text
    assert "<script>" not in nothing.text


def test_headings_get_the_anchors_that_github_gives_them() -> None:
    """The same links lead to the same place in a repository and on our pages."""
    shown = Page(markdown("# A `code` & Co.\n## Don't *stop*, réussir!\n## Twice\n### Twice\n## Twice", str))

    assert shown.ids == ["a-code--co", "dont-stop-réussir", "twice", "twice-1", "twice-2"]


def test_raw_html_is_shown_as_text_and_comments_are_left_out() -> None:
    """A pack may be written by somebody else; and chapters keep marks for the tests in comments."""
    text = "# T\n<!-- statements: a-1 -->\n\n<script>alert(1)</script>\n\na <img src=x onerror=y> b\n\n<!-- x --><b>"
    shown = str(markdown(text, str))

    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown
    assert "statements" not in shown


def test_a_marked_line_of_an_example_is_shown_with_what_is_said_of_it() -> None:
    """The page is also a test; its marks are for readers too, but not at the end of a line that scrolls away."""
    shown = str(markdown("```text\na < b  # finding: `a` is <b>x</b>\nb = 1\n```", str))

    assert shown == snapshot("""\
<pre tabindex="0"><code><mark>a &lt; b</mark><span class="said"><code>a</code> is &lt;b&gt;x&lt;/b&gt;</span>b = 1
</code></pre>
""")


def test_links_between_files_of_a_pack_become_links_between_pages() -> None:
    """The same Markdown is read in the repository."""
    text = (
        "[a](bare-except.md) [b](../cli/README.md#exit-codes) [c](https://docs.python.org) [d](#here) [e](javascript:x)"
    )

    assert Page(markdown(text, lambda path: f"<{path}>")).links == [
        "<bare-except.md>",
        "<../cli/README.md>#exit-codes",
        "https://docs.python.org",
        "#here",
    ]


# Errors


async def test_errors_have_one_shape_for_programs_and_a_page_for_people(service: Service) -> None:
    """A program that calls us builds its error handling once."""
    program = await service.http.get("/nothing")
    person = await service.http.get("/nothing", headers={"accept": "text/html,*/*"})
    method = await service.http.get("/webhooks/github")

    assert (program.status_code, program.json()) == (404, {"error": {"code": "not_found", "message": "Not Found"}})
    assert person.status_code == 404
    assert "There is no page for" in person.text
    assert (method.status_code, method.json()["error"]["code"]) == (405, "method_not_allowed")


# The process


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[str]) -> httpx.Response:
    """Wait until a process that was just started answers."""
    # One client: each of its own would read all certificates again.
    with httpx.Client(timeout=5) as http:
        for _ in range(1_200):
            assert process.poll() is None, process.communicate()
            try:
                return http.get(url)
            except httpx.TransportError:
                time.sleep(0.1)
    raise AssertionError(url)


@pytest.mark.kill
def test_a_process_answers_and_ends_in_order_when_it_is_told_to(tmp_path: Path) -> None:
    """Orchestrators send SIGTERM; every line that is logged until the end is one JSON object, whoever wrote it."""
    port, private = free_port(), free_port()
    env = {
        "POSTIL_GITHUB_APP_ID": "12345",
        "POSTIL_GITHUB_PRIVATE_KEY": PEM,
        "POSTIL_GITHUB_WEBHOOK_SECRET": SECRET,
        "POSTIL_PUBLIC_URL": "https://postil.example.com",
        "POSTIL_DATABASE_URL": f"sqlite:///{tmp_path}/data/postil.db",
        "POSTIL_LISTEN": f"127.0.0.1:{port}",
        "POSTIL_PRIVATE_LISTEN": f"127.0.0.1:{private}",
    }
    code = "from postil.app import serve; from postil.settings import Settings; serve(Settings.load())"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | env, stderr=subprocess.PIPE, text=True)
    try:
        health = wait_for(f"http://127.0.0.1:{port}/health", process)
        ready = httpx.get(f"http://127.0.0.1:{port}/ready", timeout=10)
        metrics = [httpx.get(f"http://127.0.0.1:{each}/metrics", timeout=10).status_code for each in (port, private)]
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in logged.splitlines()]

    assert health.status_code == 200
    assert (ready.status_code, ready.json()["worker"]) == (200, True)
    assert metrics == [404, 200]
    # uvicorn raises the signal again once all is stopped.
    assert process.returncode in (0, -signal.SIGTERM)
    assert [line["event"] for line in lines if line["logger"] == "postil.app"] == ["started", "stopping", "stopped"]
    assert all("\n" not in line["event"] for line in lines)
