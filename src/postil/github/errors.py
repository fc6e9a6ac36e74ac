"""What a failed call to GitHub means for the work: try again later, give up, or forget about it.

No error carries a request, a response or a token: they are kept in tables, logged and shown to operators.
"""


class TryAgain(Exception):
    """The same work may succeed `after` that many seconds; `why` is one sentence for the operator."""

    def __init__(self, after: float, why: str) -> None:
        super().__init__(after, why)
        self.after = after
        self.why = why

    def __str__(self) -> str:
        return f"{self.why} (again in {self.after:.0f} s)"


class RateLimited(TryAgain):
    """GitHub asks for a pause of `after` seconds, and that of everything in the installation."""


class NoAnswer(TryAgain):
    """GitHub gave no usable answer (5xx, timeout, reset): what was sent may or may not have happened."""


class GiveUp(Exception):
    """Repeating can't help: somebody has to change something first. `why` is one sentence for the operator."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotPermitted(GiveUp):
    """The App lacks a permission for this one call."""


class Invalid(GiveUp):
    """GitHub understood the request and refused its content (422); `reasons` are its sentences."""

    def __init__(self, why: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.args = (why, reasons)
        self.reasons = reasons


class BadAnchors(Exception):
    """A comment of the review doesn't stand on the diff. Nothing was posted, and GitHub doesn't say which one it is."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return "; ".join(self.reasons)


class Moot(Exception):
    """Its object is gone: the head moved, or GitHub shows us no such pull request or repository, perhaps any more."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
