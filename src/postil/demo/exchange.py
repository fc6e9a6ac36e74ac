"""One request to the stand-in's API and its answer, and the table of routes."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.routing import compile_path

from postil.demo.faults import DOCUMENTATION
from postil.demo.state import FakePull, FakeRepository, Installation, Token

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

Json = dict[str, Any]


class Refused(Exception):
    """An error answer: status, GitHub's message, and its `errors` where it gives some."""

    def __init__(
        self, status: int, message: str, errors: list[Any] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors
        self.headers = headers or {}

    def answer(self) -> "Answer":
        """This error as GitHub writes it."""
        body: Json = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        return Answer(
            self.status, {**body, "documentation_url": DOCUMENTATION, "status": str(self.status)}, self.headers
        )


def invalid(reason: str) -> Refused:
    """The 422 for a body that does not fit the description of the request."""
    return Refused(422, f"Invalid request.\n\n{reason}")


def unprocessable(*errors: str) -> Refused:
    """The 422 of reviews: error texts without a place, joined with "and"."""
    return Refused(422, "Unprocessable Entity", [" and ".join(dict.fromkeys(errors))])


def failed(resource: str, field_name: str, message: str, code: str = "custom") -> Refused:
    """The 422 of single resources: error objects."""
    return Refused(
        422, "Validation Failed", [{"resource": resource, "code": code, "field": field_name, "message": message}]
    )


def not_found() -> Refused:
    """404, which is also what GitHub says of what one may not see."""
    return Refused(404, "Not Found")


@dataclass(slots=True)
class Answer:
    """What goes back: `body` is JSON unless it is bytes; None is an empty body. `then` is done before it goes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json; charset=utf-8"
    then: Callable[[], Awaitable[Any]] | None = None

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(slots=True)
class Call:
    """One request, authorised: who asks (`token` or the App itself) and for which repository."""

    fake: "FakeGitHub"
    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    raw: bytes
    origin: str
    params: dict[str, Any] = field(default_factory=dict)
    token: Token | None = None
    found: FakeRepository | None = None

    @property
    def repository(self) -> FakeRepository:
        """The repository of the path. 404 where the route has none."""
        if self.found is None:
            raise not_found()
        return self.found

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; the last of several with one name counts."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def json(self) -> Json:
        """The body, which must be a JSON object (nothing is an empty one). 400 where it is none."""
        if not self.raw:
            return {}
        try:
            body = json.loads(self.raw)
        except ValueError as problem:
            raise Refused(400, "Problems parsing JSON") from problem
        if not isinstance(body, dict):
            raise Refused(400, "Body should be a JSON object")
        return body

    @property
    def installation(self) -> Installation:
        """The installation whose token asks."""
        if self.token is None:
            raise Refused(401, "Bad credentials")
        return self.token.installation

    @property
    def pull(self) -> FakePull:
        """The pull request of the path. 404 where there is none."""
        number = self.params.get("pull_number", self.params.get("issue_number"))
        pull = self.repository.pulls.get(number) if isinstance(number, int) else None
        if pull is None:
            raise not_found()
        return pull

    def accepts(self, media: str) -> bool:
        """Whether the client asked for GitHub's media type `raw`, `diff` and so on."""
        return (
            re.search(rf"application/vnd\.github(\.[a-z0-9]+)?\.{media}\b", self.headers.get("accept", "")) is not None
        )

    def page(self, items: list[Any]) -> Answer:
        """One page of a list, with the `Link` header to the others."""
        shown, headers = self.window(items)
        return Answer(200, shown, headers)

    def window(self, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """The slice of a list that `page` and `per_page` ask for, and the headers that lead to the rest."""
        size = min(max(_number(self.query.get("per_page"), 30), 1), 100)
        page = max(_number(self.query.get("page"), 1), 1)
        last = max((len(items) + size - 1) // size, 1)
        rest = [(name, value) for name, value in parse_qsl(self.query_string) if name != "page"]
        links = []
        for relation, number, shown in (
            ("prev", page - 1, page > 1),
            ("next", page + 1, page < last),
            ("last", last, page < last),
            ("first", 1, page > 1),
        ):
            if shown:
                query = urlencode([*rest, ("page", str(number))])
                links.append(f'<{self.origin}{self.path}?{query}>; rel="{relation}"')
        return items[(page - 1) * size : page * size], {"link": ", ".join(links)} if links else {}


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `needs` are alternatives (`checks=write`); `content` counts against the content limits."""

    method: str
    template: str
    pattern: re.Pattern[str]
    convertors: dict[str, Any]
    handler: Callable[[Call], Answer]
    needs: tuple[str, ...]
    auth: str
    content: bool

    def match(self, method: str, path: str) -> dict[str, Any] | None:
        """The path's parameters, converted, when this route is meant."""
        found = self.pattern.match(path) if method == self.method else None
        if found is None:
            return None
        return {name: self.convertors[name].convert(value) for name, value in found.groupdict().items()}


ROUTES: list[Route] = []


def route(
    method: str, template: str, *needs: str, auth: str = "installation", content: bool = False
) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Register a handler. `auth` is `installation`, `app` (a JWT) or `none`."""

    def register(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        pattern, _, convertors = compile_path(template)
        ROUTES.append(Route(method, template, pattern, dict(convertors), handler, needs, auth, content))
        return handler

    return register


def require(body: Json, *names: str) -> None:
    """Refuse a body in which one of the names is missing. 422."""
    missing = [f'"{name}" wasn\'t supplied.' for name in names if body.get(name) is None]
    if missing:
        raise invalid("\n".join(missing))


def one_of(body: Json, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not in the list. 422."""
    value = body.get(name)
    if value is not None and value not in allowed:
        raise invalid(f"For 'properties/{name}', {value!r} is not a member of {list(allowed)}.")


def text(body: Json, name: str) -> str:
    """A text of the body, "" where it is missing. 422 for another type."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"For 'properties/{name}', {value!r} is not a string.")
    return value or ""
