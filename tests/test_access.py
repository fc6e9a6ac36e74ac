"""Who sees what is for operators, and what everybody sees."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from inline_snapshot import snapshot

from postil.app import create_app
from postil.settings import Settings
from postil.web import errors
from postil.web.access import Access
from postil.web.pages import HEADERS, SecurityHeaders
from test_settings import GOOD

pytestmark = pytest.mark.anyio

TOKEN = "a token for operators, ü"
KNOWN = {"authorization": f"Bearer {TOKEN}".encode()}
PUBLIC = "http://postil.example:8000"
PRIVATE = "http://postil.example:9000"


def basic(name: str, password: str) -> str:
    """The header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def asked(
    access: Access, headers: Mapping[str, str | bytes] | None = None, *, method: str = "GET", url: str = PUBLIC
) -> tuple[int, str]:
    """The answer to a request for a page of operators, which tells who they are."""
    app = FastAPI(openapi_url=None)
    errors.install(app)

    @app.api_route("/operator", methods=["GET", "POST"])
    def page(who: Annotated[str, Depends(access.operator)]) -> str:
        return who

    raw = [(name, value.encode() if isinstance(value, str) else value) for name, value in (headers or {}).items()]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as http:
        answer = await http.request(method, "/operator", headers=[(name.encode(), value) for name, value in raw])
    body = answer.json()
    return answer.status_code, body if isinstance(body, str) else body["error"]["message"]


async def test_without_a_way_in_nobody_is_an_operator() -> None:
    """What is open until somebody thinks of it is found before that."""
    status, message = await asked(Access())

    assert status == 403
    assert message.startswith("Nobody may see this yet: set POSTIL_OPERATOR_TOKEN, POSTIL_PRIVATE_LISTEN or ")


@pytest.mark.parametrize(
    ("authorization", "answer"),
    [
        (f"Bearer {TOKEN}".encode(), (200, "operator")),
        (f"bearer  {TOKEN} ".encode(), (200, "operator")),
        (basic("mona", TOKEN), (200, "mona")),
        (basic("", TOKEN), (200, "operator")),
        (f"Bearer {TOKEN[:-1]}".encode(), (401, "This is for operators.")),
        ("Bearer", (401, "This is for operators.")),
        ("Bearer ", (401, "This is for operators.")),
        (TOKEN.encode(), (401, "This is for operators.")),
        (basic("mona", "wrong"), (401, "This is for operators.")),
        (basic(TOKEN, ""), (401, "This is for operators.")),
        ("Basic", (401, "This is for operators.")),
        ("Basic ü".encode(), (401, "This is for operators.")),
        ("Digest a=b", (401, "This is for operators.")),
        ("", (401, "This is for operators.")),
    ],
    ids=[
        "bearer",
        "bearer-with-spaces",
        "basic",
        "basic-without-a-name",
        "one-letter-short",
        "no-token",
        "empty-token",
        "no-scheme",
        "wrong-password",
        "token-as-the-name",
        "basic-without-anything",
        "basic-not-ascii",
        "another-scheme",
        "empty",
    ],
)
async def test_the_token_lets_in_as_a_bearers_or_as_a_password(
    authorization: str | bytes, answer: tuple[int, str]
) -> None:
    """Programs send the one, browsers the other, and nothing near it is enough."""
    assert await asked(Access(token=TOKEN), {"authorization": authorization}) == answer


async def test_a_browser_is_told_to_ask_for_the_token() -> None:
    """Without this header it shows an error that nobody can do anything about."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(Access(token=TOKEN).operator)])
    errors.install(app)
    app.add_api_route("/operator", lambda: None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as http:
        answer = await http.get("/operator")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="Postil"')


async def test_the_port_of_operators_is_the_sockets_and_not_what_the_request_says() -> None:
    """On the public port their pages aren't there at all, whatever host is named."""
    access = Access(port=9000)

    assert await asked(access, url=PRIVATE) == (200, "operator")
    assert await asked(access, url=PUBLIC) == (404, "Not Found")
    assert await asked(access, {"host": "postil.example:9000", "x-forwarded-port": "9000"}) == (404, "Not Found")


