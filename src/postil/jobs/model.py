"""The values that go in and out of the queue, and its errors. No type of the engine or the database is among them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

# With doubled pauses of at most a quarter of an hour these are more than half an hour.
MAX_TRIES = 12
MERGE_QUEUE = 0
"""The number of a repository's merge queue among its pull requests: none of them has it."""


class UnavailableError(Exception):
    """The database doesn't answer. Whoever asked should ask again later."""


class AlreadyRunningError(Exception):
    """Another process works on this SQLite file: limits hold only within one process, or it moves what is in it."""


class NewerDatabaseError(Exception):
    """A newer version has changed the tables in ways that this one doesn't know; the message says what to do."""


class UnusableDatabaseError(Exception):
    """The address of the database can't be used; the message says what it should look like."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, as one installation of the App sees it."""

    installation: int
    repository_id: int
    owner: str
    name: str
    number: int

    @property
    def key(self) -> str:
        """The pull request's name, as "owner/repo#7"."""
        return f"{self.owner}/{self.name}#{self.number}"


@dataclass(frozen=True, slots=True)
class Command:
    """A comment that gives commands: its kind (the event that told of it), its id, who wrote it, and what it says.

    `said` holds the lines that are commands, which mean nothing here.
    """

    kind: str
    comment_id: int
    login: str
    said: str = "/recheck"


@dataclass(frozen=True, slots=True)
class Ask:
    """One reason to look at a pull request, or at a merge queue.

    `head` is the head commit that the asker knew, if it named one, and `at` when that was so (seconds since 1970, by
    GitHub's clock; 0 where it is unknown). `outdates` says that a review under way has lost its object; `wakes` is
    false for what needs no run of its own, as a pull request's becoming a draft.
    """

    pull: Pull
    why: str
    head: str | None = None
    at: float = 0.0
    command: Command | None = None
    outdates: bool = False
    wakes: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """One run, and the asks that it answers, oldest first.

    `key` names the pull request in our tables; it stays when the repository gets another name or owner. `origin` is the
    first run of this work; a run that is tried again has a new id and the same origin. `head` is the newest head commit
    that was heard of. `tries` counts the runs before this one that failed. `spent` says why nothing is tried any more,
    where a process died in the last try and left nobody to say so: then the last word is all that is left to do.
    """

    id: str
    key: str
    number: int
    pull: Pull
    origin: str
    head: str | None
    tries: int
    asks: tuple[Ask, ...]
    deliveries: tuple[str, ...]
    spent: str | None = None

    @property
    def last_try(self) -> bool:
        """Whether this run is not tried again."""
        return self.tries + 1 >= MAX_TRIES


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do for the asks of this run."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Newer work is waiting, or another process has taken this run over: nothing was posted."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """GitHub shows us nothing of the pull request. What was asked for waits for the next ask, or for `Jobs.revive`."""

    why: str


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after so many seconds, in a run of its own."""

    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not begun: come back after so many seconds. That is no try that failed."""

    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again is of no use. The run is kept where an operator sees it."""

    why: str


Outcome: TypeAlias = Done | Superseded | Shelved | Again | Later | Failed
Work: TypeAlias = Callable[[Job], Awaitable[Outcome]]
LastWord: TypeAlias = Callable[[Job, str], Awaitable[None]]
"""What is still to be done for a job whose last try was cut short, and why it was."""
Accepted: TypeAlias = Literal["accepted", "coalesced", "duplicate"]
Standing: TypeAlias = Literal["current", "outdated", "lost"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What one run did: how it ended, how long it took in seconds, and how many requests to GitHub.

    `outcome` is the name of the outcome in small letters. Where there was a verdict, `conclusion` is GitHub's word for
    it, and `found` the number of findings; `said` counts the comments that were posted, by rule.
    """

    outcome: str
    seconds: float
    calls: int
    why: str = ""
    conclusion: str | None = None
    found: int | None = None
    said: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is known of something to be posted: was it begun before, and GitHub's id for it once it was confirmed."""

    repeated: bool
    github_id: int | None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A run that finally failed. `since` is in seconds since 1970."""

    id: str
    pull: Pull
    why: str
    tries: int
    since: float

    @property
    def next_step(self) -> str:
        """What has to happen for it to go on."""
        return "A push, /recheck or `postil jobs retry` runs it again; until then nothing does."


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A run that waits or is under way.

    `why` says what went wrong in the try before, if there was one. `since` is in seconds since 1970.
    """

    id: str
    pull: Pull
    running: bool
    why: str
    tries: int
    since: float

    @property
    def next_step(self) -> str:
        """What happens by itself."""
        if self.running:
            return "It ends, or is taken over when its process dies."
        left = MAX_TRIES - self.tries
        if left <= 0:
            return "Its check run is told that it has failed."
        return f"It is tried by itself; {left} {'try is' if left == 1 else 'tries are'} left."


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery that asked for work, and the state of that: done, queued, running or dead. `at` is in Unix seconds."""

    id: str
    pull: Pull
    why: str
    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to an end, when it did (in seconds since 1970), and what it did."""

    id: str
    pull: Pull
    at: float
    did: Ended


@dataclass(frozen=True, slots=True)
class Installation:
    """What is known of an installation by its pull requests. `at` is when one of them last did something."""

    id: int
    owners: tuple[str, ...]
    repositories: int
    pulls: int
    waiting: int
    dead: int
    at: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pull requests are in which state, and the age in seconds of the oldest that waits for its run.

    `waiting_installations` is in how many installations some wait.
    """

    states: dict[str, int]
    oldest_waiting: float
    waiting_installations: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the database answers, and whether some worker has shown itself within the lease."""

    database: bool
    worker: bool
