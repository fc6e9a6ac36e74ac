"""A worker process to be killed: `python jobs_worker.py URL LEDGER LEASE` runs jobs and posts into a file.

A post is a line of the ledger, written as a review is: intended, looked for before it is repeated, then confirmed.
"""

import asyncio
import random
import sys
from pathlib import Path

from postil.jobs import Done, Job, Jobs, Outcome, Superseded


def post(ledger: Path, line: str, *, look: bool) -> None:
    """Append a line, unless it is asked to look for it first and finds it."""
    if not look or line not in ledger.read_text().splitlines():
        with ledger.open("a") as file:
            file.write(f"{line}\n")


async def main(url: str, ledger: Path, lease: float) -> None:
    """Work until killed."""
    jobs = Jobs(url, lease=lease, share=4)

    async def work(job: Job) -> Outcome:
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311
        line = f"{job.pull.key} {job.head}"
        intent = await jobs.intend(job, f"review {job.head}")
        if await jobs.standing(job) != "current":
            return Superseded()
        await asyncio.to_thread(post, ledger, line, look=intent.repeated)
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311
        await jobs.confirm(job, f"review {job.head}", 1)
        return Done()

    await jobs.start(work)
    print("started", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
