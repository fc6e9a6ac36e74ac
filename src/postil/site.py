"""Which GitHub: github.com, a tenant of GHE.com, or an Enterprise Server, with the facts that differ between them."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

CLOUD = "https://github.com"
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
DAY = 86_400.0


def plain_url(value: str) -> str:
    """Check an address and drop its final slash. Without TLS only this machine may be spoken to.

    Raises:
        ValueError: it can't be used; the message goes on from the name of what was given.
    """
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError("is no address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError("is no address: it must start with https:// and name a host")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("must be a plain address, without user name, query or fragment")
    if parts.scheme == "http" and parts.hostname not in THIS_MACHINE:
        raise ValueError("must start with https://; plain http:// is for addresses of this machine only")
    return value.rstrip("/")


def origin(value: str) -> str:
    """Check an address as `plain_url` does, and that it is a host of its own.

    Raises:
        ValueError: as `plain_url`.
    """
    url = plain_url(value)
    if urlsplit(url).path:
        raise ValueError("must be a host of its own, without a path: the pages and the webhook stand at its root")
    return url


def is_hidden(url: str) -> bool:
    """Whether an address can't be reached from outside of its network, as far as the name alone tells."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))


@dataclass(frozen=True, slots=True)
class Site:
    """One GitHub: its address for people and for git, and the root of its REST API, both without a final slash."""

    web_url: str
    api_url: str

    @classmethod
    def of(cls, api_url: str | None, web_url: str | None) -> "Site":
        """The GitHub at these addresses: one that isn't given follows from the other, and github.com from none."""
        if api_url and web_url:
            return cls(web_url, api_url)
        return cls.of_api(api_url) if api_url else cls.of_web(web_url or CLOUD)

    @classmethod
    def of_web(cls, web_url: str) -> "Site":
        """The GitHub that people reach at an address.

        The paths are those of GitHub's pages on the REST API: `api.` before github.com and before a tenant of GHE.com,
        and `/api/v3` below an Enterprise Server.
        """
        parts = urlsplit(web_url)
        host = parts.hostname or ""
        if host == "github.com" or host.endswith(".ghe.com"):
            return cls(web_url, f"{parts.scheme}://api.{parts.netloc}")
        return cls(web_url, f"{web_url}/api/v3")

    @classmethod
    def of_api(cls, api_url: str) -> "Site":
        """The GitHub whose REST API stands at an address."""
        parts = urlsplit(api_url)
        return cls(f"{parts.scheme}://{parts.netloc.removeprefix('api.')}", api_url)

    @property
    def is_server(self) -> bool:
        """Whether it is an Enterprise Server, which has its own limits, versions and times."""
        return urlsplit(self.api_url).path.endswith("/api/v3")

    @property
    def graphql_url(self) -> str:
        """Where GraphQL is asked."""
        return self.api_url.removesuffix("/v3") + "/graphql" if self.is_server else f"{self.api_url}/graphql"

    @property
    def answer_within(self) -> float:
        """Seconds until GitHub gives up on the answer to a delivery (its best practices for webhooks)."""
        return 30.0 if self.is_server else 10.0

    @property
    def keeps_deliveries(self) -> float:
        """Seconds for which GitHub can send a delivery again (its page on redelivering webhooks)."""
        return 7 * DAY if self.is_server else 3 * DAY

    def app_settings(self, slug: str, organisation: str = "") -> str:
        """The page where the owner of an App changes it."""
        owner = f"/organizations/{organisation}" if organisation else ""
        return f"{self.web_url}{owner}/settings/apps/{slug}"

    def new_app(self, organisation: str = "") -> str:
        """Where a browser posts the manifest of a new App."""
        return self.app_settings("new", organisation)
