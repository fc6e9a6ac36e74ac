"""Pools of threads and processes. Names checked against Python 3.11."""

PROCESS_EXECUTORS = frozenset({"concurrent.futures.ProcessPoolExecutor",
                               "concurrent.futures.process.ProcessPoolExecutor"})  # fmt: skip
EXECUTORS = PROCESS_EXECUTORS | {
    "concurrent.futures.Executor",
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor",
}

# `multiprocessing.Pool` is a function that makes a `multiprocessing.pool.Pool`; annotations name either.
PROCESS_POOLS = frozenset({"multiprocessing.Pool", "multiprocessing.pool.Pool"})
POOLS = PROCESS_POOLS | {"multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool"}

# What of a pool takes a callable as its first argument.
POOL_METHODS = frozenset(
    {"apply", "apply_async", "imap", "imap_unordered", "map", "map_async", "starmap", "starmap_async", "submit"}
)
