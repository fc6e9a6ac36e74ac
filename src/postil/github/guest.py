"""GitHub for one token that somebody gives, a workflow's or a person's: it reads, and writes only where that is wanted.

GitHub lets only Apps create check runs; a workflow's token is one of an App, a person's is not.
See https://docs.github.com/en/rest/checks/runs and the 403 "not accessible by personal access token".
"""

from collections.abc import Callable, Sequence
from typing import Literal

import httpx

from postil.github.client import GitHub, Permit
from postil.github.errors import GiveUp, NotPermitted
from postil.github.model import Thread
from postil.github.repository import WAYS, Repository
from postil.github.tokens import Scope, Token
from postil.review.compose import Notice
from postil.review.model import CheckOutput, Comment


class Guest(Repository):
    """A repository as a given token sees it.

    `writes` says whether anything is written; `refused` is what GitHub didn't let be written, and `notice` what was to
    be said instead of a verdict.
    """

    writes = False
    notice: Notice | None = None
    refused: tuple[str, ...] = ()

    async def find_check(self, head_sha: str, external_id: str) -> int | None:
        """The check run of an earlier run; None where nothing is written, as then it isn't needed."""
        return await super().find_check(head_sha, external_id) if self.writes else None

    async def start_check(self, head_sha: str, external_id: str, output: Notice, details_url: str | None = None) -> int:
        """Begin the check run; 0 where there is none."""
        if not self.writes:
            return 0
        try:
            return await super().start_check(head_sha, external_id, output, details_url)
        except GiveUp as error:
            self.refused += (f"GitHub takes no check run of this token: {error.why}",)
            return 0

    async def finish_check(self, check_id: int, output: CheckOutput, *, repeated: bool = False) -> None:
        """Complete the check run, if there is one."""
        if check_id:
            await super().finish_check(check_id, output, repeated=repeated)

    async def complete_check(
        self, check_id: int, conclusion: Literal["cancelled", "neutral", "action_required"], output: Notice
    ) -> None:
        """Complete the check run, if there is one, without a verdict."""
        self.notice = output
        if check_id:
            await super().complete_check(check_id, conclusion, output)

    async def post_review(self, number: int, head_sha: str, body: str, comments: Sequence[Comment]) -> int:
        """Post the review; 0 where that isn't wanted or permitted, as for a fork's pull request in a workflow."""
        if not self.writes:
            return 0
        try:
            return await super().post_review(number, head_sha, body, comments)
        except NotPermitted as error:
            self.refused += (f"GitHub takes no review of this token: {error.why}",)
            return 0

    async def close(self, threads: Sequence[Thread], edited: Callable[[str], str], ways: Sequence[str] = WAYS) -> str:
        """Close threads, where anything is written."""
        return await super().close(threads, edited, ways) if self.writes else "left"

    async def reopen(self, threads: Sequence[Thread], restored: Callable[[str], str]) -> None:
        """Open threads again, where anything is written."""
        if self.writes:
            await super().reopen(threads, restored)


class GivenToken(GitHub):
    """GitHub for one given token, with the rights that it has; `writes` says whether they are used.

    Args:
        token: the token.
        api_url: the REST root.
        transport: carries the requests; None for the network.
        web_url: GitHub's address for people and for git, without a final slash.
        writes: whether anything is posted.
        spacing: seconds between two writes.
    """

    def __init__(
        self,
        token: str,
        api_url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        web_url: str,
        writes: bool,
        spacing: float = 1.0,
    ) -> None:
        super().__init__("none", "none", api_url, transport, web_url=web_url, spacing=spacing)
        self._token = token
        self._writes = writes
        self.guest: Guest | None = None

    _kind = Guest

    def repository(
        self, installation: int, repository_id: int | None, owner: str, name: str, permit: Permit | None = None
    ) -> Repository:
        """The repository, which is kept as `guest`."""
        made = super().repository(installation, repository_id, owner, name, permit)
        assert isinstance(made, Guest)  # noqa: S101
        made.writes = self._writes
        self.guest = made
        return made

    async def _mint(self, scope: Scope) -> Token:
        """The one token stands for every scope."""
        del scope
        return Token(self._token, float("inf"))
