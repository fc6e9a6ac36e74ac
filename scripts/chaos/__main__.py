"""The long forms: `make chaos [KILLS=100] [SEED=…] [DB=sqlite|postgresql]`, and `make chaos FREEZES=50`.

Prints a table; ends with 1, the faults and the way to repeat them where something is lost, said twice or stuck.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from chaos.books import Books, audit
from chaos.faults import Measure
from chaos.frozen import trials
from chaos.trial import DISK, Stage, stage, weather

LEASE = 30
"""The service's default, in seconds."""
SHORT_LEASE = 3
"""For trials of frozen processes, each of which sleeps longer than that."""


def main() -> int:
    """Run what the arguments ask for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--freezes", type=int, default=0)
    parser.add_argument("--seed", type=int, required=True)
    asked = parser.parse_args()
    if asked.freezes:
        again = f"make chaos FREEZES={asked.freezes} SEED={asked.seed}"
        print(again, flush=True)
        with stage("postgresql", SHORT_LEASE) as here:
            return _told(here, _freezes(here, asked.freezes, asked.seed), again)
    again = f"make chaos KILLS={asked.kills} SEED={asked.seed} DB={asked.database}"
    print(again, flush=True)
    is_root = os.geteuid() == 0
    if asked.database == "sqlite" and not is_root:
        print("Not tried: a full disk, for only root can make a small one.")
    with stage(asked.database, LEASE, disk=DISK if is_root else None) as here:
        return _told(here, _kills(here, asked.kills, asked.seed), again)


def _kills(here: Stage, kills: int, seed: int) -> tuple[Books, Iterator[tuple[str, str]]]:
    measure = Measure(kills=kills, outages=kills // 30, freezes=kills // 20)
    report = asyncio.run(weather(here, measure, seed, LEASE))
    return report.books, report.rows()


def _freezes(here: Stage, count: int, seed: int) -> tuple[Books, Iterator[tuple[str, str]]]:
    storm, takeovers = asyncio.run(trials(here, count, seed))
    books = audit(storm, here.ledger)

    def rows() -> Iterator[tuple[str, str]]:
        yield "workers frozen past their lease, and woken", str(count)
        yield "runs interrupted", str(takeovers.interrupted)
        yield from books.rows()

    return books, rows()


def _told(here: Stage, found: tuple[Books, Iterator[tuple[str, str]]], again: str) -> int:
    books, rows = found
    print("\n| measured | figure |\n|---|---|")
    for what, figure in rows:
        print(f"| {what} | {figure} |")
    if not books.faults:
        return 0
    kept = tempfile.mkdtemp(prefix="postil-chaos-logs-")
    for log in here.fleet.folder.glob("*.log"):
        shutil.copy(log, Path(kept))
    print(*books.faults, sep="\n")
    print(f"The logs are in {kept}. To try the same once more: {again}")
    return 1


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"\n{time.monotonic() - began:.0f} s")
    sys.exit(code)