async def test_with_a_port_and_a_token_both_are_needed() -> None:
    """Other programs of the same machine reach the port as well."""
    access = Access(port=9000, token=TOKEN)

    assert await asked(access, KNOWN, url=PRIVATE) == (200, "operator")
    assert await asked(access, url=PRIVATE) == (401, "This is for operators.")
    assert await asked(access, KNOWN, url=PUBLIC) == (404, "Not Found")


async def test_a_proxy_may_vouch_for_who_has_signed_in() -> None:
    """Then there is a name to log, and no second password."""
    access = Access(header="X-Forwarded-User")

    assert await asked(access, {"x-forwarded-user": "mona@example.com"}) == (200, "mona@example.com")
    assert await asked(access, {"x-forwarded-user": " "}) == (401, "This is for operators.")
    assert await asked(access) == (401, "This is for operators.")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": PUBLIC, "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
    ids=["no-browser", "own-page", "foreign-page", "hidden-page", "cross-site", "sibling-site"],
)
async def test_a_page_of_another_site_changes_nothing_with_an_operators_browser(
    headers: dict[str, str], status: int
) -> None:
    """A browser sends the password of HTTP Basic along, whoever made the form."""
    assert (await asked(Access(token=TOKEN), {**KNOWN, **headers}, method="POST"))[0] == status
    assert (await asked(Access(token=TOKEN), {**KNOWN, **headers}))[0] == 200


def test_the_token_is_in_no_representation() -> None:
    """Objects end up in tracebacks and in the log."""
    assert TOKEN not in repr(Access(token=TOKEN))


async def statuses(tmp_path: Path, url: str = PUBLIC, **changes: str) -> dict[str, int]:
    """The status of the answer on each path, without credentials of any kind."""
    env = GOOD | {"POSTIL_ROLE": "web", "POSTIL_DATABASE_URL": f"sqlite:///{tmp_path}/postil.db"}
    app = create_app(Settings.load(env | {f"POSTIL_{name}": value for name, value in changes.items()}))
    paths = ("/health", "/setup", "/guide/", "/metrics", "/openapi.json", "/docs", "/redoc")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as http,
    ):
        found = {path: (await http.get(path)).status_code for path in paths}
        return found | {"/webhooks/github": (await http.post("/webhooks/github")).status_code}


async def test_what_is_public_is_what_the_settings_say(tmp_path: Path) -> None:
    """Health, metrics and the guideline unless somebody says otherwise; a description of all paths only when asked."""
    assert await statuses(tmp_path) == snapshot(
        {
            "/health": 200,
            "/setup": 200,
            "/guide/": 200,
            "/metrics": 200,
            "/openapi.json": 404,
            "/docs": 404,
            "/redoc": 404,
            "/webhooks/github": 401,
        }
    )
    assert await statuses(tmp_path, OPERATOR_TOKEN=TOKEN, PRIVATE_GUIDE="true", OPENAPI="true") == snapshot(
        {
            "/health": 200,
            "/setup": 200,
            "/guide/": 401,
            "/metrics": 401,
            "/openapi.json": 401,
            "/docs": 404,
            "/redoc": 404,
            "/webhooks/github": 401,
        }
    )
    own = {"PRIVATE_LISTEN": "127.0.0.1:9000", "PRIVATE_GUIDE": "true", "OPENAPI": "true"}
    assert await statuses(tmp_path, **own) == snapshot(
        {
            "/health": 200,
            "/setup": 200,
            "/guide/": 404,
            "/metrics": 404,
            "/openapi.json": 404,
            "/docs": 404,
            "/redoc": 404,
            "/webhooks/github": 401,
        }
    )
    assert await statuses(tmp_path, PRIVATE, **own) == snapshot(
        {
            "/health": 200,
            "/setup": 200,
            "/guide/": 200,
            "/metrics": 200,
            "/openapi.json": 200,
            "/docs": 404,
            "/redoc": 404,
            "/webhooks/github": 401,
        }
    )


async def test_every_answer_has_the_security_headers_also_that_to_a_crash() -> None:
    """A crash is answered outside of all middleware."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.add_api_route("/crash", lambda: 1 // 0)
    app.add_api_route("/fine", lambda: None)
    app.add_api_route("/operator", lambda: None, dependencies=[Depends(Access().operator)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as http:
        answers = [await http.get(path) for path in ("/crash", "/fine", "/operator", "/nothing")]
        answers.append(await http.post("/fine"))

    assert [answer.status_code for answer in answers] == [500, 200, 403, 404, 405]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items()
