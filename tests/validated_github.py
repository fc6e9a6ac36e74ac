"""The stand-in for GitHub, with every exchange held to GitHub's own descriptions.

REST requests and responses are validated against the vendored part of GitHub's OpenAPI description, GraphQL is executed
on GitHub's whole schema. What does not fit becomes a complaint, and the `github` fixture fails the test that has one. A
request that GitHub would refuse may be malformed: only requests that were carried out must fit.
"""

import gzip
import json
import re
import socket
import threading
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

import uvicorn
from graphql import GraphQLSchema, build_schema
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from werkzeug.datastructures import Headers, ImmutableMultiDict

from postil.demo.fake_github import FakeGitHub, Receive, Scope, Send

VENDOR = Path(__file__).parent / "vendor"
# The paths of these may contain slashes, which openapi-core's templates can't match: they are validated as one segment.
MANY_SEGMENTS = re.compile(
    r"(/repos/[^/]+/[^/]+/(?:contents|compare|git/trees|commits))/(.+?)((?:/check-runs|/check-suites)?)$"
)

# Answers that GitHub gives to any request, while its description lists them for some operations only.
ANYWHERE = (400, 401, 403, 404, 406, 422, 429)


@cache
def openapi() -> OpenAPI:
    """The vendored part of GitHub's OpenAPI description."""
    description = json.loads(gzip.decompress((VENDOR / "openapi.json.gz").read_bytes()))
    listed = description["paths"]["/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]
    account = listed["schema"]["items"]["properties"]["account"]
    # In this list, unlike everywhere else, it takes an account for a user and an enterprise at once.
    account["anyOf"] = account.pop("allOf")
    return OpenAPI.from_dict(description)


@cache
def github_schema() -> GraphQLSchema:
    """GitHub's whole GraphQL schema."""
    sdl = gzip.decompress((VENDOR / "schema.graphql.gz").read_bytes()).decode()
    return build_schema(sdl, assume_valid=True)


@cache
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """GitHub's example payloads by event."""
    return json.loads(gzip.decompress((VENDOR / "webhooks.json.gz").read_bytes()))


class SeenRequest:
    """A request in the form that openapi-core wants."""

    def __init__(self, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes) -> None:
        many = MANY_SEGMENTS.match(path)
        self.host_url = "https://api.github.com"
        self.path = f"{many[1]}/{quote(many[2], safe='.')}{many[3]}" if many else path
        self.method = method.lower()
        self.body = body or None
        self.content_type = headers.get("content-type", "application/json").split(";")[0]
        pairs = [pair.partition("=") for pair in query.decode().split("&") if pair]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict([(name, unquote_plus(value)) for name, _, value in pairs]),
            header=Headers(headers),
            cookie={},
        )


class SeenResponse:
    """A response in the form that openapi-core wants."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status_code, self.data = status, body
        self.content_type = headers.get("content-type", "application/json").split(";")[0]
        self.headers = Headers(headers)


class ValidatedGitHub(FakeGitHub):
    """A `FakeGitHub` whose every exchange is validated; it has the same methods and runs GitHub's whole schema."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, schema=github_schema(), **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the stand-in does, and complain about what GitHub's description does not allow."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        asked: list[bytes] = []
        answered: list[MutableMapping[str, Any]] = []

        async def listen() -> MutableMapping[str, Any]:
            message = await receive()
            asked.append(message.get("body", b""))
            return message

        async def record(message: MutableMapping[str, Any]) -> None:
            answered.append(message)
            await send(message)

        planned = sum(plan.times for plan in self._plans)
        await super().__call__(scope, listen, record)
        if planned == sum(plan.times for plan in self._plans):
            self._validate(scope, b"".join(asked), answered)

    def _validate(self, scope: Scope, body: bytes, answered: list[MutableMapping[str, Any]]) -> None:
        path = re.sub(r"^/repositories/\d+", "/repos/by/number", scope["path"].removeprefix("/api/v3"))
        if path in ("/graphql", "/api/graphql") or not answered or not self.is_api(path):
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        request = SeenRequest(scope["method"], path, scope.get("query_string", b""), headers, body)
        status = answered[0]["status"]
        reply = {name.decode().lower(): value.decode() for name, value in answered[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in answered[1:])
        what = f"{scope['method']} {path} {status}"
        if status in (301, 304, 307, 501):
            return
        try:
            if status < 400:
                openapi().validate_request(request)
            if "json" in reply.get("content-type", "") and "raw" not in reply.get("content-type", ""):
                openapi().validate_response(request, SeenResponse(status, reply, content))
        except ResponseNotFound as problem:
            if status not in ANYWHERE:
                self.complaints.append(f"GitHub's description has no such answer: {what}: {problem}")
        except PathError as problem:
            self.complaints.append(f"GitHub's description has no such operation: {what}: {problem}")
        except OpenAPIError as problem:
            cause = problem.__cause__
            reasons = [str(one.message) for one in getattr(cause, "schema_errors", [])] or [str(cause or problem)]
            self.complaints.append(f"GitHub's description does not allow {what}: {'; '.join(reasons)[:2000]}")

    @staticmethod
    def is_api(path: str) -> bool:
        """Whether a path belongs to the API (and not to the pages for people)."""
        return re.match(r"/(repos|app|app-manifests|installation|rate_limit|meta)(/|$)", path) is not None


def free_port() -> int:
    """A port of the loopback interface that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(application: Any) -> Generator[str]:
    """Serve an ASGI application over real HTTP on loopback, in a thread, and give its URL."""
    port = free_port()
    started = threading.Event()

    class Announcing(uvicorn.Server):
        """A server that says when it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Listen, then tell."""
            await super().startup(sockets)
            started.set()

    server = Announcing(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    if not started.wait(30):
        raise TimeoutError("the server did not start")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
