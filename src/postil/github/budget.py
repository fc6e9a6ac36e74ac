"""What GitHub still allows each installation in the running hour, by what its answers say."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postil.github.answers import seconds_to_reset

RESERVE = 0.1
"""The share of an installation's calls that is kept for what people ask for in comments."""
WINDOW = 3600.0
"""Seconds after which GitHub counts anew; no answer is believed for longer."""


@dataclass(frozen=True, slots=True)
class _Heard:
    left: float
    until: float


class Budgets:
    """The budgets of one process's installations; REST and GraphQL have one each. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: dict[tuple[int, str], _Heard] = {}
        self._paused: dict[int, float] = {}

    def hear(self, installation: int, headers: Mapping[str, str]) -> None:
        """Note what the headers of an answer say; Enterprise Servers without limits say nothing."""
        limit, remaining = headers.get("x-ratelimit-limit", ""), headers.get("x-ratelimit-remaining", "")
        if limit.isdecimal() and remaining.isdecimal() and int(limit):
            until = self._clock() + min(seconds_to_reset(headers), WINDOW)
            resource = headers.get("x-ratelimit-resource", "core")
            self._heard[installation, resource] = _Heard(min(1.0, int(remaining) / int(limit)), until)

    def pause(self, installation: int, seconds: float) -> None:
        """Note that GitHub asks an installation for a pause. Going on meanwhile makes it longer, or final."""
        until = self._clock() + min(seconds, WINDOW)
        self._paused[installation] = max(until, self._paused.get(installation, until))

    def paused(self, installation: int) -> float:
        """Seconds until an installation's pause is over."""
        left = self._paused.get(installation, 0.0) - self._clock()
        if left <= 0:
            self._paused.pop(installation, None)
        return max(0.0, left)

    def wait(self, installation: int, *, asked_for: bool) -> float:
        """Seconds until work of an installation may begin; `asked_for` by a person, it may also use the reserve."""
        least = 0.0 if asked_for else RESERVE
        now = self._clock()
        spent = (each for (whose, _), each in self._heard.items() if whose == installation and each.left <= least)
        return max((each.until - now for each in spent), default=0.0)

    def left_of(self, installation: int) -> dict[str, float]:
        """The shares that are left to an installation, from 0 to 1, by budget; those alone that were heard of."""
        now = self._clock()
        return {
            resource: each.left
            for (whose, resource), each in self._heard.items()
            if whose == installation and each.until > now
        }

    def left(self) -> list[float]:
        """The share that is left to each installation that was heard of, from 0 to 1: of its two budgets the lower."""
        now = self._clock()
        self._heard = {whose: each for whose, each in self._heard.items() if each.until > now}
        lowest: dict[int, float] = {}
        for (installation, _), each in self._heard.items():
            lowest[installation] = min(each.left, lowest.get(installation, 1.0))
        return list(lowest.values())
