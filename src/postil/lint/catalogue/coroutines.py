"""Coroutine functions: of the standard library, and methods of the objects that services hold.

By `inspect.iscoroutinefunction` of Python 3.11, and of httpx 0.28.1, SQLAlchemy 2.1.9, sqlmodel 0.0.50, starlette
1.10.0, asyncpg 0.32.0, aiohttp 3.14.5, psycopg 3.3.9 and arq 0.28.0.
"""

COROUTINE_FUNCTIONS = frozenset(
    {"asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "asyncio.open_connection",
     "asyncio.open_unix_connection", "asyncio.sleep", "asyncio.start_server", "asyncio.start_unix_server",
     "asyncio.to_thread", "asyncio.wait", "asyncio.wait_for"}
)  # fmt: skip

_SESSION = frozenset(
    {"aclose", "close", "commit", "connection", "delete", "execute", "flush", "get", "get_one", "invalidate", "merge",
     "refresh", "reset", "rollback", "run_sync", "scalar", "scalars", "stream", "stream_scalars"}
)  # fmt: skip
_CONNECTION = frozenset(
    {"aclose", "close", "commit", "exec_driver_sql", "execute", "invalidate", "rollback", "run_sync", "scalar",
     "scalars", "start"}
)  # fmt: skip
_HTTPX = frozenset({"aclose", "delete", "get", "head", "options", "patch", "post", "put", "request", "send"})
_WEBSOCKET = frozenset({"accept", "close", "receive_bytes", "receive_json", "receive_text", "send_bytes", "send_json",
                        "send_text"})  # fmt: skip
# class → its methods that are coroutine functions, of libraries
LIBRARY_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("httpx.AsyncClient", "httpx2.AsyncClient"), _HTTPX),
    "aiohttp.ClientSession": frozenset({"close"}),
    **dict.fromkeys(("sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.session.AsyncSession"), _SESSION),
    "sqlmodel.ext.asyncio.session.AsyncSession": _SESSION | {"exec"},
    **dict.fromkeys(
        ("sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.ext.asyncio.engine.AsyncConnection"), _CONNECTION
    ),
    "sqlalchemy.ext.asyncio.AsyncEngine": frozenset({"dispose"}),
    **dict.fromkeys(
        ("asyncpg.Connection", "asyncpg.connection.Connection", "asyncpg.Pool"),
        frozenset({"close", "execute", "executemany", "fetch", "fetchrow", "fetchval"}),
    ),
    "psycopg.AsyncConnection": frozenset({"close", "commit", "execute", "rollback"}),
    **dict.fromkeys(("arq.ArqRedis", "arq.connections.ArqRedis"), frozenset({"aclose", "enqueue_job"})),
    **dict.fromkeys(("fastapi.Request", "starlette.requests.Request"), frozenset({"body", "is_disconnected", "json"})),
    **dict.fromkeys(
        ("fastapi.UploadFile", "starlette.datastructures.UploadFile"), frozenset({"close", "read", "seek", "write"})
    ),
    **dict.fromkeys(("fastapi.WebSocket", "starlette.websockets.WebSocket"), _WEBSOCKET),
}

# Plain functions that give the coroutine of another one: called on redis 8.1.0.
_REDIS = frozenset(
    {"aclose", "decr", "delete", "exists", "expire", "get", "getdel", "getex", "hdel", "hexists", "hget", "hgetall",
     "hincrby", "hmget", "hset", "incr", "incrby", "llen", "lpop", "lpush", "lrange", "lrem", "ltrim", "mget", "mset",
     "ping", "publish", "rpop", "rpush", "sadd", "scard", "set", "setex", "setnx", "sismember", "smembers", "srem",
     "ttl", "xack", "xadd", "zadd", "zcard", "zrange", "zrem", "zscore"}
)  # fmt: skip
# class → its methods whose calls give a coroutine
COROUTINE_METHODS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("asyncio.Queue", "asyncio.PriorityQueue", "asyncio.LifoQueue"), frozenset({"get", "put", "join"})),
    "asyncio.Event": frozenset({"wait"}),
    "asyncio.Condition": frozenset({"acquire", "wait", "wait_for"}),
    **dict.fromkeys(("asyncio.Lock", "asyncio.Semaphore", "asyncio.BoundedSemaphore"), frozenset({"acquire"})),
    "asyncio.Barrier": frozenset({"wait"}),
    **LIBRARY_METHODS,
    **dict.fromkeys(("redis.asyncio.Redis", "redis.asyncio.client.Redis"), _REDIS),
    **dict.fromkeys(("arq.ArqRedis", "arq.connections.ArqRedis"), _REDIS | {"enqueue_job"}),
}
