"""Locks of threads and processes, and those of the event loop. Names checked against Python 3.11 and anyio 4."""

_KINDS = ("Lock", "Semaphore", "BoundedSemaphore", "Condition")

# A thread that holds one of these may take it again, so tasks on one loop don't exclude each other.
# `Condition` makes itself an `RLock` unless it is given another.
REENTRANT_LOCKS = frozenset(
    {f"{module}.{kind}" for module in ("threading", "multiprocessing") for kind in ("RLock", "Condition")}
)
THREAD_LOCKS = REENTRANT_LOCKS | {f"{module}.{kind}" for module in ("threading", "multiprocessing") for kind in _KINDS}

LOOP_LOCKS = frozenset(
    {
        *(f"{module}.{kind}" for module in ("asyncio", "asyncio.locks") for kind in _KINDS),
        *(f"anyio.{kind}" for kind in ("Lock", "Semaphore", "Condition", "CapacityLimiter")),
    }
)
