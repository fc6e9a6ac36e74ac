"""What was said and ordered on a pull request, read back from its conversation on GitHub."""

from collections.abc import Iterator

from postil.github.model import PullContext, Thread
from postil.review import compose as words
from postil.review.marker import Marker, read_marker
from postil.review.orders import Orders, read_orders


def standing_orders(pull: PullContext) -> Orders:
    """The orders that hold: those of our newest answer that tells of some.

    They stand in the conversation, where people see them, and not in the database: that one may be lost, and whoever
    deletes the answer takes the order back.
    """
    found = (read_orders(said.orders) for said in reversed(pull.comments) if said.orders)
    return next((orders for orders in found if orders is not None), Orders())


def said_before(pull: PullContext, run: str) -> frozenset[str]:
    """The fingerprints of what we told this pull request already, in other runs than this, by our own hidden lines.

    What we closed as fixed counts as never said: should it come back, its comment is hidden. A comment that a person
    resolved, hid or deleted is a refusal: the review that it came with still says what was said.

    GitHub says which comments are ours, so the signature adds nothing, and a new secret makes nothing be said twice.
    """
    closed = set()
    bodies = [review.body for review in pull.reviews]
    for thread in pull.threads:
        bodies += [comment.body for comment in thread.comments if comment.ours]
        if words.is_fixed(body := ours(thread)) and (said := read_marker(body)):
            closed |= {(said.run, each) for each in said.fingerprints}
    markers = [found for body in bodies if (found := read_marker(body)) and found.run != run]
    return frozenset(each for found in markers for each in found.fingerprints if (found.run, each) not in closed)


def ours(thread: Thread) -> str:
    """What we said in a thread that we began; "" for any other."""
    return thread.comments[0].body if thread.comments and thread.comments[0].ours else ""


def open_threads(pull: PullContext) -> Iterator[tuple[Thread, Marker]]:
    """Our threads about findings that nobody closed, neither we nor a person, each with its hidden line."""
    for thread in pull.threads:
        body = ours(thread)
        said = read_marker(body)
        closed = thread.resolved or words.is_fixed(body) or words.is_ignored(body)
        if said and said.fingerprints and not closed and not thread.comments[0].minimized:
            yield thread, said


def goes_on(thread: Thread) -> bool:
    """Whether we closed one of our threads, and what is said in it holds when its findings are here.

    It does where a rule was ignored, and where people answered, so that we left our words as they were.
    """
    if thread.resolved:
        return thread.closed_by_us and not words.is_fixed(ours(thread))
    return words.is_ignored(ours(thread))
