"""How a GitHub App comes to be: what is asked of GitHub before there are credentials to ask with.

The exchange is that of GitHub's page "Registering a GitHub App from a manifest": the browser comes back with a code,
which is good for one conversion within an hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import httpx
from pydantic import AliasPath, Field, SecretStr

from postil.github.answers import OUTAGE_WAIT, body_of, date_of, problem
from postil.github.connection import TIMEOUT, read
from postil.github.errors import NoAnswer
from postil.github.model import Text, Wire
from postil.site import Site

SERVER_VERSION = "x-github-enterprise-version"


class Registered(Wire):
    """A new App with its secrets. `webhook_secret` is None where the App has no webhook."""

    id: int
    slug: str
    name: Text = ""
    html_url: Text = ""
    owner: Text = Field(default="", validation_alias=AliasPath("owner", "login"))
    owner_kind: Text = Field(default="", validation_alias=AliasPath("owner", "type"))
    pem: SecretStr
    webhook_secret: SecretStr | None = None
    permissions: Mapping[str, str] = Field(default_factory=dict)
    events: tuple[str, ...] = ()

    @property
    def organisation(self) -> str:
        """The organisation that owns it, "" where a person does."""
        return self.owner if self.owner_kind == "Organization" else ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A GitHub that answers: the time by its clock, in seconds since 1970, and an Enterprise Server's version or ""."""

    at: float
    server_version: str


async def reach(site: Site, transport: httpx.AsyncBaseTransport | None = None) -> Answered:
    """Ask whether there is a GitHub at all. One that wants to know who asks is one too.

    Raises:
        NoAnswer: nothing answers there, or something else than GitHub does.
    """
    response = await _ask("GET", f"{site.api_url}/meta", transport)
    # Each answer of GitHub has an id to quote to its support.
    if "x-github-request-id" not in response.headers and SERVER_VERSION not in response.headers:
        said = f"{site.api_url}/meta is answered with {response.status_code}, and not by GitHub"
        raise NoAnswer(OUTAGE_WAIT, said)
    return Answered(date_of(response.headers), response.headers.get(SERVER_VERSION, ""))


async def convert(site: Site, code: str, transport: httpx.AsyncBaseTransport | None = None) -> Registered:
    """Exchange the code with which the browser came back for the App and its secrets.

    Raises:
        Moot: GitHub knows no such code: it was used, an hour has passed, or it is of another GitHub.
        NoAnswer: GitHub gave none; the code may still be good.
        GiveUp: the answer isn't what GitHub promises.
    """
    response = await _ask("POST", f"{site.api_url}/app-manifests/{code}/conversions", transport)
    if error := problem(response):
        raise error
    return read(Registered, body_of(response), "the conversion of a manifest")


async def _ask(method: str, url: str, transport: httpx.AsyncBaseTransport | None) -> httpx.Response:
    headers = {"Accept": "application/vnd.github+json", "User-Agent": f"postil/{version('postil')}"}
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, follow_redirects=False) as client:
        try:
            return await client.request(method, url, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
            said = str(error) or type(error).__name__
        raise NoAnswer(OUTAGE_WAIT, f"{httpx.URL(url).host} doesn't answer: {said}")
