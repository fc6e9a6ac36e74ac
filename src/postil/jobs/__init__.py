"""The durable queue: what was asked for, which run answers it, and what became of it.

The truth stands in a few small tables of our own, written in the same transaction as the enqueue; DBOS runs the work
and finds what a dead process left behind. One invariant carries the rest: a pull request that isn't idle has exactly
one live run, named "owner/repo#7@run 12". That alone gives serial work, coalescing and "the newest head wins".

Everything may happen twice: a delivery, a run, a post. No type of the engine or the database leaves this package.
`queue.Jobs` is what others use; below it `acceptance`, `runs`, `care`, `inspection` and `moving` are what happens to
the tables.
"""

from postil.jobs.condition import examine_database
from postil.jobs.database import create_engine, database_url
from postil.jobs.model import (
    MAX_TRIES,
    MERGE_QUEUE,
    Accepted,
    Again,
    AlreadyRunningError,
    Ask,
    Command,
    Counts,
    DeadJob,
    Done,
    Ended,
    Failed,
    Finished,
    Installation,
    Intent,
    Job,
    LastWord,
    Later,
    LiveJob,
    NewerDatabaseError,
    Outcome,
    Pull,
    Readiness,
    Received,
    Shelved,
    Standing,
    Superseded,
    UnavailableError,
    UnusableDatabaseError,
    Work,
)
from postil.jobs.moving import Moved, check_way
from postil.jobs.queue import Jobs

__all__ = [
    "MAX_TRIES",
    "MERGE_QUEUE",
    "Accepted",
    "Again",
    "AlreadyRunningError",
    "Ask",
    "Command",
    "Counts",
    "DeadJob",
    "Done",
    "Ended",
    "Failed",
    "Finished",
    "Installation",
    "Intent",
    "Job",
    "Jobs",
    "LastWord",
    "Later",
    "LiveJob",
    "Moved",
    "NewerDatabaseError",
    "Outcome",
    "Pull",
    "Readiness",
    "Received",
    "Shelved",
    "Standing",
    "Superseded",
    "UnavailableError",
    "UnusableDatabaseError",
    "Work",
    "check_way",
    "create_engine",
    "database_url",
    "examine_database",
]
