"""Coroutine functions of the standard library, by `inspect.iscoroutinefunction` of Python 3.11."""

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
