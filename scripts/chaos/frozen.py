"""The process that slept: frozen in the middle of its reviews, past its lease, and woken when others have done them.

What it would still post, nobody wants to read twice.
"""

import asyncio
from random import Random

from chaos.books import rest
from chaos.faults import Takeovers
from chaos.storm import Storm
from chaos.trial import Stage
from postil.settings import Role

AT_ONCE = 4
"""Pull requests, each in an installation of its own, that are at work when the process freezes."""
TRIES = 20
"""Times that a worker is frozen before one that was at no work will do."""


async def trials(stage: Stage, count: int, seed: int) -> tuple[Storm, Takeovers]:
    """Freeze one of two workers in its work, wait until the other has done all, wake it; `count` times."""
    chance = Random(seed + 1)  # noqa: S311 - chaos, not secrets
    for role in (Role.WEB, Role.WORKER, Role.WORKER):
        stage.fleet.start(role)
    await asyncio.to_thread(stage.fleet.up)
    storm = Storm(stage.fake, stage.addresses, seed, installations=AT_ONCE, pulls=AT_ONCE)
    takeovers = Takeovers(stage.ledger)
    for _ in range(AT_ONCE):
        await storm.happen(storm.opens)
    for _ in range(count):
        await rest(stage.ledger)
        for _ in range(TRIES):
            for author in storm.authors:
                await storm.happen(lambda author=author: storm.pushes(author))
            await asyncio.sleep(chance.uniform(0, 3))
            sleeper = chance.choice(stage.fleet.living(Role.WORKER))
            sleeper.freeze()
            caught = await asyncio.to_thread(takeovers.note, sleeper)
            await rest(stage.ledger)
            sleeper.wake()
            if caught:
                break
    await rest(stage.ledger)
    # Whatever the last one to wake is still at, it ends within the time of a write.
    await asyncio.sleep(2)
    return storm, takeovers
