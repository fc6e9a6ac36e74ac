"""What a trace tells: the delivery, the runs that answer it, their parts, and the calls to GitHub in them.

A leaf without OpenTelemetry: `postil.otel` sends traces, and is imported only where somebody asks for them.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Note = Callable[[str, str | int], None]
"""Adds a fact, by its name, to what is being traced."""


class Tracer(Protocol):
    """Where traces go. Facts are our own words and numbers: no text of a pull request, no address, nothing secret."""

    def delivery(self, delivery: str, **facts: str | int) -> AbstractContextManager[Note]:
        """Something that asks for work, by its id: a trace begins. The same id is the same trace everywhere.

        The fact `result` tells what became of it.
        """
        ...

    def run(self, deliveries: Sequence[str], **facts: str | int) -> AbstractContextManager[Note]:
        """A run: it goes on with the trace of the last of the deliveries that it answers, and is linked to the rest."""
        ...

    def part(self, name: str, **facts: str | int) -> AbstractContextManager[Note]:
        """A part of what is being traced here; nothing where nothing is."""
        ...


class Untraced:
    """Where nobody looks."""

    def delivery(self, delivery: str, **facts: str | int) -> AbstractContextManager[Note]:
        """Forget it."""
        del delivery, facts
        return _forgotten()

    def run(self, deliveries: Sequence[str], **facts: str | int) -> AbstractContextManager[Note]:
        """Forget it."""
        del deliveries, facts
        return _forgotten()

    def part(self, name: str, **facts: str | int) -> AbstractContextManager[Note]:
        """Forget it."""
        del name, facts
        return _forgotten()


@contextmanager
def _forgotten() -> Generator[Note]:
    yield lambda name, value: None


UNTRACED = Untraced()
