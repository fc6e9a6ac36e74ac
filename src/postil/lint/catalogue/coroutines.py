"""Coroutine functions by `inspect.iscoroutinefunction`: of Python 3.11, SQLAlchemy 2.1.9 and httpx 0.28.1."""

COROUTINE_FUNCTIONS = frozenset(
    {"asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "asyncio.open_connection",
     "asyncio.open_unix_connection", "asyncio.sleep", "asyncio.start_server", "asyncio.start_unix_server",
     "asyncio.to_thread", "asyncio.wait", "asyncio.wait_for"}
)  # fmt: skip
# class → its methods that are coroutine functions
COROUTINE_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("asyncio.Queue", "asyncio.PriorityQueue", "asyncio.LifoQueue"), frozenset({"get", "put", "join"})),
    "asyncio.Event": frozenset({"wait"}),
    "asyncio.Condition": frozenset({"acquire", "wait", "wait_for"}),
    **dict.fromkeys(("asyncio.Lock", "asyncio.Semaphore", "asyncio.BoundedSemaphore"), frozenset({"acquire"})),
    "asyncio.Barrier": frozenset({"wait"}),
}

_SESSION = frozenset(
    {"aclose", "close", "commit", "connection", "delete", "execute", "flush", "get", "get_one", "invalidate", "merge",
     "refresh", "reset", "rollback", "run_sync", "scalar", "scalars", "stream", "stream_scalars"}
)  # fmt: skip
_HTTPX = frozenset({"aclose", "delete", "get", "head", "options", "patch", "post", "put", "request", "send"})
# The same of libraries, for what stands in for an object of such a class.
LIBRARY_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("httpx.AsyncClient", "httpx2.AsyncClient"), _HTTPX),
    "sqlalchemy.ext.asyncio.AsyncSession": _SESSION,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _SESSION,
    "sqlmodel.ext.asyncio.session.AsyncSession": _SESSION,
    "sqlalchemy.ext.asyncio.AsyncConnection": frozenset(
        {"aclose", "close", "commit", "exec_driver_sql", "execute", "invalidate", "rollback", "run_sync", "scalar",
         "scalars", "start"}
    ),
}  # fmt: skip
