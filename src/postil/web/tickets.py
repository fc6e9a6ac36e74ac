"""Secrets that open something for a while: kept in memory only, compared in constant time."""

import hmac
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 50
"""Tickets that are remembered; the oldest is forgotten first."""


class Refusal(StrEnum):
    """Why a ticket opens nothing."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


@dataclass(slots=True)
class _Ticket(Generic[T]):
    secret: str
    until: float
    holds: T
    used: bool = False


class Tickets(Generic[T]):
    """Tickets of one kind, each good until it is used or its time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._issued: list[_Ticket[T]] = []

    def issue(self, holds: T) -> str:
        """Make a ticket that holds something, and give its secret."""
        made = _Ticket(secrets.token_hex(24), time.monotonic() + self._seconds, holds)
        self._issued = [*self._issued, made][-MOST:]
        return made.secret

    def look(self, secret: str) -> T | Refusal:
        """What a ticket holds, or why it opens nothing. It may be used afterwards."""
        ticket = self._find(secret)
        if ticket is None:
            return Refusal.UNKNOWN
        if ticket.used:
            return Refusal.USED
        return ticket.holds if time.monotonic() < ticket.until else Refusal.EXPIRED

    def use(self, secret: str) -> T | Refusal:
        """As `look`, and never again."""
        found, ticket = self.look(secret), self._find(secret)
        if ticket is not None:
            ticket.used = True
        return found

    def _find(self, secret: str) -> _Ticket[T] | None:
        given = secret.encode("utf-8", "replace")
        # All are compared, so that the time taken tells nothing of them.
        same = [ticket for ticket in self._issued if hmac.compare_digest(ticket.secret.encode(), given)]
        return same[0] if same else None
