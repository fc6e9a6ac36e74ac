"""Reviews one pull request with a given token, once: without an App, without a queue, by the worker's own way."""

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from postil.github.guest import GivenToken
from postil.jobs.model import Again, Ask, Ended, Failed, Intent, Job, Later, Pull, Standing
from postil.packs import Guideline, Links
from postil.review.model import Review
from postil.sandbox import Analyst
from postil.site import Site
from postil.worker import Reviewer

_NAMED = re.compile(r"([\w.-]+)/([\w.-]+)#([1-9]\d{0,9})")
_PAGE = re.compile(r"/([\w.-]+)/([\w.-]+)/pull/([1-9]\d{0,9})(?:/.*)?")


class PullNameError(Exception):
    """What was given names no pull request of this GitHub."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How it ended: the review, if there was one; else why not. `refused` is what GitHub didn't let be written."""

    review: Review | None
    why: str
    refused: tuple[str, ...] = ()


def pull_named(name: str, web_url: str) -> Pull:
    """The pull request that OWNER/REPO#N means, or the address of its page at `web_url`.

    Raises:
        PullNameError: it names none, or one of another GitHub, which the token isn't for.
    """
    found = _NAMED.fullmatch(name)
    if found is None and name.startswith(("https://", "http://")):
        page, here = urlsplit(name), urlsplit(web_url)
        if page.netloc != here.netloc:
            raise PullNameError(f"{name} is on another GitHub than {web_url}; --api-url says which one is meant")
        found = _PAGE.fullmatch(page.path)
    if found is None:
        raise PullNameError(f"{name!r} names no pull request; write OWNER/REPO#N, or the address of its page")
    return Pull(0, 0, found[1], found[2], int(found[3]))


async def visit(
    pull: Pull,
    guideline: Guideline,
    folders: Sequence[Path],
    *,
    token: str,
    site: Site,
    guide_url: str,
    post: bool,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Visit:
    """Review a pull request; with `post`, write what the App would write, as far as the token may.

    `folders` are those of the packs of `guideline`, whose pages are read at `guide_url` ("" for no links); `transport`
    carries the requests to GitHub (None for the network).
    """
    shown: list[Review] = []
    github = GivenToken(token, site.api_url, transport, web_url=site.web_url, writes=post)
    async with github, Analyst(folders) as analyst:
        reviewer = Reviewer(
            github=github,
            analyst=analyst,
            book=_NoBook(),
            guideline=guideline,
            links=Links(guide_url, repository=True),
            web_url=site.web_url,
            # Whose words they are GitHub says; the signature adds nothing here.
            key=b"postil: a given token",
            meter=_NoMeter(),
            show=shown.append,
            drafts=True,
        )
        # Of its own each time: what an earlier run said is found among the words of the token's user.
        name = f"{pull.key}@{secrets.token_hex(4)}"
        outcome = await reviewer(Job(name, pull.key, 1, pull, name, None, 0, (Ask(pull, "asked for"),), ()))
    guest = github.guest
    refused = guest.refused if guest else ()
    if isinstance(outcome, Again | Later | Failed):
        return Visit(None, outcome.why, refused)
    notice = guest.notice if guest else None
    why = notice.summary if notice else "the pull request is closed, or GitHub doesn't show it to this token"
    return Visit(shown[-1] if shown else None, why, refused)


class _NoBook:
    """Nothing is written down: there is one run, and GitHub knows what was said."""

    async def standing(self, job: Job) -> Standing:
        """Nothing else is at work on it."""
        del job
        return "current"

    async def held(self, job: Job) -> float:
        """Nobody else will take it."""
        del job
        return math.inf

    async def intend(self, job: Job, what: str) -> Intent:
        """Nothing was begun before."""
        del job, what
        return Intent(repeated=False, github_id=None)

    async def confirm(self, job: Job, what: str, github_id: int) -> None:
        """Nobody will ask."""

    async def intended(self, job: Job) -> Mapping[str, int | None]:
        """Nothing was left open."""
        del job
        return {}

    async def note(self, job: Job, did: Ended) -> None:
        """There is no operator."""

    async def learned(self, installation: int, what: str) -> str | None:
        """Nothing is known."""
        del installation, what
        return None

    async def learn(self, installation: int, what: str, value: str) -> None:
        """Nothing is kept."""

    async def forget(self, installation: int) -> None:
        """Nothing is there."""


class _NoMeter:
    """One run is no figure."""

    def ran(self, outcome: str, seconds: float) -> None:
        """Not counted."""

    def spent(self, phase: str, seconds: float) -> None:
        """Not counted."""

    def found(self, rule: str) -> None:
        """Not counted."""

    def said(self, rule: str, count: int = 1) -> None:
        """Not counted."""

    def unread(self, kind: str) -> None:
        """Not counted."""
