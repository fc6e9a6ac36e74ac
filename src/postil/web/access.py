"""Who sees what is for operators: those on a port of its own, those with the token, those that a proxy vouches for."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
from fastapi import HTTPException, Request

log = structlog.get_logger(__name__)

OPERATOR = "operator"
"""Whom we take somebody for who has the token, or the port, and says no name."""
NOBODY = (
    "Nobody may see this yet: set POSTIL_OPERATOR_TOKEN, POSTIL_PRIVATE_LISTEN or POSTIL_OPERATOR_HEADER, "
    "as docs/security.md says."
)
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Access:
    """How operators are told from everybody else. What isn't set isn't a way in.

    `port` is the number of the port that only operators reach: their pages are answered there alone. `token` is asked
    for as a bearer's, or as the password of HTTP Basic, which browsers ask people for. `header` names the one in which
    a proxy says who has signed in; it has to take that header out of whatever comes from outside.
    """

    port: int | None = None
    token: str = field(default="", repr=False)
    header: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether operators are told apart at all."""
        return self.port is not None or bool(self.token or self.header)

    def operator(self, request: Request) -> str:
        """Let operators in, as a dependency of their pages, and give the name of the one who asks.

        Raises:
            HTTPException: 404 on the public port, where there is one of their own; 401 without proof; 403 while there
                is no way in, and for a change that a page of another site asks for.
        """
        if not self.is_limited:
            raise HTTPException(403, NOBODY)
        if self.port is not None and _port(request) != self.port:
            raise HTTPException(404)
        name = self._name(request)
        if name is None:
            if "authorization" in request.headers:
                log.warning("operator_refused", path=request.url.path)
            raise HTTPException(401, "This is for operators.", {"www-authenticate": 'Basic realm="Postil"'})
        if request.method in _CHANGING and not _same_site(request.headers):
            raise HTTPException(403, "A page of another site asks for this.")
        return name

    def _name(self, request: Request) -> str | None:
        """Who proved to be an operator; None for nobody."""
        if self.header and (vouched := request.headers.get(self.header, "").strip()):
            return vouched[:_MAX_NAME]
        if self.token:
            name, given = _credentials(request.headers.get("authorization", ""))
            # Bytes, as the comparison refuses text that isn't ASCII.
            return name if hmac.compare_digest(given, self.token.encode()) else None
        return None if self.header else OPERATOR


def _credentials(authorization: str) -> tuple[str, bytes]:
    """The name and the token of an Authorization header, bearer's or Basic; without one the token is empty."""
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return OPERATOR, given.strip().encode("latin-1", "replace")
        case "basic":
            try:
                name, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
            except (binascii.Error, ValueError):
                return OPERATOR, b""
            return name.decode("utf-8", "replace")[:_MAX_NAME] or OPERATOR, password
    return OPERATOR, b""


def _port(request: Request) -> int | None:
    """The port of the socket that the request came by; what the request itself says has no part in it."""
    server = request.scope.get("server")
    return server[1] if server else None


def _same_site(headers: Mapping[str, str]) -> bool:
    """Whether a change is asked for by a page of our own, or by no page: browsers send credentials for any site."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
